/* SPDX-License-Identifier: ISC */
/*
 * Mail that came sealed: its trace beside it, its key as an epoch of its own,
 * and what the sealer makes of both.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/seal/seal_arrival.h"
#include "lib/seal/seal_mime.h"
#include "lib/seal/seal_split.h"
#include "lib/seal/sealer.h"
#include "tests/unit/seal/travelling.h"

static unsigned char public_key[32], secret_key[32];
static struct seal_press *press;
static struct seal_writer *writer;
static struct seal_reader *reader;
static struct cry_aead *aead;

static int
setup(void **state)
{
	(void)state;
	cry_init();
	cry_box_pair(public_key, secret_key);
	press = seal_press_new();
	writer = seal_writer_new(press);
	reader = seal_reader_new();
	aead = cry_aead_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	seal_writer_free(&writer);
	seal_press_free(&press);
	seal_reader_free(&reader);
	cry_aead_free(&aead);
	return 0;
}

/* As keyd and imapd do it together. */
static enum err
open_arrival(struct slice s, struct buf *trace)
{
	unsigned char epoch_key[32], key[32];
	struct epoch_slot slot = { .account = 1, .content = 2, .generation = 3 };
	struct seal_arrival a;
	enum err e = seal_arrival_parse(&a, s);

	if (e != ERR_OK)
		return e;
	slot.commitment = (const unsigned char *)a.commitment.p;
	e = epoch_unseal(epoch_key, a.sealed_key, public_key, secret_key);
	if (e == ERR_OK)
		e = epoch_unwrap_content(aead, key, seal_arrival_wrap(&a), epoch_key, &slot);
	return e == ERR_OK ? seal_arrival_open(trace, reader, key, s) : e;
}

static void
test_trace(void **state)
{
	static char text[SEAL_TRACE_MAX + 1];
	static const size_t lengths[] = { 0, 1, 80, SEAL_TRACE_MAX };
	struct epoch_seed seed;
	struct buf b, trace;

	(void)state;
	assert_int_equal(epoch_seed_make(&seed, public_key), ERR_OK);
	memset(text, 't', sizeof(text));
	buf_init(&b, SEAL_ARRIVAL_MAX);
	buf_init(&trace, SEAL_TRACE_MAX);
	for (size_t i = 0; i < lengthof(lengths); i++) {
		buf_reset(&b);
		buf_reset(&trace);
		assert_int_equal(seal_arrival_put(&b, writer, i % 2 == 0 ? NULL : &seed, public_key,
		    3, slice_of(text, lengths[i])), ERR_OK);
		assert_true(seal_arrival_is(buf_slice(&b)));
		assert_int_equal(open_arrival(buf_slice(&b), &trace), ERR_OK);
		assert_int_equal(trace.n, lengths[i]);
	}
	assert_int_equal(seal_arrival_put(&b, writer, NULL, public_key, 3, slice_of(text, sizeof(text))),
	    ERR_TOOBIG);
	assert_false(seal_arrival_is(SLICE_NONE));
	assert_false(seal_arrival_is(SLICE_LIT("\1sealed summary")));
	buf_fini(&b);
	buf_fini(&trace);
}

/* Cut anywhere, or with any bit turned, it does not open. */
static void
damage(const struct epoch_seed *seed)
{
	static char longer[SEAL_ARRIVAL_MAX + 1];
	struct buf b, trace;

	buf_init(&b, SEAL_ARRIVAL_MAX);
	buf_init(&trace, SEAL_TRACE_MAX);
	assert_int_equal(seal_arrival_put(&b, writer, seed, public_key, 3, SLICE_LIT("A: b\r\n")), ERR_OK);
	for (size_t i = 0; i < b.n; i++) {
		char *p = buf_data(&b) + i;

		assert_int_not_equal(open_arrival(slice_head(buf_slice(&b), i), &trace), ERR_OK);
		/* Whose entry it is says nothing here: there is one. */
		if (i > SEAL_HEAD_BYTES && i < SEAL_HEAD_BYTES + 10)
			continue;
		*p ^= 0x10;
		assert_int_not_equal(open_arrival(buf_slice(&b), &trace), ERR_OK);
		*p ^= 0x10;
	}
	assert_int_equal(trace.n, 0);
	memcpy(longer, buf_data(&b), b.n);
	assert_int_equal(open_arrival(slice_of(longer, sizeof(longer)), &trace), ERR_CORRUPT);
	buf_fini(&b);
	buf_fini(&trace);
}

static void
test_damage(void **state)
{
	struct epoch_seed seed;

	(void)state;
	damage(NULL);
	assert_int_equal(epoch_seed_make(&seed, public_key), ERR_OK);
	damage(&seed);
}

static void
test_traced_summary(void **state)
{
	struct slice trace, rest;
	struct buf b;

	(void)state;
	buf_init(&b, SEAL_TRACE_MAX + 100);
	seal_traced_put(&b, SLICE_LIT("A: b\r\n"));
	buf_put_str(&b, "summary");
	assert_int_equal(seal_traced_get(buf_slice(&b), &trace, &rest), ERR_OK);
	assert_true(slice_eq_str(trace, "A: b\r\n"));
	assert_true(slice_eq_str(rest, "summary"));
	for (size_t i = 0; i < 4 + 6; i++)
		assert_int_equal(seal_traced_get(slice_head(buf_slice(&b), i), &trace, &rest),
		    ERR_CORRUPT);
	buf_reset(&b);
	buf_put(&b, "\xad\x0d\0\0", 4);		/* SEAL_TRACE_MAX + 1 */
	while (b.n < SEAL_TRACE_MAX + 50)
		buf_put_char(&b, 'x');
	assert_int_equal(seal_traced_get(buf_slice(&b), &trace, &rest), ERR_CORRUPT);
	buf_fini(&b);
}

/* No key comes out that does not commit to the header: no epoch key of ours does. */
static void
test_direct_form(void **state)
{
	unsigned char key[32], epoch_key[32], content_key[32], fixed[EPOCH_DIRECT_BYTES];
	unsigned char commitment[32], wrapped[EPOCH_CONTENT_BYTES];
	struct epoch_slot slot = { 1, 2, 3, commitment };
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	seal_make_key(key);
	assert_int_equal(seal_object(writer, CRY_AES256_GCM, key, SLICE_LIT("text"), SEAL_STORED, &b,
	    commitment), ERR_OK);
	memcpy(fixed, buf_data(&b), sizeof(fixed));
	assert_int_equal(epoch_unwrap_content(aead, content_key, slice_of(fixed, 16), key, &slot),
	    ERR_OK);
	assert_memory_equal(content_key, key, 32);
	memset(content_key, 0, 32);
	for (size_t i = 0; i < 8 * sizeof(fixed); i++) {
		fixed[i / 8] ^= (unsigned char)(1u << i % 8);
		assert_int_equal(epoch_unwrap_content(aead, content_key, slice_of(fixed, 16), key,
		    &slot), ERR_CORRUPT);
		fixed[i / 8] ^= (unsigned char)(1u << i % 8);
	}
	/* An ordinary epoch, of which a content key is wrapped. */
	epoch_make(epoch_key);
	epoch_wrap_content(aead, wrapped, key, epoch_key, &slot);
	assert_int_equal(epoch_unwrap_content(aead, content_key, slice_of(fixed, 16), epoch_key,
	    &slot), ERR_CORRUPT);
	assert_int_equal(epoch_unwrap_content(aead, content_key, slice_of(wrapped, 16), epoch_key,
	    &slot), ERR_CORRUPT);
	assert_memory_equal(content_key, (unsigned char[32]){ 0 }, 32);
	buf_fini(&b);
}

struct bed {
	struct sealer		*sealer;
	struct sealer_owner	 owner;
	struct sealer_message	 message;
	struct ipc_store_append	 append;
	struct seal_split	 split;
	struct seal_entry	 entry;
	struct buf		 object;
};

static void
bed_init(struct bed *b)
{
	unsigned char id[SEAL_KEY_ID_BYTES];
	struct slice in;

	memset(b, 0, sizeof(*b));
	b->sealer = sealer_new();
	b->owner = (struct sealer_owner){ .account = 7, .generation = 3, .single = true };
	memcpy(b->owner.public_key, public_key, 32);
	sealer_message_init(&b->message);
	buf_init(&b->object, 1u << 20);
	seal_split_init(&b->split);
	travelling_put(&b->object, public_key, 3, 3, SLICE_LIT("Subject: x\r\n\r\ntext\r\n"));
	in = buf_slice(&b->object);
	assert_int_equal(seal_split_take(&b->split, &in), ERR_OK);
	seal_key_id(id, public_key);
	assert_int_equal(seal_split_find(&b->split, SEAL_ENTRY_BOX, 3, id, &b->entry), ERR_OK);
}

static void
bed_fini(struct bed *b)
{
	sealer_message_fini(b->sealer, &b->message);
	sealer_free(&b->sealer);
	seal_split_fini(&b->split);
	buf_fini(&b->object);
}

static enum err
arrive(struct bed *b, struct slice trace)
{
	return sealer_arrive(b->sealer, &b->message, &b->owner, &b->split.head, &b->entry,
	    trace, 0, &b->append);
}

static void
test_arrive(void **state)
{
	static char longer[SEAL_TRACE_MAX + 1];
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 100, .count = 64 };
	unsigned char epoch_key[32], key[32], head[SEAL_HEAD_BYTES];
	struct epoch_slot slot = { 7, 100, 3, NULL };
	struct sealer_owner plain;
	struct buf text, rest;
	struct bed b;

	(void)state;
	bed_init(&b);
	buf_init(&text, 4096);
	buf_init(&rest, 1u << 20);
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_AGAIN);
	assert_int_equal(sealer_grant(b.sealer, &b.owner, &ok, 0), ERR_OK);
	assert_int_equal(arrive(&b, slice_of(longer, sizeof(longer))), ERR_TOOBIG);
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_OK);
	assert_int_equal(b.append.account, 7);
	assert_int_equal(b.append.generation, 3);
	assert_int_equal(b.append.epoch, 5);
	assert_int_equal(b.append.content, 100);
	assert_int_equal(b.append.size, 6 + 20);
	assert_int_equal(b.append.message_id.n + b.append.references.n, 0);
	assert_int_equal(open_arrival(b.append.summary, &text), ERR_OK);
	assert_true(slice_eq_str(buf_slice(&text), "A: b\r\n"));
	/* The object at rest opens under the key that travelled. */
	seal_split_head(&b.split, head);
	buf_put(&rest, head, sizeof(head));
	buf_put_slice(&rest, slice_from(buf_slice(&b.object), (size_t)b.split.head.data_off));
	slot.commitment = (const unsigned char *)b.append.commitment.p;
	assert_int_equal(epoch_unseal(epoch_key, b.append.epoch_data, public_key, secret_key), ERR_OK);
	assert_int_equal(epoch_unwrap_content(aead, key, b.append.wrapped, epoch_key, &slot), ERR_OK);
	buf_reset(&text);
	assert_int_equal(seal_open(reader, key, buf_slice(&rest), slot.commitment, 4096, &text), ERR_OK);
	assert_true(slice_eq_str(buf_slice(&text), "Subject: x\r\n\r\ntext\r\n"));
	/* An epoch is for one, and is no epoch for what we seal ourselves. */
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_AGAIN);
	assert_int_equal(sealer_grant(b.sealer, &b.owner, &ok, 0), ERR_OK);
	plain = b.owner;
	plain.single = false;
	assert_false(sealer_is_ready(b.sealer, &plain, 0));
	assert_true(sealer_is_ready(b.sealer, &b.owner, 0));
	b.split.head.plain_bytes = UINT32_MAX - 5;
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_TOOBIG);
	buf_fini(&text);
	buf_fini(&rest);
	bed_fini(&b);
}

/* Under one seed of the sender: one epoch, told to the store once, for all of it. */
static void
test_seed(void **state)
{
	struct ipc_store_epoch_ok ok = { .epoch = 5, .first_content = 100, .count = 2 };
	unsigned char wrapped[SEAL_ENTRY_SEED_BYTES], epoch_key[32], key[32], content_key[32];
	struct epoch_slot slot = { 7, 100, 3, NULL };
	struct epoch_seed seed, other;
	struct buf text;
	struct bed b;

	(void)state;
	bed_init(&b);
	buf_init(&text, 4096);
	assert_int_equal(epoch_unseal(content_key, b.entry.wrapped, public_key, secret_key), ERR_OK);
	assert_int_equal(epoch_seed_make(&seed, public_key), ERR_OK);
	assert_int_equal(epoch_seed_make(&other, public_key), ERR_OK);
	b.entry.algorithm = SEAL_ENTRY_SEED;
	b.entry.wrapped = slice_of(wrapped, sizeof(wrapped));
	seal_entry_carry(wrapped, &seed, content_key);
	assert_int_equal(sealer_came_sealed(&b.owner, &b.entry), ERR_OK);
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_AGAIN);
	assert_int_equal(sealer_grant(b.sealer, &b.owner, &ok, 0), ERR_OK);
	for (unsigned i = 0; i < 2; i++) {
		seal_entry_carry(wrapped, &seed, content_key);
		assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_OK);
		assert_int_equal(b.append.epoch, 5);
		assert_int_equal(b.append.content, 100 + i);
		assert_int_equal(b.append.wrapped.n, EPOCH_CARRIED_BYTES);
		assert_int_equal(b.append.epoch_data.n, i == 0 ? EPOCH_SEALED_BYTES : 0);
		buf_reset(&text);
		assert_int_equal(open_arrival(b.append.summary, &text), ERR_OK);
		assert_true(slice_eq_str(buf_slice(&text), "A: b\r\n"));
		slot.commitment = (const unsigned char *)b.append.commitment.p;
		assert_int_equal(epoch_unseal(epoch_key, slice_of(seed.sealed, sizeof(seed.sealed)),
		    public_key, secret_key), ERR_OK);
		assert_int_equal(epoch_unwrap_content(aead, key, b.append.wrapped, epoch_key, &slot),
		    ERR_OK);
		assert_memory_equal(key, content_key, 32);
		/* Nothing that was turned comes out. */
		for (size_t k = 0; k < EPOCH_CARRIED_BYTES; k++) {
			b.message.wrapped[k] ^= 1;
			assert_int_equal(epoch_unwrap_content(aead, key, b.append.wrapped, epoch_key,
			    &slot), ERR_CORRUPT);
			b.message.wrapped[k] ^= 1;
		}
		sealer_stored(b.sealer, &b.owner, 5);
	}
	/* The ids are used up; and another seed is another epoch. */
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_AGAIN);
	assert_int_equal(sealer_grant(b.sealer, &b.owner, &ok, 0), ERR_OK);
	seal_entry_carry(wrapped, &other, content_key);
	assert_int_equal(sealer_came_sealed(&b.owner, &b.entry), ERR_OK);
	assert_int_equal(arrive(&b, SLICE_LIT("A: b\r\n")), ERR_AGAIN);
	b.entry.wrapped.n--;
	assert_int_equal(sealer_came_sealed(&b.owner, &b.entry), ERR_CORRUPT);
	b.entry.algorithm = 3;
	assert_int_equal(sealer_came_sealed(&b.owner, &b.entry), ERR_CORRUPT);
	buf_fini(&text);
	bed_fini(&b);
}

/* godwit-sealed(7): the trace goes with the keys, and the object says the rest. */
static void
test_form(void **state)
{
	static char text[SEAL_TRACE_MAX];
	struct seal_mime_facts facts = { .account = 7, .content = 100, .generation = 3,
		.commitment = SLICE_LIT("0123456789abcdef0123456789abcdef"),
		.content_key = SLICE_LIT("GWSO\1\1\0\0\0\0\0\0\0\0\0\6"), .epoch = 5,
		.epoch_is_sealed = true, .epoch_key = slice_of(text, EPOCH_SEALED_BYTES) };
	struct seal_mime s;
	struct slice head, line;
	unsigned traces = 0;
	struct buf b;

	(void)state;
	memset(text, 't', sizeof(text));
	buf_init(&b, SEAL_ARRIVAL_MAX);
	assert_int_equal(seal_arrival_put(&b, writer, NULL, public_key, 3, slice_of(text, sizeof(text))),
	    ERR_OK);
	facts.arrival = buf_slice(&b);
	seal_mime_init(&s);
	assert_int_equal(seal_mime_begin(&s, &facts, 100), ERR_OK);
	head = buf_slice(&s.head);
	assert_int_equal(slice_search(head, SLICE_LIT("Content-Key:")), head.n);
	while (head.n > 0) {
		head = slice_cut(head, '\n', &line);
		assert_true(line.n <= 998);
		traces += slice_starts(line, "Trace: ");
	}
	assert_int_equal(traces, (b.n + 719) / 720);
	/* A summary is not told. */
	facts.arrival = SLICE_LIT("\2summary");
	assert_int_equal(seal_mime_begin(&s, &facts, 100), ERR_OK);
	head = buf_slice(&s.head);
	assert_int_equal(slice_search(head, SLICE_LIT("Trace:")), head.n);
	seal_mime_fini(&s);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_traced_summary),
		cmocka_unit_test(test_direct_form),
		cmocka_unit_test(test_arrive),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
