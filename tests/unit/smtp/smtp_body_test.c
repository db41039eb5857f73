/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/smtp/smtp_body.h"

/* out: with dots and the end; chunk: without; binary is what came in. */
static const struct row {
	const char	*in;
	const char	*out;
	const char	*chunk;
} rows[] = {
	{ "", ".\r\n", "" },
	{ "a\r\n", "a\r\n.\r\n", "a\r\n" },
	{ "a", "a\r\n.\r\n", "a\r\n" },
	{ "\r\n\r\n", "\r\n\r\n.\r\n", "\r\n\r\n" },
	{ ".\r\n", "..\r\n.\r\n", ".\r\n" },
	{ "a\r\n.b\r\n..\r\nc.\r\n", "a\r\n..b\r\n...\r\nc.\r\n.\r\n", "a\r\n.b\r\n..\r\nc.\r\n" },
	{ "a\r\n.", "a\r\n..\r\n.\r\n", "a\r\n.\r\n" },
	/* Every line end is one that we mean. */
	{ "a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n" },
	{ "a\r.\rb\r", "a\r\n..\r\nb\r\n.\r\n", "a\r\n.\r\nb\r\n" },
	{ "a\n.\r\nRCPT\r\n", "a\r\n..\r\nRCPT\r\n.\r\n", "a\r\n.\r\nRCPT\r\n" },
	{ "a\r\r\n.\r\n", "a\r\n\r\n..\r\n.\r\n", "a\r\n\r\n.\r\n" },
	{ "\r", "\r\n.\r\n", "\r\n" },
	{ "\n", "\r\n.\r\n", "\r\n" },
	{ "\n\r", "\r\n\r\n.\r\n", "\r\n\r\n" },
	{ "a\r\n\n.x", "a\r\n\r\n..x\r\n.\r\n", "a\r\n\r\n.x\r\n" },
	{ ".\r.\n..", "..\r\n..\r\n...\r\n.\r\n", ".\r\n.\r\n..\r\n" },
};

static size_t
put(struct smtp_body *b, struct buf *out, struct slice s)
{
	struct smtp_body copy = *b;
	size_t before = out->n, n = smtp_body_put(&copy, NULL, s);

	/* Counting and writing agree. */
	assert_int_equal(smtp_body_put(b, out, s), n);
	assert_int_equal(out->n - before, n);
	return n;
}

static void
run(const char *in, const char *want, enum smtp_body_form form, size_t step, size_t split)
{
	struct slice left = slice_str(in);
	struct smtp_body b;
	struct buf out;
	size_t n;

	buf_init(&out, 1000);
	smtp_body_init(&b, form);
	for (; left.n > 0; left = slice_from(left, n)) {
		n = split > 0 ? split : step;
		split = 0;
		(void)put(&b, &out, slice_head(left, n));
	}
	(void)smtp_body_end(&b, &out);
	assert_slice(buf_slice(&out), want);
	buf_fini(&out);
}

static void
run_all(const char *in, const char *want, enum smtp_body_form form)
{
	run(in, want, form, 1000, 0);
	run(in, want, form, 1, 0);
	for (size_t split = 1; split < slice_str(in).n; split++)
		run(in, want, form, 1000, split);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		run_all(rows[i].in, rows[i].out, SMTP_BODY_DATA);
		run_all(rows[i].in, rows[i].chunk, SMTP_BODY_CHUNK);
		run_all(rows[i].in, rows[i].in, SMTP_BODY_BINARY);
	}
}

/* The promise of smtp_client.h: at most twice a piece and a few bytes. */
static void
test_growth(void **state)
{
	static const char *const worst[] = { "\n", "\r", "\n.", "\r.", ".\r\n", "." };
	struct smtp_body b;
	struct buf in;
	size_t n;

	(void)state;
	for (size_t i = 0; i < lengthof(worst); i++) {
		buf_init(&in, 3000);
		while (in.n < 1000)
			buf_put_str(&in, worst[i]);
		smtp_body_init(&b, SMTP_BODY_DATA);
		n = smtp_body_put(&b, NULL, buf_slice(&in)) + smtp_body_end(&b, NULL);
		assert_true(n <= 2 * in.n + 32);
		buf_fini(&in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
