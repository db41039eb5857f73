/* SPDX-License-Identifier: ISC */
#include "queue/queue_line.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_bounce.h"
#include "queue/queue_log.h"
#include "queue/queue_msg.h"
#include "queue/queue_relay.h"
#include "queue/queue_run.h"
#include "queue/queue_shape.h"
#include "queue/queue_spool.h"

#define IDLE_SITES	10000u	/* remembered without mail */
#define INITIAL		5u	/* deliveries at a time that a site starts with */
#define LOOK_MS		60000u	/* queue_parcel_next: the clock may be set */
#define NO_KEY_MS	60000u
#define FULL_MS		500u	/* when no more may be in hand */
#define WORKS_MAX	256u	/* loads at a time */
#define NOTICES_MAX	256u	/* notifications on their way */
#define RCPTS_BYTES	60000u	/* of the recipients in a job, encoded */
#define RCPT_EXTRA	16u	/* of one, beside its strings */

/* ---- make, limits ---- */

void
queue_line_init(struct queue *q)
{
	q->sites = queue_sites_new();
	queue_route_init(&q->routes);
	queue_line_set_limits(q);
}

void
queue_line_fini(struct queue *q)
{
	struct list *l;

	for (l = q->table.order.next; l != &q->table.order; l = l->next)
		queue_line_drop(q, obj_of(l, struct queue_item, order));
	queue_sites_free(&q->sites);
	queue_route_fini(&q->routes);
}

void
queue_line_set_limits(struct queue *q)
{
	const struct queue_sites_limits l = {
		.given_max = q->relay_count * QUEUE_RELAY_JOBS,
		.concurrency = q->limits.concurrency, .initial = INITIAL,
		.idle_max = IDLE_SITES, .min_backoff_ms = q->sched.min_backoff_ms,
		.max_backoff_ms = q->sched.max_backoff_ms,
		.lifetime_ms = { [QUEUE_MAIL_NORMAL] = q->sched.lifetime_ms,
		    [QUEUE_MAIL_BOUNCE] = q->sched.bounce_lifetime_ms }
	};

	queue_sites_set_limits(q->sites, &l);
}

static struct queue_site_limits
limits_of(const struct queue_route *r)
{
	if (r == NULL)
		return (struct queue_site_limits){ 0 };
	return (struct queue_site_limits){ .concurrency = r->concurrency,
	    .rate_count = r->rate.count, .rate_ms = r->rate.per_ms };
}

void
queue_line_set_routes(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop);
	struct queue_site_limits limits;
	struct queue_site *site;
	struct queue_walk w;

	q->route_generation++;
	queue_walk_start(q->sites, &w);
	while ((site = queue_walk_step(q->sites, &w)) != NULL) {
		limits = limits_of(queue_route_titled(&q->routes, queue_site_route(site)));
		queue_site_set_limits(q->sites, site, &limits, now);
	}
	queue_walk_stop(&w);
}

/* ---- parts ---- */

void
queue_line_end(struct queue *q, struct queue_bundle **pp)
{
	struct queue_bundle *p = *pp;

	queue_parcel_drop(q->sites, &p->parcel, loop_real_ms(q->loop));
	list_remove(&p->in_item);
	free(p);
	*pp = NULL;
}

void
queue_line_drop(struct queue *q, struct queue_item *it)
{
	struct queue_bundle *p;
	struct list *l;

	while ((l = list_first(&it->parts)) != NULL) {
		p = obj_of(l, struct queue_bundle, in_item);
		must(!p->in_job);
		queue_line_end(q, &p);
	}
	it->is_sorted = false;
}

uint64_t
queue_line_next(const struct queue *q, const struct queue_item *it)
{
	uint64_t now = loop_real_ms(q->loop), first = QUEUE_SITES_NEVER, at;
	const struct list *l;

	for (l = it->parts.next; l != &it->parts; l = l->next) {
		at = queue_parcel_due_ms(q->sites, &obj_of(l, struct queue_bundle,
		    in_item)->parcel, now);
		if (at < first)
			first = at;
	}
	return first;
}

void
queue_line_mark(struct queue_msg *m)
{
	struct queue_bundle *p;
	struct list *l;
	uint32_t i;

	for (l = m->item->parts.next; l != &m->item->parts; l = l->next) {
		p = obj_of(l, struct queue_bundle, in_item);
		for (i = 0; i < p->count; i++)
			m->env.rcpts[p->idx[i]].in_line = true;
	}
}

/* ---- sorting ---- */

/*
 * Who is to be dealt with fairly: what list managers and forwarders put into
 * the local part to tell messages apart does not make another sender.
 */
static uint64_t
hash_sender(struct slice sender)
{
	struct slice local = slice_head(sender, slice_rfind(sender, '@'));
	size_t i;

	for (i = 1; i < local.n && local.p[i] != '+' && local.p[i] != '='; i++)
		;
	return hash_slice(slice_head(local, i)) ^ hash_islice(queue_route_domain(sender));
}

/* A recipient to be put into a line. */
struct sorted {
	struct slice		 hop;
	const struct queue_route *route;
	bool			 is_forwarded;	/* has the other sender */
	uint32_t		 idx;
};

static int
compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int order = slice_cmp(x->hop, y->hop);

	if (order != 0)
		return order;
	if (x->route != y->route)
		return x->route < y->route ? -1 : 1;
	if (x->is_forwarded != y->is_forwarded)
		return x->is_forwarded ? 1 : -1;
	return x->idx < y->idx ? -1 : x->idx > y->idx;
}

static uint32_t
collect(const struct queue_msg *m, struct sorted *all)
{
	const struct queue_rcpt *r;
	uint32_t i, n = 0;

	for (i = 0; i < m->env.rcpt_count; i++) {
		r = &m->env.rcpts[i];
		if (r->class != QUEUE_REMOTE || r->status != QUEUE_RCPT_PENDING || r->in_line)
			continue;
		all[n].idx = i;
		all[n].is_forwarded = r->is_forwarded;
		all[n].route = queue_route_find(&m->q->routes,
		    queue_envelope_sender(&m->env, r), r->address);
		all[n].hop = queue_route_hop(all[n].route, r->address);
		n++;
	}
	return n;
}

static size_t
bytes_of(const struct queue_rcpt *r)
{
	return RCPT_EXTRA + r->address.n + queue_envelope_orig_to(r).n + r->orcpt.n;
}

/* How many of the recipients go into the first part. */
static uint32_t
fitting(const struct queue_msg *m, const struct sorted *all, uint32_t n)
{
	size_t bytes = 0;
	uint32_t i;

	for (i = 0; i < n && i < RELAY_JOB_RCPTS; i++) {
		bytes += bytes_of(&m->env.rcpts[all[i].idx]);
		if (all[i].route != all[0].route || !slice_eq(all[i].hop, all[0].hop) ||
		    all[i].is_forwarded != all[0].is_forwarded || bytes > RCPTS_BYTES)
			break;
	}
	return i;
}

static void
make_part(struct queue_msg *m, const struct sorted *all, uint32_t n, uint64_t next_ms)
{
	struct queue *q = m->q;
	struct queue_bundle *p = must_alloc(1, sizeof(*p) + n * sizeof(p->idx[0]));
	struct queue_site_limits limits = limits_of(all->route);
	const struct queue_parcel_put put = {
		.site = all->hop,
		.route = all->route != NULL ? slice_str(all->route->title) : SLICE_NONE,
		.limits = &limits, .sender = hash_sender(m->env.sender),
		.arrival_ms = m->env.arrival_ms, .next_ms = next_ms,
		.attempts = m->item->attempts, .rcpts = n,
		.mail = m->env.sender.n == 0 ? QUEUE_MAIL_BOUNCE : QUEUE_MAIL_NORMAL,
		.is_held = m->item->flags & QUEUE_HELD
	};
	uint32_t i;

	p->item = m->item;
	p->routes = q->route_generation;
	p->count = n;
	for (i = 0; i < n; i++) {
		p->idx[i] = all[i].idx;
		m->env.rcpts[all[i].idx].in_line = true;
	}
	list_push(&m->item->parts, &p->in_item);
	queue_parcel_put(q->sites, &p->parcel, &put, loop_real_ms(q->loop));
	if (m->item->is_doomed)
		queue_parcel_expire(q->sites, &p->parcel, loop_real_ms(q->loop));
}

static void
log_kept(const struct queue_msg *m, const struct sorted *all, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		queue_log_rcpt(&m->env, &m->env.rcpts[all[i].idx], &(const struct queue_tale){
		    .event = LOG_kept, .reason = slice_str(QUEUE_KEPT_REASON) });
}

void
queue_line_sort(struct queue_msg *m, uint64_t next_ms)
{
	struct sorted *all;
	uint32_t at, n, count;

	m->item->is_sorted = true;
	if (m->env.rcpt_count == 0)
		return;
	all = must_alloc(m->env.rcpt_count, sizeof(*all));
	count = collect(m, all);
	if (count > 1)
		qsort(all, count, sizeof(*all), compare);
	for (at = 0; at < count; at += n) {
		n = fitting(m, all + at, count - at);
		make_part(m, all + at, n, next_ms);
	}
	if (m->q->relay_count == 0 && m->item->attempts == 0)
		log_kept(m, all, count);
	free(all);
}

/* ---- picks ---- */

/* Its route was looked up before a reload: does that still stand? */
static bool
is_astray(const struct queue_msg *m, struct queue_bundle *p)
{
	const struct queue_route *route;
	const struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; p->routes != m->q->route_generation && i < p->count; i++) {
		r = &m->env.rcpts[p->idx[i]];
		route = queue_route_find(&m->q->routes, m->env.sender, r->address);
		if (!slice_eq_str(queue_site_route(p->parcel.site),
		    route != NULL ? route->title : "") ||
		    !slice_eq(queue_site_name(p->parcel.site), queue_route_hop(route, r->address)))
			return true;
	}
	p->routes = m->q->route_generation;
	return false;
}

/* Into the lines where it belongs now, at once: it was its turn. */
static void
move_part(struct queue_msg *m, struct queue_bundle *p)
{
	struct queue *q = m->q;
	uint32_t i;

	for (i = 0; i < p->count; i++)
		m->env.rcpts[p->idx[i]].in_line = false;
	queue_parcel_done(q->sites, &p->parcel, RELAY_UNKNOWN, loop_real_ms(q->loop));
	queue_line_end(q, &p);
	queue_line_sort(m, 0);
}

/* Is it with relay now, or back in its line? */
static bool
start(struct queue_msg *m, struct queue_bundle *p)
{
	p->is_picked = false;
	if (!p->is_expired && !is_astray(m, p)) {
		queue_relay_start(m, p);
		return true;
	}
	if (p->is_expired)
		queue_msg_expire_part(m, p);
	else
		move_part(m, p);
	return false;
}

bool
queue_line_is_picked(const struct queue_item *it)
{
	const struct list *l;

	for (l = it->parts.next; l != &it->parts; l = l->next)
		if (obj_of(l, struct queue_bundle, in_item)->is_picked)
			return true;
	return false;
}

void
queue_line_start(struct queue_msg *m)
{
	struct queue_bundle *p;
	struct list *l, *next;

	if (m->is_deleted)
		return;
	LIST_EACH(l, next, &m->item->parts) {
		p = obj_of(l, struct queue_bundle, in_item);
		if (p->is_picked && (m->fd >= 0 || p->is_expired))
			(void)start(m, p);
	}
}

void
queue_line_postpone(struct queue *q, struct queue_item *it, uint64_t at_ms)
{
	uint64_t now = loop_real_ms(q->loop);
	struct queue_bundle *p;
	struct list *l;

	for (l = it->parts.next; l != &it->parts; l = l->next) {
		p = obj_of(l, struct queue_bundle, in_item);
		if (!p->is_picked)
			continue;
		p->is_picked = false;
		queue_parcel_done(q->sites, &p->parcel, RELAY_UNKNOWN, now);
		queue_parcel_again(q->sites, &p->parcel, at_ms, now);
	}
}

static void
take(struct queue *q, struct queue_bundle *p)
{
	struct queue_item *it = p->item;
	struct queue_msg *m = it->msg;

	p->is_picked = true;
	if (it->is_loading)
		return;			/* its end starts it */
	if (m == NULL) {
		if (!queue_run_load(q, it, !p->is_expired))
			queue_line_postpone(q, it, loop_real_ms(q->loop) + NO_KEY_MS);
	} else if (m->fd < 0 && !p->is_expired)
		queue_run_fetch(m);
	else if (!start(m, p))
		queue_msg_settle(m);
}

static bool
may_go(const struct queue *q)
{
	return queue_run_is_ready(q) && q->memory_bytes <= q->limits.spool_memory &&
	    q->works < WORKS_MAX && q->notices < NOTICES_MAX;
}

static void
arm(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop), mono = loop_now(q->loop), at;

	at = queue_parcel_next(q->sites, now);
	if (!queue_run_is_ready(q) || at == QUEUE_SITES_NEVER) {
		timer_stop(&q->line_timer);
		return;
	}
	at = at > now ? at - now : 0;
	if (!may_go(q) && at < FULL_MS)
		at = FULL_MS;
	timer_set(&q->line_timer, mono + (at < LOOK_MS ? at : LOOK_MS));
}

void
queue_line_go(void *arg)
{
	struct queue *q = arg;
	struct queue_parcel *e;
	struct queue_bundle *p;
	bool is_expired;

	if (q->is_going)
		return;			/* the loop below goes on */
	q->is_going = true;
	while (may_go(q) && (e = queue_parcel_pick(q->sites, loop_real_ms(q->loop),
	    &is_expired)) != NULL) {
		p = obj_of(e, struct queue_bundle, parcel);
		p->is_expired = is_expired;
		take(q, p);
	}
	q->is_going = false;
	arm(q);
}
