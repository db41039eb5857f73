/* SPDX-License-Identifier: ISC */
/* 8-bit header fields (RFC 9755 s4), whole, byte by byte and cut. */
#include "tests/unit/test.h"

#include "imapd/imap_header8.h"

static void
test_header8(void **state)
{
	static const struct { const char *text; bool found; } rows[] = {
		{ "", false }, { "A: b\r\n\r\n\xc3\xa9", false }, { "A: \xc3\xa9\r\n\r\nb", true },
		{ "A: b\nB: \xff\n\nb", true }, { "\r\n\xc3\xa9", false }, { "\n\xc3\xa9", false },
		{ "A: b\n\n\xc3\xa9", false }, { "A: b\r\n \r\n\xc3\xa9: x\r\n", true },
		{ "A: b\r\n\r\r\n\xc3\xa9", false }, { "\x80", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice s = slice_str(rows[i].text);

		for (size_t cut = 0; cut <= s.n; cut++) {
			struct imap_header8 h = { 0 }, bytes = { 0 };

			imap_header8_feed(&h, slice_head(s, cut));
			imap_header8_feed(&h, slice_from(s, cut));
			for (size_t k = 0; k < s.n; k++)
				imap_header8_feed(&bytes, slice_of(s.p + k, 1));
			assert_int_equal(h.found, rows[i].found);
			assert_int_equal(bytes.found, rows[i].found);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
