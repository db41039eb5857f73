/* SPDX-License-Identifier: ISC */
/* mbox: which lines begin a message, quoting there and back, however it comes. */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "transfer/mail_crlf.h"
#include "transfer/mbox_lines.h"

static void
test_from(void **state)
{
	static const struct { const char *line; int64_t at; } good[] = {
		{ "From a@b Fri Nov 20 10:00:00 2026", 1795168800 },
		{ "From a@b  Fri Nov 20 10:00 2026", 1795168800 },
		{ "From MAILER-DAEMON fri nov 20 10:00:00 2026", 1795168800 },
		{ "From a@b Fri Nov 20 11:00:00 2026 +0100", 1795168800 },
		{ "From a@b Fri Nov 20 09:00:00 -0100 2026", 1795168800 },
		{ "From a@b Fri Nov 20 10:00:00 UTC 2026", 1795168800 },
		{ "From Fri day Fri Nov 20 10:00:00 2026 remote from x", 1795168800 },
	};
	static const char *const bad[] = {
		"From ", "From here on", "From a Fri Nov 20 10:00:00", "From a Fri Nov 32 10:00:00 2026",
		"From a Fri Foo 20 10:00:00 2026", "From a Fri Nov 20 24:00:00 2026",
		"From a Fri Nov 20 10 2026", ">From a@b Fri Nov 20 10:00:00 2026",
		"from a@b Fri Nov 20 10:00:00 2026", "From a Fri Nov 20 10:00:00 1969",
	};
	int64_t t;

	(void)state;
	for (size_t i = 0; i < lengthof(good); i++) {
		assert_true(mbox_is_from(slice_str(good[i].line), &t));
		assert_int_equal(t, good[i].at);
	}
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_false(mbox_is_from(slice_str(bad[i]), &t));
}

/* Lines in pieces of at most step bytes. */
static void
unquote(struct slice text, size_t step, struct buf *out)
{
	struct mbox_unquote q;
	bool starts = true;

	mbox_unquote_init(&q);
	while (text.n > 0) {
		size_t eol = slice_find(text, '\n');
		bool ends = eol < text.n && eol <= step;
		struct slice piece = slice_head(text, ends ? eol : step < eol ? step : eol);

		mbox_unquote_piece(&q, piece, starts, ends, out);
		text = slice_from(text, piece.n + ends);
		starts = ends;
	}
}

static void
test_unquote(void **state)
{
	static const char text[] = "Status: RO\nA: 1\nX-Status: AFT\n folded\nX-Keywords: a  b\r\n"
	    "Statusx: 1\n\nStatus: stays\n>From x\n>>From y\n>x\nr\r\n\rq\r\r\nno end";
	static const char want[] = "A: 1\r\nStatusx: 1\r\n\r\nStatus: stays\r\nFrom x\r\n>From y\r\n>x\r\n"
	    "r\r\n\rq\r\r\nno end";
	struct mail_flags f;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	for (size_t step = 12; step < sizeof(text); step++) {
		buf_reset(&out);
		unquote(SLICE_LIT(text), step, &out);
		assert_slice(buf_slice(&out), want);
	}
	buf_reset(&out);
	mbox_flags(SLICE_LIT(text), &f, &out);
	assert_int_equal(f.bits, MAIL_SEEN | MAIL_ANSWERED | MAIL_FLAGGED | MAIL_DRAFT);
	assert_slice(f.keywords, "a b");
	buf_fini(&out);
}

static void
quote(struct slice text, size_t step, struct buf *out)
{
	const struct mail_flags f = { MAIL_SEEN | MAIL_DELETED, SLICE_LIT("k") };
	struct mbox_quote q;

	mbox_quote_begin(&q, out, 1795168800, &f);
	for (; text.n > 0; text = slice_from(text, step))
		mbox_quote_put(&q, out, slice_head(text, step));
	mbox_quote_end(&q, out);
}

static void
test_quote(void **state)
{
	static const char text[] = "From a\r\nFro\r\nFrom\r\n>From \r\n>>From x\r\n From \r\n>Fr>From \r\n"
	    "xFrom \r\n\rFrom \r\n\nFrom z\n\r\nFrom q\r";
	static const char want[] = "From MAILER-DAEMON Fri Nov 20 10:00:00 2026\nStatus: RO\n"
	    "X-Status: D\nX-Keywords: k\n"
	    ">From a\nFro\nFrom\n>>From \n>>>From x\n From \n>Fr>From \n"
	    "xFrom \n\rFrom \n\n>From z\n\n>From q\r\n\n";
	struct buf out;

	(void)state;
	buf_init(&out, 2000);
	for (size_t step = 1; step < sizeof(text); step++) {
		buf_reset(&out);
		quote(SLICE_LIT(text), step, &out);
		assert_slice(buf_slice(&out), want);
	}
	buf_reset(&out);
	quote(SLICE_LIT("ends\r\nFro"), 1, &out);
	assert_true(slice_ends(buf_slice(&out), "ends\nFro\n\n"));
	buf_fini(&out);
}

static void
test_crlf(void **state)
{
	static const char text[] = "a\nb\r\nc\r\n\n\rd\r\r\ne\r";
	static const char crlf[] = "a\r\nb\r\nc\r\n\r\n\rd\r\r\ne\r", lf[] = "a\nb\nc\n\n\rd\r\ne\r";
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	for (size_t step = 1; step < sizeof(text); step++) {
		struct mail_crlf count = { false }, put = { false }, back = { false };
		uint64_t n = 0;

		buf_reset(&out);
		for (struct slice s = SLICE_LIT(text); s.n > 0; s = slice_from(s, step)) {
			n += mail_crlf_count(&count, slice_head(s, step));
			mail_crlf_put(&put, &out, slice_head(s, step));
		}
		assert_slice(buf_slice(&out), crlf);
		assert_int_equal(n, sizeof(crlf) - 1);
		buf_reset(&out);
		for (struct slice s = SLICE_LIT(crlf); s.n > 0; s = slice_from(s, step))
			mail_lf_put(&back, &out, slice_head(s, step));
		mail_lf_end(&back, &out);
		assert_slice(buf_slice(&out), lf);
	}
	buf_fini(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from), cmocka_unit_test(test_unquote),
		cmocka_unit_test(test_quote), cmocka_unit_test(test_crlf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
