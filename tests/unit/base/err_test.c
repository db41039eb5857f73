/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <limits.h>

#include "lib/base/err.h"
#include "lib/base/err_passes.h"

/* Mail never bounces for what is broken here; but it does not mend itself. */
static void
test_corrupt_is_put_off_and_stays(void **state)
{
	(void)state;
	assert_int_equal(err_class(ERR_CORRUPT), ERR_CLASS_TEMP);
	assert_false(err_passes(ERR_CORRUPT));
}

static void
test_what_passes(void **state)
{
	static const struct {
		enum err	e;
		bool		passes;
	} rows[] = {
		{ ERR_OK, false }, { ERR_END, false }, { ERR_FULL, true }, { ERR_IO, true },
		{ ERR_AGAIN, true }, { ERR_TIMEOUT, true }, { ERR_GONE, true },
		{ ERR_CONFLICT, true }, { ERR_BUSY, true }, { ERR_SYS, true },
		{ ERR_NOTFOUND, false }, { ERR_DENIED, false }, { ERR_QUOTA, false },
		{ ERR_VIOLATION, false }
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(err_passes(rows[i].e), rows[i].passes);
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_int_equal(err_from_int(ERR_VIOLATION), ERR_VIOLATION);
	assert_int_equal(err_from_int(ERR_VIOLATION - 1), ERR_VIOLATION);
	assert_int_equal(err_from_int(1), ERR_VIOLATION);
	assert_int_equal(err_from_int(INT_MIN), ERR_VIOLATION);
	assert_int_equal(err_from_int(ERR_CORRUPT), ERR_CORRUPT);
	assert_string_equal(err_name(ERR_CORRUPT), "CORRUPT");
	/* no number of ours: as a passing one it loses nothing */
	assert_int_equal(err_class((enum err)1), ERR_CLASS_TEMP);
	assert_string_equal(err_name((enum err)1), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corrupt_is_put_off_and_stays),
		cmocka_unit_test(test_what_passes),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
