/* SPDX-License-Identifier: ISC */
/*
 * Letters of CMTP 1 as mail: what it looks like, that it does not depend on
 * how the letter is cut, and that nothing in it gets out of its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/must.h"
#include "lib/cmtp/letter_mail.h"
#include "lib/mail/hdr.h"
#include "lib/mail/mime.h"

#define OUT_MAX		(4u << 20)
#define BOXES_MAX	4
#define TIME		"\x65\x53\xf1\x00"	/* Tue, 14 Nov 2023 22:13:20 +0000 */

struct input {
	struct letter_mail_facts	 facts;
	struct slice			 boxes[BOXES_MAX];
};

static const struct letter_mail_facts plain_facts = {
	.from_user = { "anna", 4 }, .from_domain = { "a.example", 9 },
	.to_user = { "bert", 4 }, .to_domain = { "b.example", 9 },
	.domain = { "b.example", 9 }, .arrived_s = 1700000100,
};

static void
feed(struct letter_mail *m, const struct input *in, size_t cut, struct buf *out)
{
	for (uint32_t i = 0; i <= in->facts.attachments; i++) {
		letter_mail_box(m, out);
		for (size_t at = 0; at < in->boxes[i].n; at += cut)
			letter_mail_feed(m, slice_head(slice_from(in->boxes[i], at), cut), out);
		letter_mail_box_end(m, out);
	}
	letter_mail_end(m, out);
}

static void
make(const struct input *in, size_t cut, size_t cut_again, struct buf *out)
{
	struct letter_mail m;

	letter_mail_init(&m, &in->facts);
	feed(&m, in, cut, NULL);
	uint64_t size = letter_mail_size(&m);

	letter_mail_again(&m);
	feed(&m, in, cut_again, out);
	assert_int_equal(buf_err(out), ERR_OK);
	assert_int_equal(letter_mail_size(&m), size);
	assert_int_equal(out->n, size);
	letter_mail_fini(&m);
}

static void
expect(const struct input *in, const char *want)
{
	struct buf whole, cut;
	static const size_t cuts[] = { 1, 2, 3, 7, 57, 4096 };

	buf_init(&whole, OUT_MAX);
	make(in, SIZE_MAX / 2, SIZE_MAX / 2, &whole);
	if (want != NULL)
		assert_string_equal(buf_cstr(&whole), want);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		buf_init(&cut, OUT_MAX);
		make(in, cuts[i], cuts[sizeof(cuts) / sizeof(cuts[0]) - 1 - i], &cut);
		assert_true(slice_eq(buf_slice(&whole), buf_slice(&cut)));
		buf_fini(&cut);
	}
	buf_fini(&whole);
}

/* The value of a header field of the mail, unfolded; and no line is too long. */
static void
field_is(const struct input *in, const char *name, const char *want)
{
	struct buf out, value;
	struct hdr_field f;
	struct slice rest, line;

	buf_init(&out, OUT_MAX);
	buf_init(&value, OUT_MAX);
	make(in, SIZE_MAX / 2, SIZE_MAX / 2, &out);
	for (rest = buf_slice(&out); rest.n > 0;) {
		rest = slice_cut(rest, '\n', &line);
		assert_true(line.n <= 999);
	}
	if (hdr_find(buf_slice(&out), name, &f)) {
		hdr_unfold(&value, f.value);
		assert_non_null(want);
		assert_string_equal(buf_cstr(&value), want);
	} else {
		assert_null(want);
	}
	buf_fini(&value);
	buf_fini(&out);
}

#define LETTER(s)	.boxes = { { s, sizeof(s) - 1 } }

static void
test_plain(void **state)
{
	struct input in = { .facts = plain_facts,
		LETTER(TIME "Hello\0carl@c.example\0dora@d.example\0Ernst <ernst@e.example>\0\0"
		    "one\ntwo\n") };

	(void)state;
	expect(&in,
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "From: anna@a.example\r\n"
	    "To: bert@b.example\r\n"
	    "Subject: Hello\r\n"
	    "Reply-To: carl@c.example\r\n"
	    "Cc: dora@d.example,\r\n Ernst\r\n <ernst@e.example>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n"
	    "\r\n"
	    "one\r\ntwo\r\n");
}

static void
test_bare(void **state)
{
	struct input in = { .facts = plain_facts, LETTER("no fields, gr\xc3\xbc\xc3\x9f" "e") };

	(void)state;
	in.facts.trace = slice_str("Received: from x by y with CMTP id 0123456789ABC;\r\n\tdate\r\n");
	in.facts.log = SLICE_LIT("by first ; Tue, 14 Nov 2023 22:13:20 +0000\0"
	    "what (the) second \\ says\0"
	    "from x by y with CMTP id 0123456789ABC; Tue, 14 Nov 2023 22:13:20 +0000\0");
	in.facts.message_id = slice_str("<id@b.example>");
	in.facts.from_user = SLICE_NONE;
	in.facts.to_user = SLICE_NONE;
	in.facts.to_domain = SLICE_NONE;
	expect(&in,
	    "Received: from x by y with CMTP id 0123456789ABC;\r\n\tdate\r\n"
	    "Received: (what \\(the\\) second \\\\ says);\r\n\tTue, 14 Nov 2023 22:15:00 +0000\r\n"
	    "Received: by first ;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "Date: Tue, 14 Nov 2023 22:15:00 +0000\r\n"
	    "From: MAILER-DAEMON@a.example\r\n"
	    "To: postmaster@b.example\r\n"
	    "Message-ID: <id@b.example>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "\r\n"
	    "no fields, gr\xc3\xbc\xc3\x9f" "e\r\n");
}

static void
test_attachments(void **state)
{
	struct input in = { .facts = plain_facts, .boxes = {
		SLICE_LIT(TIME "s\0\0\0\0text"),
		SLICE_LIT("../../etc/p\xc3\xa4ss wd\xe2\x80\xae" "fdp.exe\0\0\1\2"),
		SLICE_LIT("a\"b.PDF\0"),
		SLICE_LIT("no name at all") } };

	(void)state;
	in.facts.attachments = 3;
	expect(&in,
	    "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	    "From: anna@a.example\r\n"
	    "To: bert@b.example\r\n"
	    "Subject: s\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"=_letter\"\r\n"
	    "\r\n"
	    "--=_letter\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n"
	    "\r\n"
	    "text\r\n"
	    "--=_letter\r\n"
	    "Content-Type: application/octet-stream\r\n"
	    "Content-Disposition: attachment;\r\n"
	    "\tfilename*0*=utf-8''p%C3%A4ss%20wd___fdp.exe\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "\r\n"
	    "AAEC\r\n\r\n"
	    "--=_letter\r\n"
	    "Content-Type: application/pdf\r\n"
	    "Content-Disposition: attachment;\r\n"
	    "\tfilename=\"a\\\"b.PDF\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "\r\n\r\n"
	    "--=_letter\r\n"
	    "Content-Type: application/octet-stream\r\n"
	    "Content-Disposition: attachment;\r\n"
	    "\tfilename=\"attachment-3\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "\r\n"
	    "bm8gbmFtZSBhdCBhbGw=\r\n\r\n"
	    "--=_letter--\r\n");
}

static void
test_injection(void **state)
{
	struct input in = { .facts = plain_facts,
		LETTER(TIME "s\r\nBcc: x@y.example\0"
		    "a@b.example\r\nX: y\0\"\r\nX-Evil: 1\" <c@d.example>\0no address\r\nX: y\0\0text") };

	(void)state;
	in.facts.from_user = slice_str("a\r\nX: y");
	in.facts.log = SLICE_LIT("from\r\nX: y\0" "(\r\n\r\n\0");
	field_is(&in, "Subject", "s  Bcc: x@y.example");
	field_is(&in, "Reply-To", "a@b.example");
	field_is(&in, "Comments", "Cc: no address  X: y");
	field_is(&in, "From", "\"a  X: y@a.example\" <unknown@sender.invalid>");
	field_is(&in, "Cc", "\"X-Evil: 1\" <c@d.example>");
	field_is(&in, "X", NULL);
	field_is(&in, "X-Evil", NULL);
	field_is(&in, "Bcc", NULL);
	field_is(&in, "MIME-Version", "1.0");
	expect(&in, NULL);
}

/* A text that looks like the end of its part, and others that need encoding. */
static void
test_encodings(void **state)
{
	static const struct {
		const char	*text;
		size_t		 n;
		const char	*want;	/* from Content-Type on */
	} t[] = {
#define ROW(text, charset, code, body)	{ text, sizeof(text) - 1, \
	"Content-Type: text/plain; charset=" charset "\r\n" \
	"Content-Transfer-Encoding: " code "\r\n\r\n" body }
		ROW("a\n--=_letter--\n", "utf-8", "quoted-printable", "a\r\n--=3D_letter--\r\n"),
		ROW("a --=_letter", "utf-8", "7bit", "a --=_letter\r\n"),
		ROW("a\rb\r", "utf-8", "quoted-printable", "a=0Db=0D\r\n"),
		ROW("blank \n\tx \r\n", "utf-8", "7bit", "blank \r\n\tx \r\n"),
		ROW("nul\0 \n ", "utf-8", "quoted-printable", "nul=00=20\r\n=20\r\n"),
		ROW("caf\xe9\n", "windows-1252", "8bit", "caf\xe9\r\n"),
		ROW("\0\1\2\3\4\5\6\7\n", "utf-8", "base64", "AAECAwQFBgcNCg==\r\n"),
		ROW("\xc3", "windows-1252", "8bit", "\xc3\r\n"),
		ROW("\xed\xa0\x80", "windows-1252", "8bit", "\xed\xa0\x80\r\n"),
		ROW("\xf4\x8f\xbf\xbf", "utf-8", "8bit", "\xf4\x8f\xbf\xbf\r\n"),
		ROW("", "utf-8", "7bit", ""),
#undef ROW
	};
	char box[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct input in = { .facts = plain_facts };
		struct buf out;

		memcpy(box, TIME "s\0\0\0\0", 9);
		memcpy(box + 9, t[i].text, t[i].n);
		in.boxes[0] = slice_of(box, 9 + t[i].n);
		buf_init(&out, OUT_MAX);
		make(&in, SIZE_MAX / 2, 1, &out);
		size_t at = slice_search(buf_slice(&out), SLICE_LIT("Content-Type"));

		assert_string_equal(buf_cstr(&out) + at, t[i].want);
		buf_fini(&out);
		expect(&in, NULL);
	}
}

static struct slice
filled(struct buf *b, const char *front, size_t front_n, char c, size_t n)
{
	buf_init(b, OUT_MAX);
	buf_put(b, front, front_n);
	for (size_t i = 0; i < n; i++)
		buf_put_char(b, c);
	return buf_slice(b);
}

/* A line of 998 bytes goes as it is, one of 999 does not. */
static void
test_line_limit(void **state)
{
	(void)state;
	for (size_t n = 998; n <= 999; n++) {
		struct input in = { .facts = plain_facts };
		struct buf b;

		in.boxes[0] = filled(&b, TIME "s\0\0\0\0", 9, 'x', n);
		field_is(&in, "Content-Transfer-Encoding", n == 998 ? "7bit" : "quoted-printable");
		buf_fini(&b);
	}
}

/* Whatever the fields hold at their limits: fields, and one more is text. */
static void
test_field_limits(void **state)
{
	(void)state;
	for (size_t n = CMTP_FIELD_MAX; n <= CMTP_FIELD_MAX + 1; n++) {
		struct input in = { .facts = plain_facts };
		struct buf b;

		(void)filled(&b, TIME, 4, 's', n);
		buf_put(&b, "\0\0\0\0text", 8);
		in.boxes[0] = buf_slice(&b);
		expect(&in, NULL);
		field_is(&in, "Date", n == CMTP_FIELD_MAX ?
		    "Tue, 14 Nov 2023 22:13:20 +0000" : "Tue, 14 Nov 2023 22:15:00 +0000");
		buf_fini(&b);
	}
	for (unsigned n = CMTP_LETTER_CC_MAX; n <= CMTP_LETTER_CC_MAX + 1; n++) {
		struct input in = { .facts = plain_facts };
		struct buf b;

		(void)filled(&b, TIME "s\0\0", 7, 's', 0);
		for (unsigned i = 0; i < n; i++) {
			for (unsigned k = 0; k < CMTP_FIELD_MAX - 19; k++)
				buf_put_char(&b, '"');
			buf_put(&b, " <x@carbon.example>", 20);
		}
		buf_put(&b, "\0text", 5);
		in.boxes[0] = buf_slice(&b);
		expect(&in, NULL);
		field_is(&in, "Subject", n == CMTP_LETTER_CC_MAX ? "s" : NULL);
		buf_fini(&b);
	}
}

/* The newest lines of a log of many. */
static void
test_log_limit(void **state)
{
	struct input in = { .facts = plain_facts, LETTER("x") };
	struct buf log, out;
	struct hdr_iter it;
	struct hdr_field f;
	unsigned count = 0;

	(void)state;
	buf_init(&log, OUT_MAX);
	for (unsigned i = 0; i < LETTER_MAIL_LOG_LINES + 1; i++) {
		buf_printf(&log, "line %u", i);
		buf_put(&log, "\0", 1);
	}
	in.facts.log = buf_slice(&log);
	buf_init(&out, OUT_MAX);
	make(&in, SIZE_MAX / 2, 1, &out);
	hdr_iter_init(&it, buf_slice(&out));
	while (hdr_next(&it, &f))
		if (slice_eq_str(f.name, "Received") && count++ == 0)
			assert_true(slice_starts(f.value, "(line 50);"));
	assert_int_equal(count, LETTER_MAIL_LOG_LINES);
	buf_fini(&out);
	/* One endless line is still folded. */
	buf_reset(&log);
	for (unsigned i = 0; i < 16000; i++)
		buf_put_char(&log, i % 2 == 0 ? '(' : 'x');
	in.facts.log = buf_slice(&log);
	field_is(&in, "Subject", NULL);
	expect(&in, NULL);
	buf_fini(&log);
}

/* A name of 255 bytes is one, of 256 is data. */
static void
test_name_limit(void **state)
{
	(void)state;
	for (size_t n = CMTP_FILE_NAME_MAX; n <= CMTP_FILE_NAME_MAX + 1; n++) {
		struct input in = { .facts = plain_facts, LETTER("x") };
		struct buf b, out;

		in.facts.attachments = 1;
		(void)filled(&b, "", 0, 'n', n);
		buf_put(&b, "\0data", 5);
		in.boxes[1] = buf_slice(&b);
		expect(&in, NULL);
		buf_init(&out, OUT_MAX);
		make(&in, 3, 3, &out);
		assert_int_equal(n == CMTP_FILE_NAME_MAX,
		    slice_search(buf_slice(&out), SLICE_LIT("filename=\"nnn")) < out.n);
		assert_int_equal(n > CMTP_FILE_NAME_MAX,
		    slice_search(buf_slice(&out), SLICE_LIT("attachment-1")) < out.n);
		buf_fini(&out);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_bare),
		cmocka_unit_test(test_attachments), cmocka_unit_test(test_injection),
		cmocka_unit_test(test_encodings), cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_field_limits), cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_name_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
