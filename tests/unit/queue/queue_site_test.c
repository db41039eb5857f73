/* SPDX-License-Identifier: ISC */
/* What is known of a site and what it takes, rule by rule. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cc.h"
#include "tests/unit/queue/site_world.h"

/* ---- concurrency ---- */

static void
test_window_grows(void **state)
{
	struct world *w = *state;
	unsigned i, given;

	world_put_many(w, 0, 100, "a.example", 1);
	assert_int_equal(world_pick_all(w), 5);
	assert_int_equal(world_next(w), T0 + 5 * DAY_MS);
	/* Each that is taken frees its place and makes one more, up to 20. */
	for (i = 0, given = 5; i < 40; i++) {
		world_finish(w, (int)i, RELAY_TAKEN);
		given--;
		given += world_pick_all(w);
		assert_int_equal(given, i < 15 ? 6 + i : 20);
	}
	assert_int_equal(world_counts(w, "a.example").window, 20);
	assert_int_equal(world_counts(w, "a.example").busy, 20);
	assert_int_equal(world_counts(w, "a.example").ready, 40);
}

static void
test_window_needs_use(void **state)
{
	struct world *w = *state;
	unsigned i;

	/* One at a time does not open the window for twenty. */
	for (i = 0; i < 50; i++) {
		world_put(w, i, "a.example", 1);
		world_finish(w, world_pick(w), RELAY_TAKEN);
	}
	world_put(w, 60, "a.example", 1);
	assert_int_equal(world_counts(w, "a.example").window, 5);
}

static void
test_window_of_route(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 }, two = { .concurrency = 2 };
	unsigned i;

	for (i = 0; i < 10; i++)
		world_put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .limits = &one });
	assert_int_equal(world_pick_all(w), 1);
	queue_site_set_limits(w->s, queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE),
	    &two, w->now);
	assert_int_equal(world_pick_all(w), 1);
	world_finish(w, 0, RELAY_TAKEN);
	assert_int_equal(world_pick_all(w), 1);
	/* A limit of all that shrinks counts at once. */
	w->limits.concurrency = 1;
	queue_sites_set_limits(w->s, &w->limits);
	world_put_many(w, 100, 10, "b.example", 1);
	assert_int_equal(world_pick_all(w), 1);
}

static void
test_refused_is_alive(void **state)
{
	struct world *w = *state;
	unsigned i;

	world_put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(world_pick_all(w), 5);
	for (i = 0; i < 20; i++) {
		world_finish(w, (int)i, RELAY_REFUSED);
		assert_int_equal(world_pick_all(w), 1);
	}
	assert_int_equal(world_counts(w, "a.example").window, 5);
}

static void
test_throttled(void **state)
{
	struct world *w = *state;
	unsigned i;

	world_put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(world_pick_all(w), 5);
	for (i = 0; i < 4; i++)
		world_retry(w, (int)i, RELAY_THROTTLED);
	assert_int_equal(world_counts(w, "a.example").window, 1);
	assert_int_equal(world_pick(w), -1);		/* the fifth is under way */
	/* At one there is nothing to take away: it rests, longer each time. */
	world_retry(w, 4, RELAY_THROTTLED);
	assert_false(world_counts(w, "a.example").is_dead);
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(world_next(w), T0 + 1000);
	w->now += 999;
	assert_int_equal(world_pick(w), -1);
	w->now += 1;
	assert_int_equal(world_pick(w), 5);
	world_retry(w, 5, RELAY_THROTTLED);
	assert_int_equal(world_counts(w, "a.example").until_ms, w->now + 2000);
	for (i = 0; i < 20; i++) {
		w->now = world_counts(w, "a.example").until_ms;
		world_retry(w, world_pick(w), RELAY_THROTTLED);
	}
	assert_int_equal(world_counts(w, "a.example").until_ms, w->now + MIN_MS);
	/* What is taken ends it. */
	w->now += MIN_MS;
	world_finish(w, world_pick(w), RELAY_TAKEN);
	assert_int_equal(world_counts(w, "a.example").until_ms, 0);
	assert_int_equal(world_counts(w, "a.example").window, 2);
}

/* ---- death ---- */

static void
test_dead_and_probe(void **state)
{
	struct world *w = *state;
	uint64_t wait = MIN_MS;
	struct queue_sites_counts c;
	int i, p;

	world_kill(w);
	world_retry(w, 4, RELAY_DEAD);	/* was under way: not one more death */
	assert_int_equal(world_counts(w, "a.example").dead_since_ms, T0);
	for (i = 0; i < 6; i++) {
		assert_int_equal(world_counts(w, "a.example").until_ms, w->now + wait);
		assert_int_equal(world_pick(w), -1);
		w->now += wait - 1;
		assert_int_equal(world_pick(w), -1);
		w->now += 1;
		p = world_pick(w);
		assert_int_equal(world_pick(w), -1);		/* one probe */
		world_retry(w, p, RELAY_DEAD);
		wait = wait * 2 < MAX_MS ? wait * 2 : MAX_MS;
	}
	assert_int_equal(wait, MAX_MS);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.dead_sites, 1);
	w->now += wait;
	world_finish(w, world_pick(w), RELAY_TAKEN);
	assert_false(world_counts(w, "a.example").is_dead);
	/* the window has grown by the one taken only if it was in use */
	assert_int_equal(world_pick_all(w), 5);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.dead_sites, 0);
}

static void
test_late_success_revives(void **state)
{
	struct world *w = *state;

	world_kill(w);
	world_finish(w, 4, RELAY_REFUSED);
	assert_false(world_counts(w, "a.example").is_dead);
	assert_int_equal(world_pick_all(w), 5);
}

static void
test_success_ends_a_cohort(void **state)
{
	struct world *w = *state;
	int i, p[2];

	world_put_many(w, 0, 100, "a.example", 1);
	for (i = 0; i < 20; i++) {
		p[0] = world_pick(w);
		p[1] = world_pick(w);
		world_retry(w, p[0], RELAY_DEAD);
		world_finish(w, p[1], RELAY_TAKEN);
		assert_false(world_counts(w, "a.example").is_dead);
	}
}

static void
test_unknown_probe_rests(void **state)
{
	struct world *w = *state;

	world_kill(w);
	w->now += MIN_MS;
	world_retry(w, world_pick(w), RELAY_UNKNOWN);
	assert_true(world_counts(w, "a.example").is_dead);
	assert_int_equal(world_counts(w, "a.example").until_ms, w->now + 1000);
	w->now += 1000;
	/* a throttled probe: alive, but at one */
	world_retry(w, world_pick(w), RELAY_THROTTLED);
	assert_false(world_counts(w, "a.example").is_dead);
	assert_int_equal(world_counts(w, "a.example").window, 1);
}

static void
test_unknown_says_nothing(void **state)
{
	struct world *w = *state;
	int i;

	world_put_many(w, 0, 100, "a.example", 1);
	for (i = 0; i < 50; i++)
		world_retry(w, world_pick(w), RELAY_UNKNOWN);
	world_done(w, world_pick(w), (enum relay_feedback)99);	/* a peer may say anything */
	assert_int_equal(world_counts(w, "a.example").window, 5);
	assert_false(world_counts(w, "a.example").is_dead);
}

static void
test_dropped_probe(void **state)
{
	struct world *w = *state;

	world_kill(w);
	w->now += MIN_MS;
	queue_parcel_drop(w->s, &w->p[world_pick(w)], w->now);
	assert_true(world_pick(w) >= 0);
}

static void
test_dead_is_remembered(void **state)
{
	struct world *w = *state;
	struct queue_sites_counts c;
	unsigned i;

	world_kill(w);
	for (i = 0; i < 50; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.idle_sites, 1);
	world_put(w, 0, "A.Example", 1);
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), T0 + MIN_MS);
	assert_int_equal(world_next(w), T0 + MIN_MS);
}

static void
test_idle_sites_are_few(void **state)
{
	struct world *w = *state;
	struct queue_sites_counts c;
	char name[32];
	unsigned i, k;

	for (i = 0; i <= w->limits.idle_max; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		world_put_many(w, 0, 4, name, 1);
		for (k = 0; k < 4; k++)
			world_finish(w, world_pick(w), RELAY_DEAD);
		queue_sites_count(w->s, &c);
		assert_int_equal(c.idle_sites, i < w->limits.idle_max ? i + 1 :
		    w->limits.idle_max);
	}
	/* The oldest is gone; what is plain is not remembered at all. */
	assert_null(queue_sites_find(w->s, SLICE_LIT("0.example"), SLICE_NONE));
	assert_non_null(queue_sites_find(w->s, SLICE_LIT("1.example"), SLICE_NONE));
	world_put(w, 0, "plain.example", 1);
	world_finish(w, world_pick(w), RELAY_REFUSED);
	assert_null(queue_sites_find(w->s, SLICE_LIT("plain.example"), SLICE_NONE));
	assert_int_equal(c.memory_bytes / c.sites < 1024, 1);
}

/* ---- rate ---- */

static void
test_rate(void **state)
{
	struct world *w = *state;
	struct queue_site_limits l = { .rate_count = 60, .rate_ms = 60000 };
	unsigned i, n;

	for (i = 0; i < 300; i++)
		world_put_as(w, i, "a.example", i, (struct queue_parcel_put){ .limits = &l });
	/* What it did not use of the last second, then one each second. */
	assert_int_equal(world_pick(w) >= 0, 1);
	world_finish(w, 0, RELAY_TAKEN);
	for (n = 1; w->now < T0 + 60000; w->now = world_next(w)) {
		assert_true(world_next(w) <= T0 + 60000);
		while ((i = (unsigned)world_pick(w)) != (unsigned)-1) {
			world_finish(w, (int)i, RELAY_TAKEN);
			n++;
		}
	}
	assert_in_range(n, 60, 62);
	/* A reload without the rate ends it. */
	l.rate_count = 0;
	queue_site_set_limits(w->s, queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE),
	    &l, w->now);
	assert_true(world_pick_all(w) >= 5);
}

static void
test_rate_counts_recipients(void **state)
{
	struct world *w = *state;
	struct queue_site_limits l = { .rate_count = 10, .rate_ms = 1000 };

	world_put_as(w, 0, "a.example", 1,
	    (struct queue_parcel_put){ .limits = &l, .rcpts = 100 });
	world_put_as(w, 1, "a.example", 1, (struct queue_parcel_put){ .limits = &l });
	assert_int_equal(world_pick(w), 0);
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(world_next(w), T0 + 9000);
	w->now = T0 + 9000;
	assert_int_equal(world_pick(w), 1);
	/* The largest there can be does not overflow. */
	world_put_as(w, 2, "b.example", 1, (struct queue_parcel_put){ .rcpts = UINT32_MAX,
	    .limits = &(struct queue_site_limits){ .rate_count = 1, .rate_ms = UINT64_MAX } });
	world_put(w, 3, "b.example", 1);
	assert_int_equal(world_pick(w), 2);
	assert_int_equal(world_pick(w), -1);
	assert_true(queue_parcel_due_ms(w->s, &w->p[3], w->now) > w->now + 365 * DAY_MS);
}

/* ---- names and figures ---- */

static void
test_routes_are_sites(void **state)
{
	struct world *w = *state;
	struct queue_parcel_put put_r = { .route = SLICE_LIT("r") };

	world_put(w, 0, "a.example", 1);
	world_put_as(w, 1, "a.example", 1, put_r);
	put_r.route = SLICE_LIT("R");
	world_put_as(w, 2, "a.example", 1, put_r);
	assert_ptr_not_equal(w->p[0].site, w->p[1].site);
	assert_ptr_not_equal(w->p[1].site, w->p[2].site);
	assert_slice(queue_site_route(w->p[1].site), "r");
	assert_slice(queue_site_name(w->p[1].site), "a.example");
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now), 3);
}

static void
test_shape(void **state)
{
	struct world *w = *state;
	const struct queue_ages ages = QUEUE_AGES_DEFAULT;
	struct queue_shape shape;
	static const unsigned minutes[] = { 0, 4, 5, 10, 20, 40, 80, 160, 320, 640, 1279, 1280,
	    5000 };
	unsigned i, n = 0;
	struct queue_parcel *p = NULL;

	for (i = 0; i < lengthof(minutes); i++)
		world_put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .rcpts = 2,
		    .arrival_ms = T0 - minutes[i] * 60000ull, .is_held = i % 2 == 0 });
	queue_shape_fill(w->s, w->p[0].site, w->now, &ages, QUEUE_SHAPE_ALL, &shape);
	assert_int_equal(shape.oldest_ms, T0 - 5000 * 60000ull);
	assert_int_equal(shape.parcels[0], 2);
	for (i = 1; i < ages.count - 2; i++)
		assert_int_equal(shape.parcels[i], 1);
	assert_int_equal(shape.parcels[ages.count - 2], 2);
	assert_int_equal(shape.parcels[ages.count - 1], 2);
	assert_int_equal(shape.rcpts[ages.count - 1], 4);
	/* Every other one is held, the rest wait for their turn. */
	queue_shape_fill(w->s, w->p[0].site, w->now, &ages, QUEUE_SHAPE_HOLD, &shape);
	assert_int_equal(shape.parcels[0] + shape.parcels[9], 2);
	assert_int_equal(shape.parcels[1], 1);
	assert_int_equal(shape.parcels[2], 0);
	queue_shape_fill(w->s, w->p[0].site, w->now, &ages, QUEUE_SHAPE_INCOMING, &shape);
	assert_int_equal(shape.parcels[1], 0);
	assert_int_equal(shape.parcels[2], 1);
	queue_shape_fill(w->s, w->p[0].site, w->now, &ages, QUEUE_SHAPE_DEFERRED |
	    QUEUE_SHAPE_ACTIVE, &shape);
	assert_int_equal(shape.oldest_ms, QUEUE_SITES_NEVER);
	while ((p = queue_site_parcel(w->p[0].site, p)) != NULL)
		n++;
	assert_int_equal(n, lengthof(minutes));
}

static void
test_walk(void **state)
{
	struct world *w = *state;
	struct queue_walk walk, other;
	char name[32];
	unsigned i, n;

	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		world_put(w, i, name, 1);
	}
	queue_walk_start(w->s, &walk);
	queue_walk_start(w->s, &other);
	for (i = 0; i < 5; i++)
		assert_ptr_equal(queue_walk_step(w->s, &walk), w->p[i].site);
	/* The next two go, and one comes. */
	queue_parcel_drop(w->s, &w->p[5], w->now);
	queue_parcel_drop(w->s, &w->p[6], w->now);
	world_put(w, 30, "new.example", 1);
	assert_ptr_equal(queue_walk_step(w->s, &walk), w->p[7].site);
	for (n = 0; queue_walk_step(w->s, &walk) != NULL; n++)
		;
	assert_int_equal(n, 13);
	assert_null(queue_walk_step(w->s, &walk));
	queue_walk_stop(&walk);
	assert_ptr_equal(queue_walk_step(w->s, &other), w->p[0].site);
	queue_walk_stop(&other);
}

static void
test_long_names(void **state)
{
	struct world *w = *state;
	static char name[5000];

	memset(name, 'x', sizeof(name) - 1);
	world_put(w, 0, name, 1);
	world_put(w, 1, name, 1);
	assert_ptr_equal(w->p[0].site, w->p[1].site);
	assert_int_equal(queue_site_name(w->p[0].site).n, 1024);
	world_put(w, 2, "", 1);
	assert_int_equal(world_pick_all(w), 3);
	assert_true(sizeof(struct queue_parcel) <= 128);
}

static void
test_zero_limits(void **state)
{
	struct world *w = *state;

	w->limits = (struct queue_sites_limits){ 0 };
	w->limits.lifetime_ms[0] = DAY_MS;
	queue_sites_set_limits(w->s, &w->limits);
	world_put_many(w, 0, 3, "a.example", 1);
	/* Nothing is delivered when there is nobody to do it. */
	queue_parcel_expire(w->s, &w->p[2], w->now);
	assert_int_equal(world_pick(w), 2);
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(world_next(w), T0 + DAY_MS);
	w->limits.given_max = 1;
	queue_sites_set_limits(w->s, &w->limits);
	assert_int_equal(world_pick_all(w), 1);
	world_retry(w, 0, RELAY_DEAD);
	assert_int_equal(world_next(w), w->now + 1);
	/* with no idle sites it is forgotten, dead or not */
	for (unsigned i = 0; i < 3; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	assert_null(queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE));
}

#define T(name)	cmocka_unit_test_setup_teardown(test_##name, world_make, world_free)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(window_grows), T(window_needs_use), T(window_of_route),
		T(refused_is_alive), T(throttled), T(dead_and_probe),
		T(late_success_revives), T(success_ends_a_cohort),
		T(unknown_probe_rests), T(unknown_says_nothing), T(dropped_probe),
		T(dead_is_remembered), T(idle_sites_are_few), T(rate),
		T(rate_counts_recipients), T(routes_are_sites), T(shape), T(walk),
		T(long_names), T(zero_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
