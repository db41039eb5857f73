/* SPDX-License-Identifier: ISC */
/* What SORT and THREAD stand on: i;unicode-casemap, base subjects, entries, orders. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_casemap.h"
#include "imapd/imap_column.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_sort.h"
#include "imapd/imap_subject.h"
#include "imapd/imap_thread.h"
#include "imapd/imap_tree.h"
#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/mail/thread_hash.h"

static const unsigned char salt[IMAP_SALT_BYTES] = "0123456789abcde";

/* RFC 5051 s2 */
static void
test_casemap(void **state)
{
	static const struct { const char *in, *want; } rows[] = {
		{ "", "" }, { "Hello World, 12", "HELLO WORLD, 12" },
		{ "\xc3\xa9", "E\xcc\x81" },			/* e acute: titlecase, canonical */
		{ "Caf\xc3\xa9 x", "CAFE\xcc\x81 X" },
		{ "\xc3\x9f", "\xc3\x9f" },			/* sharp s: no simple titlecase */
		{ "\xc7\x86", "D\x7a\xcc\x8c" },		/* dz caron -> its title form, apart */
		{ "\xef\xac\x81", "fi" },			/* ligature: not mapped again */
		{ "\xef\xbc\xa1", "A" },			/* fullwidth A */
		{ "\xc2\xa0", " " }, { "\xd0\xb9", "\xd0\x98\xcc\x86" },
		{ "\xea\xb0\x80", "\xea\xb0\x80" },		/* Hangul has no entry */
		{ "\xe1\xbb\x87", "E\xcc\xa3\xcc\x82" },	/* parts of parts */
		{ "a\xff" "b\xc3", "A\xff" "B\xc3" },		/* not UTF-8 */
		{ "\xf0\x90\x90\xa8", "\xf0\x90\x90\x80" },	/* Deseret, four bytes */
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_init(&b, 1000);
		imap_casemap(&b, slice_str(rows[i].in));
		assert_string_equal(buf_cstr(&b), rows[i].want);
		buf_fini(&b);
	}
	/* the longest that one character becomes */
	buf_init(&b, 3 * IMAP_CASEMAP_GROWTH);
	imap_casemap(&b, slice_str("\xef\xb7\xba"));
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(b.n, 33);
	buf_fini(&b);
}

/* RFC 5256 s2.1 */
static void
test_subject(void **state)
{
	static const struct { const char *in, *base; bool is_reply; } rows[] = {
		{ "hello", "hello", false }, { "  hello\t\t world ", "hello world", false },
		{ "Re: hello", "hello", true }, { "RE:re: hello", "hello", true },
		{ "Fw: hello", "hello", true }, { "fwd : hello", "hello", true },
		{ "Re[2]: hello", "hello", true }, { "re [x] : hello", "hello", true },
		{ "[list] Re: hello", "hello", true }, { "Re: [list] hello", "hello", true },
		{ "[list] hello", "hello", false }, { "[a] [b] hello", "hello", false },
		{ "[a] [b]", "[b]", false }, { "[a]", "[a]", false },
		{ "[a] Re: [b]", "[b]", true }, { "[a][b]Re:[c]Fw: d", "d", true },
		{ "hello (fwd)", "hello", true }, { "hello (FWD) (fwd) ", "hello", true },
		{ "[fwd: hello]", "hello", true }, { "[Fwd: Re: [x] hello (fwd)]", "hello", true },
		{ "[fwd: [fwd: hello]]", "hello", true }, { "[fwd: hello] x", "x", false },
		{ "[fwd: hello", "[fwd: hello", false }, { "[fwd:]", "", true },
		{ "Re:", "", true }, { "Re: (fwd)", "", true }, { "", "", false }, { "   ", "", false },
		{ "Reply: hello", "Reply: hello", false }, { "Re hello", "Re hello", false },
		{ "Fwds: x", "Fwds: x", false }, { "Re[a[b]: x", "Re[a[b]: x", false },
		{ "[[a] x", "[[a] x", false }, { "(fwd) hello", "(fwd) hello", false },
		{ "Re: Re[4]: [x] Fwd: [y] z (fwd)", "z", true },
	};
	struct buf flat;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct slice base;
		bool is_reply;

		buf_init(&flat, 1000);
		imap_subject_flatten(&flat, slice_str(rows[i].in));
		base = imap_subject_base(buf_slice(&flat), &is_reply);
		if (!slice_eq_str(base, rows[i].base) || is_reply != rows[i].is_reply)
			fail_msg("%s: %.*s %d", rows[i].in, SLICE_FMT(base), is_reply);
		buf_fini(&flat);
	}
}

static void
make(struct buf *b, struct imap_entry *e, const char *header)
{
	struct imap_entry_maker maker;

	/* After others, as a command makes them: nothing of one is in the next. */
	imap_entry_maker_init(&maker, NULL, salt);
	buf_reset(b);
	imap_entry_put(&maker, b, SLICE_LIT("Date: Tue, 2 Jan 2024 10:00:00 -0100\r\nSubject: Re: x\r\n"
	    "From: a <b@c>, d\r\nTo: e\r\nCc: f\r\nBcc: g\r\nMessage-ID: <h@i>\r\nReferences: <j@k>\r\n"));
	buf_reset(b);
	imap_entry_put(&maker, b, slice_str(header));
	imap_entry_maker_fini(&maker);
	assert_int_equal(buf_err(b), ERR_OK);
	assert_int_equal(imap_entry_get(e, buf_slice(b)), ERR_OK);
}

static void
test_entry(void **state)
{
	unsigned char hash[8];
	struct imap_entry e;
	enum imap_text which;
	struct buf b;

	(void)state;
	buf_init(&b, IMAP_ENTRY_MAX);
	make(&b, &e, "From: =?utf-8?q?J=C3=B6rg?= <Joerg@a.example>, x@y.example\r\n"
	    "To: Friends: a@b.example;\r\nTo: second@b.example\r\nCc: (c) carl@c.example (Carl)\r\n"
	    "Subject: Re: [list]\r\n  Hello\r\nDate: Tue, 2 Jan 2024 01:30:00 +0200\r\n"
	    "Message-ID: <1@x>\r\nReferences: <a@x> <b@x>\r\nX-Other: y\r\n\r\n");
	assert_true(e.has_sent && e.is_reply && e.has_id);
	assert_int_equal(e.sent_s, 1704151800);
	assert_int_equal(e.sent_zone, 120);
	assert_true(slice_eq_str(e.text[IMAP_TEXT_SUBJECT], "RE: [LIST]  HELLO"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_BASE], "HELLO"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_FROM_BOX], "JOERG"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_FROM_SHOW], "JO\xcc\x88RG"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_TO_BOX], "FRIENDS"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_TO_SHOW], "FRIENDS"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_TO], "FRIENDS\nA@B.EXAMPLE\nSECOND@B.EXAMPLE"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_CC_BOX], "CARL"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_MESSAGE_ID], "<1@X>"));
	assert_int_equal(e.text[IMAP_TEXT_BCC].n, 0);
	assert_int_equal(e.present, 1 << IMAP_TEXT_SUBJECT | 1 << IMAP_TEXT_FROM |
	    1 << IMAP_TEXT_TO | 1 << IMAP_TEXT_CC | 1 << IMAP_TEXT_MESSAGE_ID);
	assert_int_equal(e.cut, 0);
	thread_hash_id(salt, slice_str("1@x"), hash);
	assert_true(e.id == dec_le64(hash));
	assert_int_equal(e.refs.n, 16);
	thread_hash_id(salt, slice_str("b@x"), hash);
	assert_memory_equal(e.refs.p + 8, hash, 8);
	assert_true(imap_entry_find(slice_str("MESSAGE-id"), true, &which));
	assert_int_equal(which, IMAP_TEXT_MESSAGE_ID);
	assert_false(imap_entry_find(slice_str("X-Other"), false, &which));
	assert_true(imap_entry_find(slice_str("from"), false, &which));
	assert_false(imap_entry_find(slice_str("from"), true, &which));
	/* as the envelope has them: no comments, no white space within */
	make(&b, &e, "From: \"A. B\" (note) <ann @ a.example>\r\nBcc: ann @ a.example (Ann)\r\n\r\n");
	assert_true(slice_eq_str(e.text[IMAP_TEXT_FROM], "A. B <ANN@A.EXAMPLE>"));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_BCC], "ANN <ANN@A.EXAMPLE>"));
	/* a route of old mail is part of it (RFC 9051 s7.5.2: addr-adl) */
	make(&b, &e, "From: Ann <@r.example:ann@a.example>\r\n\r\n");
	assert_true(slice_eq_str(e.text[IMAP_TEXT_FROM], "ANN <@R.EXAMPLE:ANN@A.EXAMPLE>"));
	/* nothing there */
	make(&b, &e, "\r\n");
	assert_false(e.has_sent || e.has_id || e.is_reply);
	assert_int_equal(e.present, 0);
	/* a display name is missing: the address (RFC 5957 s3) */
	make(&b, &e, "From: a@b.example\r\n\r\n");
	assert_true(slice_eq_str(e.text[IMAP_TEXT_FROM_SHOW], "A@B.EXAMPLE"));
	/* cut short, byte by byte: never read beyond, never taken for whole */
	for (size_t n = 0; n < b.n; n++)
		assert_int_not_equal(imap_entry_get(&e, slice_head(buf_slice(&b), n)), ERR_OK);
	buf_put_char(&b, 'x');
	assert_int_equal(imap_entry_get(&e, buf_slice(&b)), ERR_CORRUPT);
	buf_data(&b)[0]++;
	assert_int_equal(imap_entry_get(&e, buf_slice(&b)), ERR_VERSION);
	buf_fini(&b);
}

/* Texts at the limit and one more. */
static void
test_entry_limit(void **state)
{
	struct imap_entry e;
	struct buf b, header;

	(void)state;
	buf_init(&b, IMAP_ENTRY_MAX);
	for (unsigned more = 0; more < 2; more++) {
		buf_init(&header, 1u << 20);
		buf_put_str(&header, "Subject: ");
		for (size_t i = 0; i < IMAP_ENTRY_TEXT_MAX + more; i++)
			buf_put_char(&header, 'a');
		buf_put_str(&header, "\r\n\r\n");
		make(&b, &e, buf_cstr(&header));
		assert_int_equal(e.cut >> IMAP_TEXT_SUBJECT & 1, more);
		assert_int_equal(e.text[IMAP_TEXT_SUBJECT].n, IMAP_ENTRY_TEXT_MAX);
		buf_fini(&header);
	}
	/* a field too long to be looked at whole still has its first address */
	buf_init(&header, 1u << 20);
	buf_put_str(&header, "To: ann@a.example");
	for (int i = 0; i < 2000; i++)
		buf_put_str(&header, ", b@x");
	buf_put_str(&header, "\r\n\r\n");
	make(&b, &e, buf_cstr(&header));
	assert_true(slice_eq_str(e.text[IMAP_TEXT_TO_BOX], "ANN"));
	assert_int_equal(e.cut, 1 << IMAP_TEXT_TO);
	assert_true(slice_starts(e.text[IMAP_TEXT_TO], "ANN@A.EXAMPLE\nB@X\n"));
	buf_fini(&header);
	/* every field as long as it may be */
	buf_init(&header, 1u << 20);
	for (int k = 0; k < 6; k++) {
		static const char *const names[] = { "Subject", "From", "To", "Cc", "Bcc",
			"Message-ID" };

		buf_printf(&header, "%s: ", names[k]);
		for (int i = 0; i < 3000; i++)
			buf_put_str(&header, "\xef\xb7\xba");
		buf_put_str(&header, " <a@b>\r\n");
	}
	buf_put_str(&header, "References:");
	for (int i = 0; i < THREAD_REFS_MAX + 1; i++)
		buf_printf(&header, " <%d@x>", i);
	buf_put_str(&header, "\r\n\r\n");
	make(&b, &e, buf_cstr(&header));
	assert_int_equal(e.refs.n, 8 * THREAD_REFS_MAX);
	buf_fini(&header);
	buf_fini(&b);
}

/* ---- column blocks ---- */

static void
test_column(void **state)
{
	static char big[IMAP_ENTRY_MAX + 1];
	struct imap_column c = { 0 }, back;
	struct buf b;
	unsigned n;

	(void)state;
	assert_true(imap_column_add(&c, 64, slice_str("first")));
	assert_true(imap_column_add(&c, 127, slice_str("the last")));
	assert_true(imap_column_add(&c, 70, SLICE_NONE));
	assert_false(imap_column_add(&c, 127, slice_str("again")));
	buf_init(&b, IMAP_COLUMN_MAX);
	imap_column_put(&b, &c);
	assert_int_equal(imap_column_get(&back, buf_slice(&b)), ERR_OK);
	assert_true(back.present == (1ull | 1ull << 6 | 1ull << 63));
	assert_true(slice_eq_str(back.entry[0], "first") && slice_eq_str(back.entry[63], "the last"));
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(imap_column_get(&back, slice_head(buf_slice(&b), i)), ERR_CORRUPT);
	buf_put_char(&b, 'x');
	assert_int_equal(imap_column_get(&back, buf_slice(&b)), ERR_CORRUPT);
	buf_data(&b)[0]++;
	assert_int_equal(imap_column_get(&back, buf_slice(&b)), ERR_VERSION);
	buf_fini(&b);
	/* the longest go first */
	assert_true(imap_column_drop(&c) && c.present == (1ull | 1ull << 6));
	assert_true(imap_column_drop(&c) && c.present == 1ull << 6);
	assert_true(imap_column_drop(&c) && c.present == 0);
	assert_false(imap_column_drop(&c));
	/* entries and blocks at the limit, and one more */
	assert_false(imap_column_add(&c, 0, slice_of(big, IMAP_ENTRY_MAX + 1)));
	for (n = 0; imap_column_add(&c, n, slice_of(big, IMAP_ENTRY_MAX)); n++)
		continue;
	assert_int_equal(n, IMAP_COLUMN_MAX / IMAP_ENTRY_MAX);
	buf_init(&b, IMAP_COLUMN_MAX);
	imap_column_put(&b, &c);
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
}

/* ---- SORT ---- */

static bool
parse_sort(const char *text, struct imap_sort *s)
{
	struct imap_parser p;
	struct arena a;
	bool ok;

	arena_init(&a, 4096);
	imap_parser_init(&p, slice_str(text), &a);
	imap_sort_parse(&p, s);
	ok = imap_parser_end(&p);
	arena_fini(&a);
	return ok;
}

static void
test_sort(void **state)
{
	static const char *const headers[] = {
		"From: Zoe <ann@x>\r\nTo: b@x\r\nSubject: Re: beta\r\nDate: Tue, 2 Jan 2024 10:00:00 +0000\r\n\r\n",
		"From: Carl <carl@x>\r\nTo: a@x\r\nSubject: alpha\r\nDate: Tue, 2 Jan 2024 10:30:00 +0100\r\n\r\n",
		"From: ANN@x\r\nSubject: Beta\r\n\r\n",
		"From: =?utf-8?q?=C3=84nne?= <b@x>\r\nCc: z@x\r\nSubject: alphabet\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\n",
	};
	static const struct { const char *by, *want; } rows[] = {
		{ "(ARRIVAL)", "4321" }, { "(REVERSE ARRIVAL)", "1234" }, { "(SIZE)", "1324" },
		{ "(DATE)", "4213" }, { "(REVERSE DATE)", "3124" }, { "(SUBJECT)", "2413" },
		{ "(REVERSE SUBJECT)", "1342" }, { "(SUBJECT DATE)", "2413" },
		{ "(SUBJECT REVERSE DATE)", "2431" }, { "(FROM)", "1342" }, { "(FROM SIZE)", "1342" },
		{ "(TO)", "3421" }, { "(CC)", "1234" }, { "(reverse cc)", "4123" },
		{ "(DISPLAYFROM)", "3421" }, { "(DISPLAYTO)", "3421" }, { "(REVERSE FROM SUBJECT)", "2413" },
	};
	struct imap_entry e[4];
	struct buf b[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		buf_init(&b[i], IMAP_ENTRY_MAX);
		make(&b[i], &e[i], headers[i]);
	}
	for (size_t r = 0; r < lengthof(rows); r++) {
		struct imap_sort by;
		struct imap_sorter s;
		struct imap_found found;
		char got[5] = "";

		assert_true(parse_sort(rows[r].by, &by));
		imap_sorter_init(&s, &by, 1u << 20);
		for (uint32_t i = 0; i < 4; i++) {
			static const uint32_t sizes[] = { 10, 300, 200, 70000 };
			struct imap_search_facts f = { .seq = i + 1, .uid = i + 1,
				.size = sizes[i], .internal_s = 1704300000 - (int64_t)i };

			imap_sorter_add(&s, &f, &e[i]);
		}
		imap_found_init(&found, 10);
		imap_sorter_end(&s, &found);
		for (uint32_t i = 0; i < found.count; i++)
			got[i] = (char)('0' + found.v[i].seq);
		if (strcmp(got, rows[r].want) != 0)
			fail_msg("%s: %s, not %s", rows[r].by, got, rows[r].want);
		imap_found_fini(&found);
	}
	for (size_t i = 0; i < 4; i++)
		buf_fini(&b[i]);
}

static void
test_sort_limits(void **state)
{
	static const char *const bad[] = { "", "()", "(", "(FOO)", "(DATE", "(REVERSE)",
		"(DATE  SIZE)", "( DATE)", "(DATE )", "(REVERSE REVERSE DATE)", "DATE" };
	struct imap_search_facts f = { .seq = 1, .uid = 1, .size = 1 };
	struct imap_sorter s;
	struct imap_sort by;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_false(parse_sort(bad[i], &by));
	for (unsigned more = 0; more < 2; more++) {
		buf_init(&b, 4096);
		buf_put_str(&b, "(DATE");
		for (unsigned i = 1; i < IMAP_SORT_CRITERIA_MAX + more; i++)
			buf_put_str(&b, " SIZE");
		buf_put_str(&b, ")");
		assert_int_equal(parse_sort(buf_cstr(&b), &by), more == 0);
		buf_fini(&b);
	}
	/* keys of 8 bytes: four fit, five do not */
	assert_true(parse_sort("(SIZE)", &by));
	imap_sorter_init(&s, &by, 32);
	for (int i = 0; i < 4; i++)
		imap_sorter_add(&s, &f, NULL);
	assert_false(s.is_full);
	imap_sorter_add(&s, &f, NULL);
	assert_true(s.is_full);
	imap_sorter_fini(&s);
}

/* ---- THREAD ---- */

struct mail { const char *id, *refs, *subject; int64_t sent, arrived; };

static void
thread(enum imap_threading how, const struct mail *m, const char *want)
{
	struct imap_threader t;
	struct buf b, header, out;

	imap_threader_init(&t, how, 1000);
	buf_init(&b, IMAP_ENTRY_MAX);
	buf_init(&header, 4096);
	buf_init(&out, 4096);
	for (uint32_t i = 0; m[i].subject != NULL; i++) {
		struct imap_search_facts f = { .seq = i + 1, .uid = i + 1,
			.internal_s = m[i].arrived };
		struct imap_entry e;

		buf_reset(&header);
		if (m[i].id != NULL)
			buf_printf(&header, "Message-ID: <%s>\r\n", m[i].id);
		if (m[i].refs != NULL)
			buf_printf(&header, "References: %s\r\n", m[i].refs);
		buf_printf(&header, "Subject: %s\r\n\r\n", m[i].subject);
		make(&b, &e, buf_cstr(&header));
		e.has_sent = m[i].sent != 0;
		e.sent_s = m[i].sent;
		imap_threader_add(&t, &f, &e, i + 1);
	}
	imap_threader_put(&t, &out);
	assert_string_equal(buf_cstr(&out), want);
	buf_fini(&b);
	buf_fini(&header);
	buf_fini(&out);
}
#define THREAD(how, want, ...) do {					\
	static const struct mail m_[] = { __VA_ARGS__, { 0 } };		\
	thread(IMAP_THREAD_##how, m_, want);				\
} while (0)

static void
test_references(void **state)
{
	(void)state;
	/* a line, a fork */
	THREAD(REFERENCES, "(1 2 3)", { "a", NULL, "x", 1, 0 }, { "b", "<a>", "Re: x", 2, 0 },
	    { "c", "<a> <b>", "Re: x", 3, 0 });
	THREAD(REFERENCES, "(1 (2)(3 4))", { "a", NULL, "x", 1, 0 }, { "b", "<a>", "y", 2, 0 },
	    { "c", "<a>", "z", 3, 0 }, { "d", "<a> <c>", "z", 4, 0 });
	/* children come before their parents, and dates order siblings */
	THREAD(REFERENCES, "(3 (2)(1))", { "b", "<a>", "x", 9, 0 }, { "c", "<a>", "x", 5, 0 },
	    { "a", NULL, "x", 7, 0 });
	/* a missing parent: one child takes its place, several are siblings */
	THREAD(REFERENCES, "(1)(2)", { "b", "<a>", "x", 1, 0 }, { "c", "<d>", "y", 2, 0 });
	THREAD(REFERENCES, "((1)(2))", { "b", "<a>", "x", 1, 0 }, { "c", "<a>", "y", 2, 0 });
	THREAD(REFERENCES, "((1)(2)(3))", { "b", "<m> <a>", "x", 1, 0 },
	    { "c", "<m> <a>", "y", 2, 0 }, { "d", "<m>", "z", 3, 0 });
	/* circles, itself, the same id twice, no id */
	THREAD(REFERENCES, "(2 1)", { "a", "<b>", "x", 2, 0 }, { "b", "<a>", "x", 1, 0 });
	THREAD(REFERENCES, "(1)", { "a", "<a>", "x", 1, 0 });
	THREAD(REFERENCES, "(1 3)(2)", { "a", NULL, "x", 1, 0 }, { "a", NULL, "y", 2, 0 },
	    { "b", "<a>", "z", 3, 0 });
	THREAD(REFERENCES, "(2)(1)", { NULL, NULL, "x", 2, 0 }, { NULL, NULL, "y", 1, 0 });
	/* step 1 (B): what a message says of its parent counts most */
	THREAD(REFERENCES, "(3)(2 1)", { "c", "<a> <b>", "x", 3, 0 }, { "b", NULL, "y", 2, 0 },
	    { "a", NULL, "z", 1, 0 });
	THREAD(REFERENCES, "(2 1 3)", { "a", NULL, "x", 1, 0 }, { "b", NULL, "y", 2, 0 },
	    { "c", "<b> <a>", "z", 3, 0 });
	/* no Date: when it came */
	THREAD(REFERENCES, "(2)(1)", { "a", NULL, "x", 0, 50 }, { "b", NULL, "y", 40, 99 });
}

/* Step 5 */
static void
test_reference_subjects(void **state)
{
	(void)state;
	/* a reply goes below what it answers, whichever came first */
	THREAD(REFERENCES, "(1 2)", { "a", NULL, "x", 1, 0 }, { "b", NULL, "Re: x", 2, 0 });
	THREAD(REFERENCES, "(2 1)", { "a", NULL, "Re: x", 1, 0 }, { "b", NULL, "x", 2, 0 });
	/* equals get a dummy */
	THREAD(REFERENCES, "((1)(2))", { "a", NULL, "x", 1, 0 }, { "b", NULL, "x", 2, 0 });
	THREAD(REFERENCES, "((1)(2)(3))", { "a", NULL, "x", 1, 0 }, { "b", NULL, "X", 2, 0 },
	    { "c", NULL, "x", 3, 0 });
	/* two dummies become one, a message goes into one */
	THREAD(REFERENCES, "((1)(2)(3)(4))", { "a", "<m>", "x", 1, 0 }, { "b", "<m>", "x", 2, 0 },
	    { "c", "<n>", "x", 3, 0 }, { "d", "<n>", "x", 4, 0 });
	THREAD(REFERENCES, "((1)(2)(3))", { "a", "<m>", "x", 1, 0 }, { "b", "<m>", "x", 2, 0 },
	    { "c", NULL, "x", 3, 0 });
	/* without a subject nothing is gathered */
	THREAD(REFERENCES, "(1)(2)", { "a", NULL, "", 1, 0 }, { "b", NULL, "Re:", 2, 0 });
	/* deep below, subjects do not count */
	THREAD(REFERENCES, "(1 2)(3)", { "a", NULL, "x", 1, 0 }, { "b", "<a>", "y", 2, 0 },
	    { "c", NULL, "Re: y", 3, 0 });
}

static void
test_other_threads(void **state)
{
	(void)state;
	THREAD(ORDEREDSUBJECT, "(3)(1 (5)(4))(2)", { "a", NULL, "x", 2, 0 }, { "b", NULL, "y", 9, 0 },
	    { "c", NULL, "z", 1, 0 }, { "d", "<b>", "Re: x", 5, 0 }, { "e", "<b>", "[l] X", 3, 0 });
	THREAD(ORDEREDSUBJECT, "(1 2)", { "a", NULL, "x", 1, 0 }, { "b", NULL, "x", 1, 0 });
	/* REFS: by arrival, the newest thread last; no subjects */
	THREAD(REFS, "(2)(1 3)", { "a", NULL, "x", 9, 1 }, { "b", NULL, "Re: x", 1, 2 },
	    { "c", "<a>", "x", 2, 3 });
	THREAD(REFS, "(2)((1)(3))", { "a", "<m>", "x", 9, 1 }, { "b", NULL, "x", 1, 2 },
	    { "c", "<m>", "x", 2, 3 });
	THREAD(REFS, "(1)(2)", { "a", NULL, "x", 9, 1 }, { "b", NULL, "x", 1, 1 });
}

/* A line of 100,000, forwards and backwards, and the limit. */
static void
test_thread_limits(void **state)
{
	const uint32_t many = 100000;
	struct imap_threader t;
	struct buf out;

	(void)state;
	for (int backwards = 0; backwards < 2; backwards++) {
		imap_threader_init(&t, IMAP_THREAD_REFERENCES, IMAP_THREAD_NODES_MAX);
		for (uint32_t i = 1; i <= many; i++) {
			uint32_t n = backwards ? many + 1 - i : i;
			unsigned char ref[8];
			struct imap_search_facts f = { .seq = i, .uid = i, .internal_s = n };
			struct imap_entry e = { .has_id = true, .id = n * 0x9e3779b97f4a7c15u };

			enc_le64(ref, (n - 1) * 0x9e3779b97f4a7c15u);
			if (n > 1)
				e.refs = slice_of(ref, 8);
			imap_threader_add(&t, &f, &e, i);
		}
		buf_init(&out, 16u << 20);
		imap_threader_put(&t, &out);
		assert_true(slice_starts(buf_slice(&out), backwards ? "(100000 99999 " : "(1 2 3 "));
		assert_int_equal(slice_find(slice_from(buf_slice(&out), 1), '('), out.n - 1);
		buf_fini(&out);
	}
	imap_threader_init(&t, IMAP_THREAD_REFERENCES, 4);
	for (uint32_t i = 1; i <= 3; i++) {
		struct imap_search_facts f = { .seq = i, .uid = i };
		struct imap_entry e = { .has_id = true, .id = i, .refs = slice_of("12345678", i == 3 ? 8 : 0) };

		assert_false(t.is_full);
		imap_threader_add(&t, &f, &e, i);
	}
	assert_false(t.is_full);
	imap_threader_add(&t, &(struct imap_search_facts){ .uid = 4 }, &(struct imap_entry){ 0 }, 4);
	assert_true(t.is_full);
	imap_threader_fini(&t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_casemap), cmocka_unit_test(test_subject),
		cmocka_unit_test(test_entry), cmocka_unit_test(test_entry_limit),
		cmocka_unit_test(test_column),
		cmocka_unit_test(test_sort), cmocka_unit_test(test_sort_limits),
		cmocka_unit_test(test_references), cmocka_unit_test(test_reference_subjects),
		cmocka_unit_test(test_other_threads), cmocka_unit_test(test_thread_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
