/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/hdr_word.h"

static void
test_fields(void **state)
{
	struct slice h = SLICE_LIT("From nobody Fri Nov 20\r\nA: 1\r\nB :  two\r\n\tlines \r\n"
	    "junk without colon\r\n: empty name\r\nbad name: x\r\nC:\nD: last\r\n\r\nE: body\r\n");
	static const struct {
		const char *name, *value;
	} rows[] = { { "A", "1" }, { "B", "two\r\n\tlines" }, { "C", "" }, { "D", "last" } };
	struct hdr_iter it;
	struct hdr_field f;

	(void)state;
	hdr_iter_init(&it, h);
	for (size_t i = 0; i < lengthof(rows); i++) {
		assert_true(hdr_next(&it, &f));
		assert_slice(f.name, rows[i].name);
		assert_slice(f.value, rows[i].value);
	}
	assert_false(hdr_next(&it, &f));
	assert_true(hdr_find(h, "b", &f));
	assert_false(hdr_find(h, "E", &f));
	assert_slice(slice_from(h, hdr_length(h)), "E: body\r\n");
	assert_int_equal(hdr_length(SLICE_LIT("A: 1\r\nB: 2")), 10);
	assert_int_equal(hdr_length(SLICE_LIT("\nx")), 1);
	assert_int_equal(hdr_length(SLICE_NONE), 0);
}

static void
test_unfold(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	hdr_unfold(&b, slice_of("a\r\n b\rc\n\td\0e", 12));
	assert_slice(buf_slice(&b), "a bc\td?e");
	buf_fini(&b);
}

static void
test_msgids(void **state)
{
	static const struct {
		const char *text, *ids;
	} rows[] = {
		{ "<a@x> <b@y>", "a@x|b@y|" },
		{ "phrase <a@x>\r\n\t<b@y>junk", "a@x|b@y|" },
		{ "<> < > <c@z>", "c@z|" },
		{ "<broken <a@x> <open", "a@x|" },
		{ "none", "" }, { "", "" }, { "<< a@x >>", "a@x|" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct slice rest = slice_str(rows[i].text);
		struct slice id;

		buf_reset(&b);
		while (hdr_next_msgid(&rest, &id)) {
			buf_put_slice(&b, id);
			buf_put_char(&b, '|');
		}
		assert_slice(buf_slice(&b), rows[i].ids);
	}
	buf_fini(&b);
}

static void
show(struct buf *b, struct slice value)
{
	struct hdr_addr_iter it;
	struct hdr_addr a;

	hdr_addr_init(&it, value);
	while (hdr_addr_next(&it, &a)) {
		switch (a.kind) {
		case HDR_ADDR_GROUP:
			buf_printf(b, "{%.*s:", SLICE_FMT(a.name));
			break;
		case HDR_ADDR_GROUP_END:
			buf_put_str(b, "}");
			break;
		case HDR_ADDR_MAILBOX:
			buf_printf(b, "[%.*s|%.*s|%.*s|%.*s]", SLICE_FMT(a.name),
			    SLICE_FMT(a.route), SLICE_FMT(a.local), SLICE_FMT(a.domain));
			break;
		}
	}
	hdr_addr_fini(&it);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a@b", "[||a|b]" },
		{ "<a@b>", "[||a|b]" },
		{ "A B <a@b>, \"C, D\" <c@d>", "[A B||a|b][C, D||c|d]" },
		{ "\"q\\\"\\\\\" <a@b>", "[q\"\\||a|b]" },
		{ "A =?utf-8?q?=C3=A9?= <a@b>", "[A =?utf-8?q?=C3=A9?=||a|b]" },
		{ "a@b (Name)", "[Name||a|b]" },
		{ "a(x)@(y)b(z)", "[z||a|b]" },
		{ "\"l p\"@b, \"a\".b@c", "[||l p|b][||a.b|c]" },
		{ "<@r1,@r2:a@b>", "[|@r1,@r2|a|b]" },
		{ "G: a@b, c@d;, e@f", "{G:[||a|b][||c|d]}[||e|f]" },
		{ "G:;", "{G:}" }, { "G:", "{G:}" }, { "G: H: a@b;", "{G:[||a|b]}" },
		{ ":;", "{:}" },
		{ "a@[192.0.2.1], b@[IPv6:::1]", "[||a|[192.0.2.1]][||b|[IPv6:::1]]" },
		{ "", "" }, { " , ,, ", "" }, { ";;;", "" },
		{ "a", "[||a|]" }, { "a@", "[||a|]" }, { "@b", "[|||b]" }, { "<>", "[|||]" },
		{ "<a@b", "[||a|b]" }, { "a@b>", "[||a|b]" }, { "<a@b, c@d", "[||a|b][||c|d]" },
		{ "\"open <a@b>", "[||open <a@b>|]" },
		{ "(open a@b", "" },
		{ "a@b c@d", "[||a|b]" },
		{ "x@y <a@b>", "[x@y||a|b]" },
		{ "<<a@b>>", "[||a|b]" },
		{ "a . b @ c . d", "[||a.b|c.d]" },
		{ "a\r\n @b,\r\n\tc@d", "[||a|b][||c|d]" },
		{ "J\xc3\xb6rg <j\xc3\xb6@\xc3\xa4.example>", "[J\xc3\xb6rg||j\xc3\xb6|\xc3\xa4.example]" },
		{ "(a(b(c)d)e) x@y", "[a(b(c)d)e||x|y]" },
		{ "A (one) B (two) <a@b>", "[A B||a|b]" },
		{ "<a@b> (n)", "[n||a|b]" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		show(&b, slice_str(rows[i].text));
		assert_slice(buf_slice(&b), rows[i].want);
	}
	buf_reset(&b);
	show(&b, slice_of("a\0b <x\0@y\0z>", 12));
	assert_slice(buf_slice(&b), "[a?b||x?|y]");
	buf_fini(&b);
}

/* 100,000 addresses give HDR_ADDR_MAX, and a group still gets its end. */
static void
test_address_limit(void **state)
{
	struct hdr_addr_iter it;
	struct hdr_addr a;
	struct buf b;
	unsigned n = 0;

	(void)state;
	buf_init(&b, 1u << 20);
	buf_put_str(&b, "g:");
	for (unsigned i = 0; i < 100000; i++)
		buf_put_str(&b, "a@b,");
	hdr_addr_init(&it, buf_slice(&b));
	while (hdr_addr_next(&it, &a))
		n++;
	assert_int_equal(n, HDR_ADDR_MAX + 1);
	assert_true(it.capped);
	assert_int_equal(a.kind, HDR_ADDR_GROUP_END);
	hdr_addr_fini(&it);
	/* Exactly the limit is not capped. */
	hdr_addr_init(&it, slice_head(slice_from(buf_slice(&b), 2), 4 * HDR_ADDR_MAX - 1));
	n = 0;
	while (hdr_addr_next(&it, &a))
		n++;
	assert_int_equal(n, HDR_ADDR_MAX);
	assert_false(it.capped);
	hdr_addr_fini(&it);
	buf_fini(&b);
}

static void
test_dates(void **state)
{
	static const struct {
		const char	*text;
		int64_t		 unix_s;	/* -1: refused */
		int		 zone;
	} rows[] = {
		{ "Fri, 20 Nov 2026 10:02:10 +0000", 1795168930, 0 },
		{ "20 Nov 2026 10:02:10 +0100", 1795165330, 60 },
		{ "Fri, 20 Nov 2026 10:02 -0530", 1795188720, -330 },
		{ "Fri,20 nov 2026 10:02:10 GMT", 1795168930, 0 },
		{ "Fri, 20 Nov 26 10:02:10 EST", 1795186930, -300 },
		{ "20 Nov 126 10:02:10 Z", 1795168930, 0 },
		{ "20 Nov 70 00:00:00 UT", 27907200, 0 },
		{ "Fri (day), 20 (d) Nov (m) 2026 (y) 10:02:10 (t) +0000 (UTC)", 1795168930, 0 },
		{ "Fri,\r\n 20 Nov 2026\r\n 10 : 02 : 10 A", 1795168930, 0 },
		{ "20-Nov-2026 10:02:10 +0000", 1795168930, 0 },
		{ "20 November 2026 10:02:10 +0000", 1795168930, 0 },
		{ "20 Nov 2026 10:02:10", 1795168930, 0 },
		{ "20 Nov 2026 10:02:10 +9999", 1795168930, 0 },
		{ "29 Feb 2024 00:00:00 +0000", 1709164800, 0 },
		{ "31 Dec 2016 23:59:60 +0000", 1483228800, 0 },
		{ "29 Feb 2023 00:00:00 +0000", -1, 0 },
		{ "31 Apr 2023 00:00:00 +0000", -1, 0 },
		{ "0 Jan 2023 00:00:00 +0000", -1, 0 },
		{ "20 Nov 2026 24:00:00 +0000", -1, 0 },
		{ "20 Nov 2026 10:60:00 +0000", -1, 0 },
		{ "20 Nov 2026 10:02:61 +0000", -1, 0 },
		{ "20 Nov 2026", -1, 0 }, { "20 Nob 2026 10:02:10", -1, 0 },
		{ "", -1, 0 }, { "Fri,", -1, 0 }, { "yesterday", -1, 0 },
		{ "20 Nov 6 10:02:10", -1, 0 }, { "20 Nov 1899 10:02:10", -1, 0 },
		{ "(((((", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct hdr_date d = { -1, 0 };
		enum err e = hdr_date_parse(slice_str(rows[i].text), &d);

		assert_int_equal(e, rows[i].unix_s == -1 ? ERR_SYNTAX : ERR_OK);
		if (e == ERR_OK) {
			assert_int_equal(d.unix_s, rows[i].unix_s);
			assert_int_equal(d.zone_minutes, rows[i].zone);
		}
	}
}

static void
test_words(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "plain text", "plain text" },
		{ "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Gr\xc3\xbc\xc3\x9f""e" },
		{ "=?UTF-8?b?R3LDvMOfZQ==?= aus", "Gr\xc3\xbc\xc3\x9f""e aus" },
		{ "=?iso-8859-1?q?a_b=E9?=", "a b\xc3\xa9" },
		{ "=?utf-8?q?a?=  =?utf-8?q?b?=", "ab" },
		{ "=?utf-8?q?a?=\r\n =?utf-8?q?b?= c", "ab c" },
		{ "x =?utf-8?q?a?= y", "x a y" },
		/* a character split between two words */
		{ "=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\xc3\xbc" },
		{ "=?utf-8?b?w7w?= =?iso-8859-1?q?=FC?=", "\xc3\xbc\xc3\xbc" },
		{ "=?utf-8*de?q?a?=", "a" },
		{ "=?nope?q?a=FF?=", "a\xef\xbf\xbd" },
		{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
		{ "=?utf-8?q?open", "=?utf-8?q?open" },
		{ "=?utf-8?q?a b?=", "a b" },
		{ "=?=?=?utf-8?q?a?=", "=?=?a" },
		{ "=?", "=?" }, { "", "" },
		{ "=?utf-8?q?=0D=0AX:_y=00?=", "  X: y\xef\xbf\xbd" },
		{ "raw \xc3\xbc", "raw \xc3\xbc" },
		{ "raw \xfc", "raw \xc3\xbc" },
		{ "a\r\n b", "a b" },
		{ "=?us-ascii?q?=ZZ=4?=", "=ZZ=4" },
		{ "=?windows-1252?q?=80=93?=", "\xe2\x82\xac\xe2\x80\x9c" },
		{ "=?iso-8859-15?q?=A4?=", "\xe2\x82\xac" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		hdr_word_decode(NULL, slice_str(rows[i].text), &b);
		assert_slice(buf_slice(&b), rows[i].want);
	}
	buf_fini(&b);
}

static void
test_words_bounded(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, 1u << 20);
	buf_init(&out, 4u << 20);
	for (unsigned i = 0; i < 60000; i++)
		buf_put_str(&in, "=?a?");
	hdr_word_decode(NULL, buf_slice(&in), &out);
	assert_int_equal(out.n, in.n);
	buf_reset(&in);
	buf_reset(&out);
	for (unsigned i = 0; i < 10000; i++)
		buf_put_str(&in, "=?utf-8?b?w7w=?= ");
	hdr_word_decode(NULL, buf_slice(&in), &out);
	assert_int_equal(out.n, 20001);
	buf_fini(&in);
	buf_fini(&out);
}

static void
test_charsets(void **state)
{
	static const struct {
		const char *charset, *text, *want;
	} rows[] = {
		{ "KOI8-R", "\xf0\xd2\xc9", "\xd0\x9f\xd1\x80\xd0\xb8" },
		{ "iso-8859-2", "\xb1", "\xc4\x85" },
		{ "ISO-2022-JP", "\x1b$B$\"\x1b(B", "\xe3\x81\x82" },
		{ "Shift_JIS", "\x82\xa0", "\xe3\x81\x82" },
		{ "gb2312", "\xc4\xe3", "\xe4\xbd\xa0" },
		{ "euc-kr", "\xb0\xa1", "\xea\xb0\x80" },
		{ "big5", "\xa7\x41", "\xe4\xbd\xa0" },
		{ "utf-8", "a\xff" "b", "a\xef\xbf\xbd" "b" },
		{ "utf-8", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "utf-8", "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "windows-1251", "\xcf", "\xd0\x9f" },
		{ "gb2312", "\xc4", "\xef\xbf\xbd" },
	};
	struct charset_set *set = charset_new();
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		assert_true(charset_put_utf8(set, slice_str(rows[i].charset),
		    slice_str(rows[i].text), &b));
		assert_slice(buf_slice(&b), rows[i].want);
	}
	assert_false(charset_is_known(set, SLICE_LIT("iso-2022-cn-ext")));
	assert_false(charset_is_known(set, SLICE_LIT("utf-8//IGNORE-and-much-more-text")));
	assert_false(charset_is_known(set, SLICE_NONE));
	assert_true(charset_is_known(NULL, SLICE_LIT("ISO_8859-1")));
	assert_false(charset_is_known(NULL, SLICE_LIT("koi8-r")));
	buf_fini(&b);
	charset_free(&set);
	assert_null(set);
}

static void
show_params(struct buf *b, struct slice value)
{
	struct hdr_params p;

	hdr_param_init(&p);
	hdr_param_parse(&p, value);
	buf_printf(b, "%.*s/%.*s", SLICE_FMT(p.main), SLICE_FMT(p.sub));
	for (unsigned i = 0; i < p.count; i++)
		buf_printf(b, ";%.*s=%.*s", SLICE_FMT(p.v[i].name), SLICE_FMT(p.v[i].value));
	hdr_param_fini(&p);
}

static void
test_params(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "text/plain", "text/plain" },
		{ "Text / HTML ; CharSet = \"utf-8\"", "Text/HTML;charset=utf-8" },
		{ "text/plain; charset=us-ascii (note); format=flowed",
		    "text/plain;charset=us-ascii;format=flowed" },
		{ "a/b; x=\"q\\\"r;s\"; y=1", "a/b;x=q\"r;s;y=1" },
		{ "a/b; name=my file (1).pdf; x=y", "a/b;name=my file (1).pdf;x=y" },
		{ "a/b;; ;x=y;", "a/b;x=y" },
		{ "a/b; noequals; x=y", "a/b;x=y" },
		{ "a/b; x=", "a/b;x=" },
		{ "a/b; x=\"open", "a/b;x=open" },
		{ "attachment; filename*0=\"a b\"; filename*1=c.txt", "attachment/;filename=a bc.txt" },
		{ "a; f*1=b; f*0=a; f*2=c", "a/;f=abc" },
		{ "a; f*0*=utf-8''%61; f*1=b%; f*2*=%63", "a/;f*=utf-8''%61b%25%63" },
		{ "a; f*0=a; f*1*=%62", "a/;f*=''a%62" },
		{ "a; f*0=a; f*2=c", "a/;f=a;f*2=c" },
		{ "a; f*=utf-8'de'x", "a/;f*=utf-8'de'x" },
		{ "a; f*x=y; f**=z; *0=q", "a/;f*x=y;f**=z;*0=q" },
		{ "a; f*99999999999=y", "a/;f*99999999999=y" },
		{ "", "/" }, { "/", "/" }, { ";", "/" }, { "(c) text (c) / (c) plain", "text/plain" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		show_params(&b, slice_str(rows[i].text));
		assert_slice(buf_slice(&b), rows[i].want);
	}
	buf_fini(&b);
}

/* Many sections, many parameters, and sections of many. */
static void
test_param_limits(void **state)
{
	struct hdr_params p;
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	hdr_param_init(&p);
	buf_put_str(&b, "a/b");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, ";f*%u=x", i);
	hdr_param_parse(&p, buf_slice(&b));
	assert_int_equal(p.count, 1);
	assert_int_equal(p.v[0].value.n, HDR_PARAM_RAW_MAX);
	buf_reset(&b);
	buf_put_str(&b, "a/b");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, ";p%u=x", i);
	hdr_param_parse(&p, buf_slice(&b));
	assert_int_equal(p.count, HDR_PARAM_MAX);
	buf_reset(&b);
	buf_put_str(&b, "a/b");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&b, ";f*0*=%%;g*1=\x01\x02");
	hdr_param_parse(&p, buf_slice(&b));
	assert_true(p.count <= HDR_PARAM_MAX);
	assert_int_equal(buf_err(&p.text), ERR_OK);
	hdr_param_fini(&p);
	buf_fini(&b);
}

static void
test_param_decode(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "a; f=plain.txt", "plain.txt" },
		{ "a; f*=utf-8''r%C3%A9sum%C3%A9", "r\xc3\xa9sum\xc3\xa9" },
		{ "a; f=old; f*=utf-8''new", "new" },
		{ "a; f*=iso-8859-1'en'%e9%", "\xc3\xa9%" },
		{ "a; f*=nocharset", "" },
		{ "a; f=\"=?utf-8?q?=C3=A9?=\"", "\xc3\xa9" },
		{ "a; f*=''%zz", "%zz" },
	};
	struct hdr_params p;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	hdr_param_init(&p);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		hdr_param_parse(&p, slice_str(rows[i].text));
		assert_non_null(hdr_param_find(&p, "F"));
		hdr_param_decode(NULL, hdr_param_find(&p, "F"), &b);
		assert_slice(buf_slice(&b), rows[i].want);
	}
	assert_null(hdr_param_find(&p, "g"));
	hdr_param_fini(&p);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_msgids),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_limit),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_bounded),
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_param_limits),
		cmocka_unit_test(test_param_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
