/* SPDX-License-Identifier: ISC */
/* The states of a parcel, its times, and whose turn it is. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "lib/base/cc.h"
#include "tests/unit/queue/site_world.h"

/* ---- whose turn it is ---- */

static void
test_senders_take_turns(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 };
	unsigned i;
	int p;

	for (i = 0; i < 90; i++)
		world_put_as(w, i, "a.example", i < 60 ? 1 : i < 80 ? 2 : 3,
		    (struct queue_parcel_put){ .limits = &one });
	/* In any six while all three have mail, each has two. */
	for (i = 0; i < 30; i++) {
		unsigned of[4] = { 0, 0, 0, 0 };

		for (unsigned k = 0; i < 5 && k < 6; k++) {
			p = world_pick(w);
			of[p < 60 ? 1 : p < 80 ? 2 : 3]++;
			world_finish(w, p, RELAY_TAKEN);
		}
		if (i < 5)
			assert_true(of[1] == 2 && of[2] == 2 && of[3] == 2);
	}
}

static void
test_single_passes_list(void **state)
{
	struct world *w = *state;
	char name[32];
	unsigned i;

	for (i = 0; i < 1500; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i % 300);
		world_put(w, i, name, 1);
	}
	w->limits.given_max = 100;
	queue_sites_set_limits(w->s, &w->limits);
	/* The list stops at seven eighths: limit+1 is not given. */
	assert_int_equal(world_pick_all(w), 87 + 1);
	world_put(w, 1600, "7.example", 2);
	assert_int_equal(world_pick(w), 1600);
	world_put(w, 1601, "other.example", 3);
	assert_int_equal(world_pick(w), 1601);
	assert_int_equal(world_pick(w), -1);
	world_finish(w, 1601, RELAY_TAKEN);
	assert_int_equal(world_pick(w), -1);
}

/* The fewest under way first, not one each in turn. */
static void
test_places_even_out(void **state)
{
	struct world *w = *state;
	char name[32];
	unsigned i;

	w->limits.given_max = 20;
	queue_sites_set_limits(w->s, &w->limits);
	for (i = 0; i < 15; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		world_put(w, i, name, 1);
	}
	assert_int_equal(world_pick_all(w), 15);
	for (i = 100; i < 120; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		world_put(w, i, name, i < 110 ? 1 : 2);
	}
	for (i = 0; i < 5; i++)
		assert_true(world_pick(w) >= 110);
	assert_int_equal(world_pick(w), -1);
}

static void
test_given_max(void **state)
{
	struct world *w = *state;
	struct queue_sites_counts c;
	unsigned i;
	char name[32];

	w->limits.given_max = 20;
	queue_sites_set_limits(w->s, &w->limits);
	for (i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "%u.example", i);
		world_put(w, i, name, i);
	}
	assert_int_equal(world_pick_all(w), 20);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.given, 20);
	world_finish(w, 0, RELAY_TAKEN);
	assert_int_equal(world_pick_all(w), 1);
	/* Lowered below what is given: nothing more until it fits. */
	w->limits.given_max = 10;
	queue_sites_set_limits(w->s, &w->limits);
	for (i = 1; i < 11; i++)
		world_finish(w, (int)i, RELAY_TAKEN);
	assert_int_equal(world_pick_all(w), 0);
	world_finish(w, 11, RELAY_TAKEN);
	assert_int_equal(world_pick_all(w), 1);
}

static void
test_fresh_and_backlog(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 };
	unsigned i, old = 0, fresh = 0;
	int p;

	for (i = 0; i < 500; i++)
		world_put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .limits = &one });
	world_finish(w, world_pick(w), RELAY_TAKEN);
	/* Always a newcomer: it does not wait, the list does not starve. */
	for (i = 0; i < 200; i++) {
		world_put(w, 1000 + i, "a.example", 1000 + i);
		p = world_pick(w);
		if (p < 1000)
			old++;
		else
			fresh++;
		world_finish(w, p, RELAY_TAKEN);
	}
	assert_in_range(old, 95, 105);
	assert_in_range(fresh, 95, 105);
}

/* Those who may not take more do not stand before those who may. */
static void
test_blocked_senders_step_aside(void **state)
{
	struct world *w = *state;
	char name[32];
	unsigned i, n;

	w->limits.given_max = 64;
	queue_sites_set_limits(w->s, &w->limits);
	/* Three big senders at slow hosts, then each with mail for one site. */
	for (i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "slow%u.example", i);
		world_put(w, i, name, i % 3);
	}
	n = world_pick_all(w);
	assert_in_range(n, 60, 63);
	for (i = 600; i < 700; i++)
		world_put(w, i, "busy.example", i % 3);
	assert_int_equal(world_pick(w), -1);
	for (i = 1000; i < 1100; i++) {
		world_put(w, i, "busy.example", i);
		assert_int_equal(world_pick(w), (int)i);
		world_finish(w, (int)i, RELAY_TAKEN);
	}
}

/* ---- hold, flush, expire ---- */

static void
test_hold(void **state)
{
	struct world *w = *state;

	world_put_many(w, 0, 3, "a.example", 1);
	world_put_as(w, 3, "a.example", 1, (struct queue_parcel_put){ .is_held = true });
	queue_parcel_hold(w->s, &w->p[0], w->now);
	assert_int_equal(world_pick(w), 1);
	queue_parcel_hold(w->s, &w->p[1], w->now);	/* under way */
	assert_int_equal(world_pick(w), 2);
	world_retry(w, 2, RELAY_REFUSED);
	queue_parcel_hold(w->s, &w->p[2], w->now);	/* deferred */
	world_retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].state, QUEUE_PARCEL_HELD);
	assert_int_equal(world_counts(w, "a.example").held, 4);
	assert_int_equal(world_next(w), QUEUE_SITES_NEVER);
	queue_parcel_flush(w->s, &w->p[0], w->now);
	(void)queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now);
	queue_sites_flush_all(w->s, w->now);
	w->now += 10 * DAY_MS;
	assert_int_equal(world_pick(w), -1);			/* nor does it expire */
	assert_int_equal(world_counts(w, "a.example").held, 4);
	queue_parcel_release(w->s, &w->p[0], w->now);
	assert_int_equal(world_pick(w), 0);
	assert_true(w->is_expired);
	/* Held and released while under way. */
	world_put(w, 10, "b.example", 1);
	assert_int_equal(world_pick(w), 10);
	queue_parcel_hold(w->s, &w->p[10], w->now);
	queue_parcel_release(w->s, &w->p[10], w->now);
	world_retry(w, 10, RELAY_REFUSED);
	assert_int_equal(w->p[10].state, QUEUE_PARCEL_DEFERRED);
	/* Idle. */
	w->now += MIN_MS;
	assert_int_equal(world_pick(w), 10);
	world_done(w, 10, RELAY_REFUSED);
	queue_parcel_hold(w->s, &w->p[10], w->now);
	queue_parcel_again(w->s, &w->p[10], w->now, w->now);
	assert_int_equal(w->p[10].state, QUEUE_PARCEL_HELD);
}

static void
test_flush_parcel(void **state)
{
	struct world *w = *state;

	world_put(w, 0, "a.example", 1);
	world_put(w, 1, "a.example", 1);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	assert_int_equal(world_pick(w), -1);
	queue_parcel_flush(w->s, &w->p[1], w->now);
	assert_int_equal(world_pick(w), 1);
	assert_int_equal(world_pick(w), -1);
	queue_parcel_flush(w->s, &w->p[1], w->now);	/* busy: no matter */
	world_retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].attempts, 2);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + 2 * MIN_MS);
}

static void
test_flush_dead_site(void **state)
{
	struct world *w = *state;
	unsigned i;

	world_kill(w);
	for (i = 100; i < 150; i++)
		world_put(w, i, "b.example", 1);
	while (world_pick_all(w) > 0)
		for (i = 100; i < 150; i++)
			if (w->p[i].state == QUEUE_PARCEL_BUSY)
				world_retry(w, (int)i, RELAY_REFUSED);
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("none.example"), w->now), 0);
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("A.EXAMPLE"), w->now), 1);
	assert_int_equal(world_pick_all(w), 4);	/* one of the five is under way */
	assert_int_equal(world_counts(w, "a.example").deferred, 0);
	assert_int_equal(world_counts(w, "b.example").deferred, 50);
	/* All, twice over. */
	queue_sites_flush_all(w->s, w->now);
	queue_sites_flush_all(w->s, w->now);
	assert_int_equal(world_pick_all(w), 5);
	assert_int_equal(world_counts(w, "b.example").deferred, 0);
}

/* What is deferred again while a flush is under way waits for its time. */
static void
test_flush_once(void **state)
{
	struct world *w = *state;
	unsigned i, n = 0;
	int p;

	world_put_many(w, 0, 200, "a.example", 1);
	while ((p = world_pick(w)) >= 0)
		world_retry(w, p, RELAY_REFUSED);
	assert_int_equal(world_counts(w, "a.example").deferred, 200);
	queue_sites_flush_all(w->s, w->now);
	while ((p = world_pick(w)) >= 0) {
		world_retry(w, p, RELAY_REFUSED);
		n++;
	}
	assert_int_equal(n, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(w->p[i].attempts, 2);
	/* All held, then all dropped, while they are flushed. */
	(void)queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now);
	for (i = 0; i < 200; i++)
		queue_parcel_hold(w->s, &w->p[i], w->now);
	assert_int_equal(world_pick(w), -1);
	for (i = 0; i < 200; i++)
		queue_parcel_release(w->s, &w->p[i], w->now);
	while ((p = world_pick(w)) >= 0)
		world_retry(w, p, RELAY_REFUSED);
	(void)queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now);
	for (i = 0; i < 200; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	assert_int_equal(world_pick(w), -1);
}

static void
test_expire_on_request(void **state)
{
	struct world *w = *state;

	world_put_many(w, 0, 5, "a.example", 1);
	world_put_as(w, 5, "a.example", 1, (struct queue_parcel_put){ .is_held = true });
	assert_int_equal(world_pick(w), 0);
	assert_int_equal(world_pick(w), 1);
	world_retry(w, 1, RELAY_REFUSED);
	queue_parcel_expire(w->s, &w->p[1], w->now);	/* deferred */
	queue_parcel_expire(w->s, &w->p[5], w->now);	/* held */
	queue_parcel_expire(w->s, &w->p[2], w->now);	/* ready */
	queue_parcel_expire(w->s, &w->p[2], w->now);
	queue_parcel_expire(w->s, &w->p[0], w->now);	/* busy */
	assert_int_equal(world_counts(w, "a.example").doomed, 3);
	assert_int_equal(w->p[0].state, QUEUE_PARCEL_BUSY);
	world_retry(w, 0, RELAY_REFUSED);
	assert_int_equal(world_counts(w, "a.example").doomed, 4);
	assert_int_equal(world_next(w), w->now);
	for (unsigned n = 0; n < 6; n++) {
		int p = world_pick(w);

		assert_int_equal(w->is_expired, p == 0 || p == 1 || p == 2 || p == 5);
		world_finish(w, p, w->is_expired ? RELAY_UNKNOWN : RELAY_TAKEN);
	}
	assert_int_equal(world_pick(w), -1);
}

static void
test_lifetime(void **state)
{
	struct world *w = *state;
	struct queue_parcel_put bounce = { .mail = QUEUE_MAIL_BOUNCE };

	world_put(w, 0, "a.example", 1);
	world_put_as(w, 1, "a.example", 1, bounce);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	world_put_as(w, 2, "b.example", 1, bounce);		/* busy all the time */
	assert_int_equal(world_pick(w), 2);
	while (w->now < T0 + 2 * DAY_MS - MAX_MS) {
		w->now = world_next(w);
		for (int p; (p = world_pick(w)) >= 0;) {
			assert_false(w->is_expired);
			world_retry(w, p, RELAY_REFUSED);
		}
	}
	w->now = T0 + 2 * DAY_MS - 1;
	while (world_pick(w) >= 0)
		assert_false(w->is_expired);
	for (unsigned i = 0; i < 2; i++)
		if (w->p[i].state == QUEUE_PARCEL_BUSY) {
			assert_int_equal(queue_parcel_retry_ms(w->s, &w->p[i], w->now),
			    i == 1 ? 0 : w->now + MAX_MS);
			world_retry(w, (int)i, RELAY_REFUSED);
		}
	w->now++;
	assert_int_equal(world_next(w), w->now);
	assert_int_equal(world_pick(w), 1);
	assert_true(w->is_expired);
	world_finish(w, 1, RELAY_UNKNOWN);
	world_retry(w, 2, RELAY_REFUSED);
	assert_int_equal(world_pick(w), 2);
	assert_true(w->is_expired);
	world_finish(w, 2, RELAY_UNKNOWN);
	/* A reload counts for what is there. */
	w->limits.lifetime_ms[QUEUE_MAIL_NORMAL] = 3 * DAY_MS;
	queue_sites_set_limits(w->s, &w->limits);
	w->now = T0 + 3 * DAY_MS;
	assert_int_equal(world_pick(w), 0);
	assert_true(w->is_expired);
}

/* Giving up may fail too: it is tried again at its time, not before. */
static void
test_give_up_again(void **state)
{
	struct world *w = *state;

	world_put(w, 0, "a.example", 1);
	queue_parcel_expire(w->s, &w->p[0], w->now);
	assert_int_equal(world_pick(w), 0);
	assert_int_equal(world_counts(w, "a.example").busy, 1);
	world_done(w, 0, RELAY_UNKNOWN);
	queue_parcel_again(w->s, &w->p[0], w->now + 60000, w->now);
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(world_next(w), w->now + 60000);
	w->now += 60000;
	assert_int_equal(world_pick(w), 0);
	assert_true(w->is_expired);
	/* Hold is stronger, and remembers. */
	queue_parcel_hold(w->s, &w->p[0], w->now);
	world_done(w, 0, RELAY_UNKNOWN);
	queue_parcel_again(w->s, &w->p[0], w->now, w->now);
	assert_int_equal(w->p[0].state, QUEUE_PARCEL_HELD);
	queue_parcel_release(w->s, &w->p[0], w->now);
	assert_int_equal(world_pick(w), 0);
	assert_true(w->is_expired);
}

static void
test_giving_up_takes_no_place(void **state)
{
	struct world *w = *state;
	unsigned i, expired = 0, given = 0;

	w->limits.given_max = 10;
	queue_sites_set_limits(w->s, &w->limits);
	world_put_many(w, 0, 40, "a.example", 1);
	for (i = 0; i < 20; i++)
		queue_parcel_expire(w->s, &w->p[i], w->now);
	for (i = 0; i < 10; i++) {
		assert_true(world_pick(w) >= 0);
		expired += w->is_expired;
		given += !w->is_expired;
	}
	/* in turn */
	assert_int_equal(expired, 5);
	assert_int_equal(given, 5);
	expired += world_pick_all(w);
	assert_int_equal(expired, 20);
}

/* ---- time ---- */

static void
test_retry_times(void **state)
{
	struct world *w = *state;
	static const uint64_t waits[] = { 5, 10, 20, 40, 60, 60, 60 };
	unsigned i;

	world_put(w, 0, "a.example", 1);
	for (i = 0; i < lengthof(waits); i++) {
		assert_int_equal(world_pick(w), 0);
		assert_int_equal(queue_parcel_retry_ms(w->s, &w->p[0], w->now),
		    w->now + waits[i] * 60000);
		world_retry(w, 0, RELAY_REFUSED);
		assert_int_equal(w->p[0].attempts, i + 1);
		assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now),
		    w->now + waits[i] * 60000);
		assert_int_equal(world_next(w), w->now + waits[i] * 60000);
		w->now = world_next(w) - 1;
		assert_int_equal(world_pick(w), -1);
		w->now++;
	}
}

static void
test_put_again_after_restart(void **state)
{
	struct world *w = *state;

	/* attempts and time as the progress record has them */
	world_put_as(w, 0, "a.example", 1, (struct queue_parcel_put){ .attempts = 3,
	    .next_ms = T0 + 1000, .arrival_ms = T0 - DAY_MS });
	assert_int_equal(world_pick(w), -1);
	assert_int_equal(world_next(w), T0 + 1000);
	assert_int_equal(queue_parcel_arrival_ms(w->s, &w->p[0]), T0 - DAY_MS);
	w->now += 1000;
	assert_int_equal(world_pick(w), 0);
	world_retry(w, 0, RELAY_REFUSED);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), w->now + 8 * MIN_MS);
	/* A record from a clock that was ahead: not beyond what we would wait. */
	world_put_as(w, 1, "a.example", 1, (struct queue_parcel_put){ .attempts = UINT32_MAX,
	    .next_ms = UINT64_MAX, .arrival_ms = UINT64_MAX });
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + MAX_MS);
	assert_int_equal(queue_parcel_arrival_ms(w->s, &w->p[1]), w->now);
	w->now += MAX_MS;
	assert_int_equal(world_pick_all(w), 2);
	world_retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].attempts, UINT32_MAX);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + MAX_MS);
	/* One from long ago is given up at once. */
	world_put_as(w, 2, "a.example", 1, (struct queue_parcel_put){ .arrival_ms = 1 });
	assert_int_equal(world_pick(w), 2);
	assert_true(w->is_expired);
}

static void
test_clock_back(void **state)
{
	struct world *w = *state;

	world_put(w, 0, "a.example", 1);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	w->now -= 7200000;
	assert_int_equal(world_next(w), w->now + MIN_MS);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), w->now + MIN_MS);
	world_put(w, 1, "a.example", 1);
	assert_int_equal(world_pick(w), 1);
	w->now += MIN_MS;
	assert_int_equal(world_pick(w), 0);
	/* Lifetimes run on. */
	world_retry(w, 0, RELAY_REFUSED);
	w->now += 5 * DAY_MS - MIN_MS;
	assert_int_equal(world_pick(w), 0);
	assert_true(w->is_expired);
	/* To the beginning of time. */
	w->now = 0;
	world_put(w, 2, "b.example", 1);
	assert_int_equal(world_pick(w), 2);
}

static void
test_clock_forward(void **state)
{
	struct world *w = *state;

	world_put_many(w, 0, 10, "a.example", 1);
	world_retry(w, world_pick(w), RELAY_REFUSED);
	w->now += 36 * 3600000ull;
	for (unsigned n = 0; n < 10; n++) {
		int p = world_pick(w);

		assert_false(w->is_expired);
		world_finish(w, p, RELAY_TAKEN);
	}
}

#define T(name)	cmocka_unit_test_setup_teardown(test_##name, world_make, world_free)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(senders_take_turns), T(single_passes_list), T(places_even_out),
		T(given_max), T(fresh_and_backlog), T(blocked_senders_step_aside),
		T(hold), T(flush_parcel), T(flush_dead_site), T(flush_once),
		T(expire_on_request), T(lifetime), T(give_up_again),
		T(giving_up_takes_no_place), T(retry_times),
		T(put_again_after_restart), T(clock_back), T(clock_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
