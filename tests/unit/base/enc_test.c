/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/err.h"
#include "lib/base/map.h"

static void
test_base64(void **state)
{
	/* RFC 4648 s10 */
	static const struct { const char *plain, *coded; } rows[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Zg=", "Zg", "Z===", "Zg==Zg==",
	    "Zh==", "Zm9=", "Z g=", "Zm9v\n", "====" };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		enc_put_base64(&b, slice_str(rows[i].plain));
		assert_slice(buf_slice(&b), rows[i].coded);
		buf_reset(&b);
		assert_int_equal(enc_get_base64(&b, slice_str(rows[i].coded)), ERR_OK);
		assert_slice(buf_slice(&b), rows[i].plain);
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		buf_reset(&b);
		assert_int_equal(enc_get_base64(&b, slice_str(bad[i])), ERR_SYNTAX);
	}
	buf_fini(&b);
}

static void
test_id(void **state)
{
	static const uint64_t ids[] = { 0, 1, 31, 32, 0x123456789abcdefULL, UINT64_MAX };
	char text[ENC_ID_BYTES + 1];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < lengthof(ids); i++) {
		enc_id_str(text, ids[i]);
		assert_int_equal(enc_get_id(slice_str(text), &back), ERR_OK);
		assert_int_equal(back, ids[i]);
	}
	assert_int_equal(enc_get_id(slice_str("ZZZZZZZZZZZZZ"), &back), ERR_SYNTAX);
	assert_int_equal(enc_get_id(slice_str("000000000000"), &back), ERR_SYNTAX);
	assert_int_equal(enc_get_id(slice_str("00000000000u0"), &back), ERR_SYNTAX);
	assert_int_equal(enc_get_id(slice_str("00000000000il"), &back), ERR_OK);
	assert_int_equal(back, 33);
}

static void
test_hex_and_ints(void **state)
{
	unsigned char p[8];
	struct buf b;

	(void)state;
	enc_le64(p, 0x0102030405060708ULL);
	assert_int_equal(p[0], 8);
	assert_int_equal(dec_le64(p), 0x0102030405060708ULL);
	enc_be64(p, 0x0102030405060708ULL);
	assert_int_equal(p[0], 1);
	assert_int_equal(dec_be64(p), 0x0102030405060708ULL);
	buf_init(&b, 16);
	assert_int_equal(enc_get_hex(&b, slice_str("00fFa0")), ERR_OK);
	assert_memory_equal(buf_data(&b), "\x00\xff\xa0", 3);
	assert_int_equal(enc_get_hex(&b, slice_str("0")), ERR_SYNTAX);
	assert_int_equal(enc_get_hex(&b, slice_str("0g")), ERR_SYNTAX);
	buf_fini(&b);
}

/* The reference vector of the SipHash paper, appendix A. */
static void
test_sip(void **state)
{
	unsigned char key[16], in[15];

	(void)state;
	for (unsigned char i = 0; i < 16; i++)
		key[i] = i;
	for (unsigned char i = 0; i < 15; i++)
		in[i] = i;
	assert_true(hash_sip(key, in, 15) == 0xa129ca6149be45e5ULL);
	assert_true(hash_islice(slice_str("ABC")) == hash_islice(slice_str("abc")));
	assert_false(hash_slice(slice_str("ABC")) == hash_slice(slice_str("abc")));
}

/* Of one process no two in a row look alike, nor do those of two processes. */
static void
test_session_id(void **state)
{
	uint64_t last = enc_session_id(7, 0), id;

	(void)state;
	for (uint64_t serial = 1; serial < 1000; serial++, last = id) {
		id = enc_session_id(7, serial);
		assert_true(id < 1u << 30);
		assert_true((id ^ last) > 0xffff);
		assert_true(id != enc_session_id(8, serial));
	}
	assert_true(enc_session_id(7, 5) == enc_session_id(7 + 64, 5 + (1u << 24)));
}

static void
test_err(void **state)
{
	(void)state;
	for (int i = 0; i >= -25; i--)
		assert_int_equal(err_from_int(i), i);
	assert_int_equal(err_from_int(1), ERR_VIOLATION);
	assert_int_equal(err_from_int(-26), ERR_VIOLATION);
	assert_string_equal(err_name(ERR_QUOTA), "QUOTA");
	assert_int_equal(err_class(ERR_BUSY), ERR_CLASS_TEMP);
	assert_int_equal(err_class(ERR_TOOBIG), ERR_CLASS_PERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64), cmocka_unit_test(test_id),
		cmocka_unit_test(test_hex_and_ints), cmocka_unit_test(test_sip),
		cmocka_unit_test(test_session_id),
		cmocka_unit_test(test_err),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
