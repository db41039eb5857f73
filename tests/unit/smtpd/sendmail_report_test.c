/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "smtpd/sendmail_report.h"

static void
test_message(void **state)
{
	struct sendmail_report r;
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	sendmail_report_init(&r);
	sendmail_report_add(&r, SLICE_LIT("a@b"), SLICE_LIT("550 no"));
	sendmail_report_put(&r, SLICE_LIT("d"), SLICE_LIT("s@t"), &out);
	assert_slice(buf_slice(&out), "From: Mail system <MAILER-DAEMON@d>\r\nTo: <s@t>\r\n"
	    "Subject: Mail that could not be sent\r\nAuto-Submitted: auto-replied\r\n\r\n"
	    "A message that a program of yours left could not be sent to:\r\n\r\n"
	    "<a@b>: 550 no\r\n");
	sendmail_report_fini(&r);
	buf_fini(&out);
}

/* 64 bytes each, so that the limit is met to the byte. */
static void
test_limit(void **state)
{
	char reply[64 - 9 + 1];
	struct sendmail_report r;
	struct buf out;

	(void)state;
	memset(reply, 'r', sizeof(reply) - 1);
	reply[sizeof(reply) - 1] = '\0';
	sendmail_report_init(&r);
	for (unsigned i = 0; i < SENDMAIL_REPORT_MAX / 64; i++)
		sendmail_report_add(&r, SLICE_LIT("a@b"), slice_str(reply));
	assert_int_equal(r.text.n, SENDMAIL_REPORT_MAX);
	assert_int_equal(r.more, 0);
	sendmail_report_add(&r, SLICE_LIT("c"), SLICE_LIT(""));
	assert_int_equal(r.more, 1);
	/* one byte less room than is wanted; then nothing more, however short */
	buf_truncate(&r.text, r.text.n - 63);
	r.more = 0;
	sendmail_report_add(&r, SLICE_LIT("a@b"), slice_str(reply));
	sendmail_report_add(&r, SLICE_LIT("c"), SLICE_LIT(""));
	assert_int_equal(r.more, 2);
	assert_int_equal(r.text.n, SENDMAIL_REPORT_MAX - 63);
	buf_init(&out, 2u * SENDMAIL_REPORT_MAX);
	sendmail_report_put(&r, SLICE_LIT("d"), SLICE_LIT("s@t"), &out);
	assert_slice(slice_from(buf_slice(&out), out.n - 15), "and to 2 more\r\n");
	buf_fini(&out);
	sendmail_report_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message), cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
