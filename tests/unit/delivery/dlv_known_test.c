/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "delivery/dlv_known.h"
#include "lib/cmtp/cmtp_wire.h"

static const unsigned char server[CRY_KEY_BYTES] = { 1 }, other[CRY_KEY_BYTES] = { 2 };
static const struct dlv_known_now now = { .ms = 1000, .real_s = 5000 };
static struct cmtp_key key = { .generation = 0x107, .seal = { 9 }, .expires_s = 100000 };

static struct dlv_known_whose
whose(const char *user, const unsigned char *sign)
{
	return (struct dlv_known_whose){ slice_str(user), SLICE_LIT("there.example"), sign };
}

static const struct dlv_known_key *
find(struct dlv_known *k, const char *user, const struct dlv_known_now *at)
{
	const struct dlv_known_whose w = whose(user, server);

	return dlv_known_find(k, &w, at);
}

static void
put(struct dlv_known *k, const char *user)
{
	const struct dlv_known_whose w = whose(user, server);

	assert_int_equal(dlv_known_put(k, &w, &key, &now), strlen(user) > CMTP_PARAM_MAX ?
	    ERR_LIMIT : ERR_OK);
}

static void
test_ends(void **state)
{
	const struct dlv_known_now last = { now.ms + DLV_KNOWN_MS - 1, now.real_s };
	const struct dlv_known_now late = { now.ms + DLV_KNOWN_MS, now.real_s };
	const struct dlv_known_now expired = { now.ms, key.expires_s };
	const struct dlv_known_whose bob = whose("bob", server), elsewhere = whose("bob", other);
	struct dlv_known *k = dlv_known_new();
	const struct dlv_known_key *found;

	(void)state;
	assert_null(find(k, "bob", &now));
	put(k, "bob");
	found = find(k, "bob", &last);
	assert_non_null(found);
	assert_int_equal(found->generation, 7);
	assert_memory_equal(found->seal, key.seal, sizeof(key.seal));
	assert_null(find(k, "bo", &now));
	assert_null(find(k, "bob", &late));
	/* It is gone, not only hidden. */
	assert_null(find(k, "bob", &now));
	put(k, "bob");
	assert_null(find(k, "bob", &expired));
	/* Another server answers for the domain: nothing it did not vouch for counts. */
	put(k, "bob");
	assert_null(dlv_known_find(k, &elsewhere, &now));
	assert_null(find(k, "bob", &now));
	put(k, "bob");
	dlv_known_drop(k, &bob);
	assert_null(find(k, "bob", &now));
	dlv_known_drop(k, &bob);
	dlv_known_free(&k);
	dlv_known_free(&k);
}

static void
test_limits(void **state)
{
	static char name[CMTP_PARAM_MAX + 2];
	struct dlv_known *k = dlv_known_new();

	(void)state;
	for (unsigned i = 0; i < DLV_KNOWN_MAX; i++) {
		(void)snprintf(name, sizeof(name), "u%u", i);
		put(k, name);
	}
	/* The least lately used makes room. */
	assert_non_null(find(k, "u0", &now));
	put(k, "one more");
	assert_non_null(find(k, "u0", &now));
	assert_null(find(k, "u1", &now));
	assert_non_null(find(k, "u2", &now));
	memset(name, 'n', sizeof(name) - 1);
	put(k, name);
	assert_null(find(k, name, &now));
	put(k, name + 1);
	assert_non_null(find(k, name + 1, &now));
	dlv_known_free(&k);
}

static void
test_own(void **state)
{
	const struct dlv_known_own three = { 3, { 1 } }, four = { 4, { 2 } };
	const struct dlv_known_now late = { now.ms + DLV_KNOWN_MS, now.real_s };
	struct dlv_known *k = dlv_known_new();

	(void)state;
	assert_null(dlv_known_own(k, SLICE_NONE, &now));
	dlv_known_put_own(k, SLICE_NONE, &three, &now);
	dlv_known_put_own(k, SLICE_LIT("here.example"), &four, &now);
	assert_memory_equal(dlv_known_own(k, SLICE_NONE, &now), &three, sizeof(three));
	assert_memory_equal(dlv_known_own(k, SLICE_LIT("here.example"), &now), &four, sizeof(four));
	assert_null(dlv_known_own(k, SLICE_LIT("here.example"), &late));
	dlv_known_drop_own(k, SLICE_NONE);
	assert_null(dlv_known_own(k, SLICE_NONE, &now));
	dlv_known_free(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
