/* SPDX-License-Identifier: ISC */
/* What is told of sites that refuse. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "queue/queue_alarm.h"
#include "tests/unit/queue/site_world.h"

static uint32_t
put(struct world *w, char *text, size_t n)
{
	struct buf b;
	uint32_t dead;

	buf_init(&b, 10000);
	dead = queue_alarm_put(w->s, w->now, &b);
	assert_true(slice_to_cstr(buf_slice(&b), text, n));
	buf_fini(&b);
	return dead;
}

static void
test_none(void **state)
{
	char text[1000];
	struct world *w = *state;

	world_put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(put(w, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

/* T0 is 2026-09-21 13:33:20. */
static void
test_since(void **state)
{
	char text[1000];
	struct world *w = *state;

	world_kill(w);
	assert_int_equal(put(w, text, sizeof(text)), 1);
	assert_string_equal(text, "a.example refuses since 14:13, 50 messages wait "
	    "(gwqueue -s a.example)\n");
	w->now += DAY_MS - 1;
	(void)put(w, text, sizeof(text));
	assert_non_null(strstr(text, "since 14:13,"));
	w->now++;
	(void)put(w, text, sizeof(text));
	assert_non_null(strstr(text, "since 2026-09-21 14:13,"));
}

/* A site with count parcels that are all there is of it, dead. */
static void
kill_site(struct world *w, unsigned from, unsigned count, const char *site)
{
	world_put_many(w, from, count, site, from);
	(void)world_pick_all(w);
	for (unsigned i = from; i < from + 4; i++)
		world_retry(w, (int)i, RELAY_DEAD);
	assert_true(world_counts(w, site).is_dead);
}

/* The largest are named, one more is counted. */
static void
test_limit(void **state)
{
	char text[1000], site[32], want[64];
	struct world *w = *state;
	const char *at = text;
	unsigned i;

	for (i = 0; i < QUEUE_ALARM_SITES; i++) {
		(void)snprintf(site, sizeof(site), "s%u.example", i);
		kill_site(w, i * 100, 10 + i, site);
	}
	assert_int_equal(put(w, text, sizeof(text)), QUEUE_ALARM_SITES);
	assert_null(strstr(text, "more"));
	kill_site(w, i * 100, 13, "last.example");
	assert_int_equal(put(w, text, sizeof(text)), QUEUE_ALARM_SITES + 1);
	for (i = QUEUE_ALARM_SITES; i-- > 1;) {
		(void)snprintf(want, sizeof(want), "s%u.example refuses since ", i);
		at = strstr(at, want);
		assert_non_null(at);
	}
	assert_non_null(strstr(text, "last.example refuses"));
	assert_null(strstr(text, "s0.example"));
	assert_non_null(strstr(text, "\n1 more destinations refuse (gwshape deferred)\n"));
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, world_make, world_free)
	const struct CMUnitTest tests[] = { T(test_none), T(test_since), T(test_limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
