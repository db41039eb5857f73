/* SPDX-License-Identifier: ISC */
/*
 * What a site takes.  Window, rate and pause together give its room; the
 * contract of the feedback is in queue_site.h.
 */
#include "queue/queue_sched.h"
#include "queue/queue_site_priv.h"

#define COHORT		65536u	/* failures of one whole window */
#define REST_MS		1000u	/* the first rest */
#define BURST_US	1000000u	/* of a rate, after nothing was tried */

static uint32_t
limit_of(const struct queue_sites *s, const struct queue_site *site)
{
	return site->limits.concurrency > 0 ? site->limits.concurrency : s->limits.concurrency;
}

static bool
has_rate(const struct queue_site *site)
{
	return site->limits.rate_count > 0 && site->limits.rate_ms > 0;
}

uint64_t
queue_window_open_ms(const struct queue_site *site)
{
	uint64_t at = has_rate(site) ? (site->rate_us + 999) / 1000 : 0;

	return at > site->pause_ms ? at : site->pause_ms;
}

uint32_t
queue_window_room(const struct queue_sites *s, const struct queue_site *site)
{
	uint32_t window = site->window, limit = limit_of(s, site);

	if (queue_window_open_ms(site) > s->clock_ms)
		return 0;
	if (site->is_dead)
		return !site->is_probing;
	if (window > limit)
		window = limit;
	return site->given < window ? window - site->given : 0;
}

void
queue_window_charge(struct queue_sites *s, struct queue_site *site, uint32_t rcpts)
{
	uint64_t now_us = s->clock_ms * 1000, n = rcpts;
	uint64_t burst = now_us > BURST_US ? now_us - BURST_US : 0;

	if (!has_rate(site))
		return;
	if (n == 0)
		n = 1;
	if (n > QUEUE_RCPTS_MAX)
		n = QUEUE_RCPTS_MAX;
	if (site->rate_us < burst)
		site->rate_us = burst;
	site->rate_us += n * site->limits.rate_ms * 1000 / site->limits.rate_count;
}

bool
queue_window_is_plain(const struct queue_sites *s, const struct queue_site *site)
{
	return !site->is_dead && site->rests == 0 && site->fails == 0 &&
	    site->window == s->limits.initial && queue_window_open_ms(site) <= s->clock_ms;
}

void
queue_window_forget(struct queue_sites *s, struct queue_site *site)
{
	s->dead_count -= site->is_dead;
	site->is_dead = false;
	site->dead_ms = 0;
	site->pause_ms = 0;
	site->deaths = 0;
	site->rests = 0;
	site->fails = 0;
	site->window = s->limits.initial;
}

static void
die(struct queue_sites *s, struct queue_site *site)
{
	if (!site->is_dead) {
		site->is_dead = true;
		site->dead_ms = s->clock_ms;
		s->dead_count++;
	}
	if (site->deaths < UINT32_MAX)
		site->deaths++;
	site->pause_ms = s->clock_ms + queue_sched_doubled(s->limits.min_backoff_ms,
	    s->limits.max_backoff_ms, site->deaths);
}

static void
rest(struct queue_sites *s, struct queue_site *site)
{
	uint64_t at;

	if (site->rests < UINT32_MAX)
		site->rests++;
	at = s->clock_ms + queue_sched_doubled(REST_MS, s->limits.min_backoff_ms, site->rests);
	if (at > site->pause_ms)
		site->pause_ms = at;
}

/* A host talked to us. */
static void
alive(struct queue_sites *s, struct queue_site *site)
{
	if (site->is_dead)
		queue_window_forget(s, site);
	site->fails = 0;
}

/* The room may be unused: the window does not run far ahead of what is. */
static void
taken(struct queue_sites *s, struct queue_site *site)
{
	alive(s, site);
	site->rests = 0;
	if (site->window < limit_of(s, site) &&
	    site->window < site->given + s->limits.initial)
		site->window++;
}

static void
throttled(struct queue_sites *s, struct queue_site *site)
{
	if (site->is_dead) {
		alive(s, site);
		site->window = 1;
	}
	site->fails = 0;
	if (site->window > limit_of(s, site))
		site->window = limit_of(s, site);
	if (site->window > 1)
		site->window--;
	else
		rest(s, site);
}

static void
failed(struct queue_sites *s, struct queue_site *site, bool is_probe)
{
	if (site->is_dead) {
		/* What was under way when it died says nothing new. */
		if (is_probe)
			die(s, site);
		return;
	}
	if (site->window > limit_of(s, site))
		site->window = limit_of(s, site);
	site->fails += (COHORT + site->window - 1) / site->window;
	if (site->window > 1)
		site->window--;
	if (site->fails >= COHORT)
		die(s, site);
}

void
queue_window_feed(struct queue_sites *s, struct queue_site *site, bool is_probe,
    enum relay_feedback feedback)
{
	switch (feedback) {
	case RELAY_TAKEN:
		taken(s, site);
		return;
	case RELAY_REFUSED:
		alive(s, site);
		site->rests = 0;
		return;
	case RELAY_THROTTLED:
		throttled(s, site);
		return;
	case RELAY_DEAD:
		failed(s, site, is_probe);
		return;
	case RELAY_UNKNOWN:
		/* The next probe is not made at once, it may know no more. */
		if (is_probe && site->is_dead)
			rest(s, site);
		return;
	}
}
