/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/buf.h"
#include "smtpd/smtp_text.h"

#define IN(s)	{ (s), sizeof(s) - 1 }

struct row {
	struct slice		 in;
	bool			 is_data;
	enum smtp_text_result	 result;
	const char		*out;	/* when not BARE */
	size_t			 left;
	bool			 has_nul, is_too_long;
};

static const struct row rows[] = {
	{ IN("a\r\nb\r\n.\r\nREST"), true, SMTP_TEXT_END, "a\r\nb\r\n", 4, false, false },
	{ IN(".\r\n"), true, SMTP_TEXT_END, "", 0, false, false },
	{ IN("..\r\n...\r\n.x\r\n.\r\n"), true, SMTP_TEXT_END, ".\r\n..\r\nx\r\n", 0, false, false },
	{ IN("a.\r\n..b.\r\n"), true, SMTP_TEXT_MORE, "a.\r\n.b.\r\n", 0, false, false },
	{ IN("\r\n\r\n.\r\n"), true, SMTP_TEXT_END, "\r\n\r\n", 0, false, false },
	{ IN("a\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN("a\rb"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN("a\r\r\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN("\n.\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN(".\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN(".\rx"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN(".\r\r\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN("\r\n.\r.\r\n"), true, SMTP_TEXT_BARE, "", 0, false, false },
	{ IN("a\0b\r\n.\r\n"), true, SMTP_TEXT_END, NULL, 0, true, false },
	{ IN("..234567890\r\n.\r\n"), true, SMTP_TEXT_END, ".234567890\r\n", 0, false, false },
	{ IN("..2345678901\r\n.\r\n"), true, SMTP_TEXT_END, ".2345678901\r\n", 0, false, true },
	{ IN(".\r\n..\r\n"), false, SMTP_TEXT_MORE, ".\r\n..\r\n", 0, false, false },
	{ IN("x\n"), false, SMTP_TEXT_BARE, "", 0, false, false },
};

static void
sink(void *arg, struct slice s)
{
	assert_true(s.n > 0);
	buf_put_slice(arg, s);
}

/* Cut into pieces of step bytes. */
static void
run(const struct row *r, size_t step)
{
	enum smtp_text_result got = SMTP_TEXT_MORE;
	struct slice left = r->in, part;
	struct smtp_text t;
	struct buf out;
	size_t n;

	buf_init(&out, 1000);
	smtp_text_init(&t, r->is_data, 10);
	while (left.n > 0 && got == SMTP_TEXT_MORE) {
		part = slice_head(left, step);
		n = part.n;
		got = smtp_text_feed(&t, &part, sink, &out);
		left = slice_from(left, n - part.n);
	}
	assert_int_equal(got, r->result);
	if (got != SMTP_TEXT_BARE) {
		assert_int_equal(left.n, r->left);
		assert_int_equal(t.has_nul, r->has_nul);
		assert_int_equal(t.is_too_long, r->is_too_long);
		if (r->out != NULL)
			assert_slice(buf_slice(&out), r->out);
	}
	buf_fini(&out);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		for (size_t step = 1; step <= rows[i].in.n; step++)
			run(&rows[i], step);
}

static void
test_finish(void **state)
{
	static const struct {
		const char	*in, *out;
		bool		 ok;
	} ends[] = {
		{ "a\r\n", "a\r\n", true }, { "a", "a\r\n", true }, { "a\r", "a", false },
		{ "", "", true }, { "\r\nb", "\r\nb\r\n", true },
	};
	struct smtp_text t;
	struct slice in;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < lengthof(ends); i++) {
		buf_init(&out, 100);
		smtp_text_init(&t, false, 10);
		in = slice_str(ends[i].in);
		assert_int_equal(smtp_text_feed(&t, &in, sink, &out), SMTP_TEXT_MORE);
		assert_int_equal(smtp_text_finish(&t, sink, &out), ends[i].ok);
		assert_slice(buf_slice(&out), ends[i].out);
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
