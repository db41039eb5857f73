/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_priv.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/queue_proto.h"
#include "lib/ipc/store_proto.h"

#define RESULTS_MAX	40000u		/* of deliver_done */

static void
answer(struct ipc_peer *queue, uint64_t request, const struct dlv_rcpt *rcpts,
    unsigned count)
{
	struct ipc_deliver_done done = { .results = SLICE_NONE };
	struct buf b;

	buf_init(&b, RESULTS_MAX);
	for (unsigned i = 0; i < count; i++)
		dlv_rcpt_put_result(&b, &rcpts[i]);
	done.results = buf_slice(&b);
	ipc_reply(queue, request, IPC_MSG_deliver_done, &done);
	buf_fini(&b);
}

/* ERR_VIOLATION: the list is not what queue may send. */
static enum err
read_rcpts(struct dlv_job *job, struct slice list)
{
	struct ipc_reader r = ipc_reader_of(list);
	struct ipc_deliver_rcpt m;
	unsigned room = 0;

	while (ipc_reader_more(&r)) {
		struct dlv_rcpt *rcpt;

		ipc_deliver_rcpt_get(&r, &m);
		if (r.bad || job->count == DELIVER_JOB_RCPTS)
			return ERR_VIOLATION;
		if (job->count == room) {
			room = room == 0 ? 1 : 2 * room;
			job->rcpts = must_realloc(job->rcpts, room, sizeof(*job->rcpts));
		}
		rcpt = &job->rcpts[job->count];
		job->count++;
		job->left++;
		if (dlv_rcpt_read(rcpt, &m) != ERR_OK)
			dlv_rcpt_fail(rcpt, ERR_CRYPTO);
		rcpt->owner.single = job->is_sealed;
		rcpt->job = job;
	}
	return job->count == 0 ? ERR_VIOLATION : ipc_reader_done(&r);
}

/* Sender and recipients outlive the frame. */
static void
copy_text(struct dlv_job *job, const struct ipc_deliver_job *m, struct slice *rcpts)
{
	job->text = must_alloc(1, m->sender.n + m->rcpts.n + 1);
	if (m->sender.n > 0)
		memcpy(job->text, m->sender.p, m->sender.n);
	if (m->rcpts.n > 0)
		memcpy(job->text + m->sender.n, m->rcpts.p, m->rcpts.n);
	job->sender = slice_of(job->text, m->sender.n);
	*rcpts = slice_of(job->text + m->sender.n, m->rcpts.n);
}

static void
set_times(struct dlv_job *job, const struct ipc_deliver_job *m, const struct ipc_in *in)
{
	uint64_t real = loop_real_ms(job->dlv->loop);

	job->arrival_ms = m->arrival_ms;
	job->before_ms = real > m->arrival_ms ? real - m->arrival_ms : 0;
	job->taken_ms = loop_now(job->dlv->loop);
	job->deadline_ms = in->deadline_ms;
}

static struct dlv_job *
refuse(struct dlv_job *job, enum err e)
{
	dlv_job_fail_rest(job, e);
	dlv_job_check(job);
	return NULL;
}

/*
 * It came in boxes: those who open them by logging in find it where such mail waits;
 * who has the key on a device finds it in the mailbox.
 */
static enum err
carry(struct dlv_job *job)
{
	const struct dlv_carrier_facts facts = { .msg = job->msg,
	    .arrival_s = job->arrival_ms / 1000, .sender = job->sender };
	enum err e;

	job->carrier = must_alloc(1, sizeof(*job->carrier));
	dlv_carrier_init(job->carrier);
	if ((e = dlv_carrier_begin(job->carrier, &job->source, &facts)) != ERR_OK)
		return e;
	job->bytes = dlv_carrier_bytes(job->carrier);
	for (unsigned i = 0; i < job->count; i++)
		if (job->rcpts[i].sealing != SEALING_CLIENT)
			job->rcpts[i].mailbox = SLICE_LIT(STORE_ARRIVALS);
	return ERR_OK;
}

struct dlv_job *
dlv_job_new(struct dlv_local *dlv, struct ipc_peer *queue,
    const struct ipc_deliver_job *m, struct ipc_in *in)
{
	struct dlv_job *job = must_alloc(1, sizeof(*job));
	struct slice rcpts;
	enum err e;

	list_init(&job->link);
	list_init(&job->place);
	job->dlv = dlv;
	job->queue = queue;
	job->request = in->id;
	job->msg = m->msg;
	job->session = m->session;
	job->source.fd = -1;
	job->is_sealed = m->kind == QUEUE_KIND_CMTP2;
	dlv->job_count++;
	list_push(&dlv->jobs, &job->link);
	set_times(job, m, in);
	copy_text(job, m, &rcpts);
	if (read_rcpts(job, rcpts) != ERR_OK) {
		dlv_job_free(job);
		ipc_peer_violation(queue, "deliver_job: recipients");
		return NULL;
	}
	for (unsigned i = 0; i < job->count; i++)
		if (job->rcpts[i].done)
			dlv_job_settle(job, &job->rcpts[i], SLICE_NONE);
	if (dlv->job_count > dlv->limits.job_limit)
		return refuse(job, ERR_BUSY);
	if (m->kind >= QUEUE_KINDS)
		return refuse(job, ERR_SYS);
	e = dlv_source_open(&job->source, ipc_take_fd(in, 0), m->form, m->size, m->key);
	job->bytes = m->size;
	if (e == ERR_OK && m->kind == QUEUE_KIND_CMTP1)
		e = carry(job);
	if (e != ERR_OK)
		return refuse(job, e);
	job->lane = job->bytes <= DLV_SMALL_MAX ? &dlv->small : &dlv->large;
	return job;
}

enum err
dlv_job_read(struct dlv_job *job, uint64_t off, void *dst, size_t n)
{
	return job->carrier != NULL ? dlv_carrier_read(job->carrier, &job->source, off, dst, n) :
	    dlv_source_read(&job->source, off, dst, n);
}

void
dlv_job_settle(struct dlv_job *job, struct dlv_rcpt *rcpt, struct slice where)
{
	/* There is no other queue and no host between queue and us. */
	const struct dlv_delays delays = { .before_ms = job->before_ms,
	    .send_ms = loop_now(job->dlv->loop) - job->taken_ms };

	must(rcpt->done && job->left > 0);
	job->left--;
	dlv_rcpt_log(rcpt, job->session, job->msg, where, &delays);
}

void
dlv_job_fail_rest(struct dlv_job *job, enum err e)
{
	for (unsigned i = 0; i < job->count; i++) {
		struct dlv_rcpt *rcpt = &job->rcpts[i];

		if (rcpt->done || rcpt->sent)
			continue;
		dlv_rcpt_fail(rcpt, e);
		dlv_job_settle(job, rcpt, SLICE_NONE);
	}
}

void
dlv_job_check(struct dlv_job *job)
{
	if (job->left > 0)
		return;
	if (job->queue != NULL)
		answer(job->queue, job->request, job->rcpts, job->count);
	dlv_job_free(job);
}

void
dlv_job_free(struct dlv_job *job)
{
	struct dlv_local *dlv = job->dlv;

	list_remove(&job->link);
	list_remove(&job->place);
	dlv_source_close(&job->source);
	if (job->carrier != NULL)
		dlv_carrier_fini(job->carrier);
	free(job->carrier);
	free(job->rcpts);
	free(job->text);
	free(job);
	dlv->job_count--;
	if (dlv->job_count == 0 && dlv->drained != NULL)
		dlv_local_wake(dlv);
}

uint64_t
dlv_job_deadline(const struct dlv_job *job)
{
	uint64_t ours = loop_now(job->dlv->loop) + job->dlv->limits.store_timeout_ms;

	return ours < job->deadline_ms ? ours : job->deadline_ms;
}
