/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/smtp/smtp_put.h"

static const struct smtp_caps none;
static const struct smtp_caps all = { .set = SMTP_CAP_SIZE | SMTP_CAP_8BITMIME | SMTP_CAP_DSN };

static void
rcpt(const char *orcpt, uint8_t notify, bool uses_utf8, const char *want)
{
	struct smtp_client_rcpt r = { .address = SLICE_LIT("a@b"), .orcpt = slice_str(orcpt),
	    .notify = notify };
	struct buf b;

	buf_init(&b, 4000);
	smtp_put_rcpt(&b, &r, &all, uses_utf8);
	assert_true(slice_starts(buf_slice(&b), "RCPT TO:<a@b>"));
	buf_consume(&b, 13);
	assert_slice(buf_slice(&b), want);
	/* Nothing of it without DSN. */
	buf_reset(&b);
	smtp_put_rcpt(&b, &r, &none, uses_utf8);
	assert_slice(buf_slice(&b), "RCPT TO:<a@b>\r\n");
	buf_fini(&b);
}

static void
test_rcpt(void **state)
{
	char text[SMTP_PUT_ORCPT_MAX + 2];

	(void)state;
	rcpt("", 0, false, "\r\n");
	rcpt("rfc822;o@c", 0, false, " ORCPT=rfc822;o@c\r\n");
	rcpt("rfc822;\"o =+\"@c\r\n", 0, false, " ORCPT=rfc822;\"o+20+3D+2B\"@c+0D+0A\r\n");
	rcpt("rfc822;\xc3\xa9", 0, false, " ORCPT=rfc822;+C3+A9\r\n");
	/* RFC 6533 s3, in both kinds of transaction */
	rcpt("utf-8;\xc3\xa9\\+=\x7f@c", 0, true, " ORCPT=utf-8;\xc3\xa9\\x{5C}\\x{2B}\\x{3D}\\x{7F}@c\r\n");
	rcpt("UTF-8;\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa6@c", 0, false,
	    " ORCPT=UTF-8;\\x{E9}\\x{20AC}\\x{1F426}@c\r\n");
	rcpt("utf-8;\xc3@c", 0, true, " ORCPT=utf-8;+C3@c\r\n");
	rcpt("no type", 0, false, "\r\n");
	rcpt("type;", 0, false, "\r\n");
	rcpt("", SMTP_CLIENT_NEVER, false, " NOTIFY=NEVER\r\n");
	rcpt("", SMTP_CLIENT_NEVER | SMTP_CLIENT_DELAY, false, " NOTIFY=NEVER\r\n");
	rcpt("", SMTP_CLIENT_SUCCESS | SMTP_CLIENT_FAILURE | SMTP_CLIENT_DELAY, false,
	    " NOTIFY=SUCCESS,FAILURE,DELAY\r\n");
	rcpt("", 0x80, false, "\r\n");
	memset(text, 'x', sizeof(text));
	memcpy(text, "rfc822;", 7);
	text[SMTP_PUT_ORCPT_MAX + 1] = '\0';
	rcpt(text, 0, false, "\r\n");
}

static void
mail(unsigned flags, size_t envid_n, bool uses_utf8, const char *want)
{
	static const char envid[SMTP_PUT_ENVID_MAX + 1] = "e\xe9";
	struct smtp_client_message m = { .sender = SLICE_LIT("a@b"), .flags = flags, .size = 7,
	    .envid = slice_of(envid, envid_n) };
	struct buf b;

	buf_init(&b, 4000);
	smtp_put_mail(&b, &m, &all, uses_utf8);
	assert_slice(buf_slice(&b), want);
	buf_fini(&b);
}

static void
test_mail(void **state)
{
	(void)state;
	mail(0, 0, false, "MAIL FROM:<a@b> SIZE=7\r\n");
	mail(SMTP_CLIENT_8BIT | SMTP_CLIENT_RET_FULL, 2, true,
	    "MAIL FROM:<a@b> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=e+E9\r\n");
	mail(SMTP_CLIENT_BINARY | SMTP_CLIENT_8BIT | SMTP_CLIENT_REQUIRETLS | SMTP_CLIENT_RET_HDRS,
	    SMTP_PUT_ENVID_MAX + 1, false,
	    "MAIL FROM:<a@b> SIZE=7 BODY=BINARYMIME REQUIRETLS RET=HDRS\r\n");
}

static void
test_safe(void **state)
{
	char text[SMTP_PUT_ADDRESS_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(smtp_put_is_safe(slice_of(text, SMTP_PUT_ADDRESS_MAX)));
	assert_false(smtp_put_is_safe(slice_of(text, SMTP_PUT_ADDRESS_MAX + 1)));
	assert_true(smtp_put_is_safe(SLICE_LIT("\"a b\"@\xc3\xa9")));
	assert_false(smtp_put_is_safe(SLICE_LIT("a\r\n@b")));
	assert_false(smtp_put_is_safe(SLICE_LIT("a\0@b")));
	assert_false(smtp_put_is_safe(SLICE_LIT("a\x7f@b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rcpt),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
