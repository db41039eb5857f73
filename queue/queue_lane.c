/* SPDX-License-Identifier: ISC */
/*
 * Senders and lanes, see queue_site_priv.h.  A sender is in s->turns while it
 * has offered lanes; a lane lives while it has parcels and is either offered
 * or parked, except inside of a function here.
 */
#include <stdlib.h>

#include "lib/base/must.h"
#include "queue/queue_site_priv.h"

#define SERVED_BITS	40u

/* ---- senders ---- */

struct queue_sender *
queue_sender_get(struct queue_sites *s, uint64_t key)
{
	uint64_t hash = hash_u64(key);
	struct queue_sender *sender;
	struct map_node *n;

	for (n = map_first(&s->senders, hash); n != NULL; n = map_next(n)) {
		s->steps++;
		sender = obj_of(n, struct queue_sender, by_key);
		if (sender->key == key) {
			sender->parcels++;
			return sender;
		}
	}
	sender = must_alloc(1, sizeof(*sender));
	list_init(&sender->lanes);
	sender->key = key;
	sender->served = ++s->picks;
	sender->parcels = 1;
	map_insert(&s->senders, &sender->by_key, hash);
	s->sender_count++;
	return sender;
}

void
queue_sender_leave(struct queue_sites *s, struct queue_sender *sender)
{
	if (--sender->parcels > 0)
		return;
	must(list_is_empty(&sender->lanes) && sender->given == 0);
	must(!heap_has(&sender->turn));
	map_remove(&s->senders, &sender->by_key);
	s->sender_count--;
	free(sender);
}

void
queue_sender_turn(struct queue_sites *s, struct queue_sender *sender)
{
	struct heap *turns = &s->turns[sender->was_served];

	if (list_is_empty(&sender->lanes))
		heap_remove(turns, &sender->turn);
	else
		heap_move(turns, &sender->turn, (uint64_t)sender->given << SERVED_BITS |
		    (sender->served & ((1ull << SERVED_BITS) - 1)));
}

void
queue_sender_served(struct queue_sites *s, struct queue_sender *sender, bool was_served)
{
	heap_remove(&s->turns[sender->was_served], &sender->turn);
	sender->was_served = was_served;
	queue_sender_turn(s, sender);
}

void
queue_sender_rest(struct queue_sites *s, struct queue_sender *sender)
{
	if (sender->ready == 0 && sender->given == 0)
		queue_sender_served(s, sender, false);
}

bool
queue_sender_may(const struct queue_sites *s, const struct queue_sender *sender)
{
	if (s->given >= s->limits.given_max)
		return false;
	return sender->given <
	    (uint64_t)QUEUE_SENDER_SHARE * (s->limits.given_max - s->given);
}

/* ---- lanes ---- */

static uint64_t
pair_hash(const struct queue_site *site, const struct queue_sender *sender)
{
	return hash_u64(hash_u64(site->number) + sender->key);
}

static struct queue_lane *
lane_find(struct queue_sites *s, const struct queue_site *site,
    const struct queue_sender *sender)
{
	struct queue_lane *lane;
	struct map_node *n;

	for (n = map_first(&s->lanes, pair_hash(site, sender)); n != NULL; n = map_next(n)) {
		s->steps++;
		lane = obj_of(n, struct queue_lane, by_pair);
		if (lane->site == site && lane->sender == sender)
			return lane;
	}
	return NULL;
}

/* Out of whatever list it is in. */
static void
lane_unplace(struct queue_sites *s, struct queue_lane *lane)
{
	list_remove(&lane->link);
	if (lane->place == QUEUE_LANE_OFFERED) {
		lane->site->offered--;
		queue_sender_turn(s, lane->sender);
	}
	lane->place = QUEUE_LANE_NEW;
}

static void
lane_offer(struct queue_sites *s, struct queue_lane *lane)
{
	lane_unplace(s, lane);
	list_push(&lane->sender->lanes, &lane->link);
	lane->place = QUEUE_LANE_OFFERED;
	lane->site->offered++;
	queue_sender_turn(s, lane->sender);
}

/* With its site: in front if it had an offer and was not served, else behind. */
static void
lane_park(struct queue_sites *s, struct queue_lane *lane, bool in_front)
{
	struct list *to = lane->was_served ? &lane->site->backlog : &lane->site->fresh;

	lane_unplace(s, lane);
	list_insert_before(in_front ? to->next : to, &lane->link);
	lane->place = lane->was_served ? QUEUE_LANE_OLD : QUEUE_LANE_FRESH;
}

void
queue_lane_park(struct queue_sites *s, struct queue_lane *lane)
{
	lane_park(s, lane, true);
	queue_site_settle(s, lane->site);
}

bool
queue_lane_is_parked(const struct queue_site *site)
{
	return !list_is_empty(&site->fresh) || !list_is_empty(&site->backlog);
}

bool
queue_lane_offer(struct queue_sites *s, struct queue_site *site)
{
	struct list *turn = site->backlog_next ? &site->backlog : &site->fresh;
	struct list *other = site->backlog_next ? &site->fresh : &site->backlog;
	struct list *l = list_first(turn);

	s->steps++;
	if (l == NULL)
		l = list_first(other);
	if (l == NULL)
		return false;
	site->backlog_next = obj_of(l, struct queue_lane, link)->place == QUEUE_LANE_FRESH;
	lane_offer(s, obj_of(l, struct queue_lane, link));
	return queue_lane_is_parked(site);
}

static void
lane_free(struct queue_sites *s, struct queue_lane *lane)
{
	lane_unplace(s, lane);
	map_remove(&s->lanes, &lane->by_pair);
	s->lane_count--;
	free(lane);
}

static struct queue_lane *
lane_new(struct queue_sites *s, struct queue_parcel *e)
{
	struct queue_lane *lane = must_alloc(1, sizeof(*lane));

	list_init(&lane->link);
	list_init(&lane->parcels);
	lane->site = e->site;
	lane->sender = e->sender;
	lane->place = QUEUE_LANE_NEW;
	map_insert(&s->lanes, &lane->by_pair, pair_hash(e->site, e->sender));
	s->lane_count++;
	return lane;
}

void
queue_lane_push(struct queue_sites *s, struct queue_parcel *e)
{
	struct queue_site *site = e->site;
	struct queue_lane *lane = lane_find(s, site, e->sender);

	if (lane == NULL)
		lane = lane_new(s, e);
	e->lane = lane;
	list_push(&lane->parcels, &e->link);
	site->ready++;
	e->sender->ready++;
	if (lane->place == QUEUE_LANE_NEW) {
		/* Who comes while others wait has his turn with them. */
		if (site->offered < QUEUE_OFFERS_MAX && !queue_lane_is_parked(site) &&
		    queue_window_room(s, site) > 0)
			lane_offer(s, lane);
		else
			lane_park(s, lane, false);
	}
	queue_site_settle(s, site);
}

void
queue_lane_pull(struct queue_sites *s, struct queue_parcel *e)
{
	struct queue_lane *lane = e->lane;
	struct queue_site *site = e->site;

	list_remove(&e->link);
	e->lane = NULL;
	site->ready--;
	e->sender->ready--;
	queue_sender_rest(s, e->sender);
	if (list_is_empty(&lane->parcels))
		lane_free(s, lane);
	else if (e->is_given) {
		lane->was_served = true;
		lane_park(s, lane, false);
	}
	queue_site_settle(s, site);
}
