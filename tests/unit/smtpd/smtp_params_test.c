/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "smtpd/smtp_params.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_xtext),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
