/* SPDX-License-Identifier: ISC */
#include "queue/queue_run.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "queue/queue_load.h"
#include "queue/queue_msg.h"
#include "queue/queue_spool.h"

#define AGAIN_MS	60000u	/* after an I/O error, or without the key */

struct loading {
	struct queue		*q;
	struct queue_load	 load;
};

bool
queue_run_is_ready(const struct queue *q)
{
	return q->resolver.is_ready && q->keys.current != 0 && q->deliver_count > 0 &&
	    !q->is_draining;
}

void
queue_run_arm(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop), mono = loop_now(q->loop), first;

	queue_sched_look(&q->sched, now, mono);
	first = queue_sched_first(&q->sched);
	if (first == QUEUE_SCHED_NEVER || !queue_run_is_ready(q) ||
	    q->active >= QUEUE_ACTIVE_MAX) {
		timer_stop(&q->run_timer);
		return;
	}
	first = first > now ? first - now : 0;
	timer_set(&q->run_timer, mono + (first < QUEUE_SCHED_LOOK_MS ? first :
	    QUEUE_SCHED_LOOK_MS));
}

static void
become_msg(struct queue *q, struct queue_item *it, struct queue_load *l)
{
	struct queue_msg *m = queue_msg_new(q);

	queue_envelope_fini(&m->env);
	m->env = l->env;		/* moved, with its arena */
	queue_envelope_init(&l->env);
	m->item = it;
	m->is_active = true;
	it->msg = m;
	it->attempts = l->progress.attempts > it->attempts ? l->progress.attempts : it->attempts;
	it->lost = l->progress.lost > it->lost ? l->progress.lost : it->lost;
	memcpy(m->key, l->key, sizeof(m->key));
	queue_msg_take_fd(m, l->fd);
	l->fd = -1;
	queue_msg_know(m);
	queue_msg_try(m);
}

static bool
is_same_spot(const struct queue_spot *a, const struct queue_spot *b)
{
	return a->number == b->number && a->off == b->off;
}

static void
load_failed(struct queue *q, struct queue_item *it, const struct queue_load *l)
{
	uint64_t now = loop_real_ms(q->loop);

	q->active--;
	if (!is_same_spot(&l->spot, &it->spot))
		queue_sched_put(&q->sched, it, now);	/* it was moved meanwhile */
	else if (l->error == ERR_CORRUPT || l->error == ERR_NOTFOUND)
		queue_spool_aside(q, it);
	else {
		log_event(LOG_disk, log_str("what", "read"), log_str("reason",
		    err_text(l->error)));
		queue_sched_put(&q->sched, it, now + AGAIN_MS);
	}
	queue_run_arm(q);
}

static void
load_run(void *arg)
{
	struct loading *ld = arg;

	queue_load_run(&ld->load);
}

static void
load_done(void *arg)
{
	struct loading *ld = arg;
	struct queue *q = ld->q;
	struct queue_item *it = queue_table_find(&q->table, ld->load.id);

	must(it != NULL);
	q->works--;
	it->is_loading = false;
	if (ld->load.error == ERR_OK)
		become_msg(q, it, &ld->load);
	else
		load_failed(q, it, &ld->load);
	queue_load_fini(&ld->load);
	free(ld);
}

static void
start_load(struct queue *q, struct queue_item *it, const struct queue_spool_key *k)
{
	struct loading *ld = must_alloc(1, sizeof(*ld));

	ld->q = q;
	ld->load = (struct queue_load){ .id = it->id, .spot = it->spot, .result = it->result,
	    .spool_key = *k, .dir = q->dir, .want_body = true, .fd = -1 };
	it->is_loading = true;
	q->active++;
	q->works++;
	if (loop_work(q->loop, load_run, load_done, ld) != ERR_OK) {
		ld->load.error = ERR_SYS;
		load_done(ld);
	}
}

void
queue_run_due(void *arg)
{
	struct queue *q = arg;
	uint64_t now = loop_real_ms(q->loop);
	const struct queue_spool_key *k;
	struct queue_item *it;

	while (queue_run_is_ready(q) && q->active < QUEUE_ACTIVE_MAX &&
	    (it = queue_sched_take(&q->sched, now)) != NULL) {
		k = queue_seal_find_key(&q->keys, it->key_id);
		if (k == NULL)
			queue_sched_put(&q->sched, it, now + AGAIN_MS);
		else
			start_load(q, it, k);
	}
	queue_run_arm(q);
}

void
queue_run_back(struct queue *q)
{
	(void)queue_sched_back(&q->sched, loop_real_ms(q->loop));
	queue_run_arm(q);
}

unsigned
queue_run_flush(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop);
	struct queue_item *it;
	struct list *l;
	unsigned n = 0;

	for (l = q->table.order.next; l != &q->table.order; l = l->next) {
		it = obj_of(l, struct queue_item, order);
		if (!heap_has(&it->due) || it->next_ms <= now)
			continue;
		/* What only waits for the relay would come back at once. */
		if (it->flags & QUEUE_ALL_REMOTE)
			continue;
		queue_sched_put(&q->sched, it, now);
		n++;
	}
	queue_run_arm(q);
	return n;
}
