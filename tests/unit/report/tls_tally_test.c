/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/ipc/ipc_codec.h"
#include "lib/report/tls_tally.h"

static struct tls_tally_session
session(enum tls_policy_type type, const char *domain, enum tls_failure failure, const char *mx)
{
	return (struct tls_tally_session){ .type = type, .domain = slice_str(domain),
	    .text = SLICE_LIT("version: STSv1\nmode: enforce\n"), .failure = failure,
	    .mx_host = slice_str(mx), .from_ip = SLICE_LIT("192.0.2.1"),
	    .to_ip = SLICE_LIT("192.0.2.2"), .reason = SLICE_LIT("why"), .count = 1 };
}

static void
add(struct tls_tally *t, enum tls_policy_type type, const char *domain, enum tls_failure failure,
    const char *mx)
{
	struct tls_tally_session s = session(type, domain, failure, mx);

	assert_true(tls_tally_add(t, &s));
}

static const struct tls_tally_policy *
policy(const struct tls_tally *t, unsigned i)
{
	const struct list *n = list_first(&t->policies);

	while (i-- > 0)
		n = list_next(&t->policies, n);
	return obj_of(n, const struct tls_tally_policy, link);
}

static unsigned
details(const struct tls_tally_policy *p, uint64_t *sessions)
{
	unsigned count = 0;

	*sessions = 0;
	for (const struct list *n = list_first(&p->details); n != NULL;
	    n = list_next(&p->details, n), count++)
		*sessions += obj_of(n, const struct tls_tally_detail, link)->count;
	return count;
}

static void
test_sums(void **state)
{
	struct tls_tally t;
	uint64_t sessions;

	(void)state;
	tls_tally_init(&t);
	assert_true(tls_tally_is_empty(&t));
	for (unsigned i = 0; i < 3; i++)
		add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_NONE, "mx1");
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_EXPIRED, "mx1");
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_EXPIRED, "mx1");
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_EXPIRED, "mx2");
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_NOT_TRUSTED, "mx1");
	add(&t, TLS_POLICY_TLSA, "a.example", TLS_FAILURE_NONE, "mx1");
	add(&t, TLS_POLICY_TLSA, "b.example", TLS_FAILURE_NONE, "mx1");
	assert_int_equal(t.policy_count, 3);
	assert_int_equal(policy(&t, 0)->good, 3);
	assert_int_equal(policy(&t, 0)->bad, 4);
	assert_int_equal(details(policy(&t, 0), &sessions), 3);
	assert_int_equal(sessions, 4);
	assert_int_equal(policy(&t, 2)->good, 1);
	tls_tally_fini(&t);
	assert_true(tls_tally_is_empty(&t));
}

/* Over the wire and back, into one that has some already. */
static void
test_rows(void **state)
{
	struct tls_tally t, u;
	struct buf b, c;
	uint64_t sessions;

	(void)state;
	tls_tally_init(&t);
	tls_tally_init(&u);
	buf_init(&b, TLS_TALLY_PUT_MAX);
	buf_init(&c, TLS_TALLY_PUT_MAX);
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_NONE, "mx1");
	add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_EXPIRED, "mx1");
	add(&t, TLS_POLICY_NONE, "a.example", TLS_FAILURE_STARTTLS_NOT_SUPPORTED, "mx2");
	tls_tally_put(&b, &t);
	assert_int_equal(tls_tally_merge(&u, buf_slice(&b)), ERR_OK);
	tls_tally_put(&c, &u);
	assert_true(slice_eq(buf_slice(&b), buf_slice(&c)));
	assert_int_equal(tls_tally_merge(&u, buf_slice(&b)), ERR_OK);
	assert_int_equal(policy(&u, 0)->good, 2);
	assert_int_equal(policy(&u, 0)->bad, 2);
	assert_int_equal(details(policy(&u, 0), &sessions), 1);
	assert_int_equal(policy(&u, 1)->bad, 2);
	/* Nothing short passes. */
	for (size_t n = 1; n < b.n; n++) {
		struct tls_tally v;
		enum err e;

		tls_tally_init(&v);
		e = tls_tally_merge(&v, slice_head(buf_slice(&b), n));
		assert_true(e == ERR_OK || e == ERR_VIOLATION);
		tls_tally_fini(&v);
	}
	/* A failure or a policy that there is not. */
	buf_data(&b)[0] = 3;
	assert_int_equal(tls_tally_merge(&u, buf_slice(&b)), ERR_VIOLATION);
	tls_tally_fini(&t);
	tls_tally_fini(&u);
	buf_fini(&b);
	buf_fini(&c);
}

static void
test_policies_limit(void **state)
{
	struct tls_tally_session s = session(TLS_POLICY_STS, "", TLS_FAILURE_NONE, "mx");
	struct tls_tally t;
	char name[40];

	(void)state;
	tls_tally_init(&t);
	for (unsigned i = 0; i <= TLS_TALLY_POLICIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "d%u.example", i);
		s.domain = slice_str(name);
		assert_int_equal(tls_tally_add(&t, &s), i < TLS_TALLY_POLICIES_MAX);
	}
	/* Those that are known still count. */
	s.domain = SLICE_LIT("d0.example");
	assert_true(tls_tally_add(&t, &s));
	tls_tally_fini(&t);
}

static void
test_details_limit(void **state)
{
	struct tls_tally t;
	uint64_t sessions;
	struct buf b;
	char mx[40];

	(void)state;
	tls_tally_init(&t);
	for (unsigned i = 0; i < TLS_TALLY_DETAILS_MAX + 50; i++) {
		(void)snprintf(mx, sizeof(mx), "mx%u", i);
		add(&t, TLS_POLICY_STS, "a.example", TLS_FAILURE_EXPIRED, mx);
	}
	/* The rest is one, by its type; the sum stays right. */
	assert_int_equal(details(policy(&t, 0), &sessions), TLS_TALLY_DETAILS_MAX + 1);
	assert_int_equal(sessions, TLS_TALLY_DETAILS_MAX + 50);
	assert_int_equal(policy(&t, 0)->bad, TLS_TALLY_DETAILS_MAX + 50);
	buf_init(&b, TLS_TALLY_PUT_MAX);
	tls_tally_put(&b, &t);
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
	tls_tally_fini(&t);
}

/* The largest of everything: memory and rows stay below their caps. */
static void
test_bytes_limit(void **state)
{
	char text[TLS_TALLY_TEXT_MAX + 100], name[TLS_TALLY_NAME_MAX + 10];
	struct tls_tally_session s = { .type = TLS_POLICY_TLSA, .count = UINT64_MAX };
	uint64_t sessions;
	struct tls_tally t, u;
	struct buf b;

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(name, 'n', sizeof(name));
	text[TLS_TALLY_TEXT_MAX - 10] = '\n';
	s.text = slice_of(text, sizeof(text));
	s.domain = s.mx_host = s.helo = s.reason = s.from_ip = s.to_ip =
	    slice_of(name, sizeof(name));
	tls_tally_init(&t);
	for (unsigned i = 0; i < 1000; i++) {
		name[0] = (char)('a' + i % 26);
		name[1] = (char)('a' + i / 26);
		s.failure = (enum tls_failure)(1 + i % TLS_FAILURE_STS_WEBPKI);
		(void)tls_tally_add(&t, &s);
	}
	assert_in_range(t.bytes, 1, TLS_TALLY_BYTES_MAX);
	/* Whole lines. */
	assert_int_equal(policy(&t, 0)->text.n, TLS_TALLY_TEXT_MAX - 9);
	assert_true(details(policy(&t, 0), &sessions) > 0);
	assert_true(policy(&t, 0)->bad == UINT64_MAX);
	buf_init(&b, TLS_TALLY_PUT_MAX);
	tls_tally_put(&b, &t);
	assert_int_equal(buf_err(&b), ERR_OK);
	tls_tally_init(&u);
	assert_int_equal(tls_tally_merge(&u, buf_slice(&b)), ERR_OK);
	assert_int_equal(u.policy_count, t.policy_count);
	tls_tally_fini(&t);
	tls_tally_fini(&u);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_policies_limit),
		cmocka_unit_test(test_details_limit),
		cmocka_unit_test(test_bytes_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
