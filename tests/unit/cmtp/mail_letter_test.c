/* SPDX-License-Identifier: ISC */
/*
 * Mail as letters of CMTP 1: the limits, and a message that cannot be read to
 * its end.  What letters look like is in tests/golden/letter.txt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/mail_letter.h"

#define MAIL_MAX	(4u << 20)

struct mail {
	struct buf	 bytes;
	unsigned	 reads;		/* until one fails; 0: none does */
};

static enum err
read_from(void *arg, uint64_t off, void *dst, size_t n)
{
	struct mail *m = arg;

	if (m->reads > 0 && --m->reads == 0)
		return ERR_IO;
	memcpy(dst, buf_data(&m->bytes) + off, n);
	return ERR_OK;
}

static struct mail_letter *
scan(struct mail *mail, enum err *e)
{
	struct mail_letter_source src = { .bytes = mail->bytes.n, .read = read_from, .arg = mail,
		.now_s = 1 };
	struct mail_letter *m = mail_letter_new(&src);

	while ((*e = mail_letter_scan(m)) == ERR_SHORT)
		;
	return m;
}

static enum err
read_box(struct mail_letter *m, uint32_t i, struct buf *out)
{
	enum err e;

	buf_init(out, MAIL_MAX);
	mail_letter_box(m, i);
	while ((e = mail_letter_next(m, out)) == ERR_OK)
		;
	return e;
}

static void
start(struct mail *mail)
{
	mail->reads = 0;
	buf_init(&mail->bytes, MAIL_MAX);
	buf_put_str(&mail->bytes, "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
}

static void
test_attachment_limit(void **state)
{
	(void)state;
	for (unsigned n = CMTP_ATTACHMENTS_MAX; n <= CMTP_ATTACHMENTS_MAX + 1; n++) {
		struct mail mail;
		struct mail_letter *m;
		enum err e;

		start(&mail);
		for (unsigned i = 0; i < n; i++)
			buf_put_str(&mail.bytes, "--b\r\nContent-Type: image/png\r\n\r\nx\r\n");
		m = scan(&mail, &e);
		assert_int_equal(e, n == CMTP_ATTACHMENTS_MAX ? ERR_OK : ERR_LIMIT);
		if (e == ERR_OK)
			assert_int_equal(mail_letter_attachments(m), n);
		mail_letter_free(&m);
		buf_fini(&mail.bytes);
	}
}

/* A text of one byte more is an attachment. */
static void
test_text_limit(void **state)
{
	(void)state;
	for (size_t n = MAIL_LETTER_TEXT_MAX; n <= MAIL_LETTER_TEXT_MAX + 1; n++) {
		struct mail mail;
		struct mail_letter *m;
		struct cmtp_letter l;
		struct buf box;
		enum err e;

		mail.reads = 0;
		buf_init(&mail.bytes, MAIL_MAX);
		buf_put_str(&mail.bytes, "Subject: s\r\n\r\n");
		for (size_t i = 0; i < n; i++)
			buf_put_char(&mail.bytes, i % 70 == 0 ? '\n' : 'x');
		m = scan(&mail, &e);
		assert_int_equal(e, ERR_OK);
		assert_int_equal(mail_letter_attachments(m), n > MAIL_LETTER_TEXT_MAX);
		assert_int_equal(read_box(m, 0, &box), ERR_END);
		cmtp_letter_read(&l, buf_slice(&box));
		assert_int_equal(l.text.n, n > MAIL_LETTER_TEXT_MAX ? 0 : n);
		assert_true(slice_eq_str(l.subject, "s"));
		buf_fini(&box);
		mail_letter_free(&m);
		buf_fini(&mail.bytes);
	}
}

/* Fields that are too long are cut or left out, and the letter can be read. */
static void
test_field_limits(void **state)
{
	struct mail mail;
	struct mail_letter *m;
	struct cmtp_letter l;
	struct buf box;
	enum err e;

	(void)state;
	mail.reads = 0;
	buf_init(&mail.bytes, MAIL_MAX);
	buf_put_str(&mail.bytes, "Date: 1 Jan 1901 00:00:00 +0000\r\nSubject: a");
	for (unsigned i = 0; i < CMTP_FIELD_MAX; i++)
		buf_put_str(&mail.bytes, "\xc3\xa4");
	buf_put_str(&mail.bytes, "\r\nFrom: \"");
	for (unsigned i = 0; i < CMTP_FIELD_MAX; i++)
		buf_put_char(&mail.bytes, 'n');
	buf_put_str(&mail.bytes, "\" <long@a.example>");
	for (unsigned i = 0; i < 100; i++)
		buf_put_str(&mail.bytes, ",\r\n one.of.many@a.example");
	buf_put_str(&mail.bytes, "\r\nCc: ");
	for (unsigned i = 0; i < CMTP_LETTER_CC_MAX + 1; i++)
		buf_printf(&mail.bytes, "c%u@a.example,\r\n ", i);
	buf_put_str(&mail.bytes, "\r\n\r\ntext");
	m = scan(&mail, &e);
	assert_int_equal(e, ERR_OK);
	assert_int_equal(read_box(m, 0, &box), ERR_END);
	cmtp_letter_read(&l, buf_slice(&box));
	assert_false(l.is_bare);
	assert_int_equal(l.time_s, 0);
	assert_int_equal(l.subject.n, CMTP_FIELD_MAX - 1);	/* whole characters */
	assert_true(slice_starts(l.reply_to, "long@a.example, one.of.many@a.example, "));
	assert_true(slice_ends(l.reply_to, "one.of.many@a.example"));
	assert_true(l.reply_to.n <= CMTP_FIELD_MAX);
	assert_int_equal(l.cc_count, CMTP_LETTER_CC_MAX);
	assert_true(slice_eq_str(l.cc[CMTP_LETTER_CC_MAX - 1], "c99@a.example"));
	assert_true(slice_eq_str(l.text, "text"));
	buf_fini(&box);
	mail_letter_free(&m);
	buf_fini(&mail.bytes);
}

/* Each read fails once: it is told, and nothing is left behind. */
static void
test_read_fails(void **state)
{
	unsigned failed = 0;
	bool all = false;

	(void)state;
	for (unsigned at = 1; !all; at++) {
		struct mail mail;
		struct mail_letter *m;
		struct buf box;
		enum err e;

		start(&mail);
		buf_put_str(&mail.bytes, "--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png;\r\n"
		    " name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n");
		mail.reads = at;
		m = scan(&mail, &e);
		for (uint32_t i = 0; i < 2 && e == ERR_OK; i++) {
			e = read_box(m, i, &box);
			e = e == ERR_END ? ERR_OK : e;
			buf_fini(&box);
		}
		assert_true(e == ERR_OK || e == ERR_IO);
		all = e == ERR_OK;
		failed += e == ERR_IO;
		mail_letter_free(&m);
		buf_fini(&mail.bytes);
	}
	assert_int_equal(failed, 5);	/* all, the text's header and it, the file's */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attachment_limit), cmocka_unit_test(test_text_limit),
		cmocka_unit_test(test_field_limits), cmocka_unit_test(test_read_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
