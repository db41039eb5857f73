/* SPDX-License-Identifier: ISC */
#include "queue/queue_shape.h"

#include "lib/base/cc.h"
#include "queue/queue_site_priv.h"

#define MALLOC_BYTES	16u	/* what an allocation costs besides */

/* ---- walks ---- */

void
queue_walk_start(struct queue_sites *s, struct queue_walk *w)
{
	list_init(&w->link);
	list_push(&s->walks, &w->link);
	w->next = s->all.next;
}

struct queue_site *
queue_walk_step(struct queue_sites *s, struct queue_walk *w)
{
	struct queue_site *site;

	if (w->next == &s->all)
		return NULL;
	site = obj_of(w->next, struct queue_site, link);
	w->next = site->link.next;
	return site;
}

void
queue_walk_stop(struct queue_walk *w)
{
	list_remove(&w->link);
}

struct queue_parcel *
queue_site_parcel(const struct queue_site *site, const struct queue_parcel *prev)
{
	struct list *l = list_next(&site->parcels, prev != NULL ? &prev->of_site :
	    &site->parcels);

	return l != NULL ? obj_of(l, struct queue_parcel, of_site) : NULL;
}

/* ---- figures ---- */

enum queue_shape_state
queue_shape_state_of(const struct queue_parcel *e)
{
	switch ((enum queue_parcel_state)e->state) {
	case QUEUE_PARCEL_READY:
		return QUEUE_SHAPE_INCOMING;
	case QUEUE_PARCEL_HELD:
		return QUEUE_SHAPE_HOLD;
	case QUEUE_PARCEL_DEFERRED:
		return QUEUE_SHAPE_DEFERRED;
	case QUEUE_PARCEL_OUT:
	case QUEUE_PARCEL_DOOMED:
	case QUEUE_PARCEL_BUSY:
	case QUEUE_PARCEL_IDLE:
		break;
	}
	return QUEUE_SHAPE_ACTIVE;
}

void
queue_shape_fill(const struct queue_sites *s, const struct queue_site *site,
    uint64_t now_ms, const struct queue_ages *ages, unsigned states, struct queue_shape *shape)
{
	const struct queue_parcel *e;
	uint64_t arrival;
	unsigned i;

	*shape = (struct queue_shape){ .oldest_ms = QUEUE_SITES_NEVER };
	for (e = queue_site_parcel(site, NULL); e != NULL; e = queue_site_parcel(site, e)) {
		if (!(queue_shape_state_of(e) & states))
			continue;
		arrival = queue_parcel_arrival_ms(s, e);
		i = queue_ages_of(ages, now_ms > arrival ? now_ms - arrival : 0);
		shape->parcels[i]++;
		shape->rcpts[i] += e->rcpts;
		if (arrival < shape->oldest_ms)
			shape->oldest_ms = arrival;
	}
}

void
queue_site_count(const struct queue_sites *s, const struct queue_site *site,
    struct queue_site_counts *c)
{
	*c = (struct queue_site_counts){ .ready = site->ready, .deferred = site->waiting,
	    .held = site->held, .doomed = site->doomed, .busy = site->busy,
	    .window = site->window, .is_dead = site->is_dead };
	if (site->pause_ms > s->clock_ms)
		c->until_ms = queue_clock_real(s, site->pause_ms);
	if (site->is_dead)
		c->dead_since_ms = queue_clock_real(s, site->dead_ms);
}

static uint64_t
map_bytes(const struct map *m)
{
	return m->slots != NULL ? (m->mask + 1) * sizeof(*m->slots) : 0;
}

static uint64_t
memory_bytes(const struct queue_sites *s)
{
	uint64_t n = sizeof(*s) + s->site_bytes + s->site_count * MALLOC_BYTES;
	size_t i;

	n += s->sender_count * (sizeof(struct queue_sender) + MALLOC_BYTES);
	n += s->lane_count * (sizeof(struct queue_lane) + MALLOC_BYTES);
	n += map_bytes(&s->by_name) + map_bytes(&s->senders) + map_bytes(&s->lanes);
	n += (s->due.cap + s->wakes.cap + s->turns[0].cap + s->turns[1].cap) *
	    sizeof(*s->due.nodes);
	for (i = 0; i < QUEUE_MAIL_KINDS; i++)
		n += s->ages[i].cap * sizeof(*s->due.nodes);
	return n;
}

void
queue_sites_count(const struct queue_sites *s, struct queue_sites_counts *c)
{
	size_t i;

	*c = (struct queue_sites_counts){ .parcels = s->parcels, .sites = s->site_count,
	    .idle_sites = s->idle_count, .dead_sites = s->dead_count,
	    .senders = s->sender_count, .lanes = s->lane_count, .given = s->given,
	    .memory_bytes = memory_bytes(s),
	    .steps = s->steps + s->due.moves + s->wakes.moves + s->turns[0].moves +
	    s->turns[1].moves };
	for (i = 0; i < QUEUE_MAIL_KINDS; i++)
		c->steps += s->ages[i].moves;
}
