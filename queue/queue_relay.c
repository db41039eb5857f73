/* SPDX-License-Identifier: ISC */
#include "queue/queue_relay.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_log.h"
#include "queue/queue_msg.h"

#define RCPTS_BYTES	60000u
#define AGAIN_MS	1000u	/* a process that cannot be given a job just now */

struct job {
	struct queue_msg	*msg;
	struct queue_bundle	*part;
	struct ipc_peer		*peer;
	uint32_t		 idx[RELAY_JOB_RCPTS];
	unsigned		 count;
};

/* ---- processes ---- */

void
queue_relay_join(struct queue *q, struct ipc_peer *peer)
{
	must(q->relay_count < QUEUE_PEERS_MAX);
	q->relays[q->relay_count++] = peer;
	queue_line_set_limits(q);
	queue_line_go(q);
}

void
queue_relay_leave(struct queue *q, struct ipc_peer *peer)
{
	unsigned i;

	for (i = 0; i < q->relay_count; i++)
		if (q->relays[i] == peer) {
			q->relays[i] = q->relays[--q->relay_count];
			break;
		}
	queue_line_set_limits(q);
}

/*
 * The process with the highest hash of site and process: few sites change
 * theirs when one comes or goes.
 */
static struct ipc_peer *
relay_of(const struct queue *q, const struct queue_site *site)
{
	uint64_t key = hash_slice(queue_site_name(site)) ^
	    hash_slice(queue_site_route(site)), best = 0, h;
	struct ipc_peer *peer = NULL;
	unsigned i;

	for (i = 0; i < q->relay_count; i++) {
		h = hash_u64(key + hash_u64(ipc_peer_instance(q->relays[i])));
		if (peer == NULL || h > best) {
			best = h;
			peer = q->relays[i];
		}
	}
	return peer;
}

/* ---- results ---- */

static void
note_result(struct queue_msg *m, struct queue_rcpt *r, const struct ipc_relay_result *res)
{
	m->has_changed = true;
	r->last_ms = loop_real_ms(m->q->loop);
	r->is_broken = res->is_broken;
	queue_envelope_note(&m->env, r, res->dsn, res->text);
	queue_envelope_note_host(&m->env, r, res->host, res->reply);
	if (res->error == ERR_OK) {
		r->status = QUEUE_RCPT_SENT;
		r->dsn_taken = res->dsn_taken;
	} else if (err_class(res->error) == ERR_CLASS_PERM)
		r->status = QUEUE_RCPT_BOUNCED;
}

/* A result for each recipient of the job, and for no other. */
static enum err
read_results(struct job *j, struct slice results)
{
	struct ipc_reader rd = ipc_reader_of(results);
	struct ipc_relay_result res;
	struct queue_rcpt *r;
	unsigned i;

	while (ipc_reader_more(&rd)) {
		ipc_relay_result_get(&rd, &res);
		for (i = 0; i < j->count && j->idx[i] != res.idx; i++)
			;
		if (rd.bad || i == j->count)
			return ERR_VIOLATION;
		r = &j->msg->env.rcpts[res.idx];
		if (r->in_job && r->status == QUEUE_RCPT_PENDING)
			note_result(j->msg, r, &res);
		r->in_job = false;
	}
	return ipc_reader_done(&rd);
}

static bool
is_feedback(uint8_t f)
{
	return f >= RELAY_TAKEN && f <= RELAY_UNKNOWN;
}

/* The process is lost: nobody else tells of its recipients. */
static void
note_lost(struct job *j)
{
	struct queue_msg *m = j->msg;
	struct queue_rcpt *r;
	unsigned i;

	for (i = 0; i < j->count; i++) {
		r = &m->env.rcpts[j->idx[i]];
		if (r->status != QUEUE_RCPT_PENDING)
			continue;
		queue_envelope_note(&m->env, r, SLICE_LIT("4.3.0"),
		    SLICE_LIT("the relay process was lost"));
		queue_envelope_note_host(&m->env, r, SLICE_NONE, SLICE_NONE);
		queue_log_rcpt(&m->env, r, &(const struct queue_tale){ .event = LOG_deferred,
		    .relay = queue_site_name(j->part->parcel.site),
		    .dsn = queue_envelope_dsn(r), .reason = queue_envelope_reason(r) });
	}
	m->has_changed = true;
}

/* What is pending of the part waits again; a lost process is soon back. */
static void
end_part(struct job *j, uint8_t feedback, bool was_lost)
{
	struct queue_msg *m = j->msg;
	struct queue *q = m->q;
	struct queue_bundle *p = j->part;
	uint64_t now = loop_real_ms(q->loop), soon;
	uint32_t i, n = 0;

	p->in_job = false;
	queue_parcel_done(q->sites, &p->parcel, (enum relay_feedback)feedback, now);
	for (i = 0; i < p->count; i++)
		if (m->env.rcpts[p->idx[i]].status == QUEUE_RCPT_PENDING)
			p->idx[n++] = p->idx[i];
	p->count = p->parcel.rcpts = n;
	if (n == 0 || m->is_deleted) {
		queue_line_end(q, &p);
		return;
	}
	if (was_lost)
		m->item->lost++;
	soon = was_lost && m->item->lost <= QUEUE_SCHED_LOST_MAX ?
	    queue_sched_away(now, m->item->lost) : 0;
	if (soon != 0)
		queue_parcel_again(q->sites, &p->parcel, soon, now);
	else
		queue_parcel_retry(q->sites, &p->parcel, now);
	if (p->parcel.attempts > m->item->attempts)
		m->item->attempts = p->parcel.attempts;
}

static void
on_done(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_relay_done *done = msg;
	struct job *j = arg;
	struct queue_msg *m = j->msg;
	struct queue *q = m->q;
	unsigned i;

	(void)in;
	if (e == ERR_OK && (type != IPC_MSG_relay_done || !is_feedback(done->feedback) ||
	    read_results(j, done->results) != ERR_OK)) {
		ipc_peer_violation(j->peer, "results of another job");
		e = ERR_VIOLATION;
	}
	if (e != ERR_OK)
		note_lost(j);
	for (i = 0; i < j->count; i++)
		m->env.rcpts[j->idx[i]].in_job = false;
	end_part(j, e == ERR_OK ? done->feedback : RELAY_UNKNOWN, e != ERR_OK);
	m->relay_jobs--;
	free(j);
	queue_msg_settle(m);
	queue_line_go(q);
}

/* ---- jobs ---- */

static void
gather(struct job *j, struct buf *b)
{
	struct queue_envelope *env = &j->msg->env;
	struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; i < j->part->count; i++) {
		r = &env->rcpts[j->part->idx[i]];
		if (r->status != QUEUE_RCPT_PENDING || r->in_job)
			continue;
		ipc_relay_rcpt_put(b, &(const struct ipc_relay_rcpt){
		    .idx = j->part->idx[i], .notify = r->notify, .address = r->address,
		    .original = queue_envelope_orig_to(r), .orcpt = r->orcpt });
		r->in_job = true;
		j->idx[j->count++] = j->part->idx[i];
	}
}

static enum err
send_job(struct job *j, struct slice rcpts)
{
	struct queue_msg *m = j->msg;
	struct queue *q = m->q;
	struct queue_parcel *parcel = &j->part->parcel;
	uint64_t now = loop_real_ms(q->loop);
	const struct ipc_relay_job job = {
		.msg = m->env.id, .session = m->env.session, .arrival_ms = m->env.arrival_ms,
		.active_ms = now, .retry_ms = queue_parcel_retry_ms(q->sites, parcel, now),
		.flags = m->env.flags, .form = m->env.form, .size = m->env.size,
		.site = queue_site_name(parcel->site), .route = queue_site_route(parcel->site),
		.sender = queue_envelope_sender(&m->env, &m->env.rcpts[j->idx[0]]), .envid = m->env.envid, .rcpts = rcpts,
		.key = slice_of(m->env.file_key,
		    m->env.form == QUEUE_FORM_FILE ? sizeof(m->env.file_key) : 0)
	};

	return ipc_call(j->peer, IPC_MSG_relay_job, &job, &m->fd, 1,
	    loop_now(q->loop) + QUEUE_RELAY_MS, on_done, j, NULL);
}

static void
put_back(struct job *j)
{
	struct queue *q = j->msg->q;
	struct queue_bundle *p = j->part;
	uint64_t now = loop_real_ms(q->loop);
	unsigned i;

	for (i = 0; i < j->count; i++)
		j->msg->env.rcpts[j->idx[i]].in_job = false;
	queue_parcel_done(q->sites, &p->parcel, RELAY_UNKNOWN, now);
	if (j->count == 0)
		queue_line_end(q, &p);
	else
		queue_parcel_again(q->sites, &p->parcel, now + AGAIN_MS, now);
	free(j);
}

void
queue_relay_start(struct queue_msg *m, struct queue_bundle *p)
{
	struct job *j = must_alloc(1, sizeof(*j));
	enum err e = ERR_GONE;
	struct buf b;

	buf_init(&b, RCPTS_BYTES);
	j->msg = m;
	j->part = p;
	j->peer = relay_of(m->q, p->parcel.site);
	gather(j, &b);
	if (j->count > 0 && j->peer != NULL && (e = buf_err(&b)) == ERR_OK)
		e = send_job(j, buf_slice(&b));
	buf_fini(&b);
	if (e != ERR_OK) {
		put_back(j);
		return;
	}
	p->in_job = true;
	m->relay_jobs++;
}
