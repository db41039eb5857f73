/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/base/rate.h"

#define START	5000u

static unsigned
take_all(struct rate_table *t, uint64_t key, const struct rate *r, uint64_t now_ms)
{
	unsigned n = 0;

	while (n < 10000 && rate_take(t, key, r, now_ms) == ERR_OK)
		n++;
	return n;
}

static void
test_burst_then_even(void **state)
{
	const struct rate r = { 500, 3600000 };		/* one in 7.2 s */
	struct rate_table t;

	(void)state;
	rate_init(&t, 100);
	assert_false(rate_is_spent(&t, 1, &r, START));
	assert_int_equal(take_all(&t, 1, &r, START), 500);
	assert_true(rate_is_spent(&t, 1, &r, START));
	assert_int_equal(rate_take(&t, 1, &r, START), ERR_LIMIT);
	assert_int_equal(rate_take(&t, 1, &r, START + 7199), ERR_LIMIT);
	assert_false(rate_is_spent(&t, 1, &r, START + 7200));
	assert_int_equal(rate_take(&t, 1, &r, START + 7200), ERR_OK);
	assert_int_equal(rate_take(&t, 1, &r, START + 7200), ERR_LIMIT);
	/* others are not concerned, and an hour later it is as new */
	assert_int_equal(take_all(&t, 2, &r, START), 500);
	assert_int_equal(take_all(&t, 1, &r, START + 2 * 3600000u), 500);
	rate_fini(&t);
}

/* Over a long time exactly the rate, whatever the steps are. */
static void
test_long_run(void **state)
{
	static const struct rate all[] = { { 1, 1000 }, { 7, 60000 }, { 500, 3600000 },
		{ 1000, 1000 }, { 1, 86400000 } };
	struct rate_table t;
	uint64_t now, taken;
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(all); i++) {
		rate_init(&t, 10);
		taken = 0;
		for (now = START; now < START + 10 * all[i].per_ms; now += all[i].per_ms / 100)
			taken += take_all(&t, 1, &all[i], now);
		assert_in_range(taken, 10 * all[i].count,
		    11 * all[i].count);
		rate_fini(&t);
	}
}

static void
test_no_limit(void **state)
{
	const struct rate none = { 0, 60000 };
	struct rate_table t;

	(void)state;
	rate_init(&t, 10);
	assert_int_equal(take_all(&t, 1, &none, START), 10000);
	assert_false(rate_is_spent(&t, 1, &none, START));
	assert_int_equal(t.keys.count, 0);
	rate_fini(&t);
}

/* The limit was made smaller or larger, or the clock went back. */
static void
test_changes(void **state)
{
	const struct rate large = { 100, 60000 }, small = { 10, 60000 };
	struct rate_table t;

	(void)state;
	rate_init(&t, 10);
	assert_int_equal(take_all(&t, 1, &large, START), 100);
	assert_int_equal(take_all(&t, 1, &small, START), 0);
	assert_int_equal(take_all(&t, 1, &small, START + 60000), 10);
	assert_int_equal(take_all(&t, 1, &large, START + 60000), 0);
	assert_int_equal(take_all(&t, 1, &large, START), 0);
	rate_fini(&t);
}

static void
test_bounded(void **state)
{
	const struct rate r = { 2, 1000 };
	struct rate_table t;
	uint64_t key;

	(void)state;
	rate_init(&t, 3000);
	for (key = 0; key < 3000; key++)
		assert_int_equal(rate_take(&t, key, &r, START), ERR_OK);
	assert_int_equal(rate_take(&t, 3000, &r, START), ERR_FULL);
	/* known ones go on */
	assert_int_equal(rate_take(&t, 7, &r, START), ERR_OK);
	assert_int_equal(rate_take(&t, 7, &r, START), ERR_LIMIT);
	/* half of a period later all but one are as new, and forgotten */
	assert_int_equal(rate_take(&t, 3000, &r, START + 500), ERR_OK);
	assert_int_equal(t.keys.count, 2);
	for (key = 10000; key < 110000; key++)
		assert_int_equal(rate_take(&t, key, &r, START + 1000 * key), ERR_OK);
	assert_true(t.keys.count <= 1024);
	rate_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_even),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
