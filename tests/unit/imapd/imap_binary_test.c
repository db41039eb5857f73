/* SPDX-License-Identifier: ISC */
/* Decoded parts (RFC 3516), whole, in pieces, and cut. */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_binary.h"

#define FAR UINT64_MAX

static void
check(enum mime_code code, const char *in, uint64_t from, uint64_t count, struct slice want)
{
	struct slice s = slice_str(in);
	struct imap_binary b;
	struct buf out;

	imap_binary_init(&b);
	buf_init(&out, 1u << 20);
	for (size_t cut = 0; cut <= s.n; cut++) {
		imap_binary_begin(&b, code, from, count);
		imap_binary_put(&b, slice_head(s, cut), NULL);
		imap_binary_put(&b, slice_from(s, cut), NULL);
		imap_binary_end(&b, NULL);
		assert_int_equal(b.bytes, want.n);
		assert_int_equal(b.has_nul, slice_find(want, '\0') < want.n);
		buf_reset(&out);
		imap_binary_begin(&b, code, from, count);
		imap_binary_put(&b, slice_head(s, cut), &out);
		imap_binary_put(&b, slice_from(s, cut), &out);
		imap_binary_end(&b, &out);
		assert_true(slice_eq(buf_slice(&out), want));
		assert_int_equal(b.bytes, want.n);
	}
	buf_fini(&out);
	imap_binary_fini(&b);
}

static void
test_codes(void **state)
{
	(void)state;
	check(MIME_CODE_7BIT, "a=3Db\r\n", 0, FAR, SLICE_LIT("a=3Db\r\n"));
	check(MIME_CODE_QP, "a=3Db=\r\nc \r\n", 0, FAR, SLICE_LIT("a=bc\r\n"));
	check(MIME_CODE_QP, "=00", 0, FAR, SLICE_LIT("\0"));
	check(MIME_CODE_BASE64, "AAEC\r\nAwQ=\r\n", 0, FAR, SLICE_LIT("\0\1\2\3\4"));
	check(MIME_CODE_BASE64, "aGk", 0, FAR, SLICE_LIT("hi"));
	check(MIME_CODE_BASE64, "", 0, FAR, SLICE_NONE);
}

static void
test_windows(void **state)
{
	(void)state;
	check(MIME_CODE_BASE64, "AAEC\r\nAwQ=\r\n", 1, 3, SLICE_LIT("\1\2\3"));
	check(MIME_CODE_BASE64, "AAEC\r\nAwQ=\r\n", 4, 9, SLICE_LIT("\4"));
	check(MIME_CODE_BASE64, "AAEC\r\nAwQ=\r\n", 5, 9, SLICE_NONE);
	check(MIME_CODE_BASE64, "AAEC\r\nAwQ=\r\n", 0, 1, SLICE_LIT("\0"));
	check(MIME_CODE_QP, "a=3Db", 2, 1, SLICE_LIT("b"));
}

/* A piece over the limit goes in several. */
static void
test_large(void **state)
{
	static char in[IMAP_BINARY_PIECE_MAX + 1];
	struct imap_binary b;

	(void)state;
	memset(in, 'x', sizeof(in));
	imap_binary_init(&b);
	imap_binary_begin(&b, MIME_CODE_QP, 0, FAR);
	imap_binary_put(&b, slice_of(in, sizeof(in)), NULL);
	imap_binary_end(&b, NULL);
	assert_int_equal(b.bytes, sizeof(in));
	imap_binary_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes), cmocka_unit_test(test_windows),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
