/* SPDX-License-Identifier: ISC */
#include "queue/queue_job.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_log.h"
#include "queue/queue_msg.h"

#define RCPTS_BYTES	60000u
#define RCPT_BYTES_MAX	1000u	/* one encoded recipient, at most */

struct queue_job {
	struct queue_msg	*msg;
	struct ipc_peer		*peer;
	uint32_t		 idx[DELIVER_JOB_RCPTS];
	unsigned		 count;
};

static struct ipc_peer *
next_deliver(struct queue *q)
{
	if (q->deliver_count == 0)
		return NULL;
	q->deliver_next = (q->deliver_next + 1) % q->deliver_count;
	return q->delivers[q->deliver_next];
}

/* ---- results ---- */

static void
log_failed(const struct queue_msg *m, const struct queue_rcpt *r)
{
	const struct queue_tale tale = { .event = LOG_bounced, .relay = SLICE_LIT("local"),
	    .dsn = queue_envelope_dsn(r), .reason = queue_envelope_reason(r) };

	queue_log_rcpt(&m->env, r, &tale);
}

static void
note_result(struct queue_msg *m, struct queue_rcpt *r, const struct ipc_deliver_result *res)
{
	enum err_class class = err_class(res->error);

	m->has_changed = true;
	m->is_away |= res->error == ERR_GONE || res->error == ERR_AGAIN ||
	    res->error == ERR_BUSY;
	queue_envelope_note(&m->env, r, res->dsn, res->text);
	if (res->error == ERR_OK) {
		r->status = QUEUE_RCPT_SENT;
	} else if (class == ERR_CLASS_PERM) {
		r->status = QUEUE_RCPT_BOUNCED;
		log_failed(m, r);
	}
}

/* A result for each recipient of the job, and for no other. */
static enum err
read_results(struct queue_job *j, struct slice results)
{
	struct ipc_reader rd = ipc_reader_of(results);
	struct ipc_deliver_result res;
	struct queue_rcpt *r;
	unsigned i;

	while (ipc_reader_more(&rd)) {
		ipc_deliver_result_get(&rd, &res);
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

static void
on_done(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	const struct ipc_deliver_done *done = msg;
	struct queue_job *j = arg;
	struct queue_msg *m = j->msg;
	unsigned i;

	(void)in;
	if (e == ERR_OK && (type != IPC_MSG_deliver_done ||
	    read_results(j, done->results) != ERR_OK)) {
		ipc_peer_violation(j->peer, "results of another job");
		e = ERR_VIOLATION;
	}
	if (e != ERR_OK) {
		m->is_unclean = true;
		m->is_away = true;
		m->lost_jobs++;
	}
	for (i = 0; i < j->count; i++)
		m->env.rcpts[j->idx[i]].in_job = false;
	m->jobs--;
	free(j);
	queue_msg_settle(m);
}

/* ---- jobs ---- */

static void
fail_rcpt(struct queue_msg *m, struct queue_rcpt *r, enum err e, const char *dsn,
    const char *text)
{
	const struct ipc_deliver_result res = { .error = e, .dsn = slice_str(dsn),
	    .text = slice_str(text) };

	note_result(m, r, &res);
}

/* NULL: the recipient was settled here. */
static const struct queue_account *
account_of(struct queue_msg *m, struct queue_rcpt *r)
{
	const struct queue_account *a = queue_resolve_find(&m->q->resolver, r->address);

	if (a == NULL)
		fail_rcpt(m, r, ERR_NOTFOUND, "5.1.1", "User unknown");
	else if (!a->enabled)
		fail_rcpt(m, r, ERR_DISABLED, "5.2.1", "Mailbox is disabled");
	return a != NULL && a->enabled ? a : NULL;
}

static void
put_rcpt(struct buf *b, uint32_t idx, const struct queue_rcpt *r,
    const struct queue_account *a)
{
	const struct ipc_deliver_rcpt out = {
		.idx = idx, .account = a->id, .generation = a->key_generation,
		.sealing = a->sealing, .address = r->address, .original = r->original,
		.mailbox = SLICE_LIT("INBOX"),
		.public_key = slice_of(a->public_key, sizeof(a->public_key))
	};

	ipc_deliver_rcpt_put(b, &out);
}

/* Fill a job from recipient *at on; moves *at. */
static void
gather(struct queue_job *j, uint32_t *at, struct buf *b)
{
	struct queue_envelope *env = &j->msg->env;
	const struct queue_account *a;
	struct queue_rcpt *r;

	for (; *at < env->rcpt_count && j->count < DELIVER_JOB_RCPTS &&
	    b->n + RCPT_BYTES_MAX <= RCPTS_BYTES; ++*at) {
		r = &env->rcpts[*at];
		if (r->status != QUEUE_RCPT_PENDING || r->in_job ||
		    r->class != QUEUE_LOCAL || (a = account_of(j->msg, r)) == NULL)
			continue;
		put_rcpt(b, *at, r, a);
		r->in_job = true;
		j->idx[j->count++] = *at;
	}
}

static enum err
send_job(struct queue_job *j, struct slice rcpts)
{
	struct queue_msg *m = j->msg;
	const struct ipc_deliver_job job = {
		.msg = m->env.id, .session = m->env.session,
		.arrival_ms = m->env.arrival_ms, .form = m->env.form, .kind = m->env.kind,
		.size = m->env.size, .sender = m->env.sender, .rcpts = rcpts,
		.key = slice_of(m->env.file_key,
		    m->env.form == QUEUE_FORM_FILE ? sizeof(m->env.file_key) : 0)
	};

	return ipc_call(j->peer, IPC_MSG_deliver_job, &job, &m->fd, 1,
	    loop_now(m->q->loop) + QUEUE_JOB_MS, on_done, j, NULL);
}

static enum err
start_one(struct queue_msg *m, uint32_t *at)
{
	struct queue_job *j = must_alloc(1, sizeof(*j));
	enum err e = ERR_OK;
	struct buf b;
	unsigned i;

	buf_init(&b, RCPTS_BYTES);
	j->msg = m;
	gather(j, at, &b);
	if (j->count > 0) {
		if ((j->peer = next_deliver(m->q)) == NULL)
			e = ERR_GONE;
		else
			e = send_job(j, buf_slice(&b));
	}
	if (e == ERR_OK && j->count > 0) {
		m->jobs++;
		m->was_tried = true;
	} else {
		for (i = 0; i < j->count; i++)
			m->env.rcpts[j->idx[i]].in_job = false;
		free(j);
	}
	buf_fini(&b);
	return e;
}

enum err
queue_job_start(struct queue_msg *m)
{
	enum err e = ERR_OK;
	uint32_t at = 0;

	while (at < m->env.rcpt_count && e == ERR_OK)
		e = start_one(m, &at);
	return e;
}
