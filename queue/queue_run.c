/* SPDX-License-Identifier: ISC */
#include "queue/queue_run.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "queue/queue_keep.h"
#include "queue/queue_load.h"
#include "queue/queue_msg.h"
#include "queue/queue_spool.h"
#include "queue/queue_super.h"

#define AGAIN_MS	60000u	/* after an I/O error, or without the key */

struct loading {
	struct queue		*q;
	struct queue_load	 load;
	bool			 is_fetch;	/* of the body alone */
};

/* What relay asks for must be known, or it sends as if there were no policy. */
static bool
has_keeps(const struct queue *q)
{
	for (const struct list *l = q->keeps.next; l != &q->keeps; l = l->next)
		if (queue_keep_wants(obj_of(l, struct queue_keep, link)) != 0)
			return false;
	return true;
}

bool
queue_run_is_ready(const struct queue *q)
{
	return q->resolver.is_ready && q->keys.current != 0 && has_keeps(q) &&
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

static uint32_t
max_of(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void
become_msg(struct queue *q, struct queue_item *it, struct queue_load *l)
{
	struct queue_msg *m = queue_msg_new(q);
	bool is_due = it->is_due;

	queue_envelope_fini(&m->env);
	m->env = l->env;		/* moved, with its arena */
	queue_envelope_init(&l->env);
	m->item = it;
	m->is_active = is_due;		/* as it was counted */
	m->due_ms = it->is_requeued ? 0 : l->progress.next_ms;
	m->has_changed = it->wants_mark || it->is_requeued;
	m->looks_again = it->is_requeued;
	m->was_warned = l->progress.was_warned;
	it->msg = m;
	it->is_due = false;
	if (!it->is_requeued)
		it->attempts = max_of(l->progress.attempts, it->attempts);
	it->wants_mark = it->is_requeued = false;
	it->lost = max_of(l->progress.lost, it->lost);
	memcpy(m->key, l->key, sizeof(m->key));
	if (l->fd >= 0)
		queue_msg_take_fd(m, l->fd);
	l->fd = -1;
	queue_msg_know(m);
	queue_msg_loaded(m, is_due);
}

static bool
is_same_spot(const struct queue_spot *a, const struct queue_spot *b)
{
	return a->number == b->number && a->off == b->off;
}

static void
leave_active(struct queue *q, struct queue_item *it)
{
	if (it->is_due)
		q->active--;
	it->is_due = false;
}

static void
load_failed(struct queue *q, struct queue_item *it, const struct queue_load *l)
{
	uint64_t now = loop_real_ms(q->loop), at = now + AGAIN_MS;

	if (!is_same_spot(&l->spot, &it->spot))
		at = now;		/* it was moved meanwhile */
	else if (l->error == ERR_CORRUPT || l->error == ERR_NOTFOUND) {
		leave_active(q, it);
		queue_line_postpone(q, it, at);
		queue_line_drop(q, it);
		queue_spool_aside(q, it);
		return;
	} else
		log_event(LOG_disk, log_str("what", "read"), log_str("reason",
		    err_text(l->error)));
	queue_line_postpone(q, it, at);
	if (it->is_due || !it->is_sorted)
		queue_sched_put(&q->sched, it, at);
	leave_active(q, it);
}

static void
fetched(struct queue_item *it, struct loading *ld)
{
	struct queue_msg *m = it->msg;

	must(m != NULL);
	m->is_fetching = false;
	if (ld->load.error != ERR_OK && !is_same_spot(&ld->load.spot, &it->spot)) {
		queue_run_fetch(m);	/* it was moved meanwhile */
		return;
	}
	if (ld->load.error == ERR_OK) {
		queue_msg_take_fd(m, ld->load.fd);
		ld->load.fd = -1;
	}
	queue_msg_fetched(m, ld->load.error);
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
	if (ld->is_fetch)
		fetched(it, ld);
	else if (it->is_deleted) {
		leave_active(q, it);
		queue_line_postpone(q, it, 0);
		queue_msg_finish_item(q, it);
	} else if (ld->load.error == ERR_OK)
		become_msg(q, it, &ld->load);
	else
		load_failed(q, it, &ld->load);
	queue_load_fini(&ld->load);
	free(ld);
	queue_run_arm(q);
	queue_line_go(q);
	queue_super_look(q);
}

static void
start_load(struct queue *q, struct queue_item *it, const struct queue_spool_key *k,
    bool want_body, bool is_fetch)
{
	struct loading *ld = must_alloc(1, sizeof(*ld));

	ld->q = q;
	ld->is_fetch = is_fetch;
	ld->load = (struct queue_load){ .id = it->id, .spot = it->spot, .result = it->result,
	    .spool_key = *k, .dir = q->dir, .want_body = want_body, .fd = -1 };
	it->is_loading = true;
	q->works++;
	if (loop_work(q->loop, load_run, load_done, ld) != ERR_OK) {
		ld->load.error = ERR_SYS;
		load_done(ld);
	}
}

bool
queue_run_load(struct queue *q, struct queue_item *it, bool want_body)
{
	const struct queue_spool_key *k = queue_seal_find_key(&q->keys, it->key_id);

	if (k == NULL)
		return false;
	/* What is on disk is older than what memory knew, until it is written. */
	it->load_waits = it->results > 0;
	it->load_body = want_body;
	if (it->load_waits)
		it->is_loading = true;
	else
		start_load(q, it, k, want_body, false);
	return true;
}

void
queue_run_go_on(struct queue *q, struct queue_item *it)
{
	const struct queue_spool_key *k = queue_seal_find_key(&q->keys, it->key_id);
	const struct queue_spool_key none = { 0 };

	it->load_waits = false;
	start_load(q, it, k != NULL ? k : &none, it->load_body, false);
}

void
queue_run_fetch(struct queue_msg *m)
{
	struct queue *q = m->q;
	const struct queue_spool_key *k;

	if (m->is_fetching)
		return;
	m->is_fetching = true;
	k = queue_seal_find_key(&q->keys, m->item->key_id);
	if (k == NULL) {
		m->is_fetching = false;
		queue_msg_fetched(m, ERR_AGAIN);
	} else
		start_load(q, m->item, k, true, true);
}

/* Due, and not in the heap any more. */
static void
run_item(struct queue *q, struct queue_item *it, uint64_t now)
{
	if (it->msg != NULL) {
		queue_msg_try(it->msg);
		return;
	}
	if (!queue_table_all_remote(it) && q->deliver_count == 0) {
		queue_sched_put(&q->sched, it, now + AGAIN_MS);
		queue_sched_wait(&q->sched, it);
		return;
	}
	it->is_due = true;
	q->active++;
	if (it->is_loading)
		return;			/* for a part that was picked */
	if (!queue_run_load(q, it, !queue_table_all_remote(it))) {
		leave_active(q, it);
		queue_sched_put(&q->sched, it, now + AGAIN_MS);
	}
}

void
queue_run_due(void *arg)
{
	struct queue *q = arg;
	uint64_t now = loop_real_ms(q->loop);
	struct queue_item *it;

	while (queue_run_is_ready(q) && q->active < QUEUE_ACTIVE_MAX &&
	    (it = queue_sched_take(&q->sched, now)) != NULL)
		run_item(q, it, now);
	queue_run_arm(q);
	queue_line_go(q);
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
		n += !list_is_empty(&it->parts) || heap_has(&it->due);
		if (heap_has(&it->due) && it->next_ms > now)
			queue_sched_put(&q->sched, it, now);
	}
	queue_sites_flush_all(q->sites, now);
	queue_run_arm(q);
	queue_line_go(q);
	return n;
}
