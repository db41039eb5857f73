/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/conf/opt.h"

struct sample {
	opt_c_TIME	t;
	opt_c_SIZE	s;
	opt_c_NUM	n;
	opt_c_RATE	r;
	opt_c_BOOL	b;
	opt_c_ENUM	e, no, off;
	opt_c_STRING	text;
	opt_c_PATH	path;
	opt_c_DOMAIN	domain;
	opt_c_LIST	list;
	opt_c_NETS	nets;
	opt_c_ADDRS	addrs;
};

static const struct opt rows[] = {
#define OPT(...)	OPT_ROW(struct sample, __VA_ARGS__)
	OPT(TIME, t, "5d", "1h", "30d", OPT_RELOAD, "A time.")
	OPT(SIZE, s, "50M", "64K", "2G", OPT_RELOAD, "A size.")
	OPT(NUM, n, "20", "1", "100", OPT_RELOAD, "A number.")
	OPT(RATE, r, "500/h", "1/d", "1000/s", OPT_RELOAD, "A rate.")
	OPT(BOOL, b, "no", "", "", OPT_RELOAD, "A switch.")
	OPT(ENUM, e, "one", "zero, one, two", "", OPT_RELOAD, "A choice.")
	OPT(ENUM, no, "may", "no, may", "", OPT_RELOAD, "A choice.")
	OPT(ENUM, off, "some", "some, off", "", OPT_RELOAD, "A choice.")
	OPT(STRING, text, "abc", "1", "5", OPT_RELOAD, "A text.")
	OPT(PATH, path, "x", "", "", OPT_RELOAD, "A path.")
	OPT(DOMAIN, domain, "", "", "", OPT_RELOAD, "A name.")
	OPT(LIST, list, "a, b", "1", "3", OPT_RELOAD, "A list.")
	OPT(NETS, nets, "", "0", "2", OPT_RELOAD, "Networks.")
	OPT(ADDRS, addrs, "*:25", "1", "2", OPT_RELOAD, "Addresses.")
#undef OPT
	OPT_ROWS_END
};
static const struct opt_section section = OPT_SECTION("sample", rows, struct sample);

/* NULL when it was taken, else the reason. */
static const char *
try(struct sample *s, const char *name, const char *value)
{
	static char reason[512];
	const struct opt *o = opt_find(&section, slice_str(name));
	struct buf why;
	enum err e;

	assert_non_null(o);
	buf_init(&why, sizeof(reason) - 1);
	e = opt_set(o, s, &value, 1, "/dir", &why);
	snprintf(reason, sizeof(reason), "%s", e == ERR_OK ? "" : buf_cstr(&why));
	buf_fini(&why);
	return e == ERR_OK ? NULL : reason;
}

static void
test_defaults(void **state)
{
	struct sample s;

	(void)state;
	opt_defaults(&section, &s);
	assert_int_equal(s.t, 5ull * 86400000);
	assert_int_equal(s.s, 50ull << 20);
	assert_int_equal(s.n, 20);
	assert_int_equal(s.r.count, 500);
	assert_int_equal(s.r.per_ms, 3600000);
	assert_false(s.b);
	assert_int_equal(s.e, 1);
	assert_string_equal(s.text, "abc");
	assert_string_equal(s.path, "x");
	assert_string_equal(s.domain, "");
	assert_int_equal(s.list.n, 2);
	assert_string_equal(s.list.v[1], "b");
	assert_int_equal(s.nets.n, 0);
	assert_string_equal(s.addrs.v[0], "*:25");
	opt_free(&section, &s);
	assert_null(s.text);
}

static void
test_values(void **state)
{
	static const struct {
		const char	*name, *value, *printed;
	} good[] = {
		{ "t", "1h", "\"1h\"" }, { "t", "30d", "\"30d\"" }, { "t", "90m", "\"90m\"" },
		{ "t", "2w", "\"14d\"" }, { "t", "3600000ms", "\"1h\"" },
		{ "s", "64K", "\"64K\"" }, { "s", "65536", "\"64K\"" }, { "s", "65537", "\"65537\"" },
		{ "s", "2G", "\"2G\"" }, { "n", "1", "1" }, { "n", "100", "100" },
		{ "r", "1/d", "\"1/d\"" }, { "r", "1000/s", "\"1000/s\"" }, { "r", "7/m", "\"7/m\"" },
		{ "b", "yes", "yes" }, { "b", "ON", "yes" }, { "b", "False", "no" },
		{ "e", "two", "two" }, { "e", "zero", "zero" },
		{ "no", "no", "no" }, { "no", "may", "may" }, { "no", "off", "no" },
		{ "off", "off", "off" }, { "off", "some", "some" }, { "off", "no", "off" },
		{ "text", "12345", "\"12345\"" }, { "text", "a\"\\", "\"a\\\"\\\\\"" },
		{ "path", "/abs", "\"/abs\"" }, { "path", "rel", "\"/dir/rel\"" }, { "path", "", "\"\"" },
		{ "domain", "mx1.Example.net", "\"mx1.Example.net\"" }, { "domain", "", "\"\"" },
		{ "nets", "10.0.0.0/8", "{\"10.0.0.0/8\"}" }, { "addrs", "[::1]:25", "{\"[::1]:25\"}" },
	};
	struct sample s;

	(void)state;
	opt_defaults(&section, &s);
	for (size_t i = 0; i < lengthof(good); i++) {
		struct buf b;

		assert_null(try(&s, good[i].name, good[i].value));
		buf_init(&b, 1024);
		opt_print(opt_find(&section, slice_str(good[i].name)), &s, &b);
		assert_slice(buf_slice(&b), good[i].printed);
		buf_fini(&b);
	}
	opt_free(&section, &s);
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*name, *value, *reason;
	} bad[] = {
		{ "t", "5", "unit missing; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "5x", "unknown unit; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "5 d", "unknown unit; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "", "not a number; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "-1d", "not a number; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "59m", "too small; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "31d", "too large; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "999999999999999999w", "too large; allowed: 1h to 30d, e.g. 5d" },
		{ "t", "99999999999999999999999d", "not a number; allowed: 1h to 30d, e.g. 5d" },
		{ "s", "63K", "too small; allowed: 64K to 2G, e.g. 50M" },
		{ "s", "2147483649", "too large; allowed: 64K to 2G, e.g. 50M" },
		{ "s", "1k", "unknown unit; allowed: 64K to 2G, e.g. 50M" },
		{ "n", "0", "too small; allowed: 1 to 100, e.g. 20" },
		{ "n", "101", "too large; allowed: 1 to 100, e.g. 20" },
		{ "n", "1M", "not a number; allowed: 1 to 100, e.g. 20" },
		{ "r", "5", "unit missing; allowed: 1/d to 1000/s, e.g. 500/h" },
		{ "r", "5/w", "unknown unit; allowed: 1/d to 1000/s, e.g. 500/h" },
		{ "r", "0/h", "too small; allowed: 1/d to 1000/s, e.g. 500/h" },
		{ "r", "1001/s", "too large; allowed: 1/d to 1000/s, e.g. 500/h" },
		{ "b", "maybe", "unknown value; allowed: yes, no" },
		{ "e", "three", "unknown value; allowed: zero, one, two" },
		{ "e", "One", "unknown value; allowed: zero, one, two" },
		{ "e", "", "unknown value; allowed: zero, one, two" },
		{ "e", "off", "unknown value; allowed: zero, one, two" },
		{ "no", "Off", "unknown value; allowed: no, may" },
		{ "text", "", "too short; allowed: 1 to 5 bytes" },
		{ "text", "123456", "too long; allowed: 1 to 5 bytes" },
		{ "text", "a\nb", "control character; allowed: 1 to 5 bytes" },
		{ "text", "\xff", "not UTF-8; allowed: 1 to 5 bytes" },
		{ "domain", "a..b", "empty label; allowed: a host name, e.g. mx1.example.net" },
		{ "domain", "a.", "empty label; allowed: a host name, e.g. mx1.example.net" },
		{ "domain", "-a.b", "hyphen at the end of a label; allowed: a host name, e.g. mx1.example.net" },
		{ "domain", "a b", "not a host name; allowed: a host name, e.g. mx1.example.net" },
		{ "list", "", "empty string; allowed: 1 to 3 different strings" },
		{ "nets", "10.0.0.1/8", "not a network; allowed: 0 to 2 networks, e.g. 10.0.0.0/8 or 2001:db8::/32" },
		{ "addrs", "1.2.3.4", "not an address and port; allowed: 1 to 2 of \"*:25\", "
		  "\"192.0.2.1:25\", \"[::1]:25\"" },
	};
	struct sample s, before;

	(void)state;
	opt_defaults(&section, &s);
	opt_defaults(&section, &before);
	for (size_t i = 0; i < lengthof(bad); i++) {
		const char *reason = try(&s, bad[i].name, bad[i].value);
		const struct opt *o = opt_find(&section, slice_str(bad[i].name));

		assert_non_null(reason);
		assert_string_equal(reason, bad[i].reason);
		assert_true(opt_is_equal(o, &s, &before));
	}
	opt_free(&section, &s);
	opt_free(&section, &before);
}

static void
test_lists(void **state)
{
	static const char *const three[] = { "x", "y", "z", "x" };
	const struct opt *o = opt_find(&section, SLICE_LIT("list"));
	struct sample s;
	struct buf why;

	(void)state;
	opt_defaults(&section, &s);
	buf_init(&why, 1024);
	assert_int_equal(opt_set(o, &s, three, 3, NULL, &why), ERR_OK);
	assert_int_equal(s.list.n, 3);
	assert_int_equal(opt_set(o, &s, three, 4, NULL, &why), ERR_SYNTAX);
	assert_int_equal(opt_set(o, &s, three, 0, NULL, &why), ERR_SYNTAX);
	buf_reset(&why);
	assert_int_equal(opt_set(o, &s, (const char *const[]){ "a", "a" }, 2, NULL, &why), ERR_SYNTAX);
	assert_slice(buf_slice(&why), "given twice; allowed: 1 to 3 different strings");
	assert_int_equal(s.list.n, 3);
	buf_fini(&why);
	opt_free(&section, &s);
}

/* One string of OPT_STRING_MAX, and one more byte. */
static void
test_longest_element(void **state)
{
	const struct opt *o = opt_find(&section, SLICE_LIT("list"));
	char *text = malloc(OPT_STRING_MAX + 2);
	const char *value = text;
	struct sample s;
	struct buf why;

	(void)state;
	opt_defaults(&section, &s);
	buf_init(&why, 4096);
	memset(text, 'a', OPT_STRING_MAX + 1);
	text[OPT_STRING_MAX + 1] = '\0';
	assert_int_equal(opt_set(o, &s, &value, 1, NULL, &why), ERR_SYNTAX);
	text[OPT_STRING_MAX] = '\0';
	assert_int_equal(opt_set(o, &s, &value, 1, NULL, &why), ERR_OK);
	buf_fini(&why);
	free(text);
	opt_free(&section, &s);
}

static void
test_copy(void **state)
{
	struct sample a, b;

	(void)state;
	opt_defaults(&section, &a);
	opt_defaults(&section, &b);
	assert_null(try(&a, "t", "2h"));
	assert_null(try(&a, "s", "1M"));
	assert_null(try(&a, "n", "3"));
	assert_null(try(&a, "r", "3/s"));
	assert_null(try(&a, "b", "yes"));
	assert_null(try(&a, "e", "two"));
	assert_null(try(&a, "no", "off"));
	assert_null(try(&a, "off", "no"));
	assert_null(try(&a, "text", "zz"));
	assert_null(try(&a, "path", "/p"));
	assert_null(try(&a, "domain", "d.e"));
	assert_null(try(&a, "list", "q"));
	assert_null(try(&a, "nets", "::/0"));
	assert_null(try(&a, "addrs", "1.2.3.4:5"));
	for (const struct opt *o = rows; o->name != NULL; o++) {
		assert_false(opt_is_equal(o, &a, &b));
		opt_copy(o, &a, &b);
		assert_true(opt_is_equal(o, &a, &b));
	}
	opt_free(&section, &a);
	opt_free(&section, &b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_longest_element),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
