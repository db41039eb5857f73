/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/mail/mime_put.h"

typedef void put_fn(struct buf *, struct slice);

static void
expect(put_fn *put, const char *in, const char *out)
{
	struct buf b;

	buf_init(&b, 1u << 16);
	put(&b, slice_str(in));
	assert_string_equal(buf_cstr(&b), out);
	buf_fini(&b);
}

static void
test_words(void **state)
{
	(void)state;
	expect(mime_put_words, "Undelivered mail", "Undelivered mail");
	expect(mime_put_words, "", "");
	expect(mime_put_words, "zur\xc3\xbc" "ck", "=?utf-8?B?enVyw7xjaw==?=");
	/* text that looks like a word is not to be decoded */
	expect(mime_put_words, "=?x", "=?utf-8?B?PT94?=");
	/* 39 bytes fit into a word, and no character is cut */
	expect(mime_put_words, "\xc3\xbc" "23456789012345678901234567890123456\xc3\xbc",
	    "=?utf-8?B?w7wyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1NsO8?=");
	expect(mime_put_words, "\xc3\xbc" "234567890123456789012345678901234567\xc3\xbc" "x",
	    "=?utf-8?B?w7wyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc=?=\r\n"
	    " =?utf-8?B?w7x4?=");
}

static void
test_phrase(void **state)
{
	(void)state;
	expect(mime_put_phrase, "Mail Delivery System", "Mail Delivery System");
	expect(mime_put_phrase, "Doe, \"J\"", "\"Doe, \\\"J\\\"\"");
	expect(mime_put_phrase, "Postb\xc3\xbcro", "=?utf-8?B?UG9zdGLDvHJv?=");
}

static void
test_quoted_printable(void **state)
{
	(void)state;
	expect(mime_put_quoted_printable, "a=b \r\n\tx\t\r\n.\r\n",
	    "a=3Db=20\r\n\tx=09\r\n.\r\n");
	expect(mime_put_quoted_printable, "zur\xc3\xbc" "ck\r\n", "zur=C3=BCck\r\n");
	/* RFC 2045 s6.7: at most 76, the = of a soft break with it */
	expect(mime_put_quoted_printable,
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n",
	    "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n5\r\n");
	expect(mime_put_quoted_printable,
	    "0123456789012345678901234567890123456789012345678901234567890123456789012\xc3\xbc\r\n",
	    "0123456789012345678901234567890123456789012345678901234567890123456789012=\r\n"
	    "=C3=BC\r\n");
	expect(mime_put_quoted_printable, "no end", "no end");
}

static void
test_plain(void **state)
{
	char line[MIME_LINE_MAX + 4];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line + MIME_LINE_MAX, "\r\n", 2);
	assert_true(mime_is_plain(slice_of(line, MIME_LINE_MAX + 2)));
	line[MIME_LINE_MAX] = 'x';
	memcpy(line + MIME_LINE_MAX + 1, "\r\n", 2);
	assert_false(mime_is_plain(slice_of(line, MIME_LINE_MAX + 3)));
	assert_false(mime_is_plain(SLICE_LIT("\xc3\xbc\r\n")));
	assert_true(mime_is_plain(SLICE_NONE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_phrase),
		cmocka_unit_test(test_quoted_printable),
		cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
