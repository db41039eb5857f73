/* SPDX-License-Identifier: ISC */
/* The lexer, whole, byte by byte and split at every offset: equal events. */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_lexer.h"

#define TRACE_MAX	(1u << 20)

/* What a session would do, written down. */
struct run {
	struct imap_lexer	 l;
	struct buf		 trace;
	uint64_t		 max;		/* literals above are refused */
	bool			 stream;	/* the first literal */
};

static void
on_event(struct run *r, enum imap_lex event)
{
	switch (event) {
	case IMAP_LEX_MORE:
		break;
	case IMAP_LEX_COMMAND:
		buf_printf(&r->trace, "C<%.*s>", SLICE_FMT(buf_slice(&r->l.text)));
		imap_lexer_next(&r->l);
		break;
	case IMAP_LEX_LITERAL:
		buf_printf(&r->trace, "L%llu%s", (unsigned long long)r->l.literal_bytes,
		    r->l.nonsync ? "+" : "");
		if (r->l.literal_bytes > r->max) {
			imap_lexer_refuse(&r->l);
			buf_put_char(&r->trace, '!');
		} else if (r->stream) {
			imap_lexer_stream(&r->l);
		} else {
			imap_lexer_accept(&r->l);
		}
		break;
	case IMAP_LEX_DATA:
		buf_put_slice(&r->trace, r->l.data);
		buf_put_str(&r->trace, r->l.is_last ? "|" : "");
		break;
	case IMAP_LEX_TOOLONG:
		buf_put_char(&r->trace, 'T');
		break;
	}
}

static void
feed(struct run *r, struct slice in)
{
	while (in.n > 0) {
		enum imap_lex event;
		size_t n = imap_lexer_feed(&r->l, in, &event);

		on_event(r, event);
		in = slice_from(in, n);
	}
}

static void
check(const char *in_text, size_t in_bytes, const char *want, uint64_t max, bool stream,
    size_t line_max)
{
	struct slice in = slice_of(in_text, in_bytes);

	/* cut 0: whole; in.n: byte by byte; else split there */
	for (size_t cut = 0; cut <= in.n; cut++) {
		struct run r = { .max = max, .stream = stream };

		imap_lexer_init(&r.l);
		r.l.line_max = line_max;
		buf_init(&r.trace, TRACE_MAX);
		if (cut == in.n)
			for (size_t i = 0; i < in.n; i++)
				feed(&r, slice_of(in.p + i, 1));
		else {
			feed(&r, slice_head(in, cut));
			feed(&r, slice_from(in, cut));
		}
		if (!slice_eq_str(buf_slice(&r.trace), want))
			print_message("cut %zu: %.*s, not %s\n", cut,
			    SLICE_FMT(buf_slice(&r.trace)), want);
		assert_slice(buf_slice(&r.trace), want);
		imap_lexer_fini(&r.l);
		buf_fini(&r.trace);
	}
}

static const struct row {
	const char	*in;
	const char	*want;
	uint64_t	 max;
	bool		 stream;
} rows[] = {
	{ "a NOOP\r\n", "C<a NOOP>", 10, false },
	{ "a NOOP\r\nb NOOP\r\n", "C<a NOOP>C<b NOOP>", 10, false },
	{ "a NOOP\nb X\r\n", "C<a NOOP>C<b X>", 10, false },
	{ "\r\n", "C<>", 10, false },
	{ "a LOGIN {3}\r\nbob {2}\r\nxy\r\n",
	  "L3L2C<a LOGIN {3}\r\nbob {2}\r\nxy>", 10, false },
	{ "a LOGIN {3+}\r\nbob {0+}\r\n\r\nb X\r\n",
	  "L3+L0+C<a LOGIN {3+}\r\nbob {0+}\r\n>C<b X>", 10, false },
	{ "a X {3+}\r\na\r\n y\r\n", "L3+C<a X {3+}\r\na\r\n y>", 10, false },
	{ "a X \"{3}\r\nb Y\r\n", "C<a X \"{3}>C<b Y>", 10, false },
	{ "a X \"\\\"{3}\"\r\n", "C<a X \"\\\"{3}\">", 10, false },
	{ "a X {3\r\n", "C<a X {3>", 10, false },
	{ "a X {}\r\n", "C<a X {}>", 10, false },
	{ "a X {x}\r\n", "C<a X {x}>", 10, false },
	/* refused: a synchronizing one ends the command, the other is swallowed */
	{ "a X {11}\r\nb Y\r\n", "L11!C<b Y>", 10, false },
	{ "a X {11+}\r\n12345678901 rest\r\nb Y\r\n", "L11+!C<b Y>", 10, false },
	{ "a X {11+}\r\n12345678901 {2+}\r\nzz\r\nb Y\r\n", "L11+!C<b Y>", 10, false },
	{ "a X {11+}\r\n12345678901 {2}\r\nb Y\r\n", "L11+!C<b Y>", 10, false },
	{ "a X {99999999999999999999}\r\nb Y\r\n", "L9223372036854775807!C<b Y>", 10, false },
	{ "a APPEND x {5}\r\nhello\r\nb Y\r\n", "L5hello|C<>C<b Y>", 10, true },
	{ "a APPEND x {5+}\r\nhello tail\r\n", "L5+hello|C< tail>", 10, true },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i].in, strlen(rows[i].in), rows[i].want, rows[i].max,
		    rows[i].stream, IMAP_LINE_MAX);
}

/* The limit itself passes, one more does not, whatever the pieces. */
static void
test_line_limit(void **state)
{
	(void)state;
	check("0123456789\r\nb Y\r\n", 17, "C<0123456789>C<b Y>", 10, false, 11);
	check("01234567890\r\nb Y\r\n", 18, "TC<b Y>", 10, false, 11);
	check("012345678901\r\nb Y\r\n", 19, "TC<b Y>", 10, false, 11);
	check("0123456789012 {4+}\r\nzzzz\r\nb Y\r\n", 31, "TC<b Y>", 10, false, 11);
	/* a literal does not count, the text behind it does */
	check("a {9+}\r\n123456789 xy\r\n", 22, "L9+C<a {9+}\r\n123456789 xy>", 10,
	    false, 11);
	check("a {9+}\r\n123456789 xyz12\r\nb Y\r\n", 30, "L9+TC<b Y>", 10, false, 11);
}

static void
test_line_mode(void **state)
{
	struct imap_lexer l;
	enum imap_lex event;

	(void)state;
	imap_lexer_init(&l);
	imap_lexer_line_mode(&l, true);
	assert_int_equal(imap_lexer_feed(&l, slice_str("\"{5}\r\nrest"), &event), 6);
	assert_int_equal(event, IMAP_LEX_COMMAND);
	assert_slice(buf_slice(&l.text), "\"{5}");
	imap_lexer_next(&l);
	assert_true(imap_lexer_is_idle(&l));
	assert_null(l.text.mem);
	imap_lexer_fini(&l);
}

static void
test_abandon(void **state)
{
	struct imap_lexer l;
	enum imap_lex event;
	struct slice in = slice_str("a APPEND x {5}\r\n");

	(void)state;
	imap_lexer_init(&l);
	assert_int_equal(imap_lexer_feed(&l, in, &event), in.n);
	assert_int_equal(event, IMAP_LEX_LITERAL);
	imap_lexer_stream(&l);
	assert_int_equal(imap_lexer_feed(&l, slice_str("he"), &event), 2);
	assert_int_equal(event, IMAP_LEX_DATA);
	imap_lexer_abandon(&l);
	in = slice_str("llo\r\nb NOOP\r\n");
	assert_int_equal(imap_lexer_feed(&l, in, &event), in.n);
	assert_int_equal(event, IMAP_LEX_COMMAND);
	assert_slice(buf_slice(&l.text), "b NOOP");
	imap_lexer_fini(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_line_mode),
		cmocka_unit_test(test_abandon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
