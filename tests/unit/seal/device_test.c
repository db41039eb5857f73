/* SPDX-License-Identifier: ISC */
/*
 * What seal_mime makes is opened by the device's key and by no other: in each
 * of the forms that the index can have.  Turned or cut anywhere it is refused,
 * or gives the very message.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal_arrival.h"
#include "lib/seal/seal_device.h"
#include "lib/seal/seal_mime.h"

enum form { FORM_SEALED, FORM_WRAPPED, FORM_OLD_ACCOUNT, FORM_DIRECT, FORMS };

#define TRACE	"Received: from a.example by b.example with CMTP\r\n"

static unsigned char device_secret[CRY_KEY_BYTES] = "a device", other_secret[CRY_KEY_BYTES] = "another";
static char text[40000];

static struct seal_device
device_with(const unsigned char *first, const unsigned char *second)
{
	return (struct seal_device){ .secrets = { first, second }, .count = second != NULL ? 2 : 1 };
}

/* The message that imapd would serve. */
static void
make(struct buf *out, enum form form, size_t n)
{
	unsigned char account_secret[CRY_KEY_BYTES] = "account", account_public[CRY_KEY_BYTES];
	unsigned char device_public[CRY_KEY_BYTES], key[CRY_KEY_BYTES], epoch[CRY_KEY_BYTES];
	unsigned char commitment[SEAL_COMMITMENT_BYTES], wrapped[EPOCH_CONTENT_BYTES];
	unsigned char epoch_key[EPOCH_SEALED_BYTES], account_key[80], under[CRY_KEY_BYTES];
	const unsigned char *to;
	struct seal_mime_facts f = { .account = 7, .content = 255, .generation = 3, .epoch = 9,
		.epoch_generation = form == FORM_OLD_ACCOUNT ? 4 : 3, .epoch_is_sealed = form != FORM_WRAPPED,
		.internal_s = 1763719440 };
	const struct epoch_id id = { 7, 9, 3 };
	const struct epoch_slot slot = { 7, 255, 3, commitment };
	struct seal_press *press = seal_press_new();
	struct seal_writer *w = seal_writer_new(press);
	struct cry_aead *a = cry_aead_new();
	struct buf object, arrival;
	struct seal_mime s;
	uint64_t off, bytes;

	buf_init(&object, 1u << 20);
	buf_init(&arrival, SEAL_ARRIVAL_MAX);
	cry_box_public(device_public, device_secret);
	cry_box_public(account_public, account_secret);
	to = form == FORM_OLD_ACCOUNT ? account_public : device_public;
	seal_make_key(key);
	assert_int_equal(seal_object(w, CRY_AES256_GCM, key, slice_of(text, n),
	    n > 30000 ? SEAL_ZSTD : SEAL_STORED, &object, commitment), ERR_OK);
	epoch_make(epoch);
	if (form == FORM_DIRECT)
		memcpy(epoch, key, sizeof(epoch));
	f.commitment = slice_of(commitment, sizeof(commitment));
	epoch_wrap_content(a, wrapped, key, epoch, &slot);
	f.content_key = form == FORM_DIRECT ? slice_head(buf_slice(&object), EPOCH_DIRECT_BYTES) : slice_of(wrapped, sizeof(wrapped));
	if (form == FORM_WRAPPED) {
		cry_subkey(under, device_secret, "godwit epoch wrap");
		epoch_wrap(a, epoch_key, epoch, under, &id);
		f.epoch_key = slice_of(epoch_key, EPOCH_WRAPPED_BYTES);
	} else {
		assert_int_equal(epoch_seal(epoch_key, epoch, to), ERR_OK);
		f.epoch_key = slice_of(epoch_key, EPOCH_SEALED_BYTES);
	}
	if (form == FORM_OLD_ACCOUNT) {
		assert_int_equal(cry_box_seal(account_key, slice_of(account_secret, 32), device_public), ERR_OK);
		f.account_key = slice_of(account_key, sizeof(account_key));
		f.account_key_to = 5;
	}
	if (form == FORM_DIRECT) {
		assert_int_equal(seal_arrival_put(&arrival, w, NULL, device_public, 3, SLICE_LIT(TRACE)), ERR_OK);
		f.arrival = buf_slice(&arrival);
	}
	seal_mime_init(&s);
	assert_int_equal(seal_mime_begin(&s, &f, object.n), ERR_OK);
	seal_mime_range(&s, 0, UINT64_MAX, &off, &bytes);
	while (seal_mime_read(&s, out) == ERR_OK)
		;
	seal_mime_put(&s, buf_slice(&object), out);
	while (seal_mime_read(&s, out) == ERR_OK)
		;
	assert_int_equal(out->n, seal_mime_bytes(&s));
	seal_mime_fini(&s);
	buf_fini(&arrival);
	buf_fini(&object);
	cry_aead_free(&a);
	seal_writer_free(&w);
	seal_press_free(&press);
}

static enum err
open_it(const struct seal_device *d, struct slice message, uint64_t most, struct buf *out)
{
	struct mime m;
	enum err e;

	mime_init(&m);
	mime_start(&m);
	mime_feed(&m, message);
	mime_end(&m);
	e = seal_device_open(d, &m, message, most, out);
	assert_true((e != ERR_SYNTAX && e != ERR_VERSION) || out->n == 0);
	mime_fini(&m);
	return e;
}

static void
check(const struct buf *got, enum form form, size_t n)
{
	size_t trace = form == FORM_DIRECT ? sizeof(TRACE) - 1 : 0;

	assert_int_equal(got->n, trace + n);
	assert_memory_equal(buf_data(got), TRACE, trace);
	assert_memory_equal(buf_data(got) + trace, text, n);
}

static void
test_forms(void **state)
{
	const size_t sizes[] = { 1, 2000, 16384, 16385, sizeof(text) };
	const struct seal_device mine = device_with(device_secret, NULL);
	const struct seal_device both = device_with(other_secret, device_secret);
	const struct seal_device others = device_with(other_secret, NULL);
	struct buf message, out;

	(void)state;
	for (int form = 0; form < FORMS; form++) {
		for (size_t i = 0; i < lengthof(sizes); i++) {
			buf_init(&message, 1u << 20);
			buf_init(&out, 1u << 20);
			make(&message, (enum form)form, sizes[i]);
			assert_int_equal(open_it(&mine, buf_slice(&message), sizes[i], &out), ERR_OK);
			check(&out, (enum form)form, sizes[i]);
			buf_reset(&out);
			assert_int_equal(open_it(&both, buf_slice(&message), sizes[i], &out), ERR_OK);
			check(&out, (enum form)form, sizes[i]);
			buf_reset(&out);
			assert_int_equal(open_it(&others, buf_slice(&message), sizes[i], &out),
			    form == FORM_DIRECT ? ERR_CORRUPT : ERR_DENIED);
			assert_int_equal(open_it(&mine, buf_slice(&message), sizes[i] - 1, &out), ERR_TOOBIG);
			assert_int_equal(out.n, 0);
			buf_fini(&out);
			buf_fini(&message);
		}
	}
}

/* Where the text does not fit nothing of it is left. */
static void
test_no_room(void **state)
{
	const struct seal_device mine = device_with(device_secret, NULL);
	struct buf message, out;

	(void)state;
	buf_init(&message, 1u << 20);
	make(&message, FORM_DIRECT, 5000);
	buf_init(&out, 3000);
	assert_int_equal(open_it(&mine, buf_slice(&message), 5000, &out), ERR_TOOBIG);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
	buf_fini(&message);
}

static void
test_damage(void **state)
{
	const struct seal_device mine = device_with(device_secret, NULL);
	struct buf message, out;
	char *bytes;

	(void)state;
	for (int form = 0; form < FORMS; form++) {
		buf_init(&message, 1u << 20);
		buf_init(&out, 1u << 20);
		make(&message, (enum form)form, 300);
		bytes = buf_data(&message);
		for (size_t i = 0; i < message.n; i++) {
			bytes[i] ^= 1;
			if (open_it(&mine, buf_slice(&message), 300, &out) == ERR_OK && out.n == 300)
				assert_memory_equal(buf_data(&out), text, 300);
			else if (out.n > 0)
				check(&out, (enum form)form, 300);
			bytes[i] ^= 1;
			buf_reset(&out);
		}
		for (size_t n = 0; n < message.n; n++) {
			if (open_it(&mine, slice_head(buf_slice(&message), n), 300, &out) == ERR_OK)
				check(&out, (enum form)form, 300);
			buf_reset(&out);
		}
		buf_fini(&out);
		buf_fini(&message);
	}
}

/* The message with this text put before the first part's "Version". */
static enum err
with_lines(struct slice lines)
{
	const struct seal_device mine = device_with(device_secret, NULL);
	struct buf message, changed, out;
	size_t at;
	enum err e;

	buf_init(&message, 1u << 20);
	buf_init(&changed, 1u << 20);
	buf_init(&out, 1u << 20);
	make(&message, FORM_SEALED, 300);
	at = slice_search(buf_slice(&message), SLICE_LIT("\r\nVersion")) + 2;
	buf_put_slice(&changed, slice_head(buf_slice(&message), at));
	buf_put_slice(&changed, lines);
	buf_put_slice(&changed, slice_from(buf_slice(&message), at));
	e = open_it(&mine, buf_slice(&changed), 300, &out);
	buf_fini(&out);
	buf_fini(&changed);
	buf_fini(&message);
	return e;
}

static void
test_lines(void **state)
{
	struct buf many;

	(void)state;
	assert_int_equal(with_lines(SLICE_LIT("Later: x\r\nno line\r\n")), ERR_OK);
	assert_int_equal(with_lines(SLICE_LIT("Version: 1\r\n")), ERR_SYNTAX);
	assert_int_equal(with_lines(SLICE_LIT("Version: 2\r\nX-")), ERR_VERSION);
	assert_int_equal(with_lines(SLICE_LIT("Version: 1\r\nVersion: 1\r\nX-")), ERR_SYNTAX);
	assert_int_equal(with_lines(SLICE_LIT("X-")), ERR_SYNTAX);
	assert_int_equal(with_lines(SLICE_LIT("Epoch-Generation: 4294967296\r\n")), ERR_SYNTAX);
	assert_int_equal(with_lines(SLICE_LIT("Epoch-Key-Wrapped: AAAA\r\n")), ERR_SYNTAX);
	assert_int_equal(with_lines(SLICE_LIT("Account-Key-Sealed: AAAA\r\n")), ERR_DENIED);
	assert_int_equal(with_lines(SLICE_LIT("Trace: AAAA\r\n")), ERR_CORRUPT);
	buf_init(&many, 100000);
	/* 100 lines are read: eight are the message's own. */
	for (int i = 0; i < 92; i++)
		buf_put_str(&many, "x\r\n");
	assert_int_equal(with_lines(buf_slice(&many)), ERR_OK);
	buf_put_str(&many, "x\r\n");
	assert_int_equal(with_lines(buf_slice(&many)), ERR_SYNTAX);
	/* and 32 KiB, of which less than 1000 bytes are its own */
	for (int more = 0; more < 2; more++) {
		buf_reset(&many);
		for (int i = 0; i < 31768 + more * 1000; i++)
			buf_put_char(&many, 'x');
		buf_put_str(&many, "\r\n");
		assert_int_equal(with_lines(buf_slice(&many)), more == 0 ? ERR_OK : ERR_SYNTAX);
	}
	/* a key's field: 128 bytes at most */
	for (int n = 128; n <= 129; n++) {
		char bytes[129] = { 0 };

		buf_reset(&many);
		buf_put_str(&many, "Account-Key-Sealed: ");
		enc_put_base64(&many, slice_of(bytes, (size_t)n));
		buf_put_str(&many, "\r\n");
		assert_int_equal(with_lines(buf_slice(&many)), n == 128 ? ERR_DENIED : ERR_SYNTAX);
	}
	buf_fini(&many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_lines),
	};

	cry_init();
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
