/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "smtpd/sendmail_compose.h"
#include "smtpd/sendmail_drop.h"

#define TO	"To: undisclosed-recipients:;\r\n"
#define FROM	"From: <al@x.example>\r\n"

struct row {
	const char	*in;
	bool		 reads_rcpts, ignores_dots;
	enum err	 e;
	const char	*out;
	const char	*rcpts;		/* each followed by a comma */
};

static const struct row rows[] = {
	{ "Subject: a\n\nb\n", false, false, ERR_OK, "Subject: a\r\n" FROM TO "\r\nb\r\n", "r@s," },
	{ "Subject: a\r\n\r\nb", false, false, ERR_OK, "Subject: a\r\n" FROM TO "\r\nb\r\n", "r@s," },
	{ "Subject: a\r\rb\rc", false, false, ERR_OK, "Subject: a\r\n" FROM TO "\r\nb\r\nc\r\n", "r@s," },
	{ "no header\n", false, false, ERR_OK, FROM TO "\r\nno header\r\n", "r@s," },
	{ "", false, false, ERR_OK, FROM TO "\r\n", "r@s," },
	{ "From a Fri\nFrom: z@z\nTo: q@q\n\nb\n.\nc\n", false, false, ERR_OK,
	    "From: z@z\r\nTo: q@q\r\n\r\nb\r\n", "r@s," },
	{ "From: z@z\nTo: q@q\n\nb\n.\nc\n", false, true, ERR_OK,
	    "From: z@z\r\nTo: q@q\r\n\r\nb\r\n.\r\nc\r\n", "r@s," },
	{ "From: z@z\nTo: q@q,\n (c) Name <w>\nBcc: h@h,\n\tand@i\nCc : k@k\n\n", true, false, ERR_OK,
	    "From: z@z\r\nTo: q@q,\r\n (c) Name <w>\r\nCc : k@k\r\n\r\n",
	    "r@s,q@q,w@x.example,h@h,and@i,k@k," },
	{ "From: z@z\nTo: q@q\nResent-To: group: a@a, b;\nResent-Bcc: c@c\n\n", true, false, ERR_OK,
	    "From: z@z\r\nTo: q@q\r\nResent-To: group: a@a, b;\r\n\r\n", "r@s,a@a,b@x.example,c@c," },
	{ "From: z@z\nTo: q@q\nReturn-Path: <x>\n folded\nContent-Length: 3\n\n", false, false, ERR_OK,
	    "From: z@z\r\nTo: q@q\r\n\r\n", "r@s," },
	{ "To: \"a b\"@c, <" "x@[192.0.2.1]>\nFrom: z@z\n\n", true, false, ERR_OK,
	    "To: \"a b\"@c, <x@[192.0.2.1]>\r\nFrom: z@z\r\n\r\n", "r@s,\"a b\"@c,x@[192.0.2.1]," },
	{ "To: a@b..c\n\n", true, false, ERR_SYNTAX, NULL, NULL },
};

static void
test_compose(void **state)
{
	struct sendmail_wish w = { .login = SLICE_LIT("al"), .rcpts = SLICE_LIT("r@s\0") };
	struct buf text, rcpts, sender;
	struct slice wrong;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		const struct row *r = &rows[i];

		buf_init(&text, 4096);
		buf_init(&rcpts, 4096);
		buf_init(&sender, 400);
		w.reads_rcpts = r->reads_rcpts;
		w.ignores_dots = r->ignores_dots;
		assert_int_equal(sendmail_compose(&w, slice_str(r->in), SLICE_LIT("x.example"),
		    &text, &rcpts, &sender, &wrong), r->e);
		if (r->e == ERR_OK) {
			for (size_t k = 0; k < rcpts.n; k++)
				if (buf_data(&rcpts)[k] == '\0')
					buf_data(&rcpts)[k] = ',';
			assert_slice(buf_slice(&text), r->out);
			assert_slice(buf_slice(&rcpts), r->rcpts);
			assert_slice(buf_slice(&sender), "al@x.example");
		}
		buf_fini(&text);
		buf_fini(&rcpts);
		buf_fini(&sender);
	}
}

static void
test_from(void **state)
{
	static const struct {
		const char	*sender, *name, *from, *path;
	} from[] = {
		{ "s@t", "Al B", "From: Al B <s@t>\r\n", "s@t" },
		{ "s", "B. \"x\" \\", "From: \"B. \\\"x\\\" \\\\\" <s@x.example>\r\n", "s@x.example" },
		{ "", "", "From: <al@x.example>\r\n", "" }, { "<>", "", "From: <al@x.example>\r\n", "" },
	};
	struct buf text, rcpts, sender;
	struct slice wrong;

	(void)state;
	for (size_t i = 0; i < lengthof(from); i++) {
		struct sendmail_wish w = { .login = SLICE_LIT("al"), .rcpts = SLICE_LIT("r@s\0"),
		    .has_sender = true, .sender = slice_str(from[i].sender),
		    .name = slice_str(from[i].name), .date_s = 1795168930 };

		buf_init(&text, 4096);
		buf_init(&rcpts, 4096);
		buf_init(&sender, 400);
		assert_int_equal(sendmail_compose(&w, SLICE_LIT("To: q\n\n"), SLICE_LIT("x.example"),
		    &text, &rcpts, &sender, &wrong), ERR_OK);
		assert_true(slice_search(buf_slice(&text), slice_str(from[i].from)) < text.n);
		assert_true(slice_search(buf_slice(&text),
		    SLICE_LIT("\r\nDate: Fri, 20 Nov 2026 10:02:10 +0000\r\n")) < text.n);
		assert_slice(buf_slice(&sender), from[i].path);
		buf_fini(&text);
		buf_fini(&rcpts);
		buf_fini(&sender);
	}
}

static void
test_limits(void **state)
{
	struct sendmail_wish w = { .login = SLICE_LIT("al"), .reads_rcpts = true };
	struct buf raw, text, rcpts, sender;
	struct slice wrong;

	(void)state;
	buf_init(&raw, 4u << 20);
	buf_init(&text, 8u << 20);
	buf_init(&rcpts, 8u << 20);
	buf_init(&sender, 400);
	assert_int_equal(sendmail_compose(&w, SLICE_LIT("Subject: x\n\n"), SLICE_LIT("x.example"),
	    &text, &rcpts, &sender, &wrong), ERR_NOTFOUND);
	for (unsigned i = 0; i < SENDMAIL_RCPTS_MAX; i++)
		buf_printf(&raw, "To: %u@x\n", i);
	buf_reset(&text);
	buf_reset(&sender);
	assert_int_equal(sendmail_compose(&w, buf_slice(&raw), SLICE_LIT("x.example"), &text,
	    &rcpts, &sender, &wrong), ERR_OK);
	buf_put_str(&raw, "To: more@x\n");
	buf_reset(&text);
	buf_reset(&rcpts);
	buf_reset(&sender);
	assert_int_equal(sendmail_compose(&w, buf_slice(&raw), SLICE_LIT("x.example"), &text,
	    &rcpts, &sender, &wrong), ERR_LIMIT);
	buf_fini(&raw);
	buf_fini(&text);
	buf_fini(&rcpts);
	buf_fini(&sender);
}

static void
test_drop_form(void **state)
{
	const struct sendmail_wish w = { .has_sender = true, .sender = SLICE_LIT("s@t"),
	    .name = SLICE_LIT("A B"), .login = SLICE_LIT("al"), .reads_rcpts = true,
	    .ignores_dots = true, .notify = 6, .ret = 'H', .envid = SLICE_LIT("e 1"),
	    .rcpts = SLICE_LIT("a@b\0c\0"), .date_s = 77 };
	struct sendmail_wish r;
	struct slice raw, all;
	struct buf b, rcpts;

	(void)state;
	buf_init(&b, 4096);
	sendmail_drop_put(&b, &w);
	buf_put_str(&b, "Subject: x\n\n\n");
	all = buf_slice(&b);
	buf_init(&rcpts, 4096);
	assert_int_equal(sendmail_drop_get(all, &r, &rcpts, &raw), ERR_OK);
	assert_slice(raw, "Subject: x\n\n\n");
	assert_slice(r.sender, "s@t");
	assert_slice(r.name, "A B");
	assert_slice(r.envid, "e 1");
	assert_true(r.has_sender && r.reads_rcpts && r.ignores_dots);
	assert_int_equal(r.notify, 6);
	assert_int_equal(r.ret, 'H');
	assert_int_equal(r.date_s, 77);
	assert_true(slice_eq(r.rcpts, w.rcpts));
	/* cut anywhere in its head it is no file of ours, or has no more than that */
	for (size_t n = 0; n < all.n - raw.n; n++) {
		char *copy = must_alloc(1, n + 1);

		memcpy(copy, all.p, n);
		buf_reset(&rcpts);
		assert_int_not_equal(sendmail_drop_get(slice_of(copy, n), &r, &rcpts, &raw), ERR_OK);
		free(copy);
	}
	buf_reset(&rcpts);
	assert_int_equal(sendmail_drop_get(SLICE_LIT("godwit-drop 2\n\n"), &r, &rcpts, &raw),
	    ERR_VERSION);
	assert_int_equal(sendmail_drop_get(SLICE_LIT("godwit-drop 1\nword x\n\n"), &r, &rcpts, &raw),
	    ERR_SYNTAX);
	buf_fini(&b);
	buf_fini(&rcpts);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compose), cmocka_unit_test(test_from),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_drop_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
