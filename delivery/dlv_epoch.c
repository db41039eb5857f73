/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_priv.h"
#include "lib/base/must.h"

/* A store_epoch request under way, and the jobs that wait for its answer. */
struct dlv_wait {
	struct list		 link;		/* of dlv->waits */
	struct list		 jobs;
	struct dlv_local	*dlv;
	struct sealer_owner	 owner;
	uint64_t		 call;
};

static bool
same_owner(const struct sealer_owner *a, const struct sealer_owner *b)
{
	return a->account == b->account && a->generation == b->generation &&
	    a->single == b->single && memcmp(a->seed_id, b->seed_id, sizeof(a->seed_id)) == 0 &&
	    memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0;
}

static struct dlv_wait *
find_wait(struct dlv_local *dlv, const struct sealer_owner *owner)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &dlv->waits) {
		struct dlv_wait *w = obj_of(n, struct dlv_wait, link);

		if (same_owner(&w->owner, owner))
			return w;
	}
	return NULL;
}

static void
fail_owner(struct dlv_job *job, const struct sealer_owner *owner, enum err e)
{
	for (unsigned i = 0; i < job->count; i++) {
		struct dlv_rcpt *rcpt = &job->rcpts[i];

		if (rcpt->done || rcpt->sent || !same_owner(&rcpt->owner, owner))
			continue;
		dlv_rcpt_fail(rcpt, e);
		dlv_job_settle(job, rcpt, SLICE_NONE);
	}
}

/* The jobs go on, without the recipients of this owner when e says so. */
static void
end_wait(struct dlv_wait *w, enum err e)
{
	struct dlv_local *dlv = w->dlv;
	struct list *n, *tmp;

	list_remove(&w->link);
	LIST_EACH(n, tmp, &w->jobs) {
		struct dlv_job *job = obj_of(n, struct dlv_job, place);

		list_remove(&job->place);
		list_push(&job->lane->ready, &job->place);
		if (e != ERR_OK)
			fail_owner(job, &w->owner, e);
		dlv_job_check(job);
	}
	free(w);
	dlv_local_wake(dlv);
}

static void
on_epoch(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct dlv_wait *w = arg;

	(void)in;
	if (e == ERR_OK && type == IPC_MSG_store_epoch_ok)
		e = sealer_grant(w->dlv->sealer, &w->owner, m, loop_now(w->dlv->loop));
	else if (e == ERR_OK && type == IPC_MSG_store_fail)
		e = ((const struct ipc_store_fail *)m)->error;
	else if (e == ERR_OK)
		e = ERR_VIOLATION;
	end_wait(w, e);
}

static struct dlv_wait *
ask(struct dlv_job *job, const struct sealer_owner *owner, enum err *e)
{
	struct dlv_local *dlv = job->dlv;
	struct ipc_store_epoch m = { .handle = 0, .account = owner->account };
	struct dlv_wait *w = find_wait(dlv, owner);

	*e = ERR_OK;
	if (w != NULL)
		return w;
	if (dlv->store == NULL) {
		*e = ERR_GONE;
		return NULL;
	}
	w = must_alloc(1, sizeof(*w));
	w->dlv = dlv;
	w->owner = *owner;
	list_init(&w->link);
	list_init(&w->jobs);
	*e = ipc_call(dlv->store, IPC_MSG_store_epoch, &m, NULL, 0,
	    dlv_job_deadline(job), on_epoch, w, &w->call);
	if (*e != ERR_OK) {
		free(w);
		return NULL;
	}
	list_push(&dlv->waits, &w->link);
	return w;
}

void
dlv_epoch_ask(struct dlv_job *job, const struct sealer_owner *owner)
{
	enum err e;

	/* A failure shows again when the job waits for it. */
	(void)ask(job, owner, &e);
}

void
dlv_epoch_wait(struct dlv_job *job, const struct sealer_owner *owner)
{
	enum err e;
	struct dlv_wait *w = ask(job, owner, &e);

	list_remove(&job->place);
	if (w != NULL) {
		list_push(&w->jobs, &job->place);
		return;
	}
	list_push(&job->lane->ready, &job->place);
	fail_owner(job, owner, e);
	dlv_job_check(job);
}

void
dlv_epoch_fini(struct dlv_local *dlv)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &dlv->waits) {
		struct dlv_wait *w = obj_of(n, struct dlv_wait, link);

		if (dlv->store != NULL)
			ipc_cancel(dlv->store, w->call);
		list_remove(&w->link);
		free(w);
	}
}
