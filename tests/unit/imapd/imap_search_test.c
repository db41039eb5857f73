/* SPDX-License-Identifier: ISC */
/* SEARCH programs judged against one message, and text found in streams. */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_match.h"
#include "imapd/imap_casemap.h"
#include "imapd/imap_judge.h"
#include "imapd/imap_search.h"
#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/mime.h"

static const char header[] =
    "From: =?utf-8?q?J=C3=B6rg?= <joerg@a.example>\r\n"
    "Subject: Hello\r\n World\r\nDate: Tue, 2 Jan 2024 01:30:00 +0200\r\n\r\n";

static bool
get_header(void *arg, struct slice name, struct slice *fields)
{
	(void)arg;
	(void)name;
	*fields = slice_str(header);
	return true;
}

static const struct imap_search_facts facts = {
	.seq = 5, .uid = 50, .flags = STORE_SEEN | 1u << 9, .size = 1000,
	.internal_s = 1704153600,	/* 2 Jan 2024 00:00 UTC */
	.more = { "\2", 1 }, .saved_s = 1704240000,	/* 3 Jan 2024 00:00 UTC */
	.modseq = 12, .content = 7, .thread = 9, .now_s = 1704157200,
	.recent = true, .keywords = {
		"a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0"
		"y\0wide", 55 }, .top_seq = 9, .top_uid = 90,
	.header = get_header,
};

static void
test_judge(void **state)
{
	static const struct { const char *in; enum imap_verdict want; } rows[] = {
		{ "ALL", IMAP_YES }, { "SEEN", IMAP_YES }, { "UNSEEN", IMAP_NO },
		{ "NOT SEEN", IMAP_NO }, { "SEEN FLAGGED", IMAP_NO },
		{ "OR SEEN FLAGGED", IMAP_YES }, { "OR FLAGGED DELETED", IMAP_NO },
		{ "OR NOT SEEN NOT FLAGGED", IMAP_YES }, { "(SEEN (NOT FLAGGED))", IMAP_YES },
		{ "NOT (SEEN FLAGGED)", IMAP_YES }, { "NOT NOT SEEN", IMAP_YES },
		{ "OR (SEEN FLAGGED) (OR DRAFT RECENT)", IMAP_YES },
		{ "KEYWORD b", IMAP_YES }, { "KEYWORD a", IMAP_NO }, { "UNKEYWORD zz", IMAP_YES },
		{ "NEW", IMAP_NO }, { "OLD", IMAP_NO }, { "RECENT", IMAP_YES },
		{ "1:4", IMAP_NO }, { "5", IMAP_YES }, { "4:*", IMAP_YES }, { "7:*", IMAP_NO },
		{ "UID 50", IMAP_YES }, { "UID 51:*", IMAP_NO },
		{ "SAVEDON 3-Jan-2024", IMAP_YES }, { "SAVEDBEFORE 3-Jan-2024", IMAP_NO },
		{ "SAVEDSINCE 3-Jan-2024", IMAP_YES }, { "SAVEDON 2-Jan-2024", IMAP_NO },
		{ "SAVEDATESUPPORTED", IMAP_YES },
		{ "KEYWORD wide", IMAP_YES }, { "KEYWORD y", IMAP_NO },
		{ "YOUNGER 3600", IMAP_YES }, { "YOUNGER 3599", IMAP_NO },
		{ "OLDER 3600", IMAP_YES }, { "OLDER 3601", IMAP_NO },
		{ "OLDER 4294967295", IMAP_NO }, { "YOUNGER 4294967295", IMAP_YES },
		{ "EMAILID M0000000000007", IMAP_YES }, { "EMAILID M0000000000008", IMAP_NO },
		{ "EMAILID T0000000000007", IMAP_NO }, { "EMAILID other", IMAP_NO },
		{ "THREADID T0000000000009", IMAP_YES }, { "THREADID x", IMAP_NO },
		{ "MODSEQ 12", IMAP_YES }, { "MODSEQ 13", IMAP_NO }, { "MODSEQ 0", IMAP_YES },
		{ "MODSEQ \"/flags/\\\\draft\" all 12", IMAP_YES },
		{ "MODSEQ \"/flags/\\\\seen\" priv 9223372036854775807", IMAP_NO },
		{ "$", IMAP_YES }, { "UID $", IMAP_YES }, { "NOT $", IMAP_NO },
		{ "LARGER 999", IMAP_YES }, { "LARGER 1000", IMAP_NO },
		{ "SMALLER 1001", IMAP_YES }, { "SMALLER 1000", IMAP_NO },
		{ "ON 2-Jan-2024", IMAP_YES }, { "BEFORE 2-Jan-2024", IMAP_NO },
		{ "SINCE \"2-Jan-2024\"", IMAP_YES }, { "SINCE 3-Jan-2024", IMAP_NO },
		{ "SENTON 2-Jan-2024", IMAP_YES }, { "SENTBEFORE 2-Jan-2024", IMAP_NO },
		{ "SENTSINCE 2-Jan-2024", IMAP_YES },
		{ "FROM j\xc3\xb6RG", IMAP_NO },	/* not an atom: see below */
		{ "FROM {5}\r\nj\xc3\x96rg", IMAP_YES }, { "FROM joerg@", IMAP_YES },
		{ "SUBJECT \"hello world\"", IMAP_YES }, { "SUBJECT bye", IMAP_NO },
		{ "HEADER subject \"\"", IMAP_YES }, { "HEADER x-none \"\"", IMAP_NO },
		{ "HEADER From =?utf", IMAP_NO }, { "HEADER From {5}\r\nj\xc3\xb6rg", IMAP_YES },
		{ "HEADER Subject world", IMAP_YES },
		{ "TO joerg", IMAP_NO }, { "BODY x", IMAP_MAYBE }, { "SEEN BODY x", IMAP_MAYBE },
		{ "UNSEEN BODY x", IMAP_NO }, { "OR SEEN BODY x", IMAP_YES },
		{ "NOT BODY x", IMAP_MAYBE }, { "CHARSET utf-8 SEEN", IMAP_YES },
	};
	struct imap_search s;
	struct imap_parser p;
	struct imap_search_facts f = facts;
	struct imap_entry_maker maker;
	struct imap_entry entry;
	struct arena a;
	struct buf b;
	char text[200];

	(void)state;
	buf_init(&b, IMAP_ENTRY_MAX);
	imap_entry_maker_init(&maker, NULL, (const unsigned char *)"0123456789abcdef");
	imap_entry_put(&maker, &b, slice_str(header));
	imap_entry_maker_fini(&maker);
	assert_int_equal(imap_entry_get(&entry, buf_slice(&b)), ERR_OK);
	f.entry = &entry;
	for (size_t i = 0; i < lengthof(rows); i++) {
		arena_init(&a, 1u << 20);
		assert_true(strlen(rows[i].in) < sizeof(text) - 2);
		text[0] = ' ';
		memcpy(text + 1, rows[i].in, strlen(rows[i].in) + 1);
		imap_parser_init(&p, slice_str(text), &a);
		p.saved = slice_of("\x32\0\0\0\x32\0\0\0", 8);	/* UID 50 */
		imap_parser_sp(&p);
		imap_search_parse(&p, &s);
		if (strstr(rows[i].in, "FROM j\xc3") != NULL) {
			assert_false(imap_parser_end(&p));
		} else {
			assert_true(imap_parser_end(&p));
			assert_int_equal(imap_search_judge(&s, &f), rows[i].want);
			/* without the entry: never the opposite */
			if (imap_search_judge(&s, &facts) != rows[i].want)
				assert_int_equal(imap_search_judge(&s, &facts), IMAP_MAYBE);
		}
		arena_fini(&a);
	}
	buf_fini(&b);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "", " ", " FOO", " NOT", " OR SEEN", " (SEEN",
		" SEEN)", " ()", " SEEN  SEEN", " KEYWORD", " UID", " UID x", " LARGER",
		" LARGER x", " SINCE x", " CHARSET", " CHARSET UTF-8", " FROM", " HEADER a",
		" NOT ", " OR SEEN ", " SEEN ", " FROM {2}\r\n\xff\xff",
		" YOUNGER 0", " YOUNGER", " OLDER x", " EMAILID", " EMAILID a.b", " MODSEQ",
		" MODSEQ 9223372036854775808", " MODSEQ \"/flags/\\\\seen\" 5",
		" MODSEQ \"/flags/\\\\seen\" mine 5", " $,1", " 1,$" };
	struct imap_search s;
	struct imap_parser p;
	struct arena a;

	(void)state;
	for (size_t i = 0; i < lengthof(bad); i++) {
		arena_init(&a, 1u << 20);
		imap_parser_init(&p, slice_str(bad[i]), &a);
		imap_parser_sp(&p);
		imap_search_parse(&p, &s);
		assert_false(imap_parser_end(&p));
		arena_fini(&a);
	}
	arena_init(&a, 1u << 20);
	imap_parser_init(&p, slice_str(" CHARSET KOI8-R FROM {2}\r\n\xff\xff"), &a);
	imap_parser_sp(&p);
	imap_search_parse(&p, &s);
	assert_true(imap_parser_end(&p) && s.bad_charset);
	arena_fini(&a);
}

/* count keys, and parentheses around one: limit and limit + 1 */
static bool
parses(const char *open, const char *key, const char *close, unsigned n)
{
	struct imap_search s;
	struct imap_parser p;
	struct arena a;
	struct buf b;
	bool ok;

	arena_init(&a, 4u << 20);
	buf_init(&b, 1u << 20);
	buf_put_char(&b, ' ');
	for (unsigned i = 0; i < n; i++)
		buf_put_str(&b, open);
	buf_put_str(&b, key);
	for (unsigned i = 0; i < n; i++)
		buf_put_str(&b, close);
	imap_parser_init(&p, buf_slice(&b), &a);
	imap_parser_sp(&p);
	imap_search_parse(&p, &s);
	ok = imap_parser_end(&p);
	buf_fini(&b);
	arena_fini(&a);
	return ok;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_true(parses("(", "ALL", ")", IMAP_NEST_MAX));
	assert_false(parses("(", "ALL", ")", IMAP_NEST_MAX + 1));
	assert_true(parses("NOT ", "ALL", "", IMAP_NEST_MAX));
	assert_false(parses("NOT ", "ALL", "", IMAP_NEST_MAX + 1));
	/* the outer list is a node too */
	assert_true(parses("ALL ", "ALL", "", IMAP_SEARCH_NODES - 2));
	assert_false(parses("ALL ", "ALL", "", IMAP_SEARCH_NODES - 1));
}

static const char message[] =
    "Subject: =?utf-8?q?Caf=C3=A9?=\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nStra=DFe und so=\r\n weiter\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "TmVlZGxlIGhlcmU=\r\n"
    "--b\r\nContent-Type: Message/Delivery-Status\r\n\r\nstatusword\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\n\r\nbinaryword\r\n--b--\r\nepilogue\r\n";

static void
test_match(void **state)
{
	static const struct { const char *text; bool in_headers, want; } rows[] = {
		{ "stra\xc3\x9f" "E", false, true }, { "strasse", false, false }, { "so weiter", false, true },
		{ "needle here", false, true }, { "binaryword", false, false },
		{ "statusword", false, true },
		{ "preamble", false, false }, { "epilogue", false, false },
		{ "caf\xc3\xa9", true, true }, { "caf\xc3\xa9", false, false },
		{ "subject: caf", true, true }, { "quoted-printable", true, true },
		{ "nothing", true, false },
	};
	struct imap_needle needles[lengthof(rows)];
	struct imap_match m;
	struct mime mime;
	struct arena a;
	struct buf mapped;

	(void)state;
	arena_init(&a, 1u << 16);
	mime_init(&mime);
	mime_start(&mime);
	mime_feed(&mime, slice_str(message));
	mime_end(&mime);
	buf_init(&mapped, 4096);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&mapped);
		imap_casemap(&mapped, slice_str(rows[i].text));
		needles[i] = (struct imap_needle){ arena_dup(&a, buf_slice(&mapped)),
			rows[i].in_headers, false };
	}
	buf_fini(&mapped);
	imap_match_init(&m, needles, lengthof(rows), NULL);
	/* whole, split everywhere, byte by byte */
	for (size_t cut = 0; cut <= sizeof(message) - 1; cut++) {
		struct slice in = slice_of(message, sizeof(message) - 1);

		imap_match_start(&m, &mime.map);
		if (cut == in.n)
			for (size_t i = 0; i < in.n; i++)
				imap_match_feed(&m, slice_of(in.p + i, 1));
		else {
			imap_match_feed(&m, slice_head(in, cut));
			imap_match_feed(&m, slice_from(in, cut));
		}
		imap_match_end(&m);
		for (size_t i = 0; i < lengthof(rows); i++)
			assert_int_equal(needles[i].found, rows[i].want);
	}
	imap_match_fini(&m);
	mime_fini(&mime);
	arena_fini(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
