/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "tests/unit/queue/site_world.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

static const struct queue_sites_limits plain = { .given_max = 1000, .concurrency = 20,
    .initial = 5, .idle_max = 100, .min_backoff_ms = MIN_MS, .max_backoff_ms = MAX_MS,
    .lifetime_ms = { 5 * DAY_MS, 2 * DAY_MS } };

int
world_make(void **state)
{
	struct world *w = must_alloc(1, sizeof(*w));

	w->s = queue_sites_new();
	w->limits = plain;
	w->now = T0;
	queue_sites_set_limits(w->s, &w->limits);
	*state = w;
	return 0;
}

int
world_free(void **state)
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

void
world_put_as(struct world *w, unsigned i, const char *site, uint64_t sender,
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

void
world_put(struct world *w, unsigned i, const char *site, uint64_t sender)
{
	world_put_as(w, i, site, sender, (struct queue_parcel_put){ .rcpts = 1 });
}

void
world_put_many(struct world *w, unsigned from, unsigned n, const char *site,
    uint64_t sender)
{
	for (unsigned i = 0; i < n; i++)
		world_put(w, from + i, site, sender);
}

int
world_pick(struct world *w)
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

unsigned
world_pick_all(struct world *w)
{
	unsigned n = 0;

	while (world_pick(w) >= 0)
		n++;
	return n;
}

void
world_done(struct world *w, int i, enum relay_feedback f)
{
	assert_true(i >= 0);
	queue_parcel_done(w->s, &w->p[i], f, w->now);
}

void
world_finish(struct world *w, int i, enum relay_feedback f)
{
	world_done(w, i, f);
	queue_parcel_drop(w->s, &w->p[i], w->now);
}

void
world_retry(struct world *w, int i, enum relay_feedback f)
{
	world_done(w, i, f);
	queue_parcel_retry(w->s, &w->p[i], w->now);
}

struct queue_site_counts
world_counts(struct world *w, const char *site)
{
	struct queue_site_counts c;
	struct queue_site *found = queue_sites_find(w->s, slice_str(site), SLICE_NONE);

	assert_non_null(found);
	queue_site_count(w->s, found, &c);
	return c;
}

uint64_t
world_next(struct world *w)
{
	return queue_parcel_next(w->s, w->now);
}

void
world_kill(struct world *w)
{
	world_put_many(w, 0, 50, "a.example", 1);
	assert_int_equal(world_pick_all(w), 5);
	/* 1/5, 1/4, 1/3, 1/2: a cohort has failed */
	for (int i = 0; i < 4; i++) {
		assert_false(world_counts(w, "a.example").is_dead);
		world_retry(w, i, RELAY_DEAD);
	}
	assert_true(world_counts(w, "a.example").is_dead);
}
