/* SPDX-License-Identifier: ISC */
/*
 * The scheduler against a model that looks at everything each time.  What
 * the scheduler gives must be allowed by the model; when it gives nothing the
 * model must know of nothing either; and states, windows and the time of the
 * next event must be the same.  Whose turn it is among the allowed is left to
 * the other tests.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/map.h"
#include "queue/queue_parcel.h"
#include "queue/queue_shape.h"
#include "queue/queue_site.h"

#define T0		1790000000000ull
#define PARCELS		80u
#define SITES		5u
#define SENDERS		4u
#define GIVEN_MAX	9u
#define SEEDS		60u
#define STEPS		1500u

struct m_site {
	struct queue_site_limits limits;
	uint64_t pause, rate_us;
	double	 fails;
	unsigned window, given, deaths, rests;
	bool	 exists, is_dead, is_probing;
};

struct m_parcel {
	uint64_t at, arrival;
	unsigned site, sender, rcpts, attempts;
	enum queue_mail mail;
	enum queue_parcel_state state;
	bool	 is_given, is_doomed, is_probe, wants_hold;
};

struct model {
	struct queue_sites *s;
	struct queue_sites_limits limits;
	struct queue_parcel p[PARCELS];
	struct m_parcel m[PARCELS];
	struct m_site sites[SITES];
	unsigned given, of_sender[SENDERS];
	uint64_t t, real, random;
};

static unsigned
rnd(struct model *w, unsigned below)
{
	return (unsigned)(hash_u64(w->random += 0x9e3779b97f4a7c15ull) % below);
}

static uint64_t
doubled(uint64_t from, uint64_t max, unsigned n)
{
	while (n-- > 1 && from < max)
		from *= 2;
	return from < max ? from : max;
}

static uint64_t
backoff(const struct model *w, unsigned n)
{
	return doubled(w->limits.min_backoff_ms, w->limits.max_backoff_ms, n);
}

static struct slice
site_name(unsigned i)
{
	static const char *const names[SITES] = { "a.example", "b.example", "c.example",
	    "[192.0.2.1]:25", "e.example" };

	return slice_str(names[i]);
}

/* ---- the rules, naively ---- */

static uint64_t
m_open(const struct m_site *x)
{
	uint64_t at = x->limits.rate_count > 0 ? (x->rate_us + 999) / 1000 : 0;

	return at > x->pause ? at : x->pause;
}

static unsigned
m_limit(const struct model *w, const struct m_site *x)
{
	return x->limits.concurrency > 0 ? x->limits.concurrency : w->limits.concurrency;
}

static bool
m_has_room(const struct model *w, const struct m_site *x)
{
	unsigned n = x->window < m_limit(w, x) ? x->window : m_limit(w, x);

	if (m_open(x) > w->t)
		return false;
	return x->is_dead ? !x->is_probing : x->given < n;
}

static bool
m_is_past(const struct model *w, const struct m_parcel *m)
{
	return m->arrival + w->limits.lifetime_ms[m->mail] <= w->t;
}

static bool
m_is_ready(const struct model *w, const struct m_parcel *m)
{
	return m->state == QUEUE_PARCEL_READY ||
	    (m->state == QUEUE_PARCEL_DEFERRED && m->at <= w->t);
}

static bool
m_waits(const struct m_parcel *m)
{
	return m->state == QUEUE_PARCEL_READY || m->state == QUEUE_PARCEL_DEFERRED;
}

static bool
m_may_expire(const struct model *w, const struct m_parcel *m)
{
	if (m->is_doomed)
		return m->state == QUEUE_PARCEL_DOOMED || m_is_ready(w, m);
	return m_waits(m) && m_is_past(w, m);
}

static bool
m_may_go(const struct model *w, const struct m_parcel *m)
{
	unsigned left = w->limits.given_max - w->given;

	return m_is_ready(w, m) && !m->is_doomed && !m_is_past(w, m) &&
	    m_has_room(w, &w->sites[m->site]) && left > 0 &&
	    w->of_sender[m->sender] < 7 * left;
}

static uint64_t
m_next(const struct model *w)
{
	uint64_t first = QUEUE_SITES_NEVER, at;
	unsigned i;

	for (i = 0; i < PARCELS; i++) {
		const struct m_parcel *m = &w->m[i];

		if (!m_waits(m))
			continue;
		at = m->is_doomed ? QUEUE_SITES_NEVER :
		    m->arrival + w->limits.lifetime_ms[m->mail];
		if (at < first)
			first = at;
		at = m_is_ready(w, m) ? m_open(&w->sites[m->site]) : m->at;
		if (at > w->t && at < first)
			first = at;
	}
	return first == QUEUE_SITES_NEVER ? first : first - (w->t - w->real);
}

static void
m_forget(const struct model *w, struct m_site *x)
{
	x->is_dead = false;
	x->pause = 0;
	x->deaths = x->rests = 0;
	x->fails = 0;
	x->window = w->limits.initial;
}

static void
m_rest(const struct model *w, struct m_site *x)
{
	uint64_t at = w->t + doubled(1000, w->limits.min_backoff_ms, ++x->rests);

	x->pause = at > x->pause ? at : x->pause;
}

static void
m_die(const struct model *w, struct m_site *x)
{
	x->is_dead = true;
	x->pause = w->t + backoff(w, ++x->deaths);
}

static void
m_clip(const struct model *w, struct m_site *x)
{
	if (x->window > m_limit(w, x))
		x->window = m_limit(w, x);
}

static void
m_feed(const struct model *w, struct m_site *x, bool is_probe, enum relay_feedback f)
{
	bool was_dead = x->is_dead;

	if (f == RELAY_UNKNOWN) {
		if (is_probe && was_dead)
			m_rest(w, x);
	} else if (f == RELAY_DEAD && was_dead) {
		if (is_probe)
			m_die(w, x);
	} else if (f == RELAY_DEAD) {
		m_clip(w, x);
		x->fails += 1.0 / x->window;
		x->window -= x->window > 1;
		if (x->fails > 0.9999)
			m_die(w, x);
	} else {
		if (was_dead)
			m_forget(w, x);
		x->fails = 0;
		if (f != RELAY_THROTTLED)
			x->rests = 0;
		if (f == RELAY_TAKEN && x->window < m_limit(w, x) &&
		    x->window < x->given + w->limits.initial)
			x->window++;
		if (f == RELAY_THROTTLED) {
			x->window = was_dead ? 1 : x->window;
			m_clip(w, x);
			if (x->window > 1)
				x->window--;
			else
				m_rest(w, x);
		}
	}
}

/* A site without parcels may be forgotten: only what is plain is. */
static void
m_leave(struct model *w, unsigned site)
{
	struct m_site *x = &w->sites[site];
	unsigned i;

	for (i = 0; i < PARCELS; i++)
		if (w->m[i].state != QUEUE_PARCEL_OUT && w->m[i].site == site)
			return;
	if (queue_sites_find(w->s, site_name(site), SLICE_NONE) != NULL)
		return;
	assert_false(x->is_dead || x->rests > 0 || x->fails > 0 ||
	    x->window != w->limits.initial || m_open(x) > w->t);
	x->exists = false;
}

/* ---- steps on both sides ---- */

static void
m_settle(struct model *w, struct m_parcel *m, uint64_t at)
{
	bool is_told = m->is_doomed && m->is_given;

	m->is_given = false;
	if (m->wants_hold)
		m->state = QUEUE_PARCEL_HELD;
	else if (is_told || (m->is_doomed && at <= w->t))
		m->state = QUEUE_PARCEL_DOOMED;
	else {
		m->state = QUEUE_PARCEL_DEFERRED;
		m->at = at;
	}
	m->wants_hold = false;
}

static void
step_put(struct model *w, unsigned i)
{
	static const struct queue_site_limits limits[] = { { 0, 0, 0 }, { 2, 0, 0 },
	    { 0, 2, 1000 }, { 7, 100, 3600000 } };
	struct m_parcel *m = &w->m[i];
	struct m_site *x;
	uint64_t wait = rnd(w, 3) == 0 ? rnd(w, 8000000) : 0, age = rnd(w, 1000000);

	*m = (struct m_parcel){ .site = rnd(w, SITES), .sender = rnd(w, SENDERS),
	    .mail = (enum queue_mail)rnd(w, 2), .rcpts = rnd(w, 4),
	    .attempts = rnd(w, 4) == 0 ? rnd(w, 10) : 0 };
	x = &w->sites[m->site];
	if (!x->exists) {
		*x = (struct m_site){ .exists = true, .window = w->limits.initial };
		x->limits = limits[rnd(w, lengthof(limits))];
	}
	m->state = rnd(w, 10) == 0 ? QUEUE_PARCEL_HELD : QUEUE_PARCEL_DEFERRED;
	m->arrival = w->t - age;
	m->at = w->t + (wait < w->limits.max_backoff_ms ? wait : w->limits.max_backoff_ms);
	queue_parcel_put(w->s, &w->p[i], &(struct queue_parcel_put){
	    .site = site_name(m->site), .limits = &x->limits, .sender = m->sender,
	    .arrival_ms = w->real - age, .next_ms = wait > 0 ? w->real + wait : 0,
	    .attempts = m->attempts, .rcpts = m->rcpts, .mail = m->mail,
	    .is_held = m->state == QUEUE_PARCEL_HELD }, w->real);
}

static void
take_place(struct model *w, struct m_parcel *m, int sign)
{
	struct m_site *x = &w->sites[m->site];

	w->given += (unsigned)sign;
	x->given += (unsigned)sign;
	w->of_sender[m->sender] += (unsigned)sign;
	if (sign < 0 && m->is_probe)
		x->is_probing = false;
}

static void
step_given(struct model *w, struct m_parcel *m, bool is_expired)
{
	struct m_site *x = &w->sites[m->site];
	uint64_t burst = w->t * 1000 - 1000000;

	assert_true(is_expired ? m_may_expire(w, m) : m_may_go(w, m));
	m->state = QUEUE_PARCEL_BUSY;
	m->is_given = !is_expired;
	m->is_doomed = is_expired;
	if (is_expired)
		return;
	take_place(w, m, 1);
	m->is_probe = x->is_dead;
	x->is_probing = x->is_dead;
	if (x->limits.rate_count > 0) {
		x->rate_us = x->rate_us > burst ? x->rate_us : burst;
		x->rate_us += (m->rcpts > 0 ? m->rcpts : 1) * x->limits.rate_ms * 1000 /
		    x->limits.rate_count;
	}
}

static void
step_done(struct model *w, unsigned i)
{
	static const enum relay_feedback said[] = { RELAY_TAKEN, RELAY_TAKEN, RELAY_TAKEN,
	    RELAY_REFUSED, RELAY_THROTTLED, RELAY_DEAD, RELAY_DEAD, RELAY_DEAD,
	    RELAY_UNKNOWN };
	struct m_parcel *m = &w->m[i];
	/* Each site has moods. */
	enum relay_feedback f = (w->t / 3600000 + m->site) % 3 == 0 ? RELAY_DEAD :
	    said[rnd(w, lengthof(said))];

	queue_parcel_done(w->s, &w->p[i], f, w->real);
	if (m->is_given) {
		take_place(w, m, -1);
		m_feed(w, &w->sites[m->site], m->is_probe, f);
	}
	m->is_probe = false;
	m->state = QUEUE_PARCEL_IDLE;
}

static void
step_drop(struct model *w, unsigned i)
{
	struct m_parcel *m = &w->m[i];

	if (m->state == QUEUE_PARCEL_BUSY && m->is_given)
		take_place(w, m, -1);
	queue_parcel_drop(w->s, &w->p[i], w->real);
	m->state = QUEUE_PARCEL_OUT;
	m_leave(w, m->site);
}

static void
step_idle(struct model *w, unsigned i)
{
	struct m_parcel *m = &w->m[i];
	uint64_t wait = rnd(w, 100000);

	switch (rnd(w, 4)) {
	case 0:
		step_drop(w, i);
		return;
	case 1:
		queue_parcel_again(w->s, &w->p[i], w->real + wait, w->real);
		m_settle(w, m, w->t + wait);
		return;
	default:
		m->attempts++;
		queue_parcel_retry(w->s, &w->p[i], w->real);
		m_settle(w, m, w->t + backoff(w, m->attempts));
		return;
	}
}

static void
step_operator(struct model *w, unsigned i)
{
	struct m_parcel *m = &w->m[i];
	bool away = m->state == QUEUE_PARCEL_BUSY || m->state == QUEUE_PARCEL_IDLE;

	switch (rnd(w, 8)) {
	case 0:
		queue_parcel_hold(w->s, &w->p[i], w->real);
		m->wants_hold = away;
		m->state = away ? m->state : QUEUE_PARCEL_HELD;
		return;
	case 1:
		queue_parcel_expire(w->s, &w->p[i], w->real);
		m->is_doomed = true;
		m->wants_hold = false;
		m->state = away ? m->state : QUEUE_PARCEL_DOOMED;
		return;
	case 2:
		queue_parcel_flush(w->s, &w->p[i], w->real);
		if (m->state == QUEUE_PARCEL_DEFERRED) {
			m->at = w->t;
			m->state = m->is_doomed ? QUEUE_PARCEL_DOOMED : QUEUE_PARCEL_READY;
		}
		if (m->state == QUEUE_PARCEL_READY)
			m_forget(w, &w->sites[m->site]);
		return;
	case 3:
		step_drop(w, i);
		return;
	default:
		queue_parcel_release(w->s, &w->p[i], w->real);
		m->wants_hold = false;
		if (m->state == QUEUE_PARCEL_HELD)
			m->state = m->is_doomed ? QUEUE_PARCEL_DOOMED : QUEUE_PARCEL_READY;
		return;
	}
}

static void
step_flush(struct model *w)
{
	unsigned i, site = rnd(w, SITES * 2);

	if (site < SITES)
		(void)queue_sites_flush(w->s, site_name(site), w->real);
	else
		queue_sites_flush_all(w->s, w->real);
	for (i = 0; i < SITES; i++)
		if (w->sites[i].exists && (site >= SITES || site == i))
			m_forget(w, &w->sites[i]);
	for (i = 0; i < PARCELS; i++)
		if (w->m[i].state == QUEUE_PARCEL_DEFERRED &&
		    (site >= SITES || site == w->m[i].site))
			w->m[i].at = w->t;
}

static void
step_time(struct model *w)
{
	uint64_t next = queue_parcel_next(w->s, w->real), by = rnd(w, 3000);

	switch (rnd(w, 6)) {
	case 0:
		by = rnd(w, 7200000);
		break;
	case 1:
	case 2:
		if (next != QUEUE_SITES_NEVER && next > w->real)
			by = next - w->real;
		break;
	case 3:
		if (rnd(w, 10) == 0) {
			w->real -= rnd(w, 90000000);
			(void)queue_parcel_next(w->s, w->real);
		}
		break;
	default:
		break;
	}
	w->real += by;
	w->t += by;
}

/* ---- compare ---- */

static void
compare(struct model *w)
{
	struct queue_site_counts c;
	struct queue_site *site;
	unsigned i;

	for (i = 0; i < PARCELS; i++) {
		struct m_parcel *m = &w->m[i];

		assert_false(m_may_go(w, m) || m_may_expire(w, m));
		if (m->state == QUEUE_PARCEL_DEFERRED && m->at <= w->t)
			m->state = QUEUE_PARCEL_READY;
		assert_int_equal(w->p[i].state, m->state);
		if (m->state != QUEUE_PARCEL_OUT)
			assert_int_equal(w->p[i].attempts, m->attempts);
	}
	for (i = 0; i < SITES; i++) {
		site = queue_sites_find(w->s, site_name(i), SLICE_NONE);
		assert_int_equal(site != NULL, w->sites[i].exists);
		if (site == NULL)
			continue;
		queue_site_count(w->s, site, &c);
		assert_int_equal(c.window, w->sites[i].window);
		assert_int_equal(c.is_dead, w->sites[i].is_dead);
	}
	assert_int_equal(queue_parcel_next(w->s, w->real), m_next(w));
}

static void
drain(struct model *w)
{
	struct queue_parcel *p;
	bool is_expired;
	unsigned i;

	for (i = 0; i < 10000; i++) {
		p = queue_parcel_pick(w->s, w->real, &is_expired);
		if (p != NULL)
			step_given(w, &w->m[p - w->p], is_expired);
		else if (queue_parcel_next(w->s, w->real) > w->real)
			break;
	}
	assert_true(i < 10000);
	compare(w);
}

static void
step(struct model *w)
{
	unsigned i = rnd(w, PARCELS), what = rnd(w, 20);

	if (what == 0)
		step_time(w);
	else if (what == 1 && rnd(w, 20) == 0)
		step_flush(w);
	else if (what == 2 && rnd(w, 50) == 0) {
		w->limits.lifetime_ms[rnd(w, 2)] = 3600000ull * (1 + rnd(w, 40));
		queue_sites_set_limits(w->s, &w->limits);
	} else if (w->m[i].state == QUEUE_PARCEL_OUT)
		step_put(w, i);
	else if (w->m[i].state == QUEUE_PARCEL_BUSY && rnd(w, 3) == 0)
		step_done(w, i);
	else if (w->m[i].state == QUEUE_PARCEL_IDLE)
		step_idle(w, i);
	else if (what == 3)
		step_operator(w, i);
	else if (what < 8)
		step_time(w);
}

static void
test_model(void **state)
{
	static struct model w;
	uint64_t seed;
	unsigned i;

	(void)state;
	for (seed = 1; seed <= SEEDS; seed++) {
		memset(&w, 0, sizeof(w));
		w.random = seed * 1000003;
		w.t = w.real = T0;
		w.s = queue_sites_new();
		w.limits = (struct queue_sites_limits){ .given_max = GIVEN_MAX,
		    .concurrency = 4, .initial = 3, .idle_max = SITES,
		    .min_backoff_ms = 60000, .max_backoff_ms = 1800000,
		    .lifetime_ms = { 86400000, 20000000 } };
		queue_sites_set_limits(w.s, &w.limits);
		for (i = 0; i < STEPS; i++) {
			step(&w);
			drain(&w);
		}
		for (i = 0; i < PARCELS; i++)
			if (w.m[i].state != QUEUE_PARCEL_OUT)
				step_drop(&w, i);
		assert_int_equal(w.given, 0);
		queue_sites_free(&w.s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
