/* SPDX-License-Identifier: ISC */
/*
 * One message at a time: read and parsed in slices (DLV_PARSE), then for each
 * recipient (DLV_NEXT) compressed and sealed in slices (DLV_SEAL) and sent to
 * the store.  A large one first asks the store for a file (DLV_FILE).  What
 * came sealed is neither parsed nor sealed, but goes the same way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "delivery/dlv_priv.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "lib/mail/rcpt_hash.h"

#define OUT_MAX		(2u << 20)	/* a slice and what the writer holds */
#define STEP_COST	2048		/* of a step beside its bytes */

void
dlv_lane_init(struct dlv_lane *l, struct dlv_local *dlv, bool large)
{
	*l = (struct dlv_lane){ .dlv = dlv, .large = large, .file = -1 };
	list_init(&l->ready);
	mime_init(&l->mime);
	dlv_sealed_init(&l->sealed);
	sealer_message_init(&l->message);
	buf_init(&l->prefix, DLV_PREFIX_MAX);
	buf_init(&l->out, OUT_MAX);
}

static void
close_file(struct dlv_lane *l)
{
	if (l->file >= 0)
		(void)close(l->file);
	l->file = -1;
}

void
dlv_lane_fini(struct dlv_lane *l)
{
	if (l->file_call != 0 && l->dlv->store != NULL)
		ipc_cancel(l->dlv->store, l->file_call);
	close_file(l);
	mime_fini(&l->mime);
	dlv_sealed_fini(&l->sealed);
	sealer_message_fini(l->dlv->sealer, &l->message);
	buf_fini(&l->prefix);
	buf_fini(&l->out);
	free(l->slice);
}

/* What was begun for a recipient is dropped. */
static void
abandon(struct dlv_lane *l)
{
	sealer_message_fini(l->dlv->sealer, &l->message);
	sealer_message_init(&l->message);
	close_file(l);
	l->rcpt = NULL;
}

/* The job leaves; its appends may still be under way. */
static struct dlv_job *
release(struct dlv_lane *l)
{
	struct dlv_job *job = l->job;

	l->job = NULL;
	l->rcpt = NULL;
	l->step = DLV_IDLE;
	return job;
}

static void
fail_job(struct dlv_lane *l, enum err e)
{
	struct dlv_job *job;

	abandon(l);
	job = release(l);
	dlv_job_fail_rest(job, e);
	dlv_job_check(job);
}

static void
fail_rcpt(struct dlv_lane *l, enum err e)
{
	struct dlv_rcpt *rcpt = l->rcpt;

	abandon(l);
	if (l->job->is_sealed && (e == ERR_SYNTAX || e == ERR_NOTFOUND))
		dlv_rcpt_fail_sealed(rcpt, e);
	else
		dlv_rcpt_fail(rcpt, e);
	dlv_job_settle(l->job, rcpt, SLICE_NONE);
	l->step = DLV_NEXT;
}

/* Before dlv->store changes: neither file nor epoch is good elsewhere. */
void
dlv_lane_lost(struct dlv_lane *l)
{
	if (l->file_call != 0 && l->dlv->store != NULL)
		ipc_cancel(l->dlv->store, l->file_call);
	l->file_call = 0;
	if (l->job != NULL)
		fail_job(l, ERR_GONE);
}

/* ---- start */

/* The first recipient without an epoch to seal to. */
static struct dlv_rcpt *
find_unready(struct dlv_job *job)
{
	struct dlv_local *dlv = job->dlv;

	for (unsigned i = 0; i < job->count; i++) {
		struct dlv_rcpt *rcpt = &job->rcpts[i];

		if (!rcpt->done && !rcpt->sent && !sealer_is_ready(dlv->sealer,
		    &rcpt->owner, loop_now(dlv->loop)))
			return rcpt;
	}
	return NULL;
}

/*
 * Nothing is parsed before all it takes is there; but of what came sealed only its
 * entries tell which epoch that is.
 */
static void
start(struct dlv_lane *l)
{
	struct dlv_job *job = obj_of(list_first(&l->ready), struct dlv_job, place);
	struct dlv_rcpt *unready;

	list_remove(&job->place);
	if (job->queue == NULL || l->dlv->store == NULL ||
	    loop_now(l->dlv->loop) >= job->deadline_ms) {
		dlv_job_fail_rest(job, job->queue == NULL ? ERR_GONE :
		    l->dlv->store == NULL ? ERR_GONE : ERR_TIMEOUT);
		dlv_job_check(job);
		return;
	}
	unready = job->is_sealed ? NULL : find_unready(job);
	if (unready != NULL) {
		dlv_epoch_wait(job, &unready->owner);
		return;
	}
	if (l->slice == NULL)
		l->slice = must_alloc(1, DLV_SLICE_BYTES);
	l->job = job;
	l->off = l->slice_off = 0;
	l->slice_n = 0;
	l->step = DLV_PARSE;
	mime_start(&l->mime);
}

/* ---- read */

/* The slice at l->off; kept when it is there already, as small messages are. */
static enum err
load_slice(struct dlv_lane *l)
{
	uint64_t rest = l->job->bytes - l->off;
	size_t n = rest < DLV_SLICE_BYTES ? (size_t)rest : DLV_SLICE_BYTES;
	enum err e;

	if (l->slice_off == l->off && l->slice_n == n)
		return ERR_OK;
	l->slice_n = 0;
	e = dlv_job_read(l->job, l->off, l->slice, n);
	if (e != ERR_OK)
		return e;
	l->slice_off = l->off;
	l->slice_n = n;
	return ERR_OK;
}

static size_t
parse(struct dlv_lane *l)
{
	enum err e = load_slice(l);

	if (e != ERR_OK) {
		fail_job(l, e);
		return STEP_COST;
	}
	if (l->job->is_sealed) {
		dlv_sealed_read(&l->sealed, slice_of(l->slice, l->slice_n),
		    l->job->bytes);
		l->step = DLV_NEXT;
		return l->slice_n + STEP_COST;
	}
	mime_feed(&l->mime, slice_of(l->slice, l->slice_n));
	l->off += l->slice_n;
	if (l->off == l->job->bytes) {
		mime_end(&l->mime);
		l->step = DLV_NEXT;
	}
	return l->slice_n + STEP_COST;
}

/* ---- recipients */

static void
on_file(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct dlv_lane *l = arg;
	int fd = e == ERR_OK ? ipc_take_fd(in, 0) : -1;

	l->file_call = 0;
	if (e == ERR_OK && type == IPC_MSG_store_fail)
		e = ((const struct ipc_store_fail *)m)->error;
	else if (e == ERR_OK && (type != IPC_MSG_store_file_ok || fd < 0))
		e = ERR_VIOLATION;
	if (e != ERR_OK || l->step != DLV_FILE) {
		if (fd >= 0)
			(void)close(fd);
		if (l->step == DLV_FILE)
			fail_rcpt(l, e);
	} else {
		l->file = fd;
		l->file_off = 0;
		l->step = DLV_NEXT;
	}
	dlv_local_wake(l->dlv);
}

static void
ask_file(struct dlv_lane *l)
{
	struct ipc_store_file m = { 0 };
	enum err e;

	l->step = DLV_FILE;
	/* Of a job that failed meanwhile; it serves this one too. */
	if (l->file_call != 0)
		return;
	e = ipc_call(l->dlv->store, IPC_MSG_store_file, &m, NULL, 0,
	    dlv_job_deadline(l->job), on_file, l, &l->file_call);
	if (e != ERR_OK)
		fail_rcpt(l, e);
}

static struct dlv_rcpt *
next_rcpt(const struct dlv_job *job)
{
	for (unsigned i = 0; i < job->count; i++)
		if (!job->rcpts[i].done && !job->rcpts[i].sent)
			return &job->rcpts[i];
	return NULL;
}

static enum err
begin_sealing(struct dlv_lane *l)
{
	enum err e = sealer_begin(l->dlv->sealer, &l->message, &l->rcpt->owner,
	    l->job->bytes + l->prefix.n, loop_now(l->dlv->loop));

	l->off = 0;
	return e == ERR_OK ? sealer_put(&l->message, buf_slice(&l->prefix), &l->out) : e;
}

static enum err
begin_sealed(struct dlv_lane *l)
{
	l->append = (struct ipc_store_append){ .handle = 0 };
	l->off = l->sealed.data_off;
	return dlv_sealed_begin(&l->sealed, l->dlv->sealer, &l->message, &l->rcpt->owner,
	    buf_slice(&l->prefix), loop_now(l->dlv->loop), &l->out, &l->append);
}

static void
begin(struct dlv_lane *l)
{
	struct dlv_job *job = l->job;
	struct dlv_rcpt *rcpt = l->rcpt;
	enum err e;

	buf_reset(&l->prefix);
	buf_reset(&l->out);
	dlv_rcpt_put_prefix(&l->prefix, job->sender, rcpt->address);
	e = buf_err(&l->prefix);
	if (e == ERR_OK)
		e = job->is_sealed ? begin_sealed(l) : begin_sealing(l);
	if (e == ERR_AGAIN) {
		/* The epoch ended meanwhile; the job starts over. */
		abandon(l);
		(void)release(l);
		dlv_epoch_wait(job, &rcpt->owner);
		return;
	}
	if (e != ERR_OK)
		fail_rcpt(l, e);
	else
		l->step = DLV_SEAL;
}

static size_t
choose(struct dlv_lane *l)
{
	struct dlv_job *job = l->job;

	l->rcpt = next_rcpt(job);
	if (l->rcpt == NULL) {
		close_file(l);
		(void)release(l);
		dlv_job_check(job);
		return STEP_COST;
	}
	if (!job->is_sealed &&
	    dlv_rcpt_is_loop(mime_top_header(&l->mime), l->rcpt->address)) {
		dlv_rcpt_fail_loop(l->rcpt);
		dlv_job_settle(job, l->rcpt, SLICE_NONE);
		return STEP_COST;
	}
	if (l->large && l->file < 0) {
		ask_file(l);
		return l->step == DLV_FILE ? 0 : STEP_COST;
	}
	begin(l);
	return STEP_COST;
}

/* ---- seal */

static enum err
flush_out(struct dlv_lane *l)
{
	while (l->out.n > 0) {
		ssize_t n = pwrite(l->file, buf_data(&l->out), l->out.n, (off_t)l->file_off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		l->file_off += (uint64_t)n;
		buf_consume(&l->out, (size_t)n);
	}
	return ERR_OK;
}

/* A memfd of the body with the seals that store.msg asks for; -1. */
static int
make_memfd(struct slice body)
{
	int fd = memfd_create("godwit body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	while (fd >= 0 && body.n > 0) {
		ssize_t n = write(fd, body.p, body.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			(void)close(fd);
			return -1;
		}
		body = slice_from(body, (size_t)n);
	}
	if (fd >= 0 && fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The store does not know the epoch: one more try with another. */
static void
try_again(struct dlv_rcpt *rcpt)
{
	struct dlv_job *job = rcpt->job;

	rcpt->again = true;
	if (job->lane->job != job && list_is_empty(&job->place))
		list_push(&job->lane->ready, &job->place);
	dlv_local_wake(job->dlv);
}

static void
on_appended(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct dlv_rcpt *rcpt = arg;
	struct dlv_job *job = rcpt->job;
	struct dlv_local *dlv = job->dlv;
	struct slice where = SLICE_NONE;

	(void)in;
	rcpt->sent = false;
	daemon_crash_at("deliver.appended");
	if (e == ERR_OK && type == IPC_MSG_store_appended) {
		const struct ipc_store_appended *ok = m;

		where = ok->mailbox.n > 0 ? ok->mailbox : rcpt->mailbox;
		/* Of a duplicate the store keeps nothing, no epoch either. */
		if (!ok->duplicate)
			sealer_stored(dlv->sealer, &rcpt->owner, rcpt->epoch);
		dlv_rcpt_succeed(rcpt, ok->duplicate);
	} else {
		if (e == ERR_OK && type == IPC_MSG_store_fail)
			e = ((const struct ipc_store_fail *)m)->error;
		else if (e == ERR_OK)
			e = ERR_VIOLATION;
		sealer_drop(dlv->sealer, &rcpt->owner, rcpt->epoch);
		if (e == ERR_AGAIN && !rcpt->again) {
			try_again(rcpt);
			return;
		}
		if (e == ERR_QUOTA && dlv->limits.quota_full_defer)
			dlv_rcpt_fail_full(rcpt);
		else
			dlv_rcpt_fail(rcpt, e);
	}
	dlv_job_settle(job, rcpt, where);
	if (job->lane->job != job)
		dlv_job_check(job);
	dlv_local_wake(dlv);
}

static enum err
send_append(struct dlv_lane *l, struct ipc_store_append *a)
{
	struct dlv_rcpt *rcpt = l->rcpt;
	int fd = -1;
	enum err e;

	if (!l->large && l->out.n > SEALER_MEMFD_MAX)
		return ERR_FULL;
	if (l->large)
		fd = l->file;
	else if (l->out.n > SEALER_INLINE_MAX && (fd = make_memfd(buf_slice(&l->out))) < 0)
		return ERR_SYS;
	if (fd < 0)
		a->body = buf_slice(&l->out);
	a->msg = l->job->msg;
	a->rcpt = rcpt_hash(rcpt->address, rcpt->mailbox);
	a->mailbox = rcpt->mailbox;
	a->internal_s = l->job->arrival_ms / 1000;
	rcpt->epoch = a->epoch;
	daemon_crash_at("deliver.append");
	e = ipc_call(l->dlv->store, IPC_MSG_store_append, a, &fd, fd >= 0 ? 1 : 0,
	    dlv_job_deadline(l->job), on_appended, rcpt, &rcpt->call);
	if (!l->large && fd >= 0)
		(void)close(fd);
	rcpt->sent = e == ERR_OK;
	return e;
}

static enum err
finish(struct dlv_lane *l)
{
	struct ipc_store_append a = { .handle = 0 };
	enum err e;

	if (l->job->is_sealed)
		return send_append(l, &l->append);
	e = sealer_end(l->dlv->sealer, &l->message, &l->mime,
	    buf_slice(&l->prefix), l->dlv->charsets, &l->out, &a);
	if (e == ERR_OK && l->large)
		e = flush_out(l);
	if (e == ERR_OK)
		e = send_append(l, &a);
	return e;
}

static enum err
put_slice(struct dlv_lane *l)
{
	struct slice s = slice_of(l->slice, l->slice_n);

	if (!l->job->is_sealed)
		return sealer_put(&l->message, s, &l->out);
	buf_put_slice(&l->out, s);
	return buf_err(&l->out);
}

static size_t
seal(struct dlv_lane *l)
{
	size_t cost;
	enum err e = load_slice(l);

	if (e != ERR_OK) {
		fail_job(l, e);
		return STEP_COST;
	}
	cost = l->slice_n + STEP_COST;
	e = put_slice(l);
	l->off += l->slice_n;
	if (e == ERR_OK && l->large)
		e = flush_out(l);
	if (e == ERR_OK && l->off < l->job->bytes)
		return cost;
	if (e == ERR_OK)
		e = finish(l);
	if (e != ERR_OK) {
		fail_rcpt(l, e);
		return cost;
	}
	close_file(l);
	l->step = DLV_NEXT;
	return cost;
}

size_t
dlv_lane_step(struct dlv_lane *l)
{
	switch (l->step) {
	case DLV_IDLE:
		if (list_is_empty(&l->ready))
			return 0;
		start(l);
		return STEP_COST;
	case DLV_PARSE:
		return parse(l);
	case DLV_NEXT:
		return choose(l);
	case DLV_FILE:
		return 0;
	case DLV_SEAL:
		return seal(l);
	}
	return 0;
}
