/* SPDX-License-Identifier: ISC */
#include "queue/queue_compact.h"

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "queue/queue_spool.h"

#define SOON_MS		1000u

static void copy_more(struct queue *);

void
queue_compact_arm(struct queue *q)
{
	uint64_t at = loop_now(q->loop) + SOON_MS;

	if (!timer_is_set(&q->house_timer) || q->house_timer.node.key > at)
		timer_set(&q->house_timer, at);
}

static void
unlink_empty(struct queue *q)
{
	struct queue_seg *s;
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &q->table.segs) {
		s = obj_of(l, struct queue_seg, link);
		if (queue_table_can_unlink(&q->table, s))
			queue_spool_unlink(q, s);
	}
}

/* ---- copying ---- */

static bool
is_from(const struct queue_spot *at, const struct queue_spot *from)
{
	return at->number == from->number && at->off == from->off;
}

static void
on_copied(struct queue_write *w, void *arg)
{
	struct queue *q = arg;
	struct queue_item *it = queue_table_find(&q->table, w->record.id);

	must(it != NULL);
	it->writes--;
	q->copies--;
	if (w->error == ERR_OK) {
		(void)queue_spool_seg(q, w->spot.number, false);
		if (is_from(&it->spot, &w->from))
			queue_table_put_message(&q->table, it, &w->spot);
		else if (it->result_seg != NULL && is_from(&it->result, &w->from))
			queue_table_put_result(&q->table, it, &w->spot);
		else
			queue_table_put_dead(&q->table, &w->spot);
	} else if (w->error == ERR_CORRUPT && it->msg == NULL && !it->is_loading &&
	    it->writes == 0 && (it->state == QUEUE_S5_STORED || it->state == QUEUE_S6_TRIED))
		queue_spool_aside(q, it);
	else {
		q->copy_failed = true;
		log_event(LOG_disk, log_str("what", "compact"),
		    log_str("reason", err_text(w->error)));
	}
	queue_flush_write_free(&w);
	if (q->copies == 0)
		copy_more(q);
}

static bool
copy_record(struct queue *q, struct queue_item *it, const struct queue_spot *from)
{
	struct queue_write *w;

	/* One record of a message at a time keeps their order on disk. */
	if (it->writes > 0 || it->state == QUEUE_S7_FINISHING || it->state == QUEUE_S9_ASIDE)
		return false;
	w = queue_flush_write_new(QUEUE_WRITE_COPY, it->id, on_copied, q);
	w->from = *from;
	w->now_ms = loop_real_ms(q->loop);
	it->writes++;
	q->copies++;
	queue_flush_add(q->flush, w);
	return true;
}

static void
copy_list(struct queue *q, struct queue_seg *s)
{
	struct queue_item *it;
	struct list *l, *tmp;

	LIST_EACH(l, tmp, &s->items) {
		if (q->copies >= QUEUE_COPIES_MAX)
			return;
		it = obj_of(l, struct queue_item, in_seg);
		(void)copy_record(q, it, &it->spot);
	}
	LIST_EACH(l, tmp, &s->results) {
		if (q->copies >= QUEUE_COPIES_MAX)
			return;
		it = obj_of(l, struct queue_item, in_result_seg);
		(void)copy_record(q, it, &it->result);
	}
}

/* Until the segment is empty, or what is left is busy: then in a later round. */
static void
copy_more(struct queue *q)
{
	struct queue_seg *s = q->compacting;

	if (s == NULL)
		return;
	if (!q->copy_failed)
		copy_list(q, s);
	if (q->copies > 0)
		return;
	daemon_crash_at("queue.compact");
	s->compacting = false;
	q->compacting = NULL;
	log_event(LOG_compact, log_num("segment", s->number), log_num("live", s->live_bytes));
	if (s->live_bytes == 0)
		queue_compact_arm(q);
}

static void
start_copy(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop);
	struct queue_seg *s;
	struct list *l, *tmp;

	if (q->compacting != NULL || q->is_draining)
		return;
	LIST_EACH(l, tmp, &q->table.segs) {
		s = obj_of(l, struct queue_seg, link);
		if (!queue_table_should_compact(s, now))
			continue;
		s->compacting = true;
		q->compacting = s;
		q->copy_failed = false;
		copy_more(q);
		return;
	}
}

/* An old segment that is still written to keeps dead bytes for no reason. */
static void
on_rolled(struct queue_write *w, void *arg)
{
	struct queue *q = arg;

	if (q->current != NULL && q->current->number == w->from.number) {
		q->current->current = false;
		q->current = NULL;
	}
	queue_flush_write_free(&w);
	queue_compact_arm(q);
}

static void
roll_old(struct queue *q)
{
	uint64_t now = loop_real_ms(q->loop);
	struct queue_seg *s = q->current;
	struct queue_write *w;

	if (s == NULL || s->created_ms + QUEUE_SEGMENT_AGE_MS > now ||
	    s->live_bytes >= s->bytes / 2)
		return;
	w = queue_flush_write_new(QUEUE_WRITE_ROLL, 0, on_rolled, q);
	w->from.number = s->number;
	w->now_ms = now;
	queue_flush_add(q->flush, w);
}

void
queue_compact_due(void *arg)
{
	struct queue *q = arg;

	queue_spool_retry(q);
	unlink_empty(q);
	start_copy(q);
	roll_old(q);
	timer_set(&q->house_timer, loop_now(q->loop) + QUEUE_HOUSE_MS);
}
