/* SPDX-License-Identifier: ISC */
/*
 * What is next.  Time first: a few of the parcels that are due and of the
 * sites that wake; then one that is to be given up and one to be delivered,
 * in turn.  What is left of the chores is done by the next calls: while some
 * are left queue_parcel_next says at once.
 */
#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "queue/queue_site_priv.h"

/* ---- chores: one piece each; false: there is none ---- */

static bool
wake_site(struct queue_sites *s)
{
	struct heap_node *n = heap_first(&s->wakes);

	if (n == NULL || n->key > s->clock_ms)
		return false;
	queue_site_settle(s, obj_of(n, struct queue_site, wake));
	return true;
}

static bool
wake_parcel(struct queue_sites *s)
{
	struct heap_node *n = heap_first(&s->due);

	if (n == NULL || n->key > s->clock_ms)
		return false;
	queue_parcel_ready(s, obj_of(n, struct queue_parcel, due));
	return true;
}

/* One parcel of the first site, which then goes behind the others. */
static bool
flush_parcel(struct queue_sites *s)
{
	struct list *l = list_first(&s->flushing);
	struct queue_site *site;

	if (l == NULL)
		return false;
	site = obj_of(l, struct queue_site, flush_link);
	l = list_first(&site->flushing);
	must(l != NULL);
	queue_parcel_ready(s, obj_of(l, struct queue_parcel, link));
	list_remove(&site->flush_link);
	if (!list_is_empty(&site->flushing))
		list_push(&s->flushing, &site->flush_link);
	return true;
}

static bool
flush_site(struct queue_sites *s)
{
	struct queue_site *site;

	if (list_is_empty(&s->flush_all.link))
		return false;
	site = queue_walk_step(s, &s->flush_all);
	if (site == NULL)
		queue_walk_stop(&s->flush_all);
	else
		queue_site_flush(s, site);
	return true;
}

typedef bool chore_fn(struct queue_sites *);

static chore_fn *const chores[] = { wake_site, wake_parcel, flush_parcel, flush_site };

static void
do_chores(struct queue_sites *s)
{
	unsigned i, left = QUEUE_PICK_CHORES;
	bool found;

	do {
		found = false;
		for (i = 0; i < lengthof(chores) && left > 0; i++) {
			s->steps++;
			if (chores[i](s)) {
				found = true;
				left--;
			}
		}
	} while (found && left > 0);
}

static bool
has_chores(const struct queue_sites *s)
{
	const struct heap_node *w = heap_first(&s->wakes), *d = heap_first(&s->due);

	return (w != NULL && w->key <= s->clock_ms) || (d != NULL && d->key <= s->clock_ms) ||
	    !list_is_empty(&s->flushing) || !list_is_empty(&s->flush_all.link);
}

/* ---- give up ---- */

static uint64_t
lifetime_end(const struct queue_sites *s, size_t mail)
{
	const struct heap_node *n = heap_first(&s->ages[mail]);

	return n != NULL ? n->key + s->limits.lifetime_ms[mail] : QUEUE_SITES_NEVER;
}

static struct queue_parcel *
pick_doomed(struct queue_sites *s, bool *is_expired)
{
	struct list *l = list_first(&s->doomed);
	struct queue_parcel *e = NULL;
	size_t i;

	if (l != NULL)
		e = obj_of(l, struct queue_parcel, link);
	for (i = 0; e == NULL && i < QUEUE_MAIL_KINDS; i++)
		if (lifetime_end(s, i) <= s->clock_ms)
			e = obj_of(heap_first(&s->ages[i]), struct queue_parcel, age);
	if (e != NULL)
		queue_parcel_give(s, e, false);
	*is_expired = true;
	return e;
}

/* ---- deliver ---- */

/* Three turns of four are for those who have just come. */
static struct queue_sender *
first_sender(const struct queue_sites *s)
{
	unsigned i, old_first = s->given_count % QUEUE_OLD_TURN == 0;
	struct queue_sender *sender;
	struct heap_node *n;

	for (i = 0; i < lengthof(s->turns); i++) {
		n = heap_first(&s->turns[i ^ old_first]);
		if (n == NULL)
			continue;
		sender = obj_of(n, struct queue_sender, turn);
		if (queue_sender_may(s, sender))
			return sender;
	}
	return NULL;
}

/* Sites with room whose offers nobody takes offer one more. */
static void
stir(struct queue_sites *s)
{
	struct queue_site *site;
	struct list *l;
	unsigned i;

	for (i = 0; i < QUEUE_STIRS && (l = list_first(&s->contended)) != NULL; i++) {
		site = obj_of(l, struct queue_site, waits);
		list_remove(&site->waits);	/* behind the others */
		(void)queue_lane_offer(s, site);
		queue_site_settle(s, site);
	}
}

static struct queue_parcel *
pick_delivery(struct queue_sites *s, bool *is_expired)
{
	struct queue_sender *sender;
	struct queue_parcel *e;
	struct queue_lane *lane;
	unsigned i;

	for (i = 0; i < QUEUE_PARKS && (sender = first_sender(s)) != NULL; i++) {
		s->steps++;
		lane = obj_of(list_first(&sender->lanes), struct queue_lane, link);
		if (queue_window_room(s, lane->site) == 0) {
			queue_lane_park(s, lane);
			continue;
		}
		e = obj_of(list_first(&lane->parcels), struct queue_parcel, link);
		*is_expired = e->age.key + s->limits.lifetime_ms[e->mail] <= s->clock_ms;
		queue_parcel_give(s, e, !*is_expired);
		return e;
	}
	return NULL;
}

struct queue_parcel *
queue_parcel_pick(struct queue_sites *s, uint64_t now_ms, bool *is_expired)
{
	struct queue_parcel *e = NULL;
	unsigned i;

	(void)queue_clock(s, now_ms);
	do_chores(s);
	for (i = 0; e == NULL && i < 2; i++) {
		e = s->gives_up_next ? pick_doomed(s, is_expired) :
		    pick_delivery(s, is_expired);
		s->gives_up_next = !s->gives_up_next;
	}
	if (e == NULL)
		stir(s);
	return e;
}

uint64_t
queue_parcel_next(struct queue_sites *s, uint64_t now_ms)
{
	uint64_t now = queue_clock(s, now_ms), first = QUEUE_SITES_NEVER, at;
	const struct heap_node *n;
	size_t i;

	if (has_chores(s) || !list_is_empty(&s->doomed) || first_sender(s) != NULL ||
	    (s->given < s->limits.given_max && !list_is_empty(&s->contended)))
		return now_ms;
	if ((n = heap_first(&s->wakes)) != NULL)
		first = n->key;
	if ((n = heap_first(&s->due)) != NULL && n->key < first)
		first = n->key;
	for (i = 0; i < QUEUE_MAIL_KINDS; i++)
		if ((at = lifetime_end(s, i)) < first)
			first = at;
	if (first == QUEUE_SITES_NEVER)
		return first;
	return first > now ? queue_clock_real(s, first) : now_ms;
}
