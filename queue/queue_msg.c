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
#include "queue/queue_again.h"
#include "queue/queue_forget.h"
#include "queue/queue_job.h"
#include "queue/queue_local.h"
#include "queue/queue_log.h"
#include "queue/queue_notify.h"
#include "queue/queue_run.h"
#include "queue/queue_spool.h"

/* A large message may take longer before it is spooled: parsing alone does. */
#define DIRECT_BYTES_PER_MS	(100u << 10)
#define NO_BODY_MS		60000u	/* before it is read again */

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
	must(m->jobs == 0 && m->relay_jobs == 0);
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

uint32_t
queue_msg_pending(const struct queue_msg *m, uint8_t class)
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

/* What the sender is to be told now, if anything. */
static bool
next_notice(struct queue_msg *m, enum queue_notice *kind)
{
	uint64_t warning = m->q->limits.warning_ms;

	*kind = QUEUE_NOTICE_FAILURE;
	if (queue_notify_is_wanted(m, *kind))
		return true;
	*kind = QUEUE_NOTICE_SUCCESS;
	if (queue_notify_is_wanted(m, *kind))
		return true;
	*kind = QUEUE_NOTICE_BROKEN;
	if (queue_notify_is_wanted(m, *kind))
		return true;
	*kind = QUEUE_NOTICE_DELAY;
	if (m->was_warned || warning == 0 || m->env.sender.n == 0 ||
	    loop_real_ms(m->q->loop) < m->env.arrival_ms + warning)
		return false;
	if (queue_notify_is_wanted(m, *kind))
		return true;
	m->was_warned = m->has_changed = true;	/* nobody wants to know */
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
	if (queue_msg_pending(m, QUEUE_REMOTE) > 0 || q->deliver_count == 0 ||
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
	enum queue_notice kind;

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
	if (next_notice(m, &kind)) {
		list_remove(&m->direct);
		queue_notify_start(m, kind);
		return;
	}
	queue_state_move(&m->state, QUEUE_S3_DELIVERED);
	accept_msg(m, ERR_OK);
	daemon_crash_at("queue.delivered");
	queue_forget_add(q, m->env.id, m->is_unclean);
	queue_msg_free(&m);
}

/* ---- from the spool: giving up ---- */

uint64_t
queue_msg_expiry(const struct queue_msg *m)
{
	return queue_sched_expiry(&m->q->sched, m->env.arrival_ms, m->env.sender.n == 0);
}

/* RFC 5321 s4.5.4.1: give up after the queue lifetime. */
void
queue_msg_expire(struct queue_msg *m, struct queue_rcpt *r)
{
	if (r->status != QUEUE_RCPT_PENDING || r->in_job)
		return;
	r->status = QUEUE_RCPT_EXPIRED;
	m->has_changed = true;
	queue_envelope_note(&m->env, r, SLICE_LIT("4.4.7"), r->reason.n > 0 ?
	    queue_envelope_reason(r) : SLICE_LIT("delivery time expired"));
	queue_log_rcpt(&m->env, r, &(const struct queue_tale){ .event = LOG_expired,
	    .dsn = queue_envelope_dsn(r), .reason = queue_envelope_reason(r) });
}

/* ---- from the spool: coming into hand ---- */

void
queue_msg_stored(struct queue_msg *m, enum err e)
{
	if (e != ERR_OK) {
		m->spool_error = e;
		m->is_dropped = true;
		queue_msg_settle(m);	/* now, or when deliver has answered */
		return;
	}
	accept_msg(m, ERR_OK);
	daemon_crash_at("queue.stored");
	m->is_busy = true;
	m->is_round = queue_msg_pending(m, QUEUE_LOCAL) > 0;
	if (m->is_round && m->jobs == 0 && !m->was_tried && m->q->deliver_count > 0)
		queue_local_try(m);
	if (queue_msg_pending(m, QUEUE_REMOTE) > 0) {
		queue_line_sort(m, 0);
		queue_line_go(m->q);
	}
	m->is_busy = false;
	queue_msg_settle(m);
}

void
queue_msg_try(struct queue_msg *m)
{
	bool was_busy = m->is_busy;

	m->is_busy = true;
	if (!(m->item->flags & QUEUE_HELD) && m->jobs == 0 && !m->wants_local &&
	    queue_msg_pending(m, QUEUE_LOCAL) > 0)
		queue_local_try(m);
	m->is_busy = was_busy;
	queue_msg_settle(m);
}

void
queue_msg_loaded(struct queue_msg *m, bool is_due)
{
	struct queue_item *it = m->item;

	m->is_busy = true;
	m->retry_ms = heap_has(&it->due) ? it->next_ms : loop_real_ms(m->q->loop);
	queue_line_mark(m);
	if (m->looks_again)
		queue_again_look(m);
	m->looks_again = false;
	if (queue_msg_pending(m, QUEUE_REMOTE) > 0)
		queue_line_sort(m, m->due_ms);
	if (is_due)
		queue_msg_try(m);
	queue_line_start(m);
	if (m->fd < 0 && queue_line_is_picked(it))
		queue_run_fetch(m);
	m->is_busy = false;
	queue_msg_settle(m);
}

void
queue_msg_fetched(struct queue_msg *m, enum err e)
{
	m->is_busy = true;
	if (e != ERR_OK) {
		m->no_body = true;
		m->is_corrupt = e == ERR_CORRUPT || e == ERR_NOTFOUND;
		queue_line_postpone(m->q, m->item, loop_real_ms(m->q->loop) + NO_BODY_MS);
		log_event(LOG_disk, log_str("what", "read"), log_str("reason", err_text(e)));
	}
	if (m->wants_local) {
		m->wants_local = false;
		if (e == ERR_OK)
			queue_local_start(m);
	}
	queue_line_start(m);
	m->is_busy = false;
	queue_msg_settle(m);
}

/* ---- from the spool: what is next ---- */

void
queue_msg_expire_part(struct queue_msg *m, struct queue_bundle *p)
{
	struct queue *q = m->q;
	uint32_t i;

	for (i = 0; i < p->count; i++)
		queue_msg_expire(m, &m->env.rcpts[p->idx[i]]);
	queue_parcel_done(q->sites, &p->parcel, RELAY_UNKNOWN, loop_real_ms(q->loop));
	queue_line_end(q, &p);
}

static uint64_t
min_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
queue_msg_next(const struct queue_msg *m)
{
	uint64_t next = queue_line_next(m->q, m->item), expiry = queue_msg_expiry(m);

	if (m->retry_ms != 0 && queue_msg_pending(m, QUEUE_LOCAL) > 0)
		next = min_of(next, m->retry_ms);
	return min_of(next, expiry);
}

/* When it must be looked at; the scheduler wakes the parts. */
static void
arm_item(struct queue_msg *m)
{
	struct queue *q = m->q;
	struct queue_item *it = m->item;
	uint64_t now = loop_real_ms(q->loop), at = QUEUE_SCHED_NEVER;
	bool local = queue_msg_pending(m, QUEUE_LOCAL) > 0;

	if (local)
		at = min_of(m->retry_ms, queue_msg_expiry(m));
	/* While relay is at it the end of that is waited for: settle_stored. */
	if (q->limits.warning_ms > 0 && !m->was_warned && m->env.sender.n > 0 &&
	    m->relay_jobs == 0)
		at = min_of(at, m->env.arrival_ms + q->limits.warning_ms);
	if (it->flags & QUEUE_HELD)
		at = QUEUE_SCHED_NEVER;
	else if (it->is_doomed && local)
		at = now;
	if (m->notify_failed)
		at = min_of(at, now + q->sched.min_backoff_ms);
	if (at == QUEUE_SCHED_NEVER)
		queue_sched_remove(&q->sched, it);
	else
		queue_sched_put(&q->sched, it, at);
	if (local)
		queue_sched_wait(&q->sched, it);
	queue_run_arm(q);	/* it may be the first that is due */
}

static void
leave_active(struct queue_msg *m)
{
	if (!m->is_active)
		return;
	m->is_active = false;
	m->q->active--;
	queue_run_arm(m->q);
}

/* Relay is at it for long, maybe: what is known is written meanwhile. */
static void
checkpoint(struct queue_msg *m)
{
	if (m->has_changed && m->item->writes == 0)
		queue_spool_result(m);
	leave_active(m);
	arm_item(m);
}

/* Something is left for later. */
static void
rest(struct queue_msg *m)
{
	arm_item(m);
	if (m->has_changed)
		queue_spool_result(m);
	queue_msg_free(&m);
}

static void
set_aside(struct queue_msg *m)
{
	struct queue_item *it = m->item;
	struct queue *q = m->q;

	queue_msg_free(&m);
	queue_line_drop(q, it);
	queue_spool_aside(q, it);
}

void
queue_msg_finish_item(struct queue *q, struct queue_item *it)
{
	queue_line_drop(q, it);
	queue_spool_done(q, it);
}

static void
finish(struct queue_msg *m)
{
	struct queue_item *it = m->item;
	struct queue *q = m->q;

	/* Only the store need forget what it was given. */
	it->lost = m->is_unclean || it->lost > 0;
	if (!has_local(m))
		it->flags |= QUEUE_ALL_REMOTE;
	queue_msg_free(&m);
	queue_msg_finish_item(q, it);
}

static void
settle_stored(struct queue_msg *m)
{
	enum queue_notice kind;

	if (m->is_busy || m->is_fetching || m->wants_local)
		return;
	queue_local_end(m);
	if (m->relay_jobs > 0)
		checkpoint(m);
	else if (m->is_deleted)
		finish(m);
	else if (m->is_corrupt)
		set_aside(m);
	else if (!m->notify_failed && next_notice(m, &kind)) {
		if (m->fd < 0 && !m->no_body)
			queue_run_fetch(m);
		else
			queue_notify_start(m, kind);
	} else if (queue_envelope_pending(&m->env) > 0 || m->notify_failed)
		rest(m);
	else
		finish(m);
}

/*
 * The spool could not take it.  What deliver had been given before may have
 * arrived all the same: then nobody is told to send it again.
 */
static void
drop(struct queue_msg *m)
{
	bool has_arrived = true, has_copies = m->is_unclean;
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++) {
		has_arrived &= m->env.rcpts[i].status == QUEUE_RCPT_SENT;
		has_copies |= m->env.rcpts[i].status == QUEUE_RCPT_SENT;
	}
	accept_msg(m, has_arrived ? ERR_OK : m->spool_error);
	if (has_copies)
		queue_forget_add(m->q, m->env.id, m->is_unclean);
	queue_msg_free(&m);
}

void
queue_msg_settle(struct queue_msg *m)
{
	if (m->jobs > 0 || m->is_notifying)
		return;
	if (m->is_dropped)
		drop(m);
	else if (is_stored(m))
		settle_stored(m);
	else if (m->state == QUEUE_S2_DIRECT)
		settle_direct(m);
	/* else it is being written: queue_msg_stored comes back here */
}
