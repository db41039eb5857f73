/* SPDX-License-Identifier: ISC */
#include "queue/queue_forget.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"

struct later {
	struct list	 link;
	uint64_t	 id;
	uint64_t	 at_ms;		/* mono */
};

static void
arm(struct queue *q)
{
	struct queue_forget *f = &q->forget;
	struct list *l = list_first(&f->later);
	uint64_t now = loop_now(q->loop), at = UINT64_MAX;

	if (f->ready_count > 0)
		at = now + QUEUE_FORGET_MS;
	if (l != NULL && obj_of(l, struct later, link)->at_ms < at)
		at = obj_of(l, struct later, link)->at_ms;
	if (at != UINT64_MAX)
		timer_set(&f->timer, at);
}

static void
push_ready(struct queue *q, uint64_t id)
{
	struct queue_forget *f = &q->forget;

	/* The store's own clock clears what nobody names (godwit-queue(7)). */
	if (f->ready_count >= QUEUE_FORGET_MAX)
		return;
	if (f->ready_count == f->ready_cap) {
		f->ready_cap = f->ready_cap == 0 ? QUEUE_FORGET_BATCH : f->ready_cap * 2;
		f->ready = must_realloc(f->ready, f->ready_cap, sizeof(*f->ready));
	}
	f->ready[f->ready_count++] = id;
}

static void
on_timer(void *arg)
{
	struct queue *q = arg;
	struct queue_forget *f = &q->forget;
	uint64_t now = loop_now(q->loop);
	struct later *later;
	struct list *l;

	while ((l = list_first(&f->later)) != NULL) {
		later = obj_of(l, struct later, link);
		if (later->at_ms > now)
			break;
		list_remove(l);
		f->later_count--;
		push_ready(q, later->id);
		free(later);
	}
	queue_forget_send(q);
	if (f->ready_count == 0 || q->store != NULL)
		arm(q);
}

void
queue_forget_init(struct queue *q)
{
	list_init(&q->forget.later);
	timer_init(&q->forget.timer, q->loop, on_timer, q);
}

void
queue_forget_fini(struct queue *q)
{
	struct list *l;

	timer_stop(&q->forget.timer);
	while ((l = list_first(&q->forget.later)) != NULL) {
		list_remove(l);
		free(obj_of(l, struct later, link));
	}
	free(q->forget.ready);
	q->forget = (struct queue_forget){ 0 };
}

void
queue_forget_add(struct queue *q, uint64_t id, bool is_unclean)
{
	struct queue_forget *f = &q->forget;
	struct later *later;

	if (is_unclean && f->later_count < QUEUE_FORGET_MAX) {
		later = must_alloc(1, sizeof(*later));
		later->id = id;
		later->at_ms = loop_now(q->loop) + QUEUE_FORGET_LATER_MS;
		list_push(&f->later, &later->link);
		f->later_count++;
	} else if (!is_unclean)
		push_ready(q, id);
	if (f->ready_count >= QUEUE_FORGET_BATCH && q->store != NULL)
		queue_forget_send(q);
	if (!timer_is_set(&f->timer))
		arm(q);
}

/* What does not go now (the store is away or slow) goes later. */
void
queue_forget_send(struct queue *q)
{
	struct queue_forget *f = &q->forget;
	struct ipc_store_forget m;
	unsigned char *bytes;
	size_t i, n, sent = 0;

	if (q->store == NULL || f->ready_count == 0)
		return;
	bytes = must_alloc(QUEUE_FORGET_BATCH, 8);
	while (sent < f->ready_count) {
		n = f->ready_count - sent;
		if (n > QUEUE_FORGET_BATCH)
			n = QUEUE_FORGET_BATCH;
		for (i = 0; i < n; i++)
			enc_le64(bytes + i * 8, f->ready[sent + i]);
		m.msgs = slice_of(bytes, n * 8);
		if (ipc_send(q->store, IPC_MSG_store_forget, &m, NULL, 0) != ERR_OK)
			break;
		sent += n;
	}
	free(bytes);
	for (i = sent; i < f->ready_count; i++)
		f->ready[i - sent] = f->ready[i];
	f->ready_count -= sent;
	daemon_crash_at("queue.forget");
}
