/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/mail/summary.h"
#include "lib/seal/sealer.h"


static struct sealer_owner
make_owner(uint64_t account, uint32_t generation, unsigned char secret_key[32])
{
	struct sealer_owner o = { .account = account, .generation = generation };

	cry_box_pair(o.public_key, secret_key);
	return o;
}

static const char text[] = "Subject: x\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n";

static void
parse(struct mime *m)
{
	mime_start(m);
	mime_feed(m, slice_str(text));
	mime_end(m);
}

static enum err
make(struct sealer *s, const struct sealer_owner *o, const struct mime *m, uint64_t now,
    struct sealer_message *msg, struct buf *out, struct ipc_store_append *a)
{
	struct slice prefix = SLICE_LIT("Return-Path: <>\r\n");
	enum err e = sealer_begin(s, msg, o, prefix.n + m->bytes, now);

	buf_reset(out);
	if (e == ERR_OK)
		e = sealer_put(msg, prefix, out);
	if (e == ERR_OK)
		e = sealer_put(msg, slice_str(text), out);
	if (e == ERR_OK)
		e = sealer_end(s, msg, m, prefix, NULL, out, a);
	return e;
}

static void
test_seal_and_open(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 100, .count = 3 };
	unsigned char secret_key[32], epoch_key[32], key[32];
	struct sealer_owner o = make_owner(7, 2, secret_key);
	struct sealer *s = sealer_new();
	struct ipc_store_append a = { 0 };
	struct cry_aead *aead = cry_aead_new();
	struct seal_reader *reader = seal_reader_new();
	struct sealer_message msg;
	struct epoch_slot slot;
	struct summary sum;
	struct mime m;
	struct buf out, plain;
	uint8_t version;

	(void)state;
	mime_init(&m);
	parse(&m);
	sealer_message_init(&msg);
	buf_init(&out, 1u << 20);
	buf_init(&plain, 1u << 20);
	assert_false(sealer_is_ready(s, &o, 0));
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_AGAIN);
	assert_int_equal(sealer_grant(s, &o, &ok, 0), ERR_OK);
	assert_true(sealer_is_ready(s, &o, 0));
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_OK);
	assert_int_equal(a.account, 7);
	assert_int_equal(a.generation, 2);
	assert_int_equal(a.epoch, 5);
	assert_int_equal(a.content, 100);
	assert_int_equal(a.size, strlen(text) + 17);
	assert_int_equal(a.message_id.n, 8);
	assert_int_equal(a.references.n, 0);
	assert_int_equal(a.epoch_data.n, EPOCH_SEALED_BYTES);
	slot = (struct epoch_slot){ 7, 100, 2, (const unsigned char *)a.commitment.p };
	assert_int_equal(epoch_unseal(epoch_key, a.epoch_data, o.public_key, secret_key), ERR_OK);
	assert_int_equal(epoch_unwrap_content(aead, key, a.wrapped, epoch_key, &slot), ERR_OK);
	assert_int_equal(seal_open(reader, key, buf_slice(&out), slot.commitment, 1000, &plain), ERR_OK);
	assert_true(slice_starts(buf_slice(&plain), "Return-Path: <>\r\nSubject: x"));
	/* In another slot the wrap does not open. */
	slot.content = 101;
	assert_int_equal(epoch_unwrap_content(aead, key, a.wrapped, epoch_key, &slot), ERR_CORRUPT);
	slot.content = 100;
	assert_int_equal(epoch_unwrap_content(aead, key, a.wrapped, epoch_key, &slot), ERR_OK);
	buf_reset(&plain);
	assert_int_equal(seal_summary_open(&plain, aead, key, a.summary, &version), ERR_OK);
	assert_int_equal(summary_get(&sum, buf_slice(&plain)), ERR_OK);
	assert_int_equal(sum.size, a.size);
	/* The keys are gone from what the caller holds. */
	memset(key, 0, sizeof(key));
	assert_memory_equal(msg.key, key, 32);
	assert_memory_equal(msg.epoch_key, key, 32);
	/* Once the store has it, the epoch travels no more. */
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_OK);
	assert_int_equal(a.epoch_data.n, EPOCH_SEALED_BYTES);
	sealer_stored(s, &o, a.epoch);
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_OK);
	assert_int_equal(a.epoch_data.n, 0);
	assert_int_equal(a.content, 102);
	/* Three content ids, three messages. */
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_AGAIN);
	sealer_message_fini(s, &msg);
	mime_fini(&m);
	buf_fini(&out);
	buf_fini(&plain);
	cry_aead_free(&aead);
	seal_reader_free(&reader);
	sealer_free(&s);
}

static void
test_epoch_ends(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 1, .count = 5000 };
	struct ipc_store_epoch_ok none = { .epoch = 6 };
	unsigned char secret_key[32];
	struct sealer_owner o = make_owner(7, 1, secret_key);
	struct sealer_owner rotated = make_owner(7, 1, secret_key);
	struct sealer_owner next = make_owner(7, 2, secret_key);
	struct sealer *s = sealer_new();
	struct ipc_store_append a = { 0 };
	struct sealer_message msg;
	struct mime m;
	struct buf out;

	(void)state;
	mime_init(&m);
	parse(&m);
	sealer_message_init(&msg);
	buf_init(&out, 1u << 20);
	assert_int_equal(sealer_grant(s, &o, &none, 0), ERR_FULL);
	/* by time */
	assert_int_equal(sealer_grant(s, &o, &ok, 1000), ERR_OK);
	assert_true(sealer_is_ready(s, &o, 1000 + EPOCH_MS - 1));
	assert_false(sealer_is_ready(s, &o, 1000 + EPOCH_MS));
	/* by another generation, or another key of the same */
	assert_false(sealer_is_ready(s, &next, 1000));
	assert_false(sealer_is_ready(s, &rotated, 1000));
	/* by number */
	assert_int_equal(sealer_grant(s, &o, &ok, 1000), ERR_OK);
	for (unsigned i = 0; i < EPOCH_MESSAGES; i++)
		assert_int_equal(make(s, &o, &m, 1000, &msg, &out, &a), ERR_OK);
	assert_int_equal(make(s, &o, &m, 1000, &msg, &out, &a), ERR_AGAIN);
	/* because the store said no, or went */
	assert_int_equal(sealer_grant(s, &o, &ok, 1000), ERR_OK);
	sealer_drop(s, &o, 4);
	assert_true(sealer_is_ready(s, &o, 1000));
	sealer_drop(s, &o, 5);
	assert_false(sealer_is_ready(s, &o, 1000));
	sealer_drop(s, &o, 5);
	assert_int_equal(sealer_grant(s, &o, &ok, 1000), ERR_OK);
	sealer_forget(s);
	assert_false(sealer_is_ready(s, &o, 1000));
	sealer_message_fini(s, &msg);
	mime_fini(&m);
	buf_fini(&out);
	sealer_free(&s);
}

/* The least used account makes room. */
static void
test_account_limit(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 1, .count = 5000 };
	unsigned char secret_key[32];
	struct sealer_owner o = make_owner(1, 1, secret_key);
	struct sealer *s = sealer_new();
	struct ipc_store_append a = { 0 };
	struct sealer_message msg;
	struct mime m;
	struct buf out;

	(void)state;
	mime_init(&m);
	parse(&m);
	sealer_message_init(&msg);
	buf_init(&out, 1u << 20);
	for (uint64_t i = 1; i <= SEALER_ACCOUNTS; i++) {
		o.account = i;
		assert_int_equal(sealer_grant(s, &o, &ok, 0), ERR_OK);
	}
	o.account = 1;
	assert_int_equal(make(s, &o, &m, 0, &msg, &out, &a), ERR_OK);
	o.account = SEALER_ACCOUNTS + 1;
	assert_int_equal(sealer_grant(s, &o, &ok, 0), ERR_OK);
	o.account = 1;
	assert_true(sealer_is_ready(s, &o, 0));
	o.account = 2;
	assert_false(sealer_is_ready(s, &o, 0));
	sealer_message_fini(s, &msg);
	mime_fini(&m);
	buf_fini(&out);
	sealer_free(&s);
}

static void
test_misuse(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 1, .count = 5000 };
	unsigned char secret_key[32];
	struct sealer_owner o = make_owner(1, 1, secret_key);
	struct sealer *s = sealer_new();
	struct ipc_store_append a = { 0 };
	struct sealer_message msg, other;
	struct mime m;
	struct buf out;

	(void)state;
	mime_init(&m);
	parse(&m);
	sealer_message_init(&msg);
	sealer_message_init(&other);
	buf_init(&out, 1u << 20);
	assert_int_equal(sealer_put(&msg, SLICE_LIT("x"), &out), ERR_STATE);
	assert_int_equal(sealer_end(s, &msg, &m, SLICE_NONE, NULL, &out, &a), ERR_STATE);
	assert_int_equal(sealer_grant(s, &o, &ok, 0), ERR_OK);
	assert_int_equal(sealer_begin(s, &msg, &o, 1ull << 32, 0), ERR_TOOBIG);
	/* Two under way, one left unfinished, fewer bytes than announced. */
	assert_int_equal(sealer_begin(s, &msg, &o, 100, 0), ERR_OK);
	assert_int_equal(sealer_begin(s, &other, &o, 100, 0), ERR_OK);
	assert_ptr_not_equal(msg.writer, other.writer);
	assert_int_equal(sealer_put(&msg, SLICE_LIT("short"), &out), ERR_OK);
	assert_int_not_equal(sealer_end(s, &msg, &m, SLICE_NONE, NULL, &out, &a), ERR_OK);
	sealer_message_fini(s, &other);
	sealer_message_fini(s, &msg);
	mime_fini(&m);
	buf_fini(&out);
	sealer_free(&s);
}

static enum seal_method
method_of(struct sealer *s, const struct sealer_owner *o, uint64_t bytes, struct buf *out)
{
	struct sealer_message msg;
	struct seal_head h;

	sealer_message_init(&msg);
	buf_reset(out);
	assert_int_equal(sealer_begin(s, &msg, o, bytes, 0), ERR_OK);
	for (uint64_t i = 0; i < bytes; i++)
		assert_int_equal(sealer_put(&msg, SLICE_LIT("a"), out), ERR_OK);
	sealer_message_fini(s, &msg);
	assert_int_equal(seal_head_parse(&h, buf_slice(out)), ERR_OK);
	assert_int_equal(h.plain_bytes, bytes);
	return h.method;
}

/* Short messages stand as they are. */
static void
test_press_min(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 1, .count = 10 };
	unsigned char secret_key[32];
	struct sealer_owner o = make_owner(1, 1, secret_key);
	struct sealer *s = sealer_new();
	struct buf out;

	(void)state;
	buf_init(&out, 1u << 20);
	assert_int_equal(sealer_grant(s, &o, &ok, 0), ERR_OK);
	assert_int_equal(method_of(s, &o, SEAL_PRESS_MIN - 1, &out), SEAL_STORED);
	assert_int_equal(method_of(s, &o, SEAL_PRESS_MIN, &out), SEAL_ZSTD);
	assert_int_equal(method_of(s, &o, 1, &out), SEAL_STORED);
	sealer_set_method(s, SEAL_LZ4);
	assert_int_equal(method_of(s, &o, SEAL_PRESS_MIN - 1, &out), SEAL_STORED);
	assert_int_equal(method_of(s, &o, SEAL_PRESS_MIN, &out), SEAL_LZ4);
	sealer_set_method(s, SEAL_STORED);
	assert_int_equal(method_of(s, &o, SEAL_PRESS_MIN, &out), SEAL_STORED);
	buf_fini(&out);
	sealer_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seal_and_open),
		cmocka_unit_test(test_epoch_ends),
		cmocka_unit_test(test_account_limit),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_press_min),
	};

	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
