/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_local.h"

#include <stdlib.h>

#include "delivery/dlv_priv.h"
#include "lib/base/must.h"

#define TURN_BYTES	(512u << 10)	/* handled before the loop runs again */
#define QUEUED_MAX	(4u << 20)	/* towards the store before we wait */

static bool
is_congested(const struct dlv_local *dlv)
{
	return dlv->store != NULL && ipc_peer_queued_bytes(dlv->store) > QUEUED_MAX;
}

/* A lane that has to wait for the store is woken by its answer. */
static void
pump(void *arg)
{
	struct dlv_local *dlv = arg;
	size_t done = 0;
	size_t n = 1;

	while (n > 0 && done < TURN_BYTES && !is_congested(dlv)) {
		n = dlv_lane_step(&dlv->small);
		n += dlv_lane_step(&dlv->large);
		done += n;
	}
	if (n > 0 && !is_congested(dlv))
		dlv_local_wake(dlv);
	if (dlv->job_count == 0 && dlv->drained != NULL) {
		timer_fn *fn = dlv->drained;

		dlv->drained = NULL;
		fn(dlv->drained_arg);
	}
}

void
dlv_local_wake(struct dlv_local *dlv)
{
	loop_defer(dlv->loop, &dlv->pump);
}

struct dlv_local *
dlv_local_new(struct loop *loop, struct charset_set *charsets,
    const struct dlv_limits *limits)
{
	struct dlv_local *dlv = must_alloc(1, sizeof(*dlv));

	dlv->loop = loop;
	dlv->charsets = charsets;
	dlv->limits = *limits;
	dlv->sealer = sealer_new();
	sealer_set_method(dlv->sealer, limits->method);
	list_init(&dlv->jobs);
	list_init(&dlv->waits);
	dlv_lane_init(&dlv->small, dlv, false);
	dlv_lane_init(&dlv->large, dlv, true);
	loop_idle_init(&dlv->pump, pump, dlv);
	return dlv;
}

static void
cancel_calls(struct dlv_local *dlv, struct dlv_job *job)
{
	for (unsigned i = 0; i < job->count; i++)
		if (job->rcpts[i].sent && dlv->store != NULL)
			ipc_cancel(dlv->store, job->rcpts[i].call);
}

void
dlv_local_free(struct dlv_local **dlvp)
{
	struct dlv_local *dlv = *dlvp;
	struct list *n, *tmp;

	*dlvp = NULL;
	if (dlv == NULL)
		return;
	dlv->drained = NULL;
	LIST_EACH(n, tmp, &dlv->jobs) {
		struct dlv_job *job = obj_of(n, struct dlv_job, link);

		cancel_calls(dlv, job);
		dlv_job_free(job);
	}
	dlv_epoch_fini(dlv);
	dlv_lane_fini(&dlv->small);
	dlv_lane_fini(&dlv->large);
	loop_idle_cancel(&dlv->pump);
	sealer_free(&dlv->sealer);
	free(dlv);
}

void
dlv_local_set_limits(struct dlv_local *dlv, const struct dlv_limits *limits)
{
	dlv->limits = *limits;
	sealer_set_method(dlv->sealer, limits->method);
}

void
dlv_local_set_store(struct dlv_local *dlv, struct ipc_peer *store)
{
	/* The end of one may be noticed after its successor came. */
	if (store == dlv->store)
		return;
	dlv_lane_lost(&dlv->small);
	dlv_lane_lost(&dlv->large);
	dlv->store = store;
	sealer_forget(dlv->sealer);
	dlv_local_wake(dlv);
}

/* Appends under way go on; the store keeps what it took, as delivered. */
void
dlv_local_queue_left(struct dlv_local *dlv, struct ipc_peer *queue)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &dlv->jobs) {
		struct dlv_job *job = obj_of(n, struct dlv_job, link);

		if (job->queue == queue)
			job->queue = NULL;
	}
}

void
dlv_local_take(struct dlv_local *dlv, struct ipc_peer *queue,
    const struct ipc_deliver_job *m, struct ipc_in *in)
{
	struct dlv_job *job = dlv_job_new(dlv, queue, m, in);

	if (job == NULL)
		return;
	/* All epochs that are wanting come with one round trip. */
	for (unsigned i = 0; i < job->count && !job->is_sealed; i++)
		if (!job->rcpts[i].done && !sealer_is_ready(dlv->sealer,
		    &job->rcpts[i].owner, loop_now(dlv->loop)))
			dlv_epoch_ask(job, &job->rcpts[i].owner);
	list_push(&job->lane->ready, &job->place);
	dlv_local_wake(dlv);
}

unsigned
dlv_local_job_count(const struct dlv_local *dlv)
{
	return dlv->job_count;
}

void
dlv_local_drain(struct dlv_local *dlv, timer_fn *fn, void *arg)
{
	dlv->drained = fn;
	dlv->drained_arg = arg;
	dlv_local_wake(dlv);
}
