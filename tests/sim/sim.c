/* SPDX-License-Identifier: ISC */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cc.h"
#include "lib/base/map.h"
#include "lib/base/must.h"

#define THROTTLE_AT	3u

void
sim_init(struct sim *sim, uint32_t msgs, uint32_t sites, uint64_t seed)
{
	uint32_t i;

	*sim = (struct sim){ .msg_count = msgs, .site_count = sites, .random = seed };
	sim->limits = (struct queue_sites_limits){ .given_max = 2000, .concurrency = 20,
	    .initial = 5, .idle_max = 10000, .min_backoff_ms = 5 * SIM_MINUTE,
	    .max_backoff_ms = SIM_HOUR, .lifetime_ms = { 5 * SIM_DAY, 5 * SIM_DAY } };
	sim->s = queue_sites_new();
	queue_sites_set_limits(sim->s, &sim->limits);
	sim->msgs = must_alloc(msgs, sizeof(*sim->msgs));
	sim->sites = must_alloc(sites, sizeof(*sim->sites));
	heap_init(&sim->events);
	/* 5 % dead, 1 % slow, 1 % that throttle */
	for (i = 0; i < sites; i++)
		sim->sites[i].kind = i % 20 == 7 ? SIM_DEAD : i % 100 == 33 ? SIM_SLOW :
		    i % 100 == 55 ? SIM_THROTTLING : SIM_GOOD;
}

void
sim_fini(struct sim *sim)
{
	queue_sites_free(&sim->s);
	heap_fini(&sim->events);
	free(sim->msgs);
	free(sim->sites);
}

uint32_t
sim_random(struct sim *sim, uint32_t below)
{
	return (uint32_t)(hash_u64(sim->random += 0x9e3779b97f4a7c15ull) % below);
}

uint64_t
sim_clock(const struct sim *sim)
{
	return (uint64_t)((int64_t)(SIM_T0 + sim->now) + sim->ahead_ms);
}

/* ---- the calls, measured ---- */

static uint64_t
steps_so_far(const struct sim *sim)
{
	struct queue_sites_counts c;

	queue_sites_count(sim->s, &c);
	return c.steps;
}

static void
measured(struct sim *sim, enum sim_call call, uint64_t before)
{
	uint64_t n = steps_so_far(sim) - before;

	if (n > sim->steps[call])
		sim->steps[call] = n;
}

void
sim_measure_memory(struct sim *sim)
{
	struct queue_sites_counts c;
	uint64_t n;

	queue_sites_count(sim->s, &c);
	n = c.memory_bytes + c.parcels * sizeof(struct queue_parcel);
	if (n > sim->memory_bytes) {
		sim->memory_bytes = n;
		sim->memory_parcels = c.parcels;
	}
}

static void
put(struct sim *sim, struct sim_msg *m, uint32_t attempts, uint64_t next_ms)
{
	char name[32];
	int n = snprintf(name, sizeof(name), "site-%u.example", m->site);
	uint64_t before = steps_so_far(sim);

	queue_parcel_put(sim->s, &m->parcel, &(struct queue_parcel_put){
	    .site = slice_of(name, (size_t)n), .sender = hash_u64(m->sender + 1),
	    .arrival_ms = m->arrival_ms, .next_ms = next_ms, .attempts = attempts,
	    .rcpts = 1 }, sim_clock(sim));
	measured(sim, SIM_PUT, before);
}

void
sim_put(struct sim *sim, uint32_t msg, uint32_t site, uint32_t sender)
{
	struct sim_msg *m = &sim->msgs[msg];

	m->site = site;
	m->sender = sender;
	m->arrival_ms = sim_clock(sim);
	m->wait_ms = (uint32_t)sim->now;	/* turned into a wait when it is tried */
	sim->fates[SIM_WAITS]++;
	put(sim, m, 0, 0);
}

static void
finish(struct sim *sim, struct sim_msg *m, enum sim_fate fate)
{
	uint64_t before = steps_so_far(sim);

	if (m->fate != SIM_WAITS)
		sim->has_failed = true;
	m->fate = (uint8_t)fate;
	sim->fates[SIM_WAITS]--;
	sim->fates[fate]++;
	queue_parcel_drop(sim->s, &m->parcel, sim_clock(sim));
	measured(sim, SIM_DROP, before);
}

/* ---- the network ---- */

static uint64_t
attempt(struct sim *sim, struct sim_msg *m)
{
	struct sim_site *site = &sim->sites[m->site];
	uint32_t luck = sim_random(sim, 100), fast = 50 + sim_random(sim, 451);

	site->busy++;
	m->feedback = luck < 3 ? RELAY_REFUSED : RELAY_TAKEN;
	switch ((enum sim_kind)site->kind) {
	case SIM_GOOD:
		return fast;
	case SIM_SLOW:
		return 300 * SIM_SECOND;
	case SIM_DEAD:
		m->feedback = RELAY_DEAD;
		return 30 * SIM_SECOND;
	case SIM_THROTTLING:
		if (site->busy > THROTTLE_AT)
			m->feedback = RELAY_THROTTLED;
		return fast;
	}
	return fast;
}

static void
attempt_over(struct sim *sim, struct sim_msg *m)
{
	enum relay_feedback feedback = (enum relay_feedback)m->feedback;
	uint64_t before = steps_so_far(sim);

	sim->sites[m->site].busy--;
	queue_parcel_done(sim->s, &m->parcel, feedback, sim_clock(sim));
	measured(sim, SIM_DONE, before);
	if (feedback == RELAY_TAKEN)
		finish(sim, m, SIM_SENT);
	else if (feedback == RELAY_REFUSED && sim_random(sim, 3) == 0)
		finish(sim, m, SIM_BOUNCED);
	else {
		before = steps_so_far(sim);
		queue_parcel_retry(sim->s, &m->parcel, sim_clock(sim));
		measured(sim, SIM_RETRY, before);
	}
}

static void
expired(struct sim *sim, struct sim_msg *m)
{
	uint64_t life = sim->limits.lifetime_ms[QUEUE_MAIL_NORMAL];
	uint64_t end = m->arrival_ms + life, now = sim_clock(sim);

	/* Only a clock that was set makes it early. */
	if (now < end && sim->ahead_ms == 0)
		sim->has_failed = true;
	if (now > end && now - end > sim->last_late_ms)
		sim->last_late_ms = now - end;
	queue_parcel_done(sim->s, &m->parcel, RELAY_UNKNOWN, now);
	finish(sim, m, SIM_EXPIRED);
}

/* What the scheduler gives now; when it wants to be asked again. */
static uint64_t
give(struct sim *sim)
{
	struct queue_parcel *p;
	struct sim_msg *m;
	uint64_t before, clock = sim_clock(sim), next;
	bool is_expired;

	do {
		before = steps_so_far(sim);
		p = queue_parcel_pick(sim->s, clock, &is_expired);
		measured(sim, SIM_PICK, before);
		next = queue_parcel_next(sim->s, clock);
		if (p == NULL)
			continue;
		m = obj_of(p, struct sim_msg, parcel);
		if (m->fate != SIM_WAITS || heap_has(&m->over))
			sim->has_failed = true;
		if (is_expired) {
			expired(sim, m);
			continue;
		}
		if (!m->was_tried)
			m->wait_ms = (uint32_t)sim->now - m->wait_ms;
		m->was_tried = true;
		sim->attempts++;
		heap_insert(&sim->events, &m->over, sim->now + attempt(sim, m));
	} while (p != NULL || next <= clock);
	return next == QUEUE_SITES_NEVER ? UINT64_MAX : sim->now + (next - clock);
}

void
sim_run(struct sim *sim, uint64_t until)
{
	struct heap_node *n;
	uint64_t next;

	while (sim->now < until) {
		next = give(sim);
		n = heap_first(&sim->events);
		/* The host looks at its clock once a minute. */
		if (next > sim->now + SIM_MINUTE && next != UINT64_MAX)
			next = sim->now + SIM_MINUTE;
		if (n != NULL && n->key < next)
			next = n->key;
		if (next == UINT64_MAX)
			return;
		if (next > until) {
			sim->now = until;
			return;
		}
		sim->now = next;
		while ((n = heap_first(&sim->events)) != NULL && n->key <= sim->now) {
			heap_remove(&sim->events, n);
			attempt_over(sim, obj_of(n, struct sim_msg, over));
		}
	}
}

void
sim_restart(struct sim *sim)
{
	uint64_t clock = sim_clock(sim), next;
	struct queue_sites *old = sim->s;
	struct heap_node *n;
	struct sim_msg *m;
	uint32_t i, attempts;

	while ((n = heap_first(&sim->events)) != NULL) {
		heap_remove(&sim->events, n);
		sim->sites[obj_of(n, struct sim_msg, over)->site].busy--;
	}
	sim->s = queue_sites_new();
	queue_sites_set_limits(sim->s, &sim->limits);
	for (i = 0; i < sim->msg_count; i++) {
		m = &sim->msgs[i];
		if (m->parcel.state == QUEUE_PARCEL_OUT)
			continue;
		next = queue_parcel_due_ms(old, &m->parcel, clock);
		attempts = m->parcel.attempts;
		m->parcel.state = QUEUE_PARCEL_OUT;
		put(sim, m, attempts, next);
	}
	queue_sites_free(&old);
}
