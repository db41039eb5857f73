/* SPDX-License-Identifier: ISC */
/*
 * Read queue_msg_settle first: it is the state machine; the rest are its
 * steps in the order of a message's life.
 */
#include "queue/queue_msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_bounce.h"
#include "queue/queue_forget.h"
#include "queue/queue_job.h"
#include "queue/queue_notify.h"
#include "queue/queue_run.h"
#include "queue/queue_spool.h"

/* A large message may take longer before it is spooled: parsing alone does. */
#define DIRECT_BYTES_PER_MS	(100u << 10)

struct queue_msg *
queue_msg_new(struct queue *q)
{
	struct queue_msg *m = must_alloc(1, sizeof(*m));

	m->q = q;
	m->fd = -1;
	m->state = QUEUE_S1_OPEN;
	list_init(&m->direct);
	queue_envelope_init(&m->env);
	return m;
}

void
queue_msg_take_fd(struct queue_msg *m, int take_fd)
{
	queue_msg_close_fd(m);
	m->fd = take_fd;
	if (m->env.form == QUEUE_FORM_MEMFD)
		m->memory_bytes = m->env.size;
	m->q->memory_bytes += m->memory_bytes;
}

void
queue_msg_close_fd(struct queue_msg *m)
{
	if (m->fd < 0)
		return;
	(void)close(m->fd);
	m->fd = -1;
	m->q->memory_bytes -= m->memory_bytes;
	m->memory_bytes = 0;
}

void
queue_msg_free(struct queue_msg **mp)
{
	struct queue_msg *m = *mp;

	if (m == NULL)
		return;
	must(m->jobs == 0);
	if (m->is_known)
		map_remove(&m->q->msgs, &m->by_id);
	if (m->item != NULL)
		m->item->msg = NULL;
	if (m->is_active) {
		m->q->active--;
		queue_run_arm(m->q);
	}
	list_remove(&m->direct);
	queue_msg_close_fd(m);
	queue_envelope_fini(&m->env);
	secret_wipe(m->key, sizeof(m->key));
	free(m);
	*mp = NULL;
}

void
queue_msg_know(struct queue_msg *m)
{
	map_insert(&m->q->msgs, &m->by_id, hash_u64(m->env.id));
	m->is_known = true;
}

struct queue_msg *
queue_msg_find(const struct queue *q, uint64_t id)
{
	struct map_node *n;
	struct queue_msg *m;

	for (n = map_first(&q->msgs, hash_u64(id)); n != NULL; n = map_next(n)) {
		m = obj_of(n, struct queue_msg, by_id);
		if (m->env.id == id)
			return m;
	}
	return NULL;
}

/* ---- what there is left to do ---- */

static uint32_t
count_pending(const struct queue_msg *m, uint8_t class)
{
	uint32_t i, n = 0;

	for (i = 0; i < m->env.rcpt_count; i++)
		n += m->env.rcpts[i].status == QUEUE_RCPT_PENDING &&
		    m->env.rcpts[i].class == class;
	return n;
}

static bool
has_local(const struct queue_msg *m)
{
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++)
		if (m->env.rcpts[i].class == QUEUE_LOCAL)
			return true;
	return false;
}

static bool
wants_bounce(const struct queue_msg *m)
{
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++)
		if (queue_bounce_is_wanted(&m->env, &m->env.rcpts[i]))
			return true;
	return false;
}

static bool
is_stored(const struct queue_msg *m)
{
	return m->item != NULL && (m->item->state == QUEUE_S5_STORED ||
	    m->item->state == QUEUE_S6_TRIED);
}

static void
log_queued(const struct queue_msg *m)
{
	const struct queue_envelope *e = &m->env;

	log_event(LOG_queued, log_session(e->session), log_id("m", e->id),
	    log_addr("from", e->sender), log_num("nrcpt", e->rcpt_count),
	    log_num("size", e->size), log_text("message-id", e->message_id),
	    log_str("spooled", m->item != NULL ? "yes" : "no"));
}

static void
accept_msg(struct queue_msg *m, enum err e)
{
	queue_accepted_fn *fn = m->accepted;

	if (fn == NULL)
		return;
	m->accepted = NULL;
	if (e == ERR_OK)
		log_queued(m);
	fn(m->accepted_arg, e);
}

/* ---- the direct path ---- */

static void
arm_direct(struct queue *q)
{
	struct list *l = list_first(&q->direct);

	if (l == NULL)
		timer_stop(&q->direct_timer);
	else
		timer_set(&q->direct_timer, obj_of(l, struct queue_msg, direct)->direct_until_ms);
}

static void
push_direct(struct queue_msg *m)
{
	struct queue *q = m->q;
	bool first = list_is_empty(&q->direct);
	struct list *l;

	m->direct_until_ms = loop_now(q->loop) + q->limits.direct_ms +
	    m->env.size / DIRECT_BYTES_PER_MS;
	for (l = q->direct.prev; l != &q->direct; l = l->prev)
		if (obj_of(l, struct queue_msg, direct)->direct_until_ms <= m->direct_until_ms)
			break;
	list_insert_before(l->next, &m->direct);
	/* An armed timer is early at worst: it then arms itself anew. */
	if (first || !timer_is_set(&q->direct_timer))
		arm_direct(q);
}

void
queue_msg_direct_due(void *arg)
{
	struct queue *q = arg;
	uint64_t now = loop_now(q->loop);
	struct queue_msg *m;
	struct list *l;

	while ((l = list_first(&q->direct)) != NULL) {
		m = obj_of(l, struct queue_msg, direct);
		if (m->direct_until_ms > now)
			break;
		list_remove(l);
		/* Waiting for a bounce is no reason to spool. */
		if (m->state == QUEUE_S2_DIRECT && m->jobs > 0)
			queue_spool_message(m);
	}
	arm_direct(q);
}

void
queue_msg_start(struct queue_msg *m, queue_accepted_fn *fn, void *arg)
{
	struct queue *q = m->q;

	m->accepted = fn;
	m->accepted_arg = arg;
	queue_msg_know(m);
	if (count_pending(m, QUEUE_REMOTE) > 0 || q->deliver_count == 0 ||
	    q->memory_bytes > q->limits.spool_memory || q->limits.direct_ms == 0) {
		queue_spool_message(m);
		return;
	}
	queue_state_move(&m->state, QUEUE_S2_DIRECT);
	if (queue_job_start(m) != ERR_OK && m->jobs == 0) {
		queue_spool_message(m);
		return;
	}
	daemon_crash_at("queue.direct");
	if (m->jobs > 0)
		push_direct(m);
	else
		queue_msg_settle(m);
}

static void
settle_direct(struct queue_msg *m)
{
	struct queue *q = m->q;

	if (queue_envelope_pending(&m->env) > 0) {
		list_remove(&m->direct);
		queue_spool_message(m);
		return;
	}
	if (m->notify_failed) {
		accept_msg(m, ERR_AGAIN);
		queue_msg_free(&m);
		return;
	}
	if (wants_bounce(m)) {
		list_remove(&m->direct);
		queue_notify_start(m);
		return;
	}
	queue_state_move(&m->state, QUEUE_S3_DELIVERED);
	accept_msg(m, ERR_OK);
	daemon_crash_at("queue.delivered");
	queue_forget_add(q, m->env.id, m->is_unclean);
	queue_msg_free(&m);
}

/* ---- from the spool ---- */

void
queue_msg_stored(struct queue_msg *m, enum err e)
{
	if (e != ERR_OK) {
		accept_msg(m, e);
		m->is_dropped = true;
		queue_msg_settle(m);
		return;
	}
	accept_msg(m, ERR_OK);
	daemon_crash_at("queue.stored");
	if (m->jobs == 0 && !m->was_tried && m->q->deliver_count > 0 &&
	    count_pending(m, QUEUE_LOCAL) > 0)
		queue_msg_try(m);
	else
		queue_msg_settle(m);
}

/* RFC 5321 s4.5.4.1: give up after the queue lifetime. */
static void
expire(struct queue_msg *m)
{
	struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++) {
		r = &m->env.rcpts[i];
		if (r->status != QUEUE_RCPT_PENDING)
			continue;
		r->status = QUEUE_RCPT_EXPIRED;
		m->has_changed = true;
		queue_envelope_note(&m->env, r, SLICE_LIT("4.4.7"),
		    r->reason_n > 0 ? queue_envelope_reason(r) :
		    SLICE_LIT("delivery time expired"));
		log_event(LOG_expired, log_id("m", m->env.id), log_addr("to", r->address),
		    log_str("dsn", "4.4.7"), log_text("reason", queue_envelope_reason(r)));
	}
}

static uint64_t
expiry_of(const struct queue_msg *m)
{
	return queue_sched_expiry(&m->q->sched, m->env.arrival_ms, m->env.sender.n == 0);
}

void
queue_msg_try(struct queue_msg *m)
{
	m->was_tried = false;
	m->lost_jobs = 0;
	if (loop_real_ms(m->q->loop) >= expiry_of(m))
		expire(m);
	else if (queue_job_start(m) != ERR_OK && m->jobs > 0)
		return;		/* a part is on its way, the rest stays pending */
	if (m->jobs == 0)
		queue_msg_settle(m);
}

/* 10:07:11Z */
static struct slice
time_of_day(char dst[16], uint64_t real_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(real_ms / 1000), &d);
	(void)snprintf(dst, 16, "%02d:%02d:%02dZ", d.hour % 24, d.minute % 60, d.second % 61);
	return slice_str(dst);
}

static void
log_waiting(struct queue_msg *m, uint64_t next_ms)
{
	char next[16];
	const char *lost = m->lost_jobs > 0 ? "the delivery process was lost" :
	    "no delivery process";
	struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++) {
		r = &m->env.rcpts[i];
		if (r->status != QUEUE_RCPT_PENDING)
			continue;
		if (r->class == QUEUE_REMOTE) {
			if (m->item->attempts == 0 && !m->has_changed)
				log_event(LOG_kept, log_id("m", m->env.id),
				    log_addr("to", r->address),
				    log_str("reason", QUEUE_KEPT_REASON));
			continue;
		}
		if (r->reason_n == 0)
			queue_envelope_note(&m->env, r, SLICE_LIT("4.3.0"), slice_str(lost));
		log_event(LOG_deferred, log_id("m", m->env.id), log_addr("to", r->address),
		    log_str("relay", "local"), log_text("dsn", queue_envelope_dsn(r)),
		    log_text("reason", queue_envelope_reason(r)), log_text("next",
		    time_of_day(next, next_ms)));
	}
}

/*
 * Store and deliver come and go as each process sees it, so there is no
 * moment at which both are known to be back: it is tried again soon.
 */
static uint64_t
next_local(struct queue_msg *m, uint64_t now)
{
	struct queue_item *it = m->item;
	uint64_t expiry = expiry_of(m), soon = 0;

	it->lost += m->lost_jobs > 0;
	it->away = m->is_away ? it->away + 1 : 0;
	if (it->lost < QUEUE_SCHED_LOST_MAX)
		soon = queue_sched_away(now, it->away);
	if (soon != 0)
		return soon < expiry ? soon : expiry;
	it->attempts += m->was_tried || it->attempts == 0;
	return queue_sched_next(&m->q->sched, now, it->attempts, expiry);
}

/* The attempt is over and something is left. */
static void
defer(struct queue_msg *m)
{
	struct queue *q = m->q;
	struct queue_item *it = m->item;
	uint64_t now = loop_real_ms(q->loop), next = expiry_of(m);
	bool local = count_pending(m, QUEUE_LOCAL) > 0;

	if (local)
		next = next_local(m, now);
	else if (m->notify_failed)
		next = now + q->sched.min_backoff_ms;
	log_waiting(m, next);
	queue_sched_put(&q->sched, it, next);
	if (local)
		queue_sched_wait(&q->sched, it);
	if (local || m->has_changed)
		queue_spool_result(m);
	queue_msg_free(&m);
	queue_run_arm(q);	/* it may be the first that is due */
}

static void
settle_stored(struct queue_msg *m)
{
	struct queue_item *it = m->item;
	struct queue *q = m->q;

	if (wants_bounce(m) && !m->notify_failed) {
		queue_notify_start(m);
		return;
	}
	if (queue_envelope_pending(&m->env) > 0 || m->notify_failed) {
		defer(m);
		return;
	}
	/* Only the store need forget what it was given. */
	it->lost = m->is_unclean || it->lost > 0;
	if (!has_local(m))
		it->flags |= QUEUE_ALL_REMOTE;
	queue_msg_free(&m);
	queue_spool_done(q, it);
}

void
queue_msg_settle(struct queue_msg *m)
{
	if (m->jobs > 0 || m->is_notifying)
		return;
	if (m->is_dropped)
		queue_msg_free(&m);
	else if (is_stored(m))
		settle_stored(m);
	else if (m->state == QUEUE_S2_DIRECT)
		settle_direct(m);
	/* else it is being written: queue_msg_stored comes back here */
}
