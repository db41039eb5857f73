/* SPDX-License-Identifier: ISC */
/*
 * The states of a parcel.  take_out leaves the state it is in, and one of
 * the enter functions enters the next; nothing else touches its nodes.
 */
#include "queue/queue_parcel.h"

#include "lib/base/must.h"
#include "queue/queue_sched.h"
#include "queue/queue_site_priv.h"

/* ---- leave and enter states ---- */

static void
give_back(struct queue_sites *s, struct queue_parcel *e)
{
	struct queue_site *site = e->site;

	if (!e->is_given)
		return;
	s->given--;
	site->given--;
	e->sender->given--;
	queue_sender_turn(s, e->sender);
	queue_sender_rest(s, e->sender);
	if (e->is_probe)
		site->is_probing = false;
}

static void
take_out(struct queue_sites *s, struct queue_parcel *e)
{
	struct queue_site *site = e->site;
	enum queue_parcel_state state = (enum queue_parcel_state)e->state;

	e->state = QUEUE_PARCEL_OUT;
	heap_remove(&s->ages[e->mail], &e->age);
	switch (state) {
	case QUEUE_PARCEL_DEFERRED:
		heap_remove(&s->due, &e->due);
		list_remove(&e->link);
		site->waiting--;
		if (list_is_empty(&site->flushing))
			list_remove(&site->flush_link);
		return;
	case QUEUE_PARCEL_READY:
		queue_lane_pull(s, e);
		return;
	case QUEUE_PARCEL_HELD:
		site->held--;
		return;
	case QUEUE_PARCEL_DOOMED:
		list_remove(&e->link);
		site->doomed--;
		return;
	case QUEUE_PARCEL_BUSY:
		give_back(s, e);
		site->busy--;
		return;
	case QUEUE_PARCEL_IDLE:
		site->busy--;
		return;
	case QUEUE_PARCEL_OUT:
		return;
	}
}

static void
watch_age(struct queue_sites *s, struct queue_parcel *e)
{
	if (!e->is_doomed)
		heap_move(&s->ages[e->mail], &e->age, e->age.key);
}

static void
enter_held(struct queue_parcel *e)
{
	e->state = QUEUE_PARCEL_HELD;
	e->site->held++;
}

static void
enter_deferred(struct queue_sites *s, struct queue_parcel *e, uint64_t at_ms)
{
	e->state = QUEUE_PARCEL_DEFERRED;
	heap_insert(&s->due, &e->due, at_ms);
	list_push(&e->site->deferred, &e->link);
	e->site->waiting++;
	watch_age(s, e);
}

/* Ready for its turn, or to be given up. */
static void
enter_ready(struct queue_sites *s, struct queue_parcel *e)
{
	if (e->is_doomed) {
		e->state = QUEUE_PARCEL_DOOMED;
		list_push(&s->doomed, &e->link);
		e->site->doomed++;
		return;
	}
	e->state = QUEUE_PARCEL_READY;
	watch_age(s, e);
	queue_lane_push(s, e);
}

void
queue_parcel_ready(struct queue_sites *s, struct queue_parcel *e)
{
	take_out(s, e);
	enter_ready(s, e);
}

void
queue_parcel_give(struct queue_sites *s, struct queue_parcel *e, bool as_delivery)
{
	struct queue_site *site = e->site;

	e->is_given = as_delivery;
	e->is_doomed = !as_delivery;
	if (as_delivery) {
		s->given++;
		site->given++;
		e->sender->given++;
		e->sender->served = ++s->picks;
		s->given_count++;
		queue_sender_served(s, e->sender, true);
		e->is_probe = site->is_dead;
		site->is_probing = site->is_dead;
		queue_window_charge(s, site, e->rcpts);
	}
	take_out(s, e);
	e->state = QUEUE_PARCEL_BUSY;
	site->busy++;
}

/* ---- life ---- */

/* Stored or sent by others: not beyond what we would have written. */
static uint64_t
own_next(const struct queue_sites *s, uint64_t next_ms, uint64_t now_ms)
{
	uint64_t wait = next_ms > now_ms ? next_ms - now_ms : 0;

	if (wait > s->limits.max_backoff_ms)
		wait = s->limits.max_backoff_ms;
	return s->clock_ms + wait;
}

void
queue_parcel_put(struct queue_sites *s, struct queue_parcel *e,
    const struct queue_parcel_put *p, uint64_t now_ms)
{
	uint64_t now = queue_clock(s, now_ms), at = own_next(s, p->next_ms, now_ms);

	must(e->state == QUEUE_PARCEL_OUT && p->mail < QUEUE_MAIL_KINDS);
	*e = (struct queue_parcel){ .rcpts = p->rcpts, .attempts = p->attempts,
	    .mail = (uint8_t)p->mail };
	list_init(&e->link);
	e->site = queue_site_get(s, p->site, p->route);
	e->sender = queue_sender_get(s, p->sender);
	e->age.key = p->arrival_ms < now_ms ? p->arrival_ms + s->skew_ms : now;
	list_init(&e->of_site);
	list_push(&e->site->parcels, &e->of_site);
	s->parcels++;
	if (p->limits != NULL)
		queue_site_set_limits(s, e->site, p->limits, now_ms);
	if (p->is_held)
		enter_held(e);
	else if (at > now)
		enter_deferred(s, e, at);
	else
		enter_ready(s, e);
}

void
queue_parcel_done(struct queue_sites *s, struct queue_parcel *e,
    enum relay_feedback feedback, uint64_t now_ms)
{
	struct queue_site *site = e->site;

	must(e->state == QUEUE_PARCEL_BUSY);
	(void)queue_clock(s, now_ms);
	give_back(s, e);
	e->state = QUEUE_PARCEL_IDLE;
	if (e->is_given)
		queue_window_feed(s, site, e->is_probe, feedback);
	e->is_probe = false;
	queue_site_settle(s, site);
}

/* What was told to expire while it was tried is given up at once. */
static void
leave_idle(struct queue_sites *s, struct queue_parcel *e, uint64_t at_ms)
{
	bool is_told = e->is_doomed && e->is_given;

	must(e->state == QUEUE_PARCEL_IDLE);
	take_out(s, e);
	e->is_given = false;
	if (e->wants_hold) {
		e->wants_hold = false;
		enter_held(e);
	} else if (is_told || at_ms <= s->clock_ms)
		enter_ready(s, e);
	else
		enter_deferred(s, e, at_ms);
}

void
queue_parcel_retry(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	uint64_t now = queue_clock(s, now_ms);

	if (e->attempts < UINT32_MAX)
		e->attempts++;
	leave_idle(s, e, now + queue_sched_doubled(s->limits.min_backoff_ms,
	    s->limits.max_backoff_ms, e->attempts));
}

void
queue_parcel_again(struct queue_sites *s, struct queue_parcel *e, uint64_t at_ms,
    uint64_t now_ms)
{
	(void)queue_clock(s, now_ms);
	leave_idle(s, e, own_next(s, at_ms, now_ms));
}

void
queue_parcel_drop(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	struct queue_site *site = e->site;

	if (e->state == QUEUE_PARCEL_OUT)
		return;
	(void)queue_clock(s, now_ms);
	take_out(s, e);
	list_remove(&e->of_site);
	s->parcels--;
	queue_sender_leave(s, e->sender);
	e->site = NULL;
	e->sender = NULL;
	queue_site_settle(s, site);
	queue_site_leave(s, site);
}

/* ---- what operators ask for ---- */

static bool
is_out_of_hand(const struct queue_parcel *e)
{
	return e->state == QUEUE_PARCEL_BUSY || e->state == QUEUE_PARCEL_IDLE;
}

void
queue_parcel_hold(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	must(e->state != QUEUE_PARCEL_OUT);
	(void)queue_clock(s, now_ms);
	if (is_out_of_hand(e)) {
		e->wants_hold = true;
		return;
	}
	take_out(s, e);
	enter_held(e);
}

void
queue_parcel_release(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	must(e->state != QUEUE_PARCEL_OUT);
	(void)queue_clock(s, now_ms);
	e->wants_hold = false;
	if (e->state == QUEUE_PARCEL_HELD)
		queue_parcel_ready(s, e);
}

void
queue_parcel_flush(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	must(e->state != QUEUE_PARCEL_OUT);
	(void)queue_clock(s, now_ms);
	if (e->state == QUEUE_PARCEL_DEFERRED)
		queue_parcel_ready(s, e);
	if (e->state != QUEUE_PARCEL_READY)
		return;
	queue_window_forget(s, e->site);
	queue_site_settle(s, e->site);
}

void
queue_parcel_expire(struct queue_sites *s, struct queue_parcel *e, uint64_t now_ms)
{
	must(e->state != QUEUE_PARCEL_OUT);
	(void)queue_clock(s, now_ms);
	e->is_doomed = true;
	e->wants_hold = false;
	if (!is_out_of_hand(e) && e->state != QUEUE_PARCEL_DOOMED)
		queue_parcel_ready(s, e);
}

/* ---- times ---- */

static uint64_t
expiry(const struct queue_sites *s, const struct queue_parcel *e)
{
	return e->age.key + s->limits.lifetime_ms[e->mail];
}

uint64_t
queue_parcel_retry_ms(const struct queue_sites *s, const struct queue_parcel *e,
    uint64_t now_ms)
{
	uint64_t now = now_ms + s->skew_ms, at;

	if (now < s->clock_ms)
		now = s->clock_ms;
	at = now + queue_sched_doubled(s->limits.min_backoff_ms, s->limits.max_backoff_ms,
	    e->attempts + 1);
	return at < expiry(s, e) ? queue_clock_real(s, at) : 0;
}

uint64_t
queue_parcel_due_ms(const struct queue_sites *s, const struct queue_parcel *e,
    uint64_t now_ms)
{
	uint64_t at = 0;

	if (e->state == QUEUE_PARCEL_DEFERRED)
		at = e->due.key;
	else if (e->state == QUEUE_PARCEL_READY)
		at = queue_window_open_ms(e->site);
	at = queue_clock_real(s, at);
	return at > now_ms ? at : 0;
}

uint64_t
queue_parcel_arrival_ms(const struct queue_sites *s, const struct queue_parcel *e)
{
	return queue_clock_real(s, e->age.key);
}
