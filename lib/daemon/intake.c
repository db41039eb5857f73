/* SPDX-License-Identifier: ISC */
#include "lib/daemon/intake.h"

#include <stdlib.h>

#include "lib/base/must.h"

#define ASK_MS		30000		/* open, rcpt, file */
#define COMMIT_MS	120000
#define MESSAGE_ID_MAX	998		/* as queue.msg */

struct intake {
	struct daemon_app	*app;
	const struct intake_ops	*ops;
	void			*arg;
	struct intake_spool	 spool;
	struct ipc_peer		*queue;		/* of the open transaction */
	uint64_t		 first_call;	/* queue_rcpt is out, and nobody asked yet; 0: no */
	uint64_t		 file_call;	/* queue_file is out; 0: no */
	struct intake_commit	 commit;	/* waits for the file */
	struct buf		 message_id;	/* of that */
	unsigned		 calls;		/* questions that are out */
	bool			 wants_commit;
	bool			 is_gone;	/* freed by its owner */
};

struct intake *
intake_new(struct daemon_app *app, struct intake_pool *pool, const struct intake_ops *ops,
    void *arg)
{
	struct intake *in = must_alloc(1, sizeof(*in));

	in->app = app;
	in->ops = ops;
	in->arg = arg;
	intake_spool_init(&in->spool, pool);
	buf_init(&in->message_id, MESSAGE_ID_MAX);
	return in;
}

static void
check_gone(struct intake *in)
{
	if (!in->is_gone || in->calls > 0)
		return;
	buf_fini(&in->message_id);
	free(in);
}

void
intake_free(struct intake **inp)
{
	struct intake *in = *inp;

	*inp = NULL;
	if (in == NULL)
		return;
	intake_forget(in);
	in->is_gone = true;
	check_gone(in);
}

/* ---- questions ---- */

static enum err
ask(struct intake *in, enum ipc_type type, const void *m, const int *fd, uint64_t ms,
    ipc_reply_fn *fn, uint64_t *id)
{
	enum err e;

	if (in->queue == NULL)
		return ERR_GONE;
	e = ipc_call(in->queue, type, m, fd, fd != NULL, loop_now(daemon_loop(in->app)) + ms,
	    fn, in, id);
	if (e == ERR_OK)
		in->calls++;
	return e;
}

/* False: nobody waits for this answer any more. */
static bool
answered(struct intake *in)
{
	in->calls--;
	if (!in->is_gone)
		return true;
	check_gone(in);
	return false;
}

static void
refused(struct intake *in, enum err e, uint16_t type, const void *m)
{
	struct intake_refusal r = { .error = e };
	const struct ipc_queue_refused *q = m;

	if (e == ERR_OK && type == IPC_MSG_queue_refused)
		r = (struct intake_refusal){ q->error == ERR_OK ? ERR_IO : q->error, q->dsn, q->text };
	else if (e == ERR_OK)
		r.error = ERR_GONE;
	in->ops->refused(in->arg, &r);
}

static void
send_abort(struct ipc_peer *p, uint64_t msg)
{
	struct ipc_queue_abort a = { .msg = msg };
	enum err e = p != NULL ? ipc_send(p, IPC_MSG_queue_abort, &a, NULL, 0) : ERR_GONE;

	/* A peer that cannot be told is being lost, which aborts as well. */
	if (e != ERR_OK && e != ERR_GONE)
		ipc_peer_violation(p, "does not read");
}

void
intake_on_late_open(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_queue_opened *o = m;

	(void)in;
	send_abort(p, o->msg);
}

void
intake_abort(struct intake *in, uint64_t msg)
{
	intake_forget(in);
	send_abort(in->queue, msg);
}

bool
intake_lose(struct intake *in, const struct ipc_peer *p)
{
	if (in->queue != p)
		return false;
	in->queue = NULL;
	return true;
}

/* ---- the envelope ---- */

/* Nobody will ask. */
static void
drop_first(struct intake *in)
{
	if (in->first_call == 0)
		return;
	ipc_cancel(in->queue, in->first_call);
	in->first_call = 0;
	in->calls--;
}

static void
on_open(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *msg)
{
	const struct ipc_queue_opened *o = m;
	struct intake *in = arg;

	(void)msg;
	if (e == ERR_OK && type == IPC_MSG_queue_opened && in->is_gone)
		send_abort(in->queue, o->msg);
	if (!answered(in))
		return;
	if (e == ERR_OK && type == IPC_MSG_queue_opened) {
		in->ops->opened(in->arg, o->msg);
		return;
	}
	drop_first(in);
	refused(in, e, type, m);
}

static void
on_rcpt(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *msg)
{
	struct intake *in = arg;

	(void)msg;
	if (!answered(in))
		return;
	if (e == ERR_OK && type == IPC_MSG_queue_rcpt_ok)
		in->ops->rcpt_ok(in->arg, m);
	else
		refused(in, e, type, m);
}

static void
on_first(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *msg)
{
	struct intake *in = arg;

	if (in->first_call == 0) {
		on_rcpt(arg, e, type, m, msg);
		return;
	}
	/* What was opened is lost, or late. */
	in->first_call = 0;
	(void)answered(in);
}

enum err
intake_open(struct intake *in, const struct ipc_queue_open *m, struct slice first)
{
	const struct ipc_queue_rcpt rcpt = { .msg = 0, .rcpt = first };
	enum err e;

	intake_forget(in);
	in->queue = daemon_peer_next(in->app, IPC_QUEUE);
	e = ask(in, IPC_MSG_queue_open, m, NULL, ASK_MS, on_open, NULL);
	/* Where it cannot be asked now it is asked once more. */
	if (e == ERR_OK && first.n > 0 && ask(in, IPC_MSG_queue_rcpt, &rcpt, NULL, ASK_MS,
	    on_first, &in->first_call) != ERR_OK)
		in->first_call = 0;
	return e;
}

enum err
intake_rcpt(struct intake *in, const struct ipc_queue_rcpt *m)
{
	if (in->first_call != 0) {
		in->first_call = 0;
		return ERR_OK;
	}
	return ask(in, IPC_MSG_queue_rcpt, m, NULL, ASK_MS, on_rcpt, NULL);
}

/* ---- the body ---- */

void
intake_forget(struct intake *in)
{
	if (in->file_call != 0) {
		ipc_cancel(in->queue, in->file_call);
		in->file_call = 0;
		in->calls--;
	}
	drop_first(in);
	in->wants_commit = false;
	buf_release(&in->message_id);
	intake_spool_reset(&in->spool);
}

static void
on_commit(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *msg)
{
	struct intake *in = arg;

	(void)msg;
	if (!answered(in))
		return;
	if (e == ERR_OK && type == IPC_MSG_queue_committed)
		in->ops->committed(in->arg);
	else
		refused(in, e, type, m);
}

static enum err
commit_now(struct intake *in, const struct intake_commit *c)
{
	struct ipc_queue_commit q = { .msg = c->msg, .message_id = c->message_id,
	    .flags = c->flags };
	int fd = -1;
	enum err e;

	e = intake_spool_finish(&in->spool, &fd, &q.form, &q.key, &q.size);
	if (e == ERR_OK)
		e = ask(in, IPC_MSG_queue_commit, &q, &fd, COMMIT_MS, on_commit, NULL);
	intake_spool_reset(&in->spool);
	return e;
}

enum err
intake_commit(struct intake *in, const struct intake_commit *c)
{
	if (in->spool.at != SPOOL_ASKED)
		return commit_now(in, c);
	must(c->message_id.n <= MESSAGE_ID_MAX);
	buf_put_slice(&in->message_id, c->message_id);
	in->commit = *c;
	in->commit.message_id = buf_slice(&in->message_id);
	in->wants_commit = true;
	return ERR_OK;
}

/* The file came or will not come: go on with what waited for it. */
static void
after_file(struct intake *in)
{
	struct intake_refusal r = { .error = ERR_OK };

	if (in->wants_commit) {
		in->wants_commit = false;
		r.error = commit_now(in, &in->commit);
		buf_release(&in->message_id);
	}
	if (r.error != ERR_OK)
		in->ops->refused(in->arg, &r);
	in->ops->resume(in->arg);
}

static void
on_file(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *msg)
{
	const struct ipc_queue_refused *no = m;
	struct intake *in = arg;
	int fd = -1;

	in->file_call = 0;
	if (!answered(in))
		return;
	if (e == ERR_OK && type == IPC_MSG_queue_file_ok)
		fd = ipc_take_fd(msg, 0);
	else if (e == ERR_OK && type == IPC_MSG_queue_refused && no->error != ERR_OK)
		e = no->error;
	if (fd >= 0)
		e = intake_spool_use_file(&in->spool, fd);
	else
		intake_spool_fail(&in->spool, e != ERR_OK ? e : ERR_GONE);
	after_file(in);
}

enum err
intake_body(struct intake *in, uint64_t msg, struct slice s)
{
	enum intake_spool_at was = in->spool.at;
	struct ipc_queue_file q = { .msg = msg };
	enum err e = intake_spool_put(&in->spool, s);

	if (e != ERR_AGAIN || was == SPOOL_ASKED)
		return e;
	e = ask(in, IPC_MSG_queue_file, &q, NULL, ASK_MS, on_file, &in->file_call);
	if (e == ERR_OK)
		return ERR_AGAIN;
	intake_spool_fail(&in->spool, e);
	return e;
}
