/* SPDX-License-Identifier: ISC */
/*
 * Who has no room, as store says it: one by one, all anew, and what it cannot
 * mean.
 */
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/addr.h"
#include "queue/queue_quota.h"
#include "tests/unit/test.h"

static enum err
say(struct queue_quota *q, uint8_t what, const uint64_t *ids, unsigned n, struct slice domains)
{
	unsigned char bytes[8 * 4];
	struct ipc_store_over m = { what, slice_of(bytes, 8 * n), domains };

	for (unsigned i = 0; i < n; i++)
		enc_le64(bytes + 8 * i, ids[i]);
	return queue_quota_set(q, &m);
}

static void
test_over(void **state)
{
	static const uint64_t ids[] = { 5, 6, 1ull << 60 };
	const struct slice a = SLICE_LIT("a@x.test"), b = SLICE_LIT("b@y.test");
	struct queue_quota q;

	(void)state;
	queue_quota_init(&q);
	assert_false(queue_quota_is_over(&q, 5, a));
	assert_int_equal(say(&q, STORE_OVER_THESE, ids, 3, SLICE_NONE), ERR_OK);
	assert_int_equal(say(&q, STORE_OVER_THESE, ids, 3, SLICE_NONE), ERR_OK);
	assert_true(queue_quota_is_over(&q, 5, a));
	assert_true(queue_quota_is_over(&q, 1ull << 60, b));
	assert_false(queue_quota_is_over(&q, 7, a));
	assert_int_equal(say(&q, STORE_OVER_NOT_THESE, ids, 1, SLICE_NONE), ERR_OK);
	assert_false(queue_quota_is_over(&q, 5, a));
	assert_true(queue_quota_is_over(&q, 6, a));
	/* All of a domain. */
	assert_int_equal(say(&q, STORE_OVER_THESE, NULL, 0, slice_of("x.test\0z.test", 14)), ERR_OK);
	assert_true(queue_quota_is_over(&q, 9, a));
	assert_false(queue_quota_is_over(&q, 9, b));
	assert_false(queue_quota_is_over(&q, 9, SLICE_LIT("no address")));
	assert_int_equal(say(&q, STORE_OVER_NOT_THESE, NULL, 0, slice_of("x.test", 7)), ERR_OK);
	assert_false(queue_quota_is_over(&q, 9, a));
	/* A store that was started anew says all again. */
	assert_int_equal(say(&q, STORE_OVER_NONE, NULL, 0, SLICE_NONE), ERR_OK);
	assert_false(queue_quota_is_over(&q, 6, SLICE_LIT("a@z.test")));
	queue_quota_fini(&q);
}

static void
test_violations(void **state)
{
	char name[ADDR_DOMAIN_MAX + 2];
	struct ipc_store_over m = { STORE_OVER_THESE, SLICE_LIT("1234567"), SLICE_NONE };
	struct queue_quota q;

	(void)state;
	queue_quota_init(&q);
	assert_int_equal(queue_quota_set(&q, &m), ERR_VIOLATION);
	m.accounts = SLICE_NONE;
	m.what = STORE_OVER_NOT_THESE + 1;
	assert_int_equal(queue_quota_set(&q, &m), ERR_VIOLATION);
	m.what = STORE_OVER_THESE;
	memset(name, 'x', sizeof(name));
	m.domains = slice_of(name, ADDR_DOMAIN_MAX);
	assert_int_equal(queue_quota_set(&q, &m), ERR_OK);
	m.domains = slice_of(name, ADDR_DOMAIN_MAX + 1);
	assert_int_equal(queue_quota_set(&q, &m), ERR_VIOLATION);
	m.domains = slice_of("\0", 1);
	assert_int_equal(queue_quota_set(&q, &m), ERR_VIOLATION);
	queue_quota_fini(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over), cmocka_unit_test(test_violations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
