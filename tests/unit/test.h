/* SPDX-License-Identifier: ISC */
/*
 * What every unit test includes: cmocka with the headers it wants first.
 */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/slice.h"

#define assert_slice(s, text) do {					\
	struct slice got_ = (s), want_ = slice_str(text);		\
	assert_int_equal(got_.n, want_.n);				\
	assert_memory_equal(got_.n > 0 ? got_.p : "", want_.n > 0 ? want_.p : "", want_.n); \
} while (0)

#endif
