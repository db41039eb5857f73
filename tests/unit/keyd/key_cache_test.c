/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "keyd/key_cache.h"
#include "lib/crypto/cry.h"

static int
setup(void **state)
{
	cry_init();
	*state = key_cache_new();
	return 0;
}

static int
teardown(void **state)
{
	struct key_cache *c = *state;

	key_cache_free(&c);
	assert_null(c);
	return 0;
}

static void
name(const struct key_cache *c, unsigned char mac[KEY_CACHE_MAC_BYTES], unsigned i)
{
	struct key_attempt at;
	char text[32];

	(void)snprintf(text, sizeof(text), "user%u", i);
	key_cache_attempt(c, &at, slice_str(text), SLICE_LIT("password"));
	memcpy(mac, at.mac, sizeof(at.mac));
}

static void
put(struct key_cache *c, const unsigned char *mac, bool is_right, uint64_t account,
    uint32_t serial, uint64_t until_ms)
{
	struct key_outcome o = { .is_right = is_right, .account = account, .serial = serial,
		.wrap = { .vault = 3 } };

	key_cache_put(c, mac, &o, until_ms);
}

static bool
get(struct key_cache *c, const unsigned char *mac, uint64_t account, uint32_t serial,
    uint64_t now_ms, bool *right)
{
	struct key_outcome o;

	if (!key_cache_get(c, mac, account, serial, now_ms, &o))
		return false;
	assert_int_equal(o.wrap.vault, 3);
	*right = o.is_right;
	return true;
}

static void
test_names(void **state)
{
	struct key_cache *c = *state, *other = key_cache_new();
	struct key_attempt a, b;

	key_cache_attempt(c, &a, SLICE_LIT("alice"), SLICE_LIT("xy"));
	key_cache_attempt(c, &b, SLICE_LIT("alicex"), SLICE_LIT("y"));
	assert_memory_not_equal(a.mac, b.mac, sizeof(a.mac));
	assert_memory_not_equal(a.under, b.under, sizeof(a.under));
	/* What an outcome is wrapped under is not what names it. */
	assert_memory_not_equal(a.mac, a.under, sizeof(a.mac));
	key_cache_attempt(c, &b, SLICE_LIT("alice"), SLICE_LIT("xy"));
	assert_memory_equal(&a, &b, sizeof(a));
	/* Another process has another key. */
	key_cache_attempt(other, &b, SLICE_LIT("alice"), SLICE_LIT("xy"));
	assert_memory_not_equal(a.mac, b.mac, sizeof(a.mac));
	assert_memory_not_equal(a.under, b.under, sizeof(a.under));
	key_cache_free(&other);
}

static void
test_outcomes(void **state)
{
	struct key_cache *c = *state;
	unsigned char m[KEY_CACHE_MAC_BYTES];
	bool right = false;

	name(c, m, 1);
	assert_false(get(c, m, 7, 1, 50, &right));
	put(c, m, true, 7, 1, 100);
	assert_true(get(c, m, 7, 1, 99, &right));
	assert_true(right);
	put(c, m, false, 7, 1, 100);
	assert_true(get(c, m, 7, 1, 99, &right));
	assert_false(right);
	/* Too old; the account changed; it was made in between. */
	assert_false(get(c, m, 7, 1, 100, &right));
	put(c, m, true, 7, 1, 100);
	assert_false(get(c, m, 7, 2, 50, &right));
	assert_false(get(c, m, 7, 1, 50, &right));
	put(c, m, false, 0, 0, 100);
	assert_false(get(c, m, 7, 1, 50, &right));
}

/* The limit and one more; guesses do not push out who knows. */
static void
test_room(void **state)
{
	struct key_cache *c = *state;
	unsigned char m[KEY_CACHE_MAC_BYTES];
	bool right = false;
	unsigned i;

	name(c, m, 0);
	put(c, m, true, 7, 1, 100);
	for (i = 1; i <= KEY_CACHE_MAX; i++) {
		name(c, m, i);
		put(c, m, false, 0, 0, 100);
	}
	name(c, m, 1);
	assert_true(get(c, m, 0, 0, 50, &right));	/* now the youngest */
	name(c, m, KEY_CACHE_MAX + 1);
	put(c, m, false, 0, 0, 100);
	name(c, m, 1);
	assert_true(get(c, m, 0, 0, 50, &right));
	name(c, m, 2);
	assert_false(get(c, m, 0, 0, 50, &right));
	name(c, m, 0);
	assert_true(get(c, m, 7, 1, 50, &right));
	assert_true(right);
}

int
main(void)
{
#define CACHE(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		CACHE(test_names), CACHE(test_outcomes), CACHE(test_room),
	};
#undef CACHE

	return cmocka_run_group_tests(tests, NULL, NULL);
}
