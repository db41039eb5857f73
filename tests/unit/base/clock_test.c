/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <time.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

static void
test_dates_agree_with_libc(void **state)
{
	struct clock_date d;
	struct tm tm;
	time_t t;

	(void)state;
	for (int64_t s = -2000000000; s < 8000000000; s += 86399 * 37) {
		t = (time_t)s;
		assert_non_null(gmtime_r(&t, &tm));
		clock_to_date(s, &d);
		assert_int_equal(d.year, tm.tm_year + 1900);
		assert_int_equal(d.month, tm.tm_mon + 1);
		assert_int_equal(d.day, tm.tm_mday);
		assert_int_equal(d.hour, tm.tm_hour);
		assert_int_equal(d.weekday, tm.tm_wday);
		assert_true(clock_from_date(&d) == s);
	}
}

static void
test_printed_forms(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	clock_put_rfc3339(&b, 1795168930911);
	assert_slice(buf_slice(&b), "2026-11-20T10:02:10.911Z");
	buf_reset(&b);
	clock_put_rfc5322(&b, 1795168930);
	assert_slice(buf_slice(&b), "Fri, 20 Nov 2026 10:02:10 +0000");
	buf_reset(&b);
	clock_put_imap(&b, 1793519682);
	assert_slice(buf_slice(&b), "\" 1-Nov-2026 07:54:42 +0000\"");
	buf_reset(&b);
	clock_put_span(&b, 12 * 86400 + 4 * 3600 + 5);
	assert_slice(buf_slice(&b), "12d 4h");
	buf_fini(&b);
}

static void
test_advance(void **state)
{
	uint64_t before = clock_mono_ms(), real = clock_real_ms();

	(void)state;
	clock_advance(60000);
	assert_true(clock_mono_ms() >= before + 60000);
	assert_true(clock_real_ms() >= real + 60000);
	clock_advance(-60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_agree_with_libc),
		cmocka_unit_test(test_printed_forms),
		cmocka_unit_test(test_advance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
