/* SPDX-License-Identifier: ISC */
#include "queue/queue_sched.h"

#include "lib/base/cc.h"

void
queue_sched_init(struct queue_sched *s)
{
	*s = (struct queue_sched){ .min_backoff_ms = 300000, .max_backoff_ms = 3600000,
	    .lifetime_ms = 432000000, .bounce_lifetime_ms = 432000000 };
	heap_init(&s->due);
	list_init(&s->waiting);
}

void
queue_sched_fini(struct queue_sched *s)
{
	heap_fini(&s->due);
}

uint64_t
queue_sched_doubled(uint64_t min_ms, uint64_t max_ms, uint32_t attempts)
{
	uint64_t wait = min_ms;

	for (; attempts > 1 && wait < max_ms; attempts--)
		wait *= 2;
	return wait < max_ms ? wait : max_ms;
}

uint64_t
queue_sched_backoff(const struct queue_sched *s, uint32_t attempts)
{
	return queue_sched_doubled(s->min_backoff_ms, s->max_backoff_ms, attempts);
}

uint64_t
queue_sched_expiry(const struct queue_sched *s, uint64_t arrival_ms, bool is_bounce)
{
	return arrival_ms + (is_bounce ? s->bounce_lifetime_ms : s->lifetime_ms);
}

uint64_t
queue_sched_next(const struct queue_sched *s, uint64_t now_ms, uint32_t attempts,
    uint64_t expiry_ms)
{
	uint64_t at = now_ms + queue_sched_backoff(s, attempts);

	if (at > expiry_ms)
		at = expiry_ms;
	return at > now_ms ? at : now_ms;
}

uint64_t
queue_sched_away(uint64_t now_ms, uint32_t away)
{
	if (away == 0 || away > QUEUE_SCHED_AWAY_MAX)
		return 0;
	return now_ms + (1000ull << (away - 1));
}

void
queue_sched_put(struct queue_sched *s, struct queue_item *it, uint64_t at_ms)
{
	it->next_ms = at_ms;
	if (heap_has(&it->due))
		heap_move(&s->due, &it->due, at_ms);
	else
		heap_insert(&s->due, &it->due, at_ms);
}

void
queue_sched_remove(struct queue_sched *s, struct queue_item *it)
{
	list_remove(&it->waiting);
	heap_remove(&s->due, &it->due);
}

struct queue_item *
queue_sched_take(struct queue_sched *s, uint64_t now_ms)
{
	struct heap_node *n = heap_first(&s->due);
	struct queue_item *it;

	if (n == NULL || n->key > now_ms)
		return NULL;
	it = obj_of(n, struct queue_item, due);
	queue_sched_remove(s, it);
	return it;
}

uint64_t
queue_sched_first(const struct queue_sched *s)
{
	struct heap_node *n = heap_first(&s->due);

	return n != NULL ? n->key : QUEUE_SCHED_NEVER;
}

void
queue_sched_look(struct queue_sched *s, uint64_t real_ms, uint64_t mono_ms)
{
	uint64_t ahead = real_ms - mono_ms;	/* may wrap, differences do not mind */
	uint64_t back = s->real_ahead_ms - ahead;
	struct queue_item *it;
	size_t i;

	if (s->has_looked && back > QUEUE_SCHED_LOOK_MS && back <= INT64_MAX) {
		/* The order stays, so the heap is one still. */
		for (i = 0; i < s->due.count; i++) {
			it = obj_of(s->due.nodes[i], struct queue_item, due);
			it->next_ms = it->next_ms > back ? it->next_ms - back : 0;
			it->due.key = it->next_ms;
		}
	}
	s->real_ahead_ms = ahead;
	s->has_looked = true;
}

void
queue_sched_wait(struct queue_sched *s, struct queue_item *it)
{
	if (it->lost >= QUEUE_SCHED_LOST_MAX)
		return;
	list_remove(&it->waiting);
	list_push(&s->waiting, &it->waiting);
}

unsigned
queue_sched_back(struct queue_sched *s, uint64_t now_ms)
{
	struct queue_item *it;
	struct list *l;
	unsigned n = 0;

	while ((l = list_first(&s->waiting)) != NULL) {
		it = obj_of(l, struct queue_item, waiting);
		list_remove(l);
		if (heap_has(&it->due) && it->next_ms > now_ms) {
			queue_sched_put(s, it, now_ms);
			n++;
		}
	}
	return n;
}
