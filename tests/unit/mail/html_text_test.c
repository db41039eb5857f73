/* SPDX-License-Identifier: ISC */
/* HTML as text: lines, paragraphs, lists, what is hidden, what is broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/mail/html_text.h"

static void
test_text(void **state)
{
	static const char *const t[][2] = {
		{ "", "" }, { "<p></p>", "" }, { "a", "a\n" },
		{ "<html><head><title>no</title><style>p{}</style></head><body> a\n b </body>", "a b\n" },
		{ "<p>one</p><p>two</p>", "one\n\ntwo\n" },
		{ "one<br>two<BR/>three", "one\ntwo\nthree\n" },
		{ "<div>one</div><div><div>two</div></div>", "one\ntwo\n" },
		{ "x<ul><li>one</li><li>two <b>bo</b>ld</li></ul>y", "x\n\n* one\n* two bold\n\ny\n" },
		{ "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n" },
		{ "&lt;b&gt; &amp; &#8364; &#xe4; &nope; & &#0; &#xd800;", "<b> & \xe2\x82\xac \xc3\xa4 &nope; & &#0;\n" },
		{ "a<!-- <p> -->b<script>x<y</script>c", "a b c\n" },
		{ "1 < 2 <3", "1 < 2 <3\n" }, { "cut <a href=", "cut\n" },
		{ "cut \xc3", "cut\n" }, { "a &nbsp;b", "a \xc2\xa0" "b\n" },
		{ "<!-- never closed <p>a", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b;

		buf_init(&b, 1000);
		html_text_put(&b, slice_str(t[i][0]));
		assert_string_equal(buf_cstr(&b), t[i][1]);
		buf_fini(&b);
	}
}

/* Many of anything take as long as there are bytes. */
static void
test_linear(void **state)
{
	static const char *const pieces[] = { "<", "<!--", "<style", "&", "&#x", "<p", "<title><" };
	struct buf in, out;

	(void)state;
	buf_init(&in, 2u << 20);
	buf_init(&out, 4u << 20);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		buf_reset(&in);
		buf_reset(&out);
		while (in.n < 1u << 20)
			buf_put_str(&in, pieces[i]);
		html_text_put(&out, buf_slice(&in));
		assert_true(out.n <= in.n + 1);
	}
	buf_fini(&in);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
