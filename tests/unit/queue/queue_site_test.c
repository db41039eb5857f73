/* SPDX-License-Identifier: ISC */
/*
 * The scheduler of remote mail, rule by rule.  Times are offsets from T0.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "queue/queue_parcel.h"
#include "queue/queue_shape.h"
#include "queue/queue_site.h"

#define T0		1790000000000ull
#define MIN_MS		300000ull
#define MAX_MS		3600000ull
#define DAY_MS		86400000ull
#define PARCELS		2000u

struct world {
	struct queue_sites *s;
	struct queue_sites_limits limits;
	struct queue_parcel p[PARCELS];
	uint64_t now;
	bool	 is_expired;
};

static const struct queue_sites_limits plain = { .given_max = 1000, .concurrency = 20,
    .initial = 5, .idle_max = 100, .min_backoff_ms = MIN_MS, .max_backoff_ms = MAX_MS,
    .lifetime_ms = { 5 * DAY_MS, 2 * DAY_MS } };

static int
make_world(void **state)
{
	struct world *w = must_alloc(1, sizeof(*w));

	w->s = queue_sites_new();
	w->limits = plain;
	w->now = T0;
	queue_sites_set_limits(w->s, &w->limits);
	*state = w;
	return 0;
}

static int
free_world(void **state)
{
	struct world *w = *state;
	struct queue_sites_counts c;
	unsigned i;

	for (i = 0; i < PARCELS; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.parcels, 0);
	assert_int_equal(c.given, 0);
	assert_int_equal(c.senders, 0);
	assert_int_equal(c.lanes, 0);
	assert_int_equal(c.sites, c.idle_sites);
	queue_sites_free(&w->s);
	free(w);
	return 0;
}

static void
put_as(struct world *w, unsigned i, const char *site, uint64_t sender,
    struct queue_parcel_put put)
{
	put.site = slice_str(site);
	put.sender = sender;
	if (put.rcpts == 0)
		put.rcpts = 1;
	if (put.arrival_ms == 0)
		put.arrival_ms = w->now;
	queue_parcel_put(w->s, &w->p[i], &put, w->now);
}

static void
put(struct world *w, unsigned i, const char *site, uint64_t sender)
{
	put_as(w, i, site, sender, (struct queue_parcel_put){ .rcpts = 1 });
}

static void
put_many(struct world *w, unsigned from, unsigned n, const char *site, uint64_t sender)
{
	for (unsigned i = 0; i < n; i++)
		put(w, from + i, site, sender);
}

/* The number of the next parcel, -1: none.  Chores left are done first. */
static int
pick(struct world *w)
{
	struct queue_parcel *p;
	unsigned i;

	for (i = 0; i < 10000; i++) {
		p = queue_parcel_pick(w->s, w->now, &w->is_expired);
		if (p != NULL)
			return (int)(p - w->p);
		if (queue_parcel_next(w->s, w->now) > w->now)
			return -1;
	}
	fail_msg("pick and next do not agree");
	return -1;
}

static unsigned
pick_all(struct world *w)
{
	unsigned n = 0;

	while (pick(w) >= 0)
		n++;
	return n;
}

static void
done(struct world *w, int i, enum relay_feedback f)
{
	assert_true(i >= 0);
	queue_parcel_done(w->s, &w->p[i], f, w->now);
}

static void
finish(struct world *w, int i, enum relay_feedback f)
{
	done(w, i, f);
	queue_parcel_drop(w->s, &w->p[i], w->now);
}

static void
retry(struct world *w, int i, enum relay_feedback f)
{
	done(w, i, f);
	queue_parcel_retry(w->s, &w->p[i], w->now);
}

static struct queue_site_counts
counts(struct world *w, const char *site)
{
	struct queue_site_counts c;
	struct queue_site *found = queue_sites_find(w->s, slice_str(site), SLICE_NONE);

	assert_non_null(found);
	queue_site_count(w->s, found, &c);
	return c;
}

static uint64_t
next(struct world *w)
{
	return queue_parcel_next(w->s, w->now);
}

/* ---- concurrency ---- */

static void
test_window_grows(void **state)
{
	struct world *w = *state;
	unsigned i, given;

	put_many(w, 0, 100, "a.example", 1);
	assert_int_equal(pick_all(w), 5);
	assert_int_equal(next(w), T0 + 5 * DAY_MS);
	/* Each that is taken frees its place and makes one more, up to 20. */
	for (i = 0, given = 5; i < 40; i++) {
		finish(w, (int)i, RELAY_TAKEN);
		given--;
		given += pick_all(w);
		assert_int_equal(given, i < 15 ? 6 + i : 20);
	}
	assert_int_equal(counts(w, "a.example").window, 20);
	assert_int_equal(counts(w, "a.example").busy, 20);
	assert_int_equal(counts(w, "a.example").ready, 40);
}

static void
test_window_needs_use(void **state)
{
	struct world *w = *state;
	unsigned i;

	/* One at a time does not open the window for twenty. */
	for (i = 0; i < 50; i++) {
		put(w, i, "a.example", 1);
		finish(w, pick(w), RELAY_TAKEN);
	}
	put(w, 60, "a.example", 1);
	assert_int_equal(counts(w, "a.example").window, 5);
}

static void
test_window_of_route(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 }, two = { .concurrency = 2 };
	unsigned i;

	for (i = 0; i < 10; i++)
		put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .limits = &one });
	assert_int_equal(pick_all(w), 1);
	queue_site_set_limits(w->s, queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE),
	    &two, w->now);
	assert_int_equal(pick_all(w), 1);
	finish(w, 0, RELAY_TAKEN);
	assert_int_equal(pick_all(w), 1);
	/* A limit of all that shrinks counts at once. */
	w->limits.concurrency = 1;
	queue_sites_set_limits(w->s, &w->limits);
	put_many(w, 100, 10, "b.example", 1);
	assert_int_equal(pick_all(w), 1);
}

static void
test_refused_is_alive(void **state)
{
	struct world *w = *state;
	unsigned i;

	put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(pick_all(w), 5);
	for (i = 0; i < 20; i++) {
		finish(w, (int)i, RELAY_REFUSED);
		assert_int_equal(pick_all(w), 1);
	}
	assert_int_equal(counts(w, "a.example").window, 5);
}

static void
test_throttled(void **state)
{
	struct world *w = *state;
	unsigned i;

	put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(pick_all(w), 5);
	for (i = 0; i < 4; i++)
		retry(w, (int)i, RELAY_THROTTLED);
	assert_int_equal(counts(w, "a.example").window, 1);
	assert_int_equal(pick(w), -1);		/* the fifth is under way */
	/* At one there is nothing to take away: it rests, longer each time. */
	retry(w, 4, RELAY_THROTTLED);
	assert_false(counts(w, "a.example").is_dead);
	assert_int_equal(pick(w), -1);
	assert_int_equal(next(w), T0 + 1000);
	w->now += 999;
	assert_int_equal(pick(w), -1);
	w->now += 1;
	assert_int_equal(pick(w), 5);
	retry(w, 5, RELAY_THROTTLED);
	assert_int_equal(counts(w, "a.example").until_ms, w->now + 2000);
	for (i = 0; i < 20; i++) {
		w->now = counts(w, "a.example").until_ms;
		retry(w, pick(w), RELAY_THROTTLED);
	}
	assert_int_equal(counts(w, "a.example").until_ms, w->now + MIN_MS);
	/* What is taken ends it. */
	w->now += MIN_MS;
	finish(w, pick(w), RELAY_TAKEN);
	assert_int_equal(counts(w, "a.example").until_ms, 0);
	assert_int_equal(counts(w, "a.example").window, 2);
}

/* ---- death ---- */

static void
kill_site(struct world *w)
{
	put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(pick_all(w), 5);
	/* 1/5, 1/4, 1/3, 1/2: a cohort has failed */
	for (int i = 0; i < 4; i++) {
		assert_false(counts(w, "a.example").is_dead);
		retry(w, i, RELAY_DEAD);
	}
	assert_true(counts(w, "a.example").is_dead);
}

static void
test_dead_and_probe(void **state)
{
	struct world *w = *state;
	uint64_t wait = MIN_MS;
	struct queue_sites_counts c;
	int i, p;

	kill_site(w);
	retry(w, 4, RELAY_DEAD);	/* was under way: not one more death */
	assert_int_equal(counts(w, "a.example").dead_since_ms, T0);
	for (i = 0; i < 6; i++) {
		assert_int_equal(counts(w, "a.example").until_ms, w->now + wait);
		assert_int_equal(pick(w), -1);
		w->now += wait - 1;
		assert_int_equal(pick(w), -1);
		w->now += 1;
		p = pick(w);
		assert_int_equal(pick(w), -1);		/* one probe */
		retry(w, p, RELAY_DEAD);
		wait = wait * 2 < MAX_MS ? wait * 2 : MAX_MS;
	}
	assert_int_equal(wait, MAX_MS);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.dead_sites, 1);
	w->now += wait;
	finish(w, pick(w), RELAY_TAKEN);
	assert_false(counts(w, "a.example").is_dead);
	/* the window has grown by the one taken only if it was in use */
	assert_int_equal(pick_all(w), 5);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.dead_sites, 0);
}

static void
test_late_success_revives(void **state)
{
	struct world *w = *state;

	kill_site(w);
	finish(w, 4, RELAY_REFUSED);
	assert_false(counts(w, "a.example").is_dead);
	assert_int_equal(pick_all(w), 5);
}

static void
test_success_ends_a_cohort(void **state)
{
	struct world *w = *state;
	int i, p[2];

	put_many(w, 0, 100, "a.example", 1);
	for (i = 0; i < 20; i++) {
		p[0] = pick(w);
		p[1] = pick(w);
		retry(w, p[0], RELAY_DEAD);
		finish(w, p[1], RELAY_TAKEN);
		assert_false(counts(w, "a.example").is_dead);
	}
}

static void
test_unknown_probe_rests(void **state)
{
	struct world *w = *state;

	kill_site(w);
	w->now += MIN_MS;
	retry(w, pick(w), RELAY_UNKNOWN);
	assert_true(counts(w, "a.example").is_dead);
	assert_int_equal(counts(w, "a.example").until_ms, w->now + 1000);
	w->now += 1000;
	/* a throttled probe: alive, but at one */
	retry(w, pick(w), RELAY_THROTTLED);
	assert_false(counts(w, "a.example").is_dead);
	assert_int_equal(counts(w, "a.example").window, 1);
}

static void
test_unknown_says_nothing(void **state)
{
	struct world *w = *state;
	int i;

	put_many(w, 0, 100, "a.example", 1);
	for (i = 0; i < 50; i++)
		retry(w, pick(w), RELAY_UNKNOWN);
	done(w, pick(w), (enum relay_feedback)99);	/* a peer may say anything */
	assert_int_equal(counts(w, "a.example").window, 5);
	assert_false(counts(w, "a.example").is_dead);
}

static void
test_dropped_probe(void **state)
{
	struct world *w = *state;

	kill_site(w);
	w->now += MIN_MS;
	queue_parcel_drop(w->s, &w->p[pick(w)], w->now);
	assert_true(pick(w) >= 0);
}

static void
test_dead_is_remembered(void **state)
{
	struct world *w = *state;
	struct queue_sites_counts c;
	unsigned i;

	kill_site(w);
	for (i = 0; i < 50; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.idle_sites, 1);
	put(w, 0, "A.Example", 1);
	assert_int_equal(pick(w), -1);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), T0 + MIN_MS);
	assert_int_equal(next(w), T0 + MIN_MS);
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
		put_many(w, 0, 4, name, 1);
		for (k = 0; k < 4; k++)
			finish(w, pick(w), RELAY_DEAD);
		queue_sites_count(w->s, &c);
		assert_int_equal(c.idle_sites, i < w->limits.idle_max ? i + 1 :
		    w->limits.idle_max);
	}
	/* The oldest is gone; what is plain is not remembered at all. */
	assert_null(queue_sites_find(w->s, SLICE_LIT("0.example"), SLICE_NONE));
	assert_non_null(queue_sites_find(w->s, SLICE_LIT("1.example"), SLICE_NONE));
	put(w, 0, "plain.example", 1);
	finish(w, pick(w), RELAY_REFUSED);
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
		put_as(w, i, "a.example", i, (struct queue_parcel_put){ .limits = &l });
	/* What it did not use of the last second, then one each second. */
	assert_int_equal(pick(w) >= 0, 1);
	finish(w, 0, RELAY_TAKEN);
	for (n = 1; w->now < T0 + 60000; w->now = next(w)) {
		assert_true(next(w) <= T0 + 60000);
		while ((i = (unsigned)pick(w)) != (unsigned)-1) {
			finish(w, (int)i, RELAY_TAKEN);
			n++;
		}
	}
	assert_in_range(n, 60, 62);
	/* A reload without the rate ends it. */
	l.rate_count = 0;
	queue_site_set_limits(w->s, queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE),
	    &l, w->now);
	assert_true(pick_all(w) >= 5);
}

static void
test_rate_counts_recipients(void **state)
{
	struct world *w = *state;
	struct queue_site_limits l = { .rate_count = 10, .rate_ms = 1000 };

	put_as(w, 0, "a.example", 1, (struct queue_parcel_put){ .limits = &l, .rcpts = 100 });
	put_as(w, 1, "a.example", 1, (struct queue_parcel_put){ .limits = &l });
	assert_int_equal(pick(w), 0);
	assert_int_equal(pick(w), -1);
	assert_int_equal(next(w), T0 + 9000);
	w->now = T0 + 9000;
	assert_int_equal(pick(w), 1);
	/* The largest there can be does not overflow. */
	put_as(w, 2, "b.example", 1, (struct queue_parcel_put){ .rcpts = UINT32_MAX,
	    .limits = &(struct queue_site_limits){ .rate_count = 1, .rate_ms = UINT64_MAX } });
	put(w, 3, "b.example", 1);
	assert_int_equal(pick(w), 2);
	assert_int_equal(pick(w), -1);
	assert_true(queue_parcel_due_ms(w->s, &w->p[3], w->now) > w->now + 365 * DAY_MS);
}

/* ---- fairness ---- */

static void
test_senders_take_turns(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 };
	unsigned i;
	int p;

	for (i = 0; i < 90; i++)
		put_as(w, i, "a.example", i < 60 ? 1 : i < 80 ? 2 : 3,
		    (struct queue_parcel_put){ .limits = &one });
	/* In any six while all three have mail, each has two. */
	for (i = 0; i < 30; i++) {
		unsigned of[4] = { 0, 0, 0, 0 };

		for (unsigned k = 0; i < 5 && k < 6; k++) {
			p = pick(w);
			of[p < 60 ? 1 : p < 80 ? 2 : 3]++;
			finish(w, p, RELAY_TAKEN);
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
		put(w, i, name, 1);
	}
	w->limits.given_max = 100;
	queue_sites_set_limits(w->s, &w->limits);
	/* The list stops at seven eighths: limit+1 is not given. */
	assert_int_equal(pick_all(w), 87 + 1);
	put(w, 1600, "7.example", 2);
	assert_int_equal(pick(w), 1600);
	put(w, 1601, "other.example", 3);
	assert_int_equal(pick(w), 1601);
	assert_int_equal(pick(w), -1);
	finish(w, 1601, RELAY_TAKEN);
	assert_int_equal(pick(w), -1);
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
		put(w, i, name, i);
	}
	assert_int_equal(pick_all(w), 20);
	queue_sites_count(w->s, &c);
	assert_int_equal(c.given, 20);
	finish(w, 0, RELAY_TAKEN);
	assert_int_equal(pick_all(w), 1);
	/* Lowered below what is given: nothing more until it fits. */
	w->limits.given_max = 10;
	queue_sites_set_limits(w->s, &w->limits);
	for (i = 1; i < 11; i++)
		finish(w, (int)i, RELAY_TAKEN);
	assert_int_equal(pick_all(w), 0);
	finish(w, 11, RELAY_TAKEN);
	assert_int_equal(pick_all(w), 1);
}

static void
test_fresh_and_backlog(void **state)
{
	struct world *w = *state;
	struct queue_site_limits one = { .concurrency = 1 };
	unsigned i, old = 0, fresh = 0;
	int p;

	for (i = 0; i < 500; i++)
		put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .limits = &one });
	finish(w, pick(w), RELAY_TAKEN);
	/* Always a newcomer: it does not wait, the list does not starve. */
	for (i = 0; i < 200; i++) {
		put(w, 1000 + i, "a.example", 1000 + i);
		p = pick(w);
		if (p < 1000)
			old++;
		else
			fresh++;
		finish(w, p, RELAY_TAKEN);
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
		put(w, i, name, i % 3);
	}
	n = pick_all(w);
	assert_in_range(n, 60, 63);
	for (i = 600; i < 700; i++)
		put(w, i, "busy.example", i % 3);
	assert_int_equal(pick(w), -1);
	for (i = 1000; i < 1100; i++) {
		put(w, i, "busy.example", i);
		assert_int_equal(pick(w), (int)i);
		finish(w, (int)i, RELAY_TAKEN);
	}
}

/* ---- hold, flush, expire ---- */

static void
test_hold(void **state)
{
	struct world *w = *state;

	put_many(w, 0, 3, "a.example", 1);
	put_as(w, 3, "a.example", 1, (struct queue_parcel_put){ .is_held = true });
	queue_parcel_hold(w->s, &w->p[0], w->now);
	assert_int_equal(pick(w), 1);
	queue_parcel_hold(w->s, &w->p[1], w->now);	/* under way */
	assert_int_equal(pick(w), 2);
	retry(w, 2, RELAY_REFUSED);
	queue_parcel_hold(w->s, &w->p[2], w->now);	/* deferred */
	retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].state, QUEUE_PARCEL_HELD);
	assert_int_equal(counts(w, "a.example").held, 4);
	assert_int_equal(next(w), QUEUE_SITES_NEVER);
	queue_parcel_flush(w->s, &w->p[0], w->now);
	(void)queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now);
	queue_sites_flush_all(w->s, w->now);
	w->now += 10 * DAY_MS;
	assert_int_equal(pick(w), -1);			/* nor does it expire */
	assert_int_equal(counts(w, "a.example").held, 4);
	queue_parcel_release(w->s, &w->p[0], w->now);
	assert_int_equal(pick(w), 0);
	assert_true(w->is_expired);
	/* Held and released while under way. */
	put(w, 10, "b.example", 1);
	assert_int_equal(pick(w), 10);
	queue_parcel_hold(w->s, &w->p[10], w->now);
	queue_parcel_release(w->s, &w->p[10], w->now);
	retry(w, 10, RELAY_REFUSED);
	assert_int_equal(w->p[10].state, QUEUE_PARCEL_DEFERRED);
	/* Idle. */
	w->now += MIN_MS;
	assert_int_equal(pick(w), 10);
	done(w, 10, RELAY_REFUSED);
	queue_parcel_hold(w->s, &w->p[10], w->now);
	queue_parcel_again(w->s, &w->p[10], w->now, w->now);
	assert_int_equal(w->p[10].state, QUEUE_PARCEL_HELD);
}

static void
test_flush_parcel(void **state)
{
	struct world *w = *state;

	put(w, 0, "a.example", 1);
	put(w, 1, "a.example", 1);
	retry(w, pick(w), RELAY_REFUSED);
	retry(w, pick(w), RELAY_REFUSED);
	assert_int_equal(pick(w), -1);
	queue_parcel_flush(w->s, &w->p[1], w->now);
	assert_int_equal(pick(w), 1);
	assert_int_equal(pick(w), -1);
	queue_parcel_flush(w->s, &w->p[1], w->now);	/* busy: no matter */
	retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].attempts, 2);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + 2 * MIN_MS);
}

static void
test_flush_dead_site(void **state)
{
	struct world *w = *state;
	unsigned i;

	kill_site(w);
	for (i = 100; i < 150; i++)
		put(w, i, "b.example", 1);
	while (pick_all(w) > 0)
		for (i = 100; i < 150; i++)
			if (w->p[i].state == QUEUE_PARCEL_BUSY)
				retry(w, (int)i, RELAY_REFUSED);
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("none.example"), w->now), 0);
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("A.EXAMPLE"), w->now), 1);
	assert_int_equal(pick_all(w), 4);	/* one of the five is under way */
	assert_int_equal(counts(w, "a.example").deferred, 0);
	assert_int_equal(counts(w, "b.example").deferred, 50);
	/* All, twice over. */
	queue_sites_flush_all(w->s, w->now);
	queue_sites_flush_all(w->s, w->now);
	assert_int_equal(pick_all(w), 5);
	assert_int_equal(counts(w, "b.example").deferred, 0);
}

/* What is deferred again while a flush is under way waits for its time. */
static void
test_flush_once(void **state)
{
	struct world *w = *state;
	unsigned i, n = 0;
	int p;

	put_many(w, 0, 200, "a.example", 1);
	while ((p = pick(w)) >= 0)
		retry(w, p, RELAY_REFUSED);
	assert_int_equal(counts(w, "a.example").deferred, 200);
	queue_sites_flush_all(w->s, w->now);
	while ((p = pick(w)) >= 0) {
		retry(w, p, RELAY_REFUSED);
		n++;
	}
	assert_int_equal(n, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(w->p[i].attempts, 2);
	/* One that is dropped while it is flushed. */
	(void)queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now);
	for (i = 0; i < 200; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	assert_int_equal(pick(w), -1);
}

static void
test_routes_are_sites(void **state)
{
	struct world *w = *state;
	struct queue_parcel_put put_r = { .route = SLICE_LIT("r") };

	put(w, 0, "a.example", 1);
	put_as(w, 1, "a.example", 1, put_r);
	put_r.route = SLICE_LIT("R");
	put_as(w, 2, "a.example", 1, put_r);
	assert_ptr_not_equal(w->p[0].site, w->p[1].site);
	assert_ptr_not_equal(w->p[1].site, w->p[2].site);
	assert_slice(queue_site_route(w->p[1].site), "r");
	assert_slice(queue_site_name(w->p[1].site), "a.example");
	assert_int_equal(queue_sites_flush(w->s, SLICE_LIT("a.example"), w->now), 3);
}

static void
test_expire_on_request(void **state)
{
	struct world *w = *state;

	put_many(w, 0, 5, "a.example", 1);
	put_as(w, 5, "a.example", 1, (struct queue_parcel_put){ .is_held = true });
	assert_int_equal(pick(w), 0);
	assert_int_equal(pick(w), 1);
	retry(w, 1, RELAY_REFUSED);
	queue_parcel_expire(w->s, &w->p[1], w->now);	/* deferred */
	queue_parcel_expire(w->s, &w->p[5], w->now);	/* held */
	queue_parcel_expire(w->s, &w->p[2], w->now);	/* ready */
	queue_parcel_expire(w->s, &w->p[2], w->now);
	queue_parcel_expire(w->s, &w->p[0], w->now);	/* busy */
	assert_int_equal(counts(w, "a.example").doomed, 3);
	assert_int_equal(w->p[0].state, QUEUE_PARCEL_BUSY);
	retry(w, 0, RELAY_REFUSED);
	assert_int_equal(counts(w, "a.example").doomed, 4);
	assert_int_equal(next(w), w->now);
	for (unsigned n = 0; n < 6; n++) {
		int p = pick(w);

		assert_int_equal(w->is_expired, p == 0 || p == 1 || p == 2 || p == 5);
		finish(w, p, w->is_expired ? RELAY_UNKNOWN : RELAY_TAKEN);
	}
	assert_int_equal(pick(w), -1);
}

static void
test_lifetime(void **state)
{
	struct world *w = *state;
	struct queue_parcel_put bounce = { .mail = QUEUE_MAIL_BOUNCE };

	put(w, 0, "a.example", 1);
	put_as(w, 1, "a.example", 1, bounce);
	retry(w, pick(w), RELAY_REFUSED);
	retry(w, pick(w), RELAY_REFUSED);
	put_as(w, 2, "b.example", 1, bounce);		/* busy all the time */
	assert_int_equal(pick(w), 2);
	while (w->now < T0 + 2 * DAY_MS - MAX_MS) {
		w->now = next(w);
		for (int p; (p = pick(w)) >= 0;) {
			assert_false(w->is_expired);
			retry(w, p, RELAY_REFUSED);
		}
	}
	w->now = T0 + 2 * DAY_MS - 1;
	while (pick(w) >= 0)
		assert_false(w->is_expired);
	for (unsigned i = 0; i < 2; i++)
		if (w->p[i].state == QUEUE_PARCEL_BUSY) {
			assert_int_equal(queue_parcel_retry_ms(w->s, &w->p[i], w->now),
			    i == 1 ? 0 : w->now + MAX_MS);
			retry(w, (int)i, RELAY_REFUSED);
		}
	w->now++;
	assert_int_equal(next(w), w->now);
	assert_int_equal(pick(w), 1);
	assert_true(w->is_expired);
	finish(w, 1, RELAY_UNKNOWN);
	retry(w, 2, RELAY_REFUSED);
	assert_int_equal(pick(w), 2);
	assert_true(w->is_expired);
	finish(w, 2, RELAY_UNKNOWN);
	/* A reload counts for what is there. */
	w->limits.lifetime_ms[QUEUE_MAIL_NORMAL] = 3 * DAY_MS;
	queue_sites_set_limits(w->s, &w->limits);
	w->now = T0 + 3 * DAY_MS;
	assert_int_equal(pick(w), 0);
	assert_true(w->is_expired);
}

/* Giving up may fail too: it is tried again at its time, not before. */
static void
test_give_up_again(void **state)
{
	struct world *w = *state;

	put(w, 0, "a.example", 1);
	queue_parcel_expire(w->s, &w->p[0], w->now);
	assert_int_equal(pick(w), 0);
	assert_int_equal(counts(w, "a.example").busy, 1);
	done(w, 0, RELAY_UNKNOWN);
	queue_parcel_again(w->s, &w->p[0], w->now + 60000, w->now);
	assert_int_equal(pick(w), -1);
	assert_int_equal(next(w), w->now + 60000);
	w->now += 60000;
	assert_int_equal(pick(w), 0);
	assert_true(w->is_expired);
	/* Hold is stronger, and remembers. */
	queue_parcel_hold(w->s, &w->p[0], w->now);
	done(w, 0, RELAY_UNKNOWN);
	queue_parcel_again(w->s, &w->p[0], w->now, w->now);
	assert_int_equal(w->p[0].state, QUEUE_PARCEL_HELD);
	queue_parcel_release(w->s, &w->p[0], w->now);
	assert_int_equal(pick(w), 0);
	assert_true(w->is_expired);
}

static void
test_giving_up_takes_no_place(void **state)
{
	struct world *w = *state;
	unsigned i, expired = 0, given = 0;

	w->limits.given_max = 10;
	queue_sites_set_limits(w->s, &w->limits);
	put_many(w, 0, 40, "a.example", 1);
	for (i = 0; i < 20; i++)
		queue_parcel_expire(w->s, &w->p[i], w->now);
	for (i = 0; i < 10; i++) {
		assert_true(pick(w) >= 0);
		expired += w->is_expired;
		given += !w->is_expired;
	}
	/* in turn */
	assert_int_equal(expired, 5);
	assert_int_equal(given, 5);
	expired += pick_all(w);
	assert_int_equal(expired, 20);
}

/* ---- time ---- */

static void
test_retry_times(void **state)
{
	struct world *w = *state;
	static const uint64_t waits[] = { 5, 10, 20, 40, 60, 60, 60 };
	unsigned i;

	put(w, 0, "a.example", 1);
	for (i = 0; i < lengthof(waits); i++) {
		assert_int_equal(pick(w), 0);
		assert_int_equal(queue_parcel_retry_ms(w->s, &w->p[0], w->now),
		    w->now + waits[i] * 60000);
		retry(w, 0, RELAY_REFUSED);
		assert_int_equal(w->p[0].attempts, i + 1);
		assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now),
		    w->now + waits[i] * 60000);
		assert_int_equal(next(w), w->now + waits[i] * 60000);
		w->now = next(w) - 1;
		assert_int_equal(pick(w), -1);
		w->now++;
	}
}

static void
test_put_again_after_restart(void **state)
{
	struct world *w = *state;

	/* attempts and time as the progress record has them */
	put_as(w, 0, "a.example", 1, (struct queue_parcel_put){ .attempts = 3,
	    .next_ms = T0 + 1000, .arrival_ms = T0 - DAY_MS });
	assert_int_equal(pick(w), -1);
	assert_int_equal(next(w), T0 + 1000);
	assert_int_equal(queue_parcel_arrival_ms(w->s, &w->p[0]), T0 - DAY_MS);
	w->now += 1000;
	assert_int_equal(pick(w), 0);
	retry(w, 0, RELAY_REFUSED);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), w->now + 8 * MIN_MS);
	/* A record from a clock that was ahead: not beyond what we would wait. */
	put_as(w, 1, "a.example", 1, (struct queue_parcel_put){ .attempts = UINT32_MAX,
	    .next_ms = UINT64_MAX, .arrival_ms = UINT64_MAX });
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + MAX_MS);
	assert_int_equal(queue_parcel_arrival_ms(w->s, &w->p[1]), w->now);
	w->now += MAX_MS;
	assert_int_equal(pick_all(w), 2);
	retry(w, 1, RELAY_REFUSED);
	assert_int_equal(w->p[1].attempts, UINT32_MAX);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[1], w->now), w->now + MAX_MS);
	/* One from long ago is given up at once. */
	put_as(w, 2, "a.example", 1, (struct queue_parcel_put){ .arrival_ms = 1 });
	assert_int_equal(pick(w), 2);
	assert_true(w->is_expired);
}

static void
test_clock_back(void **state)
{
	struct world *w = *state;

	put(w, 0, "a.example", 1);
	retry(w, pick(w), RELAY_REFUSED);
	w->now -= 7200000;
	assert_int_equal(next(w), w->now + MIN_MS);
	assert_int_equal(queue_parcel_due_ms(w->s, &w->p[0], w->now), w->now + MIN_MS);
	put(w, 1, "a.example", 1);
	assert_int_equal(pick(w), 1);
	w->now += MIN_MS;
	assert_int_equal(pick(w), 0);
	/* Lifetimes run on. */
	retry(w, 0, RELAY_REFUSED);
	w->now += 5 * DAY_MS - MIN_MS;
	assert_int_equal(pick(w), 0);
	assert_true(w->is_expired);
	/* To the beginning of time. */
	w->now = 0;
	put(w, 2, "b.example", 1);
	assert_int_equal(pick(w), 2);
}

static void
test_clock_forward(void **state)
{
	struct world *w = *state;

	put_many(w, 0, 10, "a.example", 1);
	retry(w, pick(w), RELAY_REFUSED);
	w->now += 36 * 3600000ull;
	for (unsigned n = 0; n < 10; n++) {
		int p = pick(w);

		assert_false(w->is_expired);
		finish(w, p, RELAY_TAKEN);
	}
}

/* ---- figures ---- */

static void
test_shape(void **state)
{
	struct world *w = *state;
	struct queue_shape shape;
	static const unsigned minutes[] = { 0, 4, 5, 10, 20, 40, 80, 160, 320, 640, 1279, 1280,
	    5000 };
	unsigned i, n = 0;
	struct queue_parcel *p = NULL;

	for (i = 0; i < lengthof(minutes); i++)
		put_as(w, i, "a.example", 1, (struct queue_parcel_put){ .rcpts = 2,
		    .arrival_ms = T0 - minutes[i] * 60000ull, .is_held = i % 2 == 0 });
	queue_shape_fill(w->s, w->p[0].site, w->now, &shape);
	assert_int_equal(shape.oldest_ms, T0 - 5000 * 60000ull);
	assert_int_equal(shape.parcels[0], 2);
	for (i = 1; i < QUEUE_SHAPE_AGES - 2; i++)
		assert_int_equal(shape.parcels[i], 1);
	assert_int_equal(shape.parcels[QUEUE_SHAPE_AGES - 2], 2);
	assert_int_equal(shape.parcels[QUEUE_SHAPE_AGES - 1], 2);
	assert_int_equal(shape.rcpts[QUEUE_SHAPE_AGES - 1], 4);
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
		put(w, i, name, 1);
	}
	queue_walk_start(w->s, &walk);
	queue_walk_start(w->s, &other);
	for (i = 0; i < 5; i++)
		assert_ptr_equal(queue_walk_step(w->s, &walk), w->p[i].site);
	/* The next two go, and one comes. */
	queue_parcel_drop(w->s, &w->p[5], w->now);
	queue_parcel_drop(w->s, &w->p[6], w->now);
	put(w, 30, "new.example", 1);
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
	put(w, 0, name, 1);
	put(w, 1, name, 1);
	assert_ptr_equal(w->p[0].site, w->p[1].site);
	assert_int_equal(queue_site_name(w->p[0].site).n, 1024);
	put(w, 2, "", 1);
	assert_int_equal(pick_all(w), 3);
	assert_true(sizeof(struct queue_parcel) <= 128);
}

static void
test_zero_limits(void **state)
{
	struct world *w = *state;

	w->limits = (struct queue_sites_limits){ 0 };
	w->limits.lifetime_ms[0] = DAY_MS;
	queue_sites_set_limits(w->s, &w->limits);
	put_many(w, 0, 3, "a.example", 1);
	/* Nothing is delivered when there is nobody to do it. */
	queue_parcel_expire(w->s, &w->p[2], w->now);
	assert_int_equal(pick(w), 2);
	assert_int_equal(pick(w), -1);
	assert_int_equal(next(w), T0 + DAY_MS);
	w->limits.given_max = 1;
	queue_sites_set_limits(w->s, &w->limits);
	assert_int_equal(pick_all(w), 1);
	retry(w, 0, RELAY_DEAD);
	assert_int_equal(next(w), w->now + 1);
	/* with no idle sites it is forgotten, dead or not */
	for (unsigned i = 0; i < 3; i++)
		queue_parcel_drop(w->s, &w->p[i], w->now);
	assert_null(queue_sites_find(w->s, SLICE_LIT("a.example"), SLICE_NONE));
}

#define T(name)	cmocka_unit_test_setup_teardown(test_##name, make_world, free_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(window_grows), T(window_needs_use), T(window_of_route), T(refused_is_alive),
		T(throttled), T(dead_and_probe), T(late_success_revives),
		T(success_ends_a_cohort), T(unknown_probe_rests), T(unknown_says_nothing),
		T(dropped_probe), T(dead_is_remembered), T(idle_sites_are_few), T(rate),
		T(rate_counts_recipients), T(senders_take_turns), T(single_passes_list),
		T(given_max), T(fresh_and_backlog), T(blocked_senders_step_aside), T(hold),
		T(flush_parcel), T(flush_dead_site), T(flush_once), T(routes_are_sites),
		T(expire_on_request), T(lifetime), T(give_up_again),
		T(giving_up_takes_no_place), T(retry_times), T(put_again_after_restart),
		T(clock_back), T(clock_forward), T(shape), T(walk), T(long_names),
		T(zero_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
