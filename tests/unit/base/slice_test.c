/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/num.h"
#include "lib/base/slice.h"

static void
test_cut(void **state)
{
	struct slice head, rest;

	(void)state;
	rest = slice_cut(slice_str("a=b=c"), '=', &head);
	assert_slice(head, "a");
	assert_slice(rest, "b=c");
	rest = slice_cut(slice_str("none"), '=', &head);
	assert_slice(head, "none");
	assert_int_equal(rest.n, 0);
	rest = slice_cut(SLICE_NONE, '=', &head);
	assert_int_equal(head.n + rest.n, 0);
}

static void
test_compare(void **state)
{
	(void)state;
	assert_true(slice_ieq(slice_str("HeLo"), slice_str("hElO")));
	assert_false(slice_eq(slice_str("HeLo"), slice_str("hElO")));
	assert_true(slice_istarts(slice_str("Content-Type: x"), "content-type"));
	assert_false(slice_starts(slice_str("ab"), "abc"));
	assert_true(slice_ends(slice_str("abc"), "bc"));
	assert_true(slice_cmp(slice_str("a"), slice_str("ab")) < 0);
	assert_true(slice_cmp(slice_str("b"), slice_str("ab")) > 0);
	assert_int_equal(slice_search(slice_str("hay needle"), slice_str("needle")), 4);
	assert_int_equal(slice_search(slice_str("hay"), slice_str("needle")), 3);
	assert_slice(slice_trim(slice_str(" \r\n x y\t")), "x y");
	assert_slice(slice_from(slice_str("abc"), 9), "");
}

static void
test_cstr(void **state)
{
	char dst[4];

	(void)state;
	assert_true(slice_to_cstr(slice_str("abc"), dst, sizeof(dst)));
	assert_string_equal(dst, "abc");
	assert_false(slice_to_cstr(slice_str("abcd"), dst, sizeof(dst)));
	assert_false(slice_to_cstr(slice_of("a\0b", 3), dst, sizeof(dst)));
}

static void
test_utf8(void **state)
{
	static const struct { const char *text; bool ok; } rows[] = {
		{ "plain", true }, { "gr\xc3\xbc\xc3\x9f", true },
		{ "\xe2\x82\xac", true }, { "\xf0\x9f\x90\xa6", true },
		{ "\xc0\x80", false }, { "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false }, { "\xe2\x82", false },
		{ "\xff", false }, { "\x80", false }, { "\xe0\x9f\xbf", false },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(utf8_ok(slice_str(rows[i].text)), rows[i].ok);
}

/* Runs of ASCII are looked at by words: wherever the rest stands, it is seen. */
static void
test_utf8_runs(void **state)
{
	char text[40];

	(void)state;
	for (size_t n = 2; n <= sizeof(text); n++) {
		for (size_t at = 0; at + 2 <= n; at++) {
			memset(text, 'x', sizeof(text));
			assert_true(utf8_ok(slice_of(text, n)));
			memcpy(text + at, "\xc3\xa9", 2);
			assert_true(utf8_ok(slice_of(text, n)));
			text[at + 1] = 'x';
			assert_false(utf8_ok(slice_of(text, n)));
			memcpy(text + at, "x\xa9", 2);
			assert_false(utf8_ok(slice_of(text, n)));
		}
	}
}

static void
test_numbers(void **state)
{
	static const struct { const char *text; uint64_t max; enum err e; uint64_t v; } rows[] = {
		{ "0", 10, ERR_OK, 0 }, { "10", 10, ERR_OK, 10 },
		{ "11", 10, ERR_LIMIT, 0 }, { "", 10, ERR_SYNTAX, 0 },
		{ "1x", 10, ERR_SYNTAX, 0 }, { "-1", 10, ERR_SYNTAX, 0 },
		{ "18446744073709551615", UINT64_MAX, ERR_OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
		{ "99999999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		v = 0;
		assert_int_equal(num_parse_u64(slice_str(rows[i].text),
		    rows[i].max, &v), rows[i].e);
		assert_int_equal(v, rows[i].v);
	}
}

/* Each byte that ends a run, at each place of two words. */
static void
test_ascii_length(void **state)
{
	static const char ends[] = { '\0', '\x80', '\xff', '\xc3' };
	char text[19];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		memset(text, '\x01', sizeof(text));
		assert_int_equal(ascii_length(slice_of(text, n)), n);
		memset(text, '\x7f', sizeof(text));
		assert_int_equal(ascii_length(slice_of(text, n)), n);
		for (size_t k = 0; k < sizeof(ends) && n < sizeof(text); k++) {
			memset(text, 'a', sizeof(text));
			text[n] = ends[k];
			assert_int_equal(ascii_length(slice_of(text, sizeof(text))), n);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut), cmocka_unit_test(test_compare),
		cmocka_unit_test(test_cstr), cmocka_unit_test(test_utf8), cmocka_unit_test(test_utf8_runs),
		cmocka_unit_test(test_ascii_length),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
