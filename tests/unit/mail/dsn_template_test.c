/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/dsn_template.h"

#define GOOD								\
	"# words of ours\n"						\
	"\n"								\
	"failure_template = <<EOF\n"					\
	"Charset: utf-8\n"						\
	"From: Postb\xc3\xbcro <MAILER-DAEMON>\n"			\
	"Subject: Unzustellbar: zur\xc3\xbc" "ck an den Absender\n"	\
	"Postmaster-Subject: Kopie\n"					\
	"\n"								\
	"Hier ist $myhostname in ${mydomain}.\n"			\
	"\n"								\
	"EOF is no end here; $$5, $(maximal_queue_lifetime_days) Tage.\n" \
	"EOF\n"								\
	"delay_template = <<ENDE\n"					\
	"\n"								\
	"After $delay_warning_time_hours h ($delay_warning_time_minutes min).\n" \
	"ENDE\n"							\
	"verify_template = <<EOF\n"					\
	"\n"								\
	"unused\n"							\
	"EOF\n"								\
	"success_template = <<EOF\n"					\
	"From: MAILER-DAEMON (Mail Delivery System)\n"			\
	"\n"								\
	"It went.\n"							\
	"EOF\n"								\
	"relayed_template = <<EOF\n"					\
	"From: \"Doe, J\" <post@example.org>\n"				\
	"\n"								\
	"It went on.\n"							\
	"EOF\n"

static const struct dsn_template_facts facts = { .hostname = "mx.example.net",
    .lifetime_ms = 5 * 86400000ull, .warning_ms = 4 * 3600000ull };

static void
expect(const struct dsn_template *t, const char *from, const char *text)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	dsn_template_put_text(&b, t, &facts);
	assert_string_equal(buf_cstr(&b), text);
	buf_reset(&b);
	if (from != NULL) {
		dsn_template_put_from(&b, t, facts.hostname);
		assert_string_equal(buf_cstr(&b), from);
	} else
		assert_int_equal(t->from.n, 0);
	buf_fini(&b);
}

static void
expect_good(struct slice file)
{
	struct dsn_template_set *set;
	struct dsn_template_fault why;

	assert_int_equal(dsn_template_parse(&set, file, &why), ERR_OK);
	assert_slice(set->all[DSN_TEMPLATE_FAILURE].subject,
	    "Unzustellbar: zur\xc3\xbc" "ck an den Absender");
	assert_int_equal(set->all[DSN_TEMPLATE_DELAY].subject.n, 0);
	expect(&set->all[DSN_TEMPLATE_FAILURE],
	    "=?utf-8?B?UG9zdGLDvHJv?= <MAILER-DAEMON@mx.example.net>",
	    "Hier ist mx.example.net in example.net.\r\n\r\n"
	    "EOF is no end here; $5, 5 Tage.\r\n");
	expect(&set->all[DSN_TEMPLATE_DELAY], NULL, "After 4 h (240 min).\r\n");
	expect(&set->all[DSN_TEMPLATE_SUCCESS],
	    "Mail Delivery System <MAILER-DAEMON@mx.example.net>", "It went.\r\n");
	expect(&set->all[DSN_TEMPLATE_RELAYED], "\"Doe, J\" <post@example.org>",
	    "It went on.\r\n");
	dsn_template_free(&set);
}

static void
test_good(void **state)
{
	char crlf[2 * sizeof(GOOD)];
	size_t i, n = 0;

	(void)state;
	expect_good(SLICE_LIT(GOOD));
	for (i = 0; i < sizeof(GOOD) - 1; i++) {
		if (GOOD[i] == '\n')
			crlf[n++] = '\r';
		crlf[n++] = GOOD[i];
	}
	expect_good(slice_of(crlf, n));
}

static void
test_empty(void **state)
{
	struct dsn_template_set *set;
	struct dsn_template_fault why;

	(void)state;
	assert_int_equal(dsn_template_parse(&set, SLICE_NONE, &why), ERR_OK);
	for (int i = 0; i < DSN_TEMPLATES; i++)
		assert_int_equal(set->all[i].text.n, 0);
	dsn_template_free(&set);
}

/* Cut anywhere it is read or refused, and a refusal says where and why. */
static void
test_cut(void **state)
{
	struct dsn_template_set *set;
	struct dsn_template_fault why;
	char *copy;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(GOOD); n++) {
		copy = malloc(n + 1);	/* so that a sanitizer sees what is behind */
		memcpy(copy, GOOD, n);
		if (dsn_template_parse(&set, slice_of(copy, n), &why) != ERR_OK) {
			assert_null(set);
			assert_in_range(why.line, 1, 34);
			assert_true(why.text[0] != '\0');
		}
		dsn_template_free(&set);
		free(copy);
	}
}

static void
test_faults(void **state)
{
	static const struct { const char *file; unsigned line; const char *text; } cases[] = {
		{ "\nbounce_template = <<EOF\n", 2, "bounce_template: unknown template; " },
		{ "failure_template = text\n", 1, "no text follows; " },
		{ "failure_template = <<\n", 1, "no text follows; " },
		{ "failure_template = <<EOF\nSubject: x\n\ntext\n", 1,
		  "EOF: the line that ends the template is missing" },
		{ "failure_template = <<EOF\nSubject: x\nEOF\n", 3, "no text; " },
		{ "failure_template = <<EOF\nSubject:\n\ntext\nEOF\n", 2, "Subject: no value" },
		{ "failure_template = <<EOF\nReply-To: x\n\ntext\nEOF\n", 2,
		  "Reply-To: unknown header line; " },
		{ "failure_template = <<EOF\nCharset: koi8-r\n\ntext\nEOF\n", 2,
		  "koi8-r: unknown charset; " },
		{ "failure_template = <<EOF\nFrom: a b c\n\ntext\nEOF\n", 2, "From: not an address; " },
		{ "failure_template = <<EOF\nFrom: X <\n\ntext\nEOF\n", 2, "From: not an address; " },
		{ "failure_template = <<EOF\n\n$nothing\nEOF\n", 3, "nothing: unknown parameter; " },
		{ "failure_template = <<EOF\n\na $ b\nEOF\n", 3, "a $ alone; " },
		{ "failure_template = <<EOF\n\n${myhostname\nEOF\n", 3, "a $ alone; " },
		{ "failure_template = <<EOF\n\n${}\nEOF\n", 3, "a $ alone; " },
		{ "failure_template = <<EOF\n\n\xc3\xbc\nEOF\n", 1, "bytes that are not us-ascii; " },
		{ "failure_template = <<EOF\nSubject: \xc3\xbc\n\nx\nEOF\n", 1,
		  "bytes that are not us-ascii; " },
		{ "failure_template = <<EOF\nCharset: utf-8\n\n\xfc\nEOF\n", 4, "control bytes, or " },
		{ "failure_template = <<EOF\n\na\x01\nEOF\n", 3, "control bytes, or " },
		{ "delay_template = <<E\n\nx\nE\ndelay_template = <<E\n\nx\nE\n", 5,
		  "delay_template: given twice; " },
	};
	struct dsn_template_set *set;
	struct dsn_template_fault why;
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(cases); i++) {
		assert_int_equal(dsn_template_parse(&set, slice_str(cases[i].file), &why),
		    ERR_SYNTAX);
		assert_int_equal(why.line, cases[i].line);
		assert_int_equal(strncmp(why.text, cases[i].text, strlen(cases[i].text)), 0);
	}
}

static enum err
parse_sized(const char *head, char fill, size_t n, const char *tail)
{
	struct dsn_template_set *set;
	struct dsn_template_fault why;
	struct buf b;
	enum err e;

	buf_init(&b, 1u << 20);
	buf_put_str(&b, head);
	for (size_t i = 0; i < n; i++)
		buf_put_char(&b, fill == '$' && i % 2 == 1 ? '$' : fill);
	buf_put_str(&b, tail);
	e = dsn_template_parse(&set, buf_slice(&b), &why);
	dsn_template_free(&set);
	buf_fini(&b);
	return e;
}

static void
test_limits(void **state)
{
	static const char text[] = "failure_template = <<EOF\n\n", end[] = "\nEOF\n";
	static const char subject[] = "failure_template = <<EOF\nSubject: ";

	(void)state;
	assert_int_equal(parse_sized(text, 'x', DSN_TEMPLATE_TEXT_MAX - 1, end), ERR_OK);
	assert_int_equal(parse_sized(text, 'x', DSN_TEMPLATE_TEXT_MAX, end), ERR_SYNTAX);
	assert_int_equal(parse_sized(text, '$', 2 * DSN_TEMPLATE_NAMES_MAX, end), ERR_OK);
	assert_int_equal(parse_sized(text, '$', 2 * DSN_TEMPLATE_NAMES_MAX + 2, end), ERR_SYNTAX);
	assert_int_equal(parse_sized(subject, 'x', DSN_TEMPLATE_VALUE_MAX, "\n\nx\nEOF\n"), ERR_OK);
	assert_int_equal(parse_sized(subject, 'x', DSN_TEMPLATE_VALUE_MAX + 1, "\n\nx\nEOF\n"),
	    ERR_SYNTAX);
	assert_int_equal(parse_sized("", '\n', DSN_TEMPLATE_FILE_MAX, ""), ERR_OK);
	assert_int_equal(parse_sized("", '\n', DSN_TEMPLATE_FILE_MAX + 1, ""), ERR_TOOBIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
