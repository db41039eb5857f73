/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "smtpd/smtp_params.h"

#include <string.h>

static void
test_next(void **state)
{
	struct slice s = slice_str(" SIZE=12  BODY=a=b SMTPUTF8 ");
	struct smtp_param p;

	(void)state;
	assert_int_equal(smtp_params_next(&s, &p), ERR_OK);
	assert_slice(p.keyword, "SIZE");
	assert_slice(p.value, "12");
	assert_int_equal(smtp_params_next(&s, &p), ERR_OK);
	assert_slice(p.keyword, "BODY");
	assert_slice(p.value, "a=b");
	assert_int_equal(smtp_params_next(&s, &p), ERR_OK);
	assert_slice(p.keyword, "SMTPUTF8");
	assert_false(p.has_value);
	assert_int_equal(smtp_params_next(&s, &p), ERR_END);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "X", " =1", " X=", " -X", " X=a\tb", " X_Y", " X=\x7f" };
	struct smtp_param p;
	struct slice s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = slice_str(bad[i]);
		assert_int_equal(smtp_params_next(&s, &p), ERR_SYNTAX);
	}
}

static void
test_xtext(void **state)
{
	static const struct {
		const char	*in;
		enum err	 error;
		const char	*out;
	} rows[] = {
		{ "a+2Bb", ERR_OK, "a+b" }, { "", ERR_OK, "" }, { "e+3Dmc2@x", ERR_OK, "e=mc2@x" },
		{ "123456789", ERR_OK, "123456789" }, { "1234567890", ERR_LIMIT, NULL },
		{ "+2b", ERR_SYNTAX, NULL }, { "+2", ERR_SYNTAX, NULL }, { "+", ERR_SYNTAX, NULL },
		{ "+0A", ERR_SYNTAX, NULL }, { "+7F", ERR_SYNTAX, NULL }, { "+7E+20", ERR_OK, "~ " },
		{ "a=b", ERR_SYNTAX, NULL }, { "a b", ERR_SYNTAX, NULL }, { "\xc3\xa9", ERR_SYNTAX, NULL },
	};
	char dst[9];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(smtp_params_xtext(slice_str(rows[i].in), dst, sizeof(dst), &n),
		    rows[i].error);
		if (rows[i].error == ERR_OK)
			assert_slice(slice_of(dst, n), rows[i].out);
	}
}

static void
test_notify(void **state)
{
	static const struct {
		const char	*in;
		enum err	 error;
		uint8_t		 bits;
	} rows[] = {
		{ "NEVER", ERR_OK, 1 }, { "success", ERR_OK, 2 }, { "FAILURE,DELAY", ERR_OK, 12 },
		{ "DELAY,SUCCESS,FAILURE", ERR_OK, 14 }, { "", ERR_SYNTAX, 0 },
		{ "NEVER,DELAY", ERR_SYNTAX, 0 }, { "DELAY,NEVER", ERR_SYNTAX, 0 },
		{ "DELAY,", ERR_SYNTAX, 0 }, { ",DELAY", ERR_SYNTAX, 0 }, { "ALWAYS", ERR_SYNTAX, 0 },
	};
	uint8_t bits;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(smtp_params_notify(slice_str(rows[i].in), &bits), rows[i].error);
		if (rows[i].error == ERR_OK)
			assert_int_equal(bits, rows[i].bits);
	}
}

static void
test_orcpt(void **state)
{
	static const struct {
		const char	*in;
		bool		 may_utf8;
		enum err	 error;
		const char	*out;
	} rows[] = {
		{ "rfc822;a+2Bb@x", false, ERR_OK, "rfc822;a+b@x" },
		{ "utf-8;\xc3\xa9@x", true, ERR_OK, "utf-8;\xc3\xa9@x" },
		{ "utf-8;\xc3\xa9@x", false, ERR_SYNTAX, NULL },
		{ "utf-8;\xc3@x", true, ERR_SYNTAX, NULL },
		{ "rfc822;", false, ERR_SYNTAX, NULL }, { ";a@x", false, ERR_SYNTAX, NULL },
		{ "a@x", false, ERR_SYNTAX, NULL }, { "rfc822;a+0D", false, ERR_SYNTAX, NULL },
	};
	char dst[SMTP_ORCPT_MAX], big[SMTP_ORCPT_MAX + 1];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(smtp_params_orcpt(slice_str(rows[i].in), rows[i].may_utf8, dst, &n),
		    rows[i].error);
		if (rows[i].error == ERR_OK)
			assert_slice(slice_of(dst, n), rows[i].out);
	}
	memset(big, 'a', sizeof(big));
	memcpy(big, "rfc822;", 7);
	assert_int_equal(smtp_params_orcpt(slice_of(big, SMTP_ORCPT_MAX), false, dst, &n), ERR_OK);
	assert_int_equal(n, SMTP_ORCPT_MAX);
	assert_int_equal(smtp_params_orcpt(slice_of(big, sizeof(big)), false, dst, &n), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_orcpt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
