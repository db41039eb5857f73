/* SPDX-License-Identifier: ISC */
/* A server's bytes: cut into responses however they come, and what they say. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/imap/imap_answer.h"
#include "lib/imap/imap_reader.h"

/* All that came, in words: lines in <>, messages as their size and bytes. */
static void
read_piece(struct imap_reader *r, struct slice input, struct buf *out)
{
	enum imap_reader_event ev;
	struct slice data;

	while ((ev = imap_reader_next(r, &input, &data)) != IMAP_READ_MORE) {
		if (ev == IMAP_READ_LINE)
			buf_printf(out, "<%.*s>", SLICE_FMT(buf_slice(&r->line)));
		else if (ev == IMAP_READ_BODY)
			buf_printf(out, "body %u ", (unsigned)r->body_bytes);
		else if (ev == IMAP_READ_DATA)
			buf_put_slice(out, data);
		if (ev == IMAP_READ_BAD) {
			buf_put_str(out, "bad");
			return;
		}
	}
	assert_int_equal(input.n, 0);
}

static void
check_split(struct slice text, const char *want, size_t first, size_t step)
{
	struct imap_reader r;
	struct buf out;

	imap_reader_init(&r);
	buf_init(&out, 1u << 20);
	for (size_t at = 0; at < text.n;) {
		size_t n = at == 0 && first > 0 ? first : step;

		read_piece(&r, slice_head(slice_from(text, at), n), &out);
		at += n;
	}
	assert_slice(buf_slice(&out), want);
	buf_fini(&out);
	imap_reader_fini(&r);
}

static void
test_reader(void **state)
{
	static const char text[] = "* OK hello {5}\r\n* LIST (\\X) \"/\" {4}\r\na\r\nb\r\n"
	    "* 1 FETCH (UID 7 BODY[] {11}\r\nA: b\r\n\r\n{3} FLAGS (\\Seen) X ~{2}\r\n\0)Y)\r\n"
	    "* 2 FETCH (BODY[] {0}\r\n UID 8)\n* 3 FETCH (BODY[] \"q{3}\")\r\n"
	    "G1 OK [A {3}\r\n+ go\r\n\r\n";
	static const char want[] = "<* OK hello {5}><* LIST (\\X) \"/\" {4}\r\na\r\nb>"
	    "body 11 A: b\r\n\r\n{3}<* 1 FETCH (UID 7 BODY[] \"\" FLAGS (\\Seen) X ~{2}\r\n?)Y)>"
	    "body 0 <* 2 FETCH (BODY[] \"\" UID 8)><* 3 FETCH (BODY[] \"q{3}\")>"
	    "<G1 OK [A {3}><+ go><>";
	struct slice s = slice_of(text, sizeof(text) - 1);
	char *wanted = strdup(want), *copy = malloc(s.n);

	(void)state;
	/* A NUL would end what is compared. */
	memcpy(copy, text, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (copy[i] == '\0')
			copy[i] = '?';
	s.p = copy;
	check_split(s, wanted, 0, s.n);
	check_split(s, wanted, 0, 1);
	for (size_t i = 1; i < s.n; i++)
		check_split(s, wanted, i, s.n);
	free(copy);
	free(wanted);
}

static void
test_reader_limits(void **state)
{
	char *big = malloc(IMAP_READER_LINE_MAX + 10);

	(void)state;
	check_split(SLICE_LIT("* LIST {18446744073709551616}\r\nx\r\n"),
	    "<* LIST {18446744073709551616}><x>", 0, 100);
	check_split(SLICE_LIT("* LIST {1048577}\r\nx\r\n"), "bad", 0, 100);
	check_split(SLICE_LIT("* 1 FETCH (BODY[] {9223372036854775807}\r\nx"), "body 4294967295 x", 0, 100);
	memset(big, 'x', IMAP_READER_LINE_MAX + 10);
	check_split(slice_of(big, IMAP_READER_LINE_MAX), "", 0, 1000);
	check_split(slice_of(big, IMAP_READER_LINE_MAX + 1), "bad", 0, IMAP_READER_LINE_MAX + 1);
	free(big);
}

static void
test_status(void **state)
{
	static const struct {
		const char *line; enum imap_status s; const char *tag, *code, *text;
	} rows[] = {
		{ "G7 OK [APPENDUID 12 34] done", IMAP_OK, "G7", "APPENDUID 12 34", "done" },
		{ "* no really not", IMAP_NO, "*", "", "really not" },
		{ "G1 BAD", IMAP_BAD, "G1", "", "" },
		{ "* BYE [X bye", IMAP_BYE, "*", "", "X bye" },
		{ "* PREAUTH [] x", IMAP_PREAUTH, "*", "", "x" },
		{ "+ idling", IMAP_NONE, "+", "", "idling" },
	};
	static const char *const bad[] = { "", "*", "* ", "G1", "G1 FINE ok", "* 7", "(x) OK" };
	struct imap_answer a;
	uint32_t n;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		assert_int_equal(imap_answer_parse(slice_str(rows[i].line), &a), ERR_OK);
		assert_int_equal(a.status, rows[i].s);
		assert_slice(a.tag, rows[i].tag);
		assert_slice(a.code, rows[i].code);
		assert_slice(a.text, rows[i].text);
	}
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(imap_answer_parse(slice_str(bad[i]), &a), ERR_SYNTAX);
	assert_int_equal(imap_answer_parse(SLICE_LIT("* 23 EXISTS"), &a), ERR_OK);
	assert_true(a.has_number && a.number == 23);
	assert_true(imap_answer_number(SLICE_LIT("appenduid 12 34"), "APPENDUID", 1, &n));
	assert_int_equal(n, 34);
	assert_false(imap_answer_number(SLICE_LIT("APPENDUID 12"), "APPENDUID", 1, &n));
	assert_false(imap_answer_number(SLICE_LIT("UIDNEXT 4294967296"), "UIDNEXT", 0, &n));
	assert_true(imap_answer_number(SLICE_LIT("(MESSAGES 1 UIDNEXT 4)"), "UIDNEXT", 0, &n));
	assert_false(imap_answer_has_word(SLICE_LIT("LITERAL+ XX"), "LITERAL"));
}

static void
test_list(void **state)
{
	static const struct {
		const char *rest, *name; char delimiter; bool noselect;
	} rows[] = {
		{ "(\\HasNoChildren) \"/\" INBOX", "INBOX", '/', false },
		{ "(\\Noselect \\Marked) \".\" \"a \\\"b\\\\\"", "a \"b\\", '.', true },
		{ "() NIL {3}\r\na b", "a b", '\0', false },
		{ "(\\nonexistent) \"\\\\\" a\\b", "a\\b", '\\', true },
		{ "() \"/\" NIL", "NIL", '/', false },
	};
	static const char *const bad[] = { "", "(", "()", "() \"/\"", "() \"/", "() \"/\" \"x",
		"x \"/\" a", "() \"/\" {9}\r\nx" };
	struct imap_listed l;
	struct buf name;

	(void)state;
	buf_init(&name, 100);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&name);
		assert_int_equal(imap_answer_list(slice_str(rows[i].rest), &l, &name), ERR_OK);
		assert_slice(buf_slice(&name), rows[i].name);
		assert_int_equal(l.delimiter, rows[i].delimiter);
		assert_int_equal(l.is_noselect, rows[i].noselect);
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		buf_reset(&name);
		assert_int_equal(imap_answer_list(slice_str(bad[i]), &l, &name), ERR_SYNTAX);
	}
	buf_fini(&name);
}

static void
test_namespace(void **state)
{
	static const char *const bad[] = { "", "NIL", "NIL (x) NIL", "NIL ((\"a\" \"/\") NIL",
		"NIL NIL (()" };
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(imap_answer_namespace(SLICE_LIT("((\"\" \"/\")) ((\"user/\" \"/\" \"X\" "
	    "(\"a\" (b)))({2}\r\n~) NIL)) ((\"Public.\" \".\"))"), &b), ERR_OK);
	assert_int_equal(b.n, 17);
	assert_memory_equal(buf_data(&b), "user/\0~)\0Public.\0", 17);
	buf_reset(&b);
	assert_int_equal(imap_answer_namespace(SLICE_LIT("NIL NIL NIL"), &b), ERR_OK);
	assert_int_equal(b.n, 0);
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(imap_answer_namespace(slice_str(bad[i]), &b), ERR_SYNTAX);
	buf_fini(&b);
}

static void
test_fetch(void **state)
{
	static const char *const bad[] = { "", "(", "(UID", "(UID x)", "(FLAGS x)", "(FLAGS (a)",
		"(X (()", "(BODY[HEADER] {5}\r\nab)", "(UID 1", "(\"x\" y)", "(RFC822.SIZE -1)" };
	struct imap_fetched f;
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	assert_int_equal(imap_answer_fetch(SLICE_LIT("(X (a (b \"c)\") {2}\r\n)) NIL) UID 7 FLAGS "
	    "(\\Seen $Junk \\Recent junk \\DELETED $junk) INTERNALDATE \" 7-Jul-1996 02:44:25 "
	    "-0700\" RFC822.SIZE 5000000000 MODSEQ (12) BODY[HEADER.FIELDS (A B)] "
	    "{4}\r\nA: b BODY[] \"x\\\"y\")"), &f, &b), ERR_OK);
	assert_int_equal(f.uid, 7);
	assert_int_equal(f.flags.bits, MAIL_SEEN | MAIL_DELETED);
	assert_slice(f.flags.keywords, "$Junk junk");
	assert_true(f.has_size && f.size == 5000000000);
	assert_int_equal(f.internal_s, 836732665);
	assert_slice(f.header, "A: b");
	assert_true(f.has_body);
	assert_slice(f.body, "x\"y");
	assert_int_equal(imap_answer_fetch(SLICE_LIT("()"), &f, &b), ERR_OK);
	assert_false(f.has_flags || f.has_size || f.has_body);
	assert_int_equal(imap_answer_fetch(SLICE_LIT("(UID 4294967296 BODY[] NIL)"), &f, &b), ERR_OK);
	assert_true(f.uid == 0 && !f.has_body);
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(imap_answer_fetch(slice_str(bad[i]), &f, &b), ERR_SYNTAX);
	buf_fini(&b);
}

static void
test_date(void **state)
{
	int64_t t;

	(void)state;
	assert_int_equal(imap_answer_date(SLICE_LIT("20-Nov-2026 10:00:00 +0100"), &t), ERR_OK);
	assert_int_equal(t, 1795165200);
	assert_int_equal(imap_answer_date(SLICE_LIT("20-Foo-2026 10:00:00 +0100"), &t), ERR_SYNTAX);
	assert_int_equal(imap_answer_date(SLICE_LIT("20 Nov 2026 10:00:00 +0100"), &t), ERR_SYNTAX);
	assert_int_equal(imap_answer_date(SLICE_NONE, &t), ERR_SYNTAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader), cmocka_unit_test(test_reader_limits),
		cmocka_unit_test(test_status), cmocka_unit_test(test_list), cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_fetch), cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
