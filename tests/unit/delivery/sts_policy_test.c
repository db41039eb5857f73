/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "delivery/sts_policy.h"

#define HEAD	"version: STSv1\nmode: enforce\n"
#define TAIL	"max_age: 86400\n"

static struct sts_policy *
parse(const char *text)
{
	struct sts_policy *p;
	const char *why;

	assert_int_equal(sts_policy_parse(&p, slice_str(text), &why), ERR_OK);
	assert_string_equal(why, "");
	return p;
}

static enum err
parse_err(struct slice body)
{
	struct sts_policy *p;
	const char *why;
	enum err e = sts_policy_parse(&p, body, &why);

	assert_null(p);
	assert_string_not_equal(why, "");
	return e;
}

static bool
has(const struct sts_policy *p, const char *host)
{
	return sts_policy_has_host(p, slice_str(host));
}

/* ---- policies ---- */

static void
test_policy(void **state)
{
	struct sts_policy *p = parse("version: STSv1\r\nmode: enforce\r\n"
	    "mx: Mail.Example.COM\r\nmx: *.example.net\r\nmx:backup.example.org.\r\n"
	    "max_age: 604800\r\n");

	(void)state;
	assert_int_equal(p->mode, STS_ENFORCE);
	assert_int_equal(p->max_age_s, 604800);
	assert_int_equal(p->mx_count, 3);
	assert_string_equal(p->patterns[0], "mail.example.com");
	assert_string_equal(p->patterns[1], "*.example.net");
	assert_string_equal(p->patterns[2], "backup.example.org");
	sts_policy_unref(&p);
	assert_null(p);
	sts_policy_unref(&p);
}

static void
test_forms(void **state)
{
	/* Bare LF, no end of the last line, any order, white space, empty lines. */
	static const char *const good[] = {
		"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1",
		"mx: a.example\n\nmax_age:1  \r\nmode:\ttesting \nversion:STSv1\n\n",
		"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1\nx: y: z\nx-y.z_9:\n",
		/* RFC 8461 s3.2: of what is there twice the first counts. */
		"version: STSv1\nversion: STSv2\nmode: testing\nmode: enforce\nmx: a.example\n"
		    "max_age: 1\nmax_age: 2\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct sts_policy *p = parse(good[i]);

		assert_int_equal(p->mode, STS_TESTING);
		assert_int_equal(p->max_age_s, 1);
		assert_int_equal(p->mx_count, 1);
		sts_policy_unref(&p);
	}
}

static void
test_none_needs_no_mx(void **state)
{
	struct sts_policy *p = parse("version: STSv1\nmode: none\nmax_age: 0\n");

	(void)state;
	assert_int_equal(p->mode, STS_NONE);
	assert_int_equal(p->mx_count, 0);
	assert_false(has(p, "a.example"));
	sts_policy_unref(&p);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {
		"", "\n\n", "<html>", HEAD TAIL, "mode: enforce\nmx: a\n" TAIL,
		"version: STSv1\nmx: a\n" TAIL, HEAD "mx: a\n",
		"version: stsv1\nmode: enforce\nmx: a\n" TAIL,
		"version: STSv1\nmode: Enforce\nmx: a\n" TAIL,
		"Version: STSv1\nmode: enforce\nmx: a\n" TAIL,
		HEAD "mx:\n" TAIL, HEAD "mx: a b\n" TAIL, HEAD "mx: *\n" TAIL,
		HEAD "mx: *.\n" TAIL, HEAD "mx: a.*.b\n" TAIL, HEAD "mx: .a\n" TAIL,
		HEAD "mx: a..b\n" TAIL, HEAD "mx: *a.b\n" TAIL, HEAD "mx: b\xc3\xbc.de\n" TAIL,
		HEAD "mx: a, b\n" TAIL, HEAD "mx: a\nmax_age: -1\n",
		HEAD "mx: a\nmax_age:\n", HEAD "mx: a\nmax_age: 1d\n",
		HEAD "mx: a\nmax_age: 00000000001\n", HEAD "mx: a\nno field\n" TAIL,
		HEAD "mx: a\n: value\n" TAIL, HEAD "mx: a\nkey : value\n" TAIL,
		HEAD "mx: a\n"
		    "key-of-thirty-three-bytes-is-long: x\n" TAIL,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(parse_err(slice_str(bad[i])), ERR_OK);
	/* A NUL ends nothing. */
	assert_int_equal(parse_err(SLICE_LIT(HEAD "mx: a\0b\n" TAIL)), ERR_SYNTAX);
}

static void
test_age_limit(void **state)
{
	static const struct { const char *text; uint32_t age; } rows[] = {
		{ "31557599", 31557599 }, { "31557600", 31557600 }, { "31557601", 31557600 },
		{ "9999999999", 31557600 }, { "0", 0 },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sts_policy *p;

		(void)snprintf(text, sizeof(text), HEAD "mx: a\nmax_age: %s\n", rows[i].text);
		p = parse(text);
		assert_int_equal(p->max_age_s, rows[i].age);
		sts_policy_unref(&p);
	}
}

/* So many patterns of the longest kind; what is put is read again, the same. */
static void
test_limits(void **state)
{
	struct sts_policy *p, *again;
	const char *why;
	struct buf b, out;

	(void)state;
	buf_init(&b, STS_BODY_MAX + 10);
	buf_init(&out, STS_TEXT_MAX);
	buf_put_str(&b, HEAD TAIL);
	for (unsigned i = 0; i < STS_MX_MAX; i++) {
		buf_put_str(&b, "mx: ");
		for (unsigned k = 0; k < STS_PATTERN_MAX; k++)
			buf_put_char(&b, k % 50 == 40 ? '.' : 'a');
		buf_put_str(&b, "\n");
	}
	p = parse(buf_cstr(&b));
	assert_int_equal(p->mx_count, STS_MX_MAX);
	sts_policy_put(&out, p);
	assert_int_equal(buf_err(&out), ERR_OK);
	again = parse(buf_cstr(&out));
	assert_int_equal(again->mx_count, p->mx_count);
	assert_string_equal(again->patterns[STS_MX_MAX - 1], p->patterns[STS_MX_MAX - 1]);
	assert_int_equal(again->max_age_s, 86400);
	sts_policy_unref(&again);
	sts_policy_unref(&p);
	/* One more. */
	buf_put_str(&b, "mx: a.example\n");
	assert_int_equal(parse_err(buf_slice(&b)), ERR_LIMIT);
	/* One byte more in a pattern. */
	buf_reset(&b);
	buf_put_str(&b, HEAD TAIL "mx: ");
	for (unsigned k = 0; k < STS_PATTERN_MAX + 1; k++)
		buf_put_char(&b, 'a');
	assert_int_equal(parse_err(buf_slice(&b)), ERR_SYNTAX);
	/* Of all. */
	buf_reset(&b);
	buf_put_str(&b, HEAD TAIL "mx: a\nx:");
	while (b.n < STS_BODY_MAX)
		buf_put_char(&b, 'y');
	assert_int_equal(sts_policy_parse(&p, buf_slice(&b), &why), ERR_OK);
	sts_policy_unref(&p);
	buf_put_char(&b, 'y');
	assert_int_equal(parse_err(buf_slice(&b)), ERR_TOOBIG);
	buf_fini(&out);
	buf_fini(&b);
}

static void
test_match(void **state)
{
	struct sts_policy *p = parse(HEAD "mx: mail.example.com\nmx: *.example.net\n" TAIL);

	(void)state;
	assert_true(has(p, "mail.example.com"));
	assert_true(has(p, "MAIL.example.COM"));
	assert_true(has(p, "mail.example.com."));
	assert_false(has(p, "a.mail.example.com"));
	assert_false(has(p, "example.com"));
	assert_true(has(p, "a.example.net"));
	assert_true(has(p, "A.Example.Net"));
	/* RFC 8461 s4.1: one label, no more and no less. */
	assert_false(has(p, "a.b.example.net"));
	assert_false(has(p, "example.net"));
	assert_false(has(p, ".example.net"));
	assert_false(has(p, "a.example.net.evil.example"));
	assert_false(has(p, "aexample.net"));
	assert_false(has(p, ""));
	assert_false(has(p, "."));
	sts_policy_unref(&p);
}

static void
test_ref(void **state)
{
	struct sts_policy *p = parse(HEAD "mx: a\n" TAIL), *q = sts_policy_ref(p);

	(void)state;
	sts_policy_unref(&p);
	assert_true(has(q, "a"));
	sts_policy_unref(&q);
}

/* ---- TXT ---- */

static enum err
read_id(char id[STS_ID_MAX + 1], const char *one, const char *two)
{
	struct dns_record r[2] = { { .data = slice_str(one) }, { .data = slice_str(two) } };
	struct dns_answer a = { .status = DNS_OK, .records = r, .count = two != NULL ? 2 : 1 };

	return sts_policy_read_id(id, &a);
}

static void
test_txt(void **state)
{
	static const char *const good[] = {
		"v=STSv1; id=20160831085700Z;", "v=STSv1;id=20160831085700Z",
		"v=STSv1;  id=20160831085700Z ; x=y z", "v=STSv1; a=b; id=20160831085700Z; id=2;",
	};
	static const char *const bad[] = {
		"v=STSv1;", "v=STSv1; id=;", "v=STSv1; id=a-b", "v=STSv1; id",
		"v=STSv1; ; id=1", "v=STSv1; =x; id=1", "v=STSv1; id =1",
		"v=STSv1; id=123456789012345678901234567890123",	/* 33 */
	};
	static const char *const other[] = { "", "v=STSv1", "v=STSv2; id=1", "v=spf1 -all",
		"V=STSv1; id=1", " v=STSv1; id=1" };
	char id[STS_ID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(read_id(id, good[i], NULL), ERR_OK);
		assert_string_equal(id, "20160831085700Z");
		/* Among others. */
		assert_int_equal(read_id(id, "v=spf1 -all", good[i]), ERR_OK);
		/* RFC 8461 s3.1: two are none. */
		assert_int_equal(read_id(id, good[i], good[i]), ERR_NOTFOUND);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_id(id, bad[i], NULL), ERR_SYNTAX);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(read_id(id, other[i], NULL), ERR_NOTFOUND);
	assert_int_equal(read_id(id, "v=STSv1; id=12345678901234567890123456789012", NULL),
	    ERR_OK);
	assert_int_equal(strlen(id), STS_ID_MAX);
}

static void
test_txt_absent(void **state)
{
	struct dns_answer a = { .status = DNS_NXDOMAIN };
	char id[STS_ID_MAX + 1];

	(void)state;
	assert_int_equal(sts_policy_read_id(id, &a), ERR_NOTFOUND);
	a.status = DNS_NODATA;
	assert_int_equal(sts_policy_read_id(id, &a), ERR_NOTFOUND);
	a.status = DNS_SERVFAIL;
	assert_int_equal(sts_policy_read_id(id, &a), ERR_AGAIN);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy), cmocka_unit_test(test_forms),
		cmocka_unit_test(test_none_needs_no_mx), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_age_limit), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_match), cmocka_unit_test(test_ref),
		cmocka_unit_test(test_txt), cmocka_unit_test(test_txt_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
