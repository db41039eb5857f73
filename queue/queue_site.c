/* SPDX-License-Identifier: ISC */
/*
 * Sites are made by their first parcel and go with the last, or wait among
 * the idle ones.  queue_site_settle is the heart: after each change it puts a
 * site where it belongs, asleep until it may be tried, contended, or neither.
 */
#include "queue/queue_site.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "queue/queue_site_priv.h"

#define DAY_MS		86400000ull
#define NAME_MAX_BYTES	1024u	/* of a name or a title; more is cut off */
#define FORGET_MAX	4u	/* idle sites that go when one comes */

/* ---- make ---- */

struct queue_sites *
queue_sites_new(void)
{
	struct queue_sites *s = must_alloc(1, sizeof(*s));
	size_t i;

	s->limits = (struct queue_sites_limits){ .given_max = 500, .concurrency = 20,
	    .initial = 5, .idle_max = 10000, .min_backoff_ms = 300000,
	    .max_backoff_ms = 3600000, .lifetime_ms = { 5 * DAY_MS, 5 * DAY_MS } };
	map_init(&s->by_name);
	map_init(&s->senders);
	map_init(&s->lanes);
	list_init(&s->all);
	list_init(&s->idle);
	list_init(&s->contended);
	list_init(&s->flushing);
	list_init(&s->doomed);
	list_init(&s->walks);
	heap_init(&s->due);
	heap_init(&s->wakes);
	heap_init(&s->turns[0]);
	heap_init(&s->turns[1]);
	for (i = 0; i < QUEUE_MAIL_KINDS; i++)
		heap_init(&s->ages[i]);
	list_init(&s->flush_all.link);
	return s;
}

static uint32_t
at_least_one(uint32_t n)
{
	return n > 0 ? n : 1;
}

void
queue_sites_set_limits(struct queue_sites *s, const struct queue_sites_limits *l)
{
	s->limits = *l;
	s->limits.concurrency = at_least_one(l->concurrency);
	s->limits.initial = at_least_one(l->initial);
	if (s->limits.min_backoff_ms == 0)
		s->limits.min_backoff_ms = 1;
	if (s->limits.max_backoff_ms < s->limits.min_backoff_ms)
		s->limits.max_backoff_ms = s->limits.min_backoff_ms;
}

uint64_t
queue_clock(struct queue_sites *s, uint64_t real_ms)
{
	uint64_t now = real_ms + s->skew_ms;

	if (now < s->clock_ms) {
		s->skew_ms += s->clock_ms - now;
		now = s->clock_ms;
	}
	s->clock_ms = now;
	return now;
}

uint64_t
queue_clock_real(const struct queue_sites *s, uint64_t own_ms)
{
	return own_ms > s->skew_ms ? own_ms - s->skew_ms : 0;
}

struct slice
queue_site_name(const struct queue_site *site)
{
	return slice_of(site->text, site->name_n);
}

struct slice
queue_site_route(const struct queue_site *site)
{
	return slice_of(site->text + site->name_n, site->route_n);
}

bool
queue_site_is_dead(const struct queue_site *site)
{
	return site->is_dead;
}

struct queue_site *
queue_sites_find(const struct queue_sites *s, struct slice name, struct slice route)
{
	struct queue_site *site;
	struct map_node *n;

	name = slice_head(name, NAME_MAX_BYTES);
	route = slice_head(route, NAME_MAX_BYTES);
	for (n = map_first(&s->by_name, hash_islice(name)); n != NULL; n = map_next(n)) {
		site = obj_of(n, struct queue_site, by_name);
		if (slice_ieq(queue_site_name(site), name) &&
		    slice_eq(queue_site_route(site), route))
			return site;
	}
	return NULL;
}

static size_t
site_bytes(const struct queue_site *site)
{
	return sizeof(*site) + site->name_n + site->route_n;
}

static struct queue_site *
site_new(struct queue_sites *s, struct slice name, struct slice route)
{
	struct queue_site *site = must_alloc(1, sizeof(*site) + name.n + route.n);

	list_init(&site->link);
	list_init(&site->parcels);
	list_init(&site->waits);
	list_init(&site->flush_link);
	list_init(&site->deferred);
	list_init(&site->flushing);
	list_init(&site->fresh);
	list_init(&site->backlog);
	site->number = ++s->numbers;
	site->window = s->limits.initial;
	site->name_n = (uint16_t)name.n;
	site->route_n = (uint16_t)route.n;
	if (name.n > 0)
		memcpy(site->text, name.p, name.n);
	if (route.n > 0)
		memcpy(site->text + name.n, route.p, route.n);
	list_push(&s->all, &site->link);
	map_insert(&s->by_name, &site->by_name, hash_islice(name));
	s->site_count++;
	s->site_bytes += site_bytes(site);
	return site;
}

static void
not_idle(struct queue_sites *s, struct queue_site *site)
{
	if (!site->is_idle)
		return;
	site->is_idle = false;
	list_remove(&site->waits);
	s->idle_count--;
}

struct queue_site *
queue_site_get(struct queue_sites *s, struct slice name, struct slice route)
{
	struct queue_site *site = queue_sites_find(s, name, route);

	if (site == NULL)
		return site_new(s, slice_head(name, NAME_MAX_BYTES),
		    slice_head(route, NAME_MAX_BYTES));
	not_idle(s, site);
	return site;
}

/* ---- forget ---- */

static void
site_free(struct queue_sites *s, struct queue_site *site)
{
	struct queue_walk *w;
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &s->walks) {
		w = obj_of(l, struct queue_walk, link);
		if (w->next == &site->link)
			w->next = site->link.next;
	}
	not_idle(s, site);
	list_remove(&site->waits);
	list_remove(&site->flush_link);
	list_remove(&site->link);
	heap_remove(&s->wakes, &site->wake);
	map_remove(&s->by_name, &site->by_name);
	s->dead_count -= site->is_dead;
	s->site_count--;
	s->site_bytes -= site_bytes(site);
	free(site);
}

void
queue_site_leave(struct queue_sites *s, struct queue_site *site)
{
	unsigned i;

	if (!list_is_empty(&site->parcels))
		return;
	list_remove(&site->waits);
	list_remove(&site->flush_link);
	if (queue_window_is_plain(s, site)) {
		site_free(s, site);
		return;
	}
	site->is_idle = true;
	list_push(&s->idle, &site->waits);
	s->idle_count++;
	for (i = 0; i < FORGET_MAX && s->idle_count > s->limits.idle_max; i++)
		site_free(s, obj_of(list_first(&s->idle), struct queue_site, waits));
}

/* ---- use ---- */

void
queue_site_settle(struct queue_sites *s, struct queue_site *site)
{
	uint64_t open_ms = queue_window_open_ms(site);
	bool is_contended;
	unsigned i;

	if (site->ready == 0 || open_ms <= s->clock_ms)
		heap_remove(&s->wakes, &site->wake);
	else
		heap_move(&s->wakes, &site->wake, open_ms);
	if (site->is_idle)
		return;
	is_contended = queue_lane_is_parked(site) && queue_window_room(s, site) > 0;
	/* All that were offered together are served before others are. */
	for (i = 0; is_contended && i < QUEUE_OFFERS && site->offered == i; i++)
		is_contended = queue_lane_offer(s, site);
	if (!is_contended)
		list_remove(&site->waits);
	else if (list_is_empty(&site->waits))
		list_push(&s->contended, &site->waits);
}

void
queue_site_set_limits(struct queue_sites *s, struct queue_site *site,
    const struct queue_site_limits *l, uint64_t now_ms)
{
	(void)queue_clock(s, now_ms);
	if (l->rate_count != site->limits.rate_count || l->rate_ms != site->limits.rate_ms)
		site->rate_us = 0;
	site->limits = *l;
	if (site->limits.rate_ms > QUEUE_RATE_MS_MAX)
		site->limits.rate_ms = QUEUE_RATE_MS_MAX;
	queue_site_settle(s, site);
}

/* The nodes of from go behind those of to. */
static void
splice(struct list *to, struct list *from)
{
	struct list *first = from->next, *last = from->prev;

	if (first == from)
		return;
	first->prev = to->prev;
	to->prev->next = first;
	last->next = to;
	to->prev = last;
	list_init(from);
}

void
queue_site_flush(struct queue_sites *s, struct queue_site *site)
{
	queue_window_forget(s, site);
	splice(&site->flushing, &site->deferred);
	list_remove(&site->flush_link);
	if (!list_is_empty(&site->flushing))
		list_push(&s->flushing, &site->flush_link);
	queue_site_settle(s, site);
}

unsigned
queue_sites_flush(struct queue_sites *s, struct slice name, uint64_t now_ms)
{
	struct queue_site *site;
	struct map_node *n;
	unsigned found = 0;

	(void)queue_clock(s, now_ms);
	name = slice_head(name, NAME_MAX_BYTES);
	for (n = map_first(&s->by_name, hash_islice(name)); n != NULL; n = map_next(n)) {
		site = obj_of(n, struct queue_site, by_name);
		if (!slice_ieq(queue_site_name(site), name))
			continue;
		queue_site_flush(s, site);
		found++;
	}
	return found;
}

void
queue_sites_flush_all(struct queue_sites *s, uint64_t now_ms)
{
	(void)queue_clock(s, now_ms);
	queue_walk_stop(&s->flush_all);
	queue_walk_start(s, &s->flush_all);
}

/* ---- free ---- */

static void
free_lanes(struct queue_sites *s)
{
	struct map_node *n, *next;
	size_t slot = 0;

	for (n = map_walk(&s->lanes, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&s->lanes, &slot, n);
		free(obj_of(n, struct queue_lane, by_pair));
	}
	map_fini(&s->lanes);
}

static void
free_senders(struct queue_sites *s)
{
	struct map_node *n, *next;
	size_t slot = 0;

	for (n = map_walk(&s->senders, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&s->senders, &slot, n);
		free(obj_of(n, struct queue_sender, by_key));
	}
	map_fini(&s->senders);
}

void
queue_sites_free(struct queue_sites **sp)
{
	struct queue_sites *s = *sp;
	struct list *l, *tmp;
	size_t i;

	if (s == NULL)
		return;
	free_lanes(s);
	free_senders(s);
	LIST_EACH(l, tmp, &s->all)
		free(obj_of(l, struct queue_site, link));
	map_fini(&s->by_name);
	heap_fini(&s->due);
	heap_fini(&s->wakes);
	heap_fini(&s->turns[0]);
	heap_fini(&s->turns[1]);
	for (i = 0; i < QUEUE_MAIL_KINDS; i++)
		heap_fini(&s->ages[i]);
	free(s);
	*sp = NULL;
}
