/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/smtp/sasl_client.h"
#include "lib/smtp/smtp_caps.h"

static const struct row {
	const char	*line;
	unsigned	 set;
	unsigned	 mechanisms;
	uint64_t	 size_max;
	uint32_t	 mail_max;
	uint32_t	 rcpt_max;
} rows[] = {
	{ "PIPELINING", SMTP_CAP_PIPELINING, 0, 0, 0, 0 },
	{ "pipelining", SMTP_CAP_PIPELINING, 0, 0, 0, 0 },
	{ "SIZE", SMTP_CAP_SIZE, 0, 0, 0, 0 },
	{ "SIZE 0", SMTP_CAP_SIZE, 0, 0, 0, 0 },
	{ "SIZE 52428800", SMTP_CAP_SIZE, 0, 52428800, 0, 0 },
	{ "size  18446744073709551615 ", SMTP_CAP_SIZE, 0, UINT64_MAX, 0, 0 },
	{ "SIZE 18446744073709551616", SMTP_CAP_SIZE, 0, 0, 0, 0 },
	{ "SIZE -1", SMTP_CAP_SIZE, 0, 0, 0, 0 },
	{ "8BITMIME", SMTP_CAP_8BITMIME, 0, 0, 0, 0 },
	{ "SMTPUTF8", SMTP_CAP_SMTPUTF8, 0, 0, 0, 0 },
	{ "DSN", SMTP_CAP_DSN, 0, 0, 0, 0 },
	{ "CHUNKING", SMTP_CAP_CHUNKING, 0, 0, 0, 0 },
	{ "BINARYMIME", SMTP_CAP_BINARYMIME, 0, 0, 0, 0 },
	{ "STARTTLS", SMTP_CAP_STARTTLS, 0, 0, 0, 0 },
	{ "ENHANCEDSTATUSCODES", SMTP_CAP_ENHANCED, 0, 0, 0, 0 },
	{ "REQUIRETLS", SMTP_CAP_REQUIRETLS, 0, 0, 0, 0 },
	{ "AUTH", SMTP_CAP_AUTH, 0, 0, 0, 0 },
	{ "AUTH PLAIN LOGIN GSSAPI", SMTP_CAP_AUTH, SASL_PLAIN | SASL_LOGIN, 0, 0, 0 },
	{ "AUTH scram-sha-256 XOAUTH2", SMTP_CAP_AUTH, SASL_SCRAM_SHA_256 | SASL_XOAUTH2, 0, 0, 0 },
	{ "AUTH=PLAIN LOGIN", SMTP_CAP_AUTH, SASL_PLAIN | SASL_LOGIN, 0, 0, 0 },
	{ "AUTH SCRAM-SHA-256-PLUS", SMTP_CAP_AUTH, SASL_SCRAM_SHA_256_PLUS, 0, 0, 0 },
	{ "LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1", SMTP_CAP_LIMITS, 0, 0, 5, 20 },
	{ "LIMITS rcptmax=0 MAILMAX=x MAILMAX", SMTP_CAP_LIMITS, 0, 0, 0, 0 },
	{ "LIMITS RCPTMAX=999999", SMTP_CAP_LIMITS, 0, 0, 0, 999999 },
	{ "LIMITS RCPTMAX=1000000", SMTP_CAP_LIMITS, 0, 0, 0, 0 },
	{ "CMTP 1 2", SMTP_CAP_CMTP1 | SMTP_CAP_CMTP2, 0, 0, 0, 0 },
	{ "cmtp 2", SMTP_CAP_CMTP2, 0, 0, 0, 0 },
	{ "CMTP 1", SMTP_CAP_CMTP1, 0, 0, 0, 0 },
	{ "CMTP 22", 0, 0, 0, 0, 0 },
	{ "CMTP", 0, 0, 0, 0, 0 },
	{ "X-UNKNOWN SIZE 5", 0, 0, 0, 0, 0 },
	{ "SIZE=5", 0, 0, 0, 0, 0 },
	{ "", 0, 0, 0, 0, 0 },
};

static void
test_rows(void **state)
{
	struct smtp_caps c;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		memset(&c, 0, sizeof(c));
		smtp_caps_take_line(&c, slice_str(rows[i].line));
		assert_int_equal(c.set, rows[i].set);
		assert_int_equal(c.mechanisms, rows[i].mechanisms);
		assert_true(c.size_max == rows[i].size_max);
		assert_int_equal(c.mail_max, rows[i].mail_max);
		assert_int_equal(c.rcpt_max, rows[i].rcpt_max);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
