/* SPDX-License-Identifier: ISC */
#include "queue/queue_spool.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_body.h"
#include "queue/queue_compact.h"
#include "queue/queue_forget.h"
#include "queue/queue_msg.h"
#include "queue/queue_run.h"
#include "queue/queue_super.h"

#define FREE_CHECK_MS	1000u

static void
add_write(struct queue *q, struct queue_write *w)
{
	w->now_ms = loop_real_ms(q->loop);
	queue_flush_add(q->flush, w);
}

struct queue_seg *
queue_spool_seg(struct queue *q, uint64_t number, bool single)
{
	struct queue_seg *s;

	s = queue_table_add_seg(&q->table, number, loop_real_ms(q->loop), single);
	if (single || s == q->current)
		return s;
	/* Writes end in order: a greater number means the last one is finished. */
	if (q->current == NULL || q->current->number < number) {
		if (q->current != NULL)
			q->current->current = false;
		q->current = s;
		s->current = true;
	}
	return s;
}

static bool
all_remote(const struct queue_envelope *e)
{
	uint32_t i;

	for (i = 0; i < e->rcpt_count; i++)
		if (e->rcpts[i].class == QUEUE_LOCAL)
			return false;
	return true;
}

/* ---- MESSAGE ---- */

static void
on_message(struct queue_write *w, void *arg)
{
	struct queue_msg *m = arg;
	struct queue *q = m->q;
	struct queue_item *it = m->item;
	enum err e = w->error;

	it->writes--;
	if (e == ERR_OK) {
		(void)queue_spool_seg(q, w->spot.number, m->env.form == QUEUE_FORM_FILE);
		queue_table_put_message(&q->table, it, &w->spot);
		queue_state_move(&it->state, QUEUE_S5_STORED);
		memcpy(m->key, w->key, sizeof(m->key));
		it->key_id = w->record.key_id;
		it->flags = w->record.flags;
	} else {
		log_event(LOG_disk, log_str("what", "spool"), log_str("reason", err_text(e)));
		m->item = NULL;
		queue_table_drop(&q->table, &it);
	}
	queue_flush_write_free(&w);
	queue_msg_stored(m, e);
}

static void
run_single(void *arg)
{
	struct queue_write *w = arg;
	struct queue_msg *m = w->arg;

	queue_flush_single(m->q->flush, w);
}

static void
single_done(void *arg)
{
	struct queue_write *w = arg;
	struct queue_msg *m = w->arg;

	m->q->works--;
	on_message(w, m);
}

static void
write_large(struct queue_msg *m, struct queue_write *w)
{
	w->record.body_bytes = chunkfile_bytes(m->env.size);
	w->now_ms = loop_real_ms(m->q->loop);
	m->q->works++;
	if (loop_work(m->q->loop, run_single, single_done, w) != ERR_OK) {
		w->error = ERR_SYS;
		single_done(w);
	}
}

void
queue_spool_message(struct queue_msg *m)
{
	struct queue *q = m->q;
	const struct queue_spool_key *k = queue_seal_find_key(&q->keys, q->keys.current);
	bool was_direct = m->state == QUEUE_S2_DIRECT;
	struct queue_write *w;

	queue_state_move(&m->state, QUEUE_S4_WRITING);
	if (k == NULL || q->table.count >= q->limits.message_limit) {
		queue_msg_stored(m, k == NULL ? ERR_AGAIN : ERR_FULL);
		return;
	}
	w = queue_flush_write_new(QUEUE_WRITE_MESSAGE, m->env.id, on_message, m);
	queue_envelope_put(&w->meta, &m->env);
	w->spool_key = *k;
	w->fd = m->fd;
	w->size = m->env.size;
	if (all_remote(&m->env))
		w->record.flags |= QUEUE_ALL_REMOTE;
	m->item = queue_table_add(&q->table, m->env.id);
	m->item->size = m->env.size;
	m->item->msg = m;
	m->item->writes++;
	if (m->env.form == QUEUE_FORM_FILE)
		write_large(m, w);
	else
		add_write(q, w);
	if (was_direct)
		daemon_crash_at("queue.spool");
	else
		daemon_crash_at("queue.accept");
}

/* ---- RESULT ---- */

static void
on_result(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_item *it = queue_table_find(&q->table, w->record.id);
	bool is_doomed = w->record.flags & QUEUE_DOOMED;

	must(it != NULL);
	it->writes--;
	it->results--;
	if (w->error == ERR_OK) {
		(void)queue_spool_seg(q, w->spot.number, false);
		queue_table_put_result(&q->table, it, &w->spot);
	} else	/* what it says is tried again, some time */
		log_event(LOG_disk, log_str("what", "result"),
		    log_str("reason", err_text(w->error)));
	queue_flush_write_free(&w);
	if (it->load_waits && it->results == 0)
		queue_run_go_on(q, it);
	if (is_doomed)
		queue_super_doom(q, it);
	/* It may have changed since. */
	if (it->msg != NULL && it->msg->has_changed && it->msg->relay_jobs > 0)
		queue_msg_settle(it->msg);
	queue_super_look(q);
}

void
queue_spool_result(struct queue_msg *m)
{
	struct queue *q = m->q;
	struct queue_item *it = m->item;
	const struct queue_progress p = { .attempts = it->attempts, .lost = it->lost,
	    .next_ms = queue_msg_next(m), .was_warned = m->was_warned };
	bool again = it->state == QUEUE_S6_TRIED;
	struct queue_write *w;

	w = queue_flush_write_new(QUEUE_WRITE_RESULT, it->id, on_result, q);
	queue_envelope_put_progress(&w->meta, &m->env, &p);
	memcpy(w->key, m->key, sizeof(w->key));
	w->record.attempts = it->attempts;
	w->record.next_ms = p.next_ms;
	w->record.flags = it->flags & QUEUE_RESULT_FLAGS;
	m->has_changed = false;
	w->record.aux = it->spot.number;
	queue_state_move(&it->state, QUEUE_S6_TRIED);
	it->writes++;
	it->results++;
	add_write(q, w);
	if (again)
		daemon_crash_at("queue.retried");
	else
		daemon_crash_at("queue.tried");
}

/* ---- DONE ---- */

static void
removed(struct queue *q, struct queue_item *it)
{
	uint64_t id = it->id;

	queue_state_move(&it->state, QUEUE_S8_REMOVED);
	daemon_crash_at("queue.removed");
	log_event(LOG_removed, log_id("m", id));
	if (!queue_table_all_remote(it))
		queue_forget_add(q, id, it->lost > 0 || it->is_recovered);
	queue_table_drop(&q->table, &it);
	queue_compact_arm(q);
	queue_super_look(q);
}

static void
on_done(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_item *it;

	if (w->error != ERR_OK) {
		list_push(&q->stuck, &w->link);
		return;
	}
	it = queue_table_find(&q->table, w->record.id);
	must(it != NULL);
	it->writes--;
	(void)queue_spool_seg(q, w->spot.number, false);
	queue_table_put_done(&q->table, &w->spot, w->record.aux);
	queue_flush_write_free(&w);
	removed(q, it);
}

/* The file of a large message is the message: unlinking it completes it. */
static void
on_single_unlinked(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_item *it = queue_table_find(&q->table, w->record.id);
	struct queue_seg *s = it->seg;

	it->writes--;
	removed(q, it);
	s->busy--;
	if (list_is_empty(&s->results))
		queue_table_drop_seg(&q->table, &s);
	queue_flush_write_free(&w);
}

void
queue_spool_done(struct queue *q, struct queue_item *it)
{
	struct queue_write *w;
	bool tried = it->state == QUEUE_S6_TRIED;

	must(list_is_empty(&it->parts));
	queue_sched_remove(&q->sched, it);
	queue_state_move(&it->state, QUEUE_S7_FINISHING);
	if (it->seg->single) {
		w = queue_flush_write_new(QUEUE_WRITE_UNLINK, it->id, on_single_unlinked, q);
		w->from.number = it->seg->number;
		it->seg->busy++;
		it->seg->unlinking = true;
	} else {
		w = queue_flush_write_new(QUEUE_WRITE_DONE, it->id, on_done, q);
		w->record.aux = it->spot.number;
	}
	it->writes++;
	if (tried)
		daemon_crash_at("queue.finish-tried");
	else
		daemon_crash_at("queue.finish");
	add_write(q, w);
}

void
queue_spool_retry(struct queue *q)
{
	struct list *l;

	while ((l = list_first(&q->stuck)) != NULL) {
		list_remove(l);
		add_write(q, obj_of(l, struct queue_write, link));
	}
}

/* ---- damaged records ---- */

static void
on_aside(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_item *it = queue_table_find(&q->table, w->record.id);

	must(it != NULL);
	it->writes--;
	if (w->error != ERR_OK)
		log_event(LOG_disk, log_str("what", "corrupt"),
		    log_str("reason", err_text(w->error)));
	daemon_crash_at("queue.aside-copied");
	queue_flush_write_free(&w);
	queue_spool_done(q, it);
}

void
queue_spool_aside(struct queue *q, struct queue_item *it)
{
	bool tried = it->state == QUEUE_S6_TRIED;
	struct queue_write *w;

	log_event(LOG_corrupt, log_str("what", "message"), log_id("where", it->id),
	    log_str("reason", "set aside"));
	queue_sched_remove(&q->sched, it);
	queue_state_move(&it->state, QUEUE_S9_ASIDE);
	w = queue_flush_write_new(QUEUE_WRITE_ASIDE, it->id, on_aside, q);
	w->from = it->spot;
	it->writes++;
	if (tried)
		daemon_crash_at("queue.aside-tried");
	else
		daemon_crash_at("queue.aside");
	add_write(q, w);
}

/* ---- segments ---- */

static void
on_unlinked(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_seg *s = queue_table_seg(&q->table, w->from.number);

	must(s != NULL);
	log_event(LOG_compact, log_num("segment", s->number), log_num("freed", s->bytes));
	queue_table_drop_seg(&q->table, &s);
	queue_flush_write_free(&w);
	queue_compact_arm(q);	/* it may have held others */
}

void
queue_spool_unlink(struct queue *q, struct queue_seg *s)
{
	struct queue_write *w;

	w = queue_flush_write_new(QUEUE_WRITE_UNLINK, 0, on_unlinked, q);
	w->from.number = s->number;
	s->unlinking = true;
	add_write(q, w);
}

enum err
queue_spool_room(struct queue *q, uint64_t bytes)
{
	uint64_t now = loop_now(q->loop);

	if (q->free_checked_mono_ms == 0 || now >= q->free_checked_mono_ms + FREE_CHECK_MS) {
		q->free_bytes = queue_body_free_bytes(q->dir);
		q->free_checked_mono_ms = now;
	}
	if (q->free_bytes < q->limits.minfree_bytes ||
	    q->free_bytes - q->limits.minfree_bytes < bytes ||
	    q->table.count >= q->limits.message_limit)
		return ERR_FULL;
	return ERR_OK;
}
