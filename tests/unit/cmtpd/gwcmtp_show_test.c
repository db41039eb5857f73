/* SPDX-License-Identifier: ISC */
/* What a stranger wrote comes out as text, and as the name of a file. */
#include "tests/unit/test.h"

#include <string.h>

#include "cmtpd/gwcmtp_show.h"
#include "lib/base/cc.h"

static void
parse(struct mime *m, struct slice message)
{
	mime_init(m);
	mime_start(m);
	mime_feed(m, message);
	mime_end(m);
}

static void
test_text(void **state)
{
	static const struct {
		const char	*text, *lines, *line;
	} rows[] = {
		{ "plain\r\ntext\n", "plain\ntext\n", "plain text " },
		{ "a\tb", "a\tb", "a b" },
		{ "\x1b[2J\a\b\x7f", "?[2J???", "?[2J???" },
		{ "\xc2\x9b" "31m \xc3\xa4", "?31m \xc3\xa4", "?31m \xc3\xa4" },	/* CSI */
		{ "a\xe2\x80\xae" "b", "a?b", "a?b" },		/* right to left */
		{ "a\xe2\x81\xa6" "b\xe2\x81\xa9", "a?b?", "a?b?" },
		{ "a\xe2\x80\xa8" "b", "a?b", "a?b" },		/* line separator */
		{ "\xe2\x80\x94", "\xe2\x80\x94", "\xe2\x80\x94" },	/* a dash */
		{ "\xff\xc3", "??", "??" },
		{ "", "", "" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		gwcmtp_show_text(&b, slice_str(rows[i].text), false);
		assert_slice(buf_slice(&b), rows[i].lines);
		buf_reset(&b);
		gwcmtp_show_text(&b, slice_str(rows[i].text), true);
		assert_slice(buf_slice(&b), rows[i].line);
		buf_reset(&b);
	}
	buf_fini(&b);
}

static void
name_of(const char *field, struct buf *out)
{
	struct buf message;
	struct mime m;

	buf_init(&message, 10000);
	buf_put_str(&message, field);
	buf_put_str(&message, "\r\n\r\nx");
	parse(&m, buf_slice(&message));
	buf_reset(out);
	gwcmtp_show_name(out, NULL, &m, buf_slice(&message), 0);
	mime_fini(&m);
	buf_fini(&message);
}

static void
test_names(void **state)
{
	static const struct {
		const char	*field, *name;
	} rows[] = {
		{ "Content-Disposition: attachment; filename=\"a b.txt\"", "a b.txt" },
		{ "Content-Disposition: attachment; filename=../../etc/passwd", "passwd" },
		{ "Content-Disposition: attachment; filename=\"C:\\\\x\\\\y.exe\"", "y.exe" },
		{ "Content-Disposition: attachment; filename=..", "part-1.txt" },
		{ "Content-Disposition: attachment; filename=\"/\"", "part-1.txt" },
		{ "Content-Disposition: attachment; filename=.bashrc", "bashrc" },
		{ "Content-Disposition: attachment; filename=-rf", "rf" },
		{ "Content-Disposition: attachment; filename*=utf-8''%2e%2e%2f%1b%5b2J", "[2J" },
		{ "Content-Disposition: attachment; filename*=utf-8''a%00b", "a\xef\xbf\xbd" "b" },
		{ "Content-Disposition: attachment; filename=\"=?utf-8?q?=2E=2E=2Fx?=\"", "x" },
		{ "Content-Disposition: attachment", "part-1.txt" },
		{ "Content-Type: application/x; name=n.bin", "n.bin" },
		{ "Content-Type: application/x", "part-1.bin" },
		{ "Content-Disposition: inline; filename=\"\"\r\nContent-Type: image/png; name=p.png", "p.png" },
	};
	char field[600];
	struct buf b;

	(void)state;
	buf_init(&b, GWCMTP_SHOW_NAME_MAX + 1);
	for (size_t i = 0; i < lengthof(rows); i++) {
		name_of(rows[i].field, &b);
		if (i == 8)	/* a NUL is some other character, or none */
			assert_true(slice_find(buf_slice(&b), '\0') == b.n && b.n > 0);
		else
			assert_slice(buf_slice(&b), rows[i].name);
	}
	/* As long as may be, and cut before a character. */
	memset(field, 'x', sizeof(field));
	memcpy(field, "Content-Disposition: attachment; filename*=utf-8''", 50);
	memcpy(field + 50 + 199, "%c3%a4", 6);
	field[50 + 199 + 6] = '\0';
	name_of(field, &b);
	assert_int_equal(b.n, 199);
	memmove(field + 50, field + 51, strlen(field + 51) + 1);
	name_of(field, &b);
	assert_int_equal(b.n, 200);
	buf_fini(&b);
}

/* What is text to show, what may be a file, and what goes with another. */
static void
test_parts(void **state)
{
	static const char message[] = "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
	    "--c\r\n\r\nplain\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>\r\n--c--\r\n"
	    "--b\r\nContent-Disposition: attachment; filename=t.txt\r\n\r\nfile\r\n"
	    "--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
	    "--d\r\n\r\ninside\r\n--d--\r\n--b--\r\n";
	uint32_t part = MIME_NONE;
	struct buf b;
	struct mime m;
	bool is_shown;
	char got[10] = "";
	size_t n = 0;

	(void)state;
	parse(&m, slice_str(message));
	while (gwcmtp_show_next_part(&m, &part, &is_shown) && n < sizeof(got) - 1)
		got[n++] = is_shown ? 't' : 'f';
	assert_string_equal(got, "tfff");
	buf_init(&b, 10000);
	gwcmtp_show_message(&b, NULL, &m, slice_str(message));
	assert_slice(buf_slice(&b), "Subject: s\n\nplain\n[part-4.bin: text/html]\n"
	    "[t.txt: text/plain]\n[part-6.eml: message/rfc822]\n");
	buf_fini(&b);
	mime_fini(&m);
}

/* Markup alone becomes text, and stays a file. */
static void
test_html(void **state)
{
	static const char message[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>one &amp; two&#27;[2J</p><p>three\r\n"
	    "--b\r\nContent-Type: text/html\r\n\r\nmore\r\n--b--\r\n";
	struct buf b;
	struct mime m;

	(void)state;
	parse(&m, slice_str(message));
	buf_init(&b, 10000);
	gwcmtp_show_message(&b, NULL, &m, slice_str(message));
	assert_true(slice_search(buf_slice(&b), SLICE_LIT("one & two")) < b.n);
	assert_true(slice_search(buf_slice(&b), SLICE_LIT("three\n[part-3.bin: text/html]\n")) < b.n);
	assert_true(slice_find(buf_slice(&b), '\x1b') == b.n && slice_find(buf_slice(&b), '<') == b.n);
	buf_fini(&b);
	mime_fini(&m);
}

/* A field is shown as far as FIELD_MAX, whatever is in it. */
static void
test_long_field(void **state)
{
	struct buf header, out;

	(void)state;
	buf_init(&header, 20000);
	buf_init(&out, 20000);
	for (int more = 0; more < 3; more++) {
		buf_reset(&header);
		buf_reset(&out);
		buf_put_str(&header, "Subject:");
		for (int i = 0; i < 4096 - 6 + more; i++)
			buf_put_char(&header, 'x');
		buf_put_str(&header, "\xe2\x82\xac" "end\r\n\r\n");
		gwcmtp_show_field(&out, NULL, buf_slice(&header), "Subject");
		/* cut between characters; behind, in one */
		assert_int_equal(slice_search(buf_slice(&out), SLICE_LIT("end")) < out.n, more == 0);
		assert_int_equal(out.n, 4096);
	}
	buf_reset(&header);
	buf_reset(&out);
	buf_put_str(&header, "Subject:");
	for (int i = 0; i < 4096 - 2; i++)
		buf_put_char(&header, 'x');
	buf_put_str(&header, "\xe2\x82\xac\r\n\r\n");
	gwcmtp_show_field(&out, NULL, buf_slice(&header), "Subject");
	assert_int_equal(out.n, 4094);
	assert_slice(slice_from(buf_slice(&out), 4090), "xxxx");
	buf_fini(&out);
	buf_fini(&header);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_long_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
