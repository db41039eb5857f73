/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/smtp/smtp_reply_parser.h"

#define IN(s)	{ (s), sizeof(s) - 1 }

/* Events noted: "line 250 text", "end 250 dsn reply", "bad why". */
static const struct row {
	struct slice	 in;
	const char	*log;
} rows[] = {
	{ IN("220 mx ESMTP\r\n"), "end 220 [] 220 mx ESMTP\n" },
	{ IN("250\r\n"), "end 250 [] 250\n" },
	{ IN("250 \r\n"), "end 250 [] 250\n" },
	{ IN("250 lf alone\n"), "end 250 [] 250 lf alone\n" },
	{ IN("250-\r\n250-a b \r\n250 c\r\n"), "line 250 \nline 250 a b \nend 250 [] 250 a b c\n" },
	{ IN("250 one\r\n354 two\r\n"), "end 250 [] 250 one\nend 354 [] 354 two\n" },
	{ IN("450 4.2.0 Wait\r\n"), "end 450 [4.2.0] 450 4.2.0 Wait\n" },
	{ IN("550-5.1.1 a\r\n550-5.1.1 b\r\n550 5.1.2 c\r\n"),
	    "line 550 5.1.1 a\nline 550 5.1.1 b\nend 550 [5.1.1] 550 5.1.1 a b 5.1.2 c\n" },
	{ IN("550 5.1.1\r\n"), "end 550 [5.1.1] 550 5.1.1\n" },
	{ IN("550 5.123.123 x\r\n"), "end 550 [5.123.123] 550 5.123.123 x\n" },
	/* Not an enhanced code, or not of this class. */
	{ IN("550 5.1234.1 x\r\n"), "end 550 [] 550 5.1234.1 x\n" },
	{ IN("550 4.1.1 x\r\n"), "end 550 [] 550 4.1.1 x\n" },
	{ IN("550 5.1 x\r\n"), "end 550 [] 550 5.1 x\n" },
	{ IN("550 5.1.1x\r\n"), "end 550 [] 550 5.1.1x\n" },
	{ IN("550 5..1 x\r\n"), "end 550 [] 550 5..1 x\n" },
	{ IN("354 3.0.0 x\r\n"), "end 354 [] 354 3.0.0 x\n" },
	{ IN("250 \x1b[2J\xc3\xa9\rx\r\n"), "end 250 [] 250 ?[2J???x\n" },
	{ IN("250-a\r\n"), "line 250 a\n" },
	{ IN("250 a"), "" },
	{ IN("\r\n"), "bad no reply code\n" },
	{ IN("25\r\n"), "bad no reply code\n" },
	{ IN("25x a\r\n"), "bad no reply code\n" },
	{ IN("199 a\r\n"), "bad no reply code\n" },
	{ IN("600 a\r\n"), "bad no reply code\n" },
	{ IN("2500\r\n"), "bad no reply code\n" },
	{ IN("250:a\r\n"), "bad no reply code\n" },
	{ IN("HTTP/1.1 400 Bad Request\r\n"), "bad no reply code\n" },
	{ IN("250-a\r\n251 b\r\n"), "line 250 a\nbad reply code changes between lines\n" },
	{ IN("250-a\r\n\r\n"), "line 250 a\nbad no reply code\n" },
	{ IN("250 a\0b\r\n"), "bad NUL in a reply\n" },
	{ IN("250 a\r\n250 \0"), "end 250 [] 250 a\nbad NUL in a reply\n" },
};

static bool
feed(struct smtp_reply_parser *p, struct buf *log, struct slice in)
{
	for (;;) {
		switch (smtp_reply_parser_feed(p, &in)) {
		case SMTP_REPLY_MORE:
			assert_int_equal(in.n, 0);
			return true;
		case SMTP_REPLY_LINE:
			assert_true(smtp_reply_parser_is_inside(p));
			buf_printf(log, "line %u %.*s\n", p->code, SLICE_FMT(p->text));
			break;
		case SMTP_REPLY_END:
			assert_false(smtp_reply_parser_is_inside(p));
			buf_printf(log, "end %u [%s] %s\n", p->code, p->dsn, p->reply);
			break;
		case SMTP_REPLY_BAD:
			buf_printf(log, "bad %s\n", p->bad);
			/* It is final. */
			assert_int_equal(smtp_reply_parser_feed(p, &in), SMTP_REPLY_BAD);
			return false;
		}
	}
}

static void
run(const struct row *r, size_t step, size_t split)
{
	struct smtp_reply_parser p;
	struct slice left = r->in;
	struct buf log;
	size_t n;

	buf_init(&log, 100000);
	smtp_reply_parser_init(&p);
	for (; left.n > 0; left = slice_from(left, n)) {
		n = split > 0 ? split : step;
		split = 0;
		if (!feed(&p, &log, slice_head(left, n)))
			break;
	}
	assert_slice(buf_slice(&log), r->log);
	smtp_reply_parser_fini(&p);
	buf_fini(&log);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		run(&rows[i], rows[i].in.n, 0);
		run(&rows[i], 1, 0);
		for (size_t split = 1; split < rows[i].in.n; split++)
			run(&rows[i], rows[i].in.n, split);
	}
}

/* A line of the limit is whole; one more byte cuts it, and the reply goes on. */
static void
test_long_line(void **state)
{
	static char line[SMTP_REPLY_LINE_MAX + 100];
	struct smtp_reply_parser p;
	struct slice in;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		for (size_t step = 1; step < sizeof(line); step += 1023) {
			memset(line, 'x', sizeof(line));
			memcpy(line, "250 ", 4);
			line[SMTP_REPLY_LINE_MAX - 1 + more] = '\r';
			line[SMTP_REPLY_LINE_MAX + more] = '\n';
			smtp_reply_parser_init(&p);
			for (size_t at = 0; at <= SMTP_REPLY_LINE_MAX + more; at += step) {
				in = slice_of(line + at, step);
				if (at + step > SMTP_REPLY_LINE_MAX + more)
					in.n = SMTP_REPLY_LINE_MAX + more + 1 - at;
				assert_int_equal(smtp_reply_parser_feed(&p, &in),
				    at + step > SMTP_REPLY_LINE_MAX + more ? SMTP_REPLY_END :
				    SMTP_REPLY_MORE);
			}
			assert_int_equal(p.is_cut, more > 0);
			assert_int_equal(strlen(p.reply), SMTP_RESULT_REPLY_MAX);
			in = SLICE_LIT("250 b\r\n");
			assert_int_equal(smtp_reply_parser_feed(&p, &in), SMTP_REPLY_END);
			assert_string_equal(p.reply, "250 b");
			assert_false(p.is_cut);
			smtp_reply_parser_fini(&p);
		}
	}
}

/* SMTP_REPLY_BYTES_MAX and one more. */
static void
test_long_reply(void **state)
{
	struct smtp_reply_parser p;
	struct slice in;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		smtp_reply_parser_init(&p);
		for (size_t n = 0; n < SMTP_REPLY_BYTES_MAX - 16; n += 16) {
			in = SLICE_LIT("250-0123456789\r\n");
			assert_int_equal(smtp_reply_parser_feed(&p, &in), SMTP_REPLY_LINE);
		}
		in = more > 0 ? SLICE_LIT("250 0123456789a\r\n") : SLICE_LIT("250 0123456789\r\n");
		assert_int_equal(smtp_reply_parser_feed(&p, &in), more > 0 ? SMTP_REPLY_BAD : SMTP_REPLY_END);
		smtp_reply_parser_fini(&p);
	}
	/* A line without end is passed over until then, not kept. */
	smtp_reply_parser_init(&p);
	for (size_t n = 0; n < SMTP_REPLY_BYTES_MAX; n++) {
		in = SLICE_LIT("2");
		assert_int_equal(smtp_reply_parser_feed(&p, &in), SMTP_REPLY_MORE);
	}
	assert_true(p.line.n <= SMTP_REPLY_LINE_MAX);
	in = SLICE_LIT("2");
	assert_int_equal(smtp_reply_parser_feed(&p, &in), SMTP_REPLY_BAD);
	assert_string_equal(p.bad, "reply too long");
	smtp_reply_parser_fini(&p);
}

/* Words are cut where they do not fit, the end of the sentence stays. */
static void
test_result(void **state)
{
	char long_reply[SMTP_RESULT_REPLY_MAX + 1];
	struct smtp_result r;

	(void)state;
	memset(long_reply, 'x', sizeof(long_reply));
	long_reply[SMTP_RESULT_REPLY_MAX] = '\0';
	smtp_result_reply(&r, SMTP_STAGE_RCPT, "mx", 550, "", long_reply);
	assert_int_equal(strlen(r.text), SMTP_RESULT_TEXT_MAX);
	assert_true(slice_ends(slice_str(r.text), "x (in reply to RCPT TO command)"));
	assert_int_equal(strlen(r.reply), SMTP_RESULT_REPLY_MAX);
	assert_string_equal(r.dsn, "5.0.0");
	assert_int_equal(err_class(r.error), ERR_CLASS_PERM);
	assert_int_equal(r.code, 550);
	smtp_result_soften(&r);
	assert_string_equal(r.dsn, "4.0.0");
	assert_int_equal(err_class(r.error), ERR_CLASS_TEMP);
	smtp_result_reply(&r, SMTP_STAGE_END, "mx", 250, "2.0.0", "250 2.0.0 Ok");
	assert_int_equal(r.error, ERR_OK);
	assert_string_equal(r.text, "250 2.0.0 Ok");
	smtp_result_own(&r, SMTP_STAGE_STARTTLS, "4.7.4", "no %s", "TLS");
	assert_string_equal(r.text, "no TLS");
	smtp_result_add_reply(&r, 454, "454 not now");
	assert_string_equal(r.text, "no TLS: 454 not now");
	assert_string_equal(r.reply, "454 not now");
	assert_string_equal(smtp_stage_name(SMTP_STAGE_END), "end of data");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_long_reply),
		cmocka_unit_test(test_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
