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
	char text[32];

	(void)snprintf(text, sizeof(text), "user%u", i);
	key_cache_mac(c, mac, slice_str(text), SLICE_LIT("password"));
}

static void
test_names(void **state)
{
	struct key_cache *c = *state, *other = key_cache_new();
	unsigned char a[KEY_CACHE_MAC_BYTES], b[KEY_CACHE_MAC_BYTES];

	key_cache_mac(c, a, SLICE_LIT("alice"), SLICE_LIT("xy"));
	key_cache_mac(c, b, SLICE_LIT("alicex"), SLICE_LIT("y"));
	assert_memory_not_equal(a, b, sizeof(a));
	key_cache_mac(c, b, SLICE_LIT("alice"), SLICE_LIT("xy"));
	assert_memory_equal(a, b, sizeof(a));
	/* Another process has another key. */
	key_cache_mac(other, b, SLICE_LIT("alice"), SLICE_LIT("xy"));
	assert_memory_not_equal(a, b, sizeof(a));
	key_cache_free(&other);
}

static void
test_outcomes(void **state)
{
	struct key_cache *c = *state;
	unsigned char m[KEY_CACHE_MAC_BYTES];
	bool right = false;

	name(c, m, 1);
	assert_false(key_cache_get(c, m, 7, 1, 50, &right));
	key_cache_put(c, m, true, 7, 1, 100);
	assert_true(key_cache_get(c, m, 7, 1, 99, &right));
	assert_true(right);
	key_cache_put(c, m, false, 7, 1, 100);
	assert_true(key_cache_get(c, m, 7, 1, 99, &right));
	assert_false(right);
	/* Too old; the account changed; it was made in between. */
	assert_false(key_cache_get(c, m, 7, 1, 100, &right));
	key_cache_put(c, m, true, 7, 1, 100);
	assert_false(key_cache_get(c, m, 7, 2, 50, &right));
	assert_false(key_cache_get(c, m, 7, 1, 50, &right));
	key_cache_put(c, m, false, 0, 0, 100);
	assert_false(key_cache_get(c, m, 7, 1, 50, &right));
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
	key_cache_put(c, m, true, 7, 1, 100);
	for (i = 1; i <= KEY_CACHE_MAX; i++) {
		name(c, m, i);
		key_cache_put(c, m, false, 0, 0, 100);
	}
	name(c, m, 1);
	assert_true(key_cache_get(c, m, 0, 0, 50, &right));	/* now the youngest */
	name(c, m, KEY_CACHE_MAX + 1);
	key_cache_put(c, m, false, 0, 0, 100);
	name(c, m, 1);
	assert_true(key_cache_get(c, m, 0, 0, 50, &right));
	name(c, m, 2);
	assert_false(key_cache_get(c, m, 0, 0, 50, &right));
	name(c, m, 0);
	assert_true(key_cache_get(c, m, 7, 1, 50, &right));
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
