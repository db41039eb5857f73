/* SPDX-License-Identifier: ISC */
#include "queue/queue_table.h"

#include <stdlib.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"

#define COMPACT_AGE_MS	(60u * 60 * 1000)
#define ID_BITS		22

void
queue_table_init(struct queue_table *t)
{
	*t = (struct queue_table){ 0 };
	map_init(&t->by_id);
	list_init(&t->order);
	list_init(&t->segs);
}

void
queue_table_fini(struct queue_table *t)
{
	struct queue_item *it;
	struct queue_seg *s;
	struct list *l;

	while ((l = list_first(&t->order)) != NULL) {
		it = obj_of(l, struct queue_item, order);
		queue_table_drop(t, &it);
	}
	while ((l = list_first(&t->segs)) != NULL) {
		s = obj_of(l, struct queue_seg, link);
		queue_table_drop_seg(t, &s);
	}
	map_fini(&t->by_id);
}

/* ---- segments ---- */

/* From the end: nearly every question is about the newest. */
static struct list *
place_of(const struct queue_table *t, uint64_t number)
{
	struct list *l;

	for (l = t->segs.prev; l != &t->segs; l = l->prev)
		if (obj_of(l, struct queue_seg, link)->number <= number)
			break;
	return l;
}

struct queue_seg *
queue_table_seg(struct queue_table *t, uint64_t number)
{
	struct list *l = place_of(t, number);
	struct queue_seg *s;

	if (l == &t->segs)
		return NULL;
	s = obj_of(l, struct queue_seg, link);
	return s->number == number ? s : NULL;
}

struct queue_seg *
queue_table_add_seg(struct queue_table *t, uint64_t number, uint64_t created_ms, bool single)
{
	struct queue_seg *s = queue_table_seg(t, number);

	if (s != NULL)
		return s;
	s = must_alloc(1, sizeof(*s));
	s->number = number;
	s->created_ms = created_ms;
	s->single = single;
	s->bytes = QUEUE_HEAD_BYTES;
	list_init(&s->items);
	list_init(&s->results);
	list_insert_before(place_of(t, number)->next, &s->link);
	if (number > t->last_number)
		t->last_number = number;
	return s;
}

void
queue_table_drop_seg(struct queue_table *t, struct queue_seg **sp)
{
	struct queue_seg *s = *sp;

	(void)t;
	must(list_is_empty(&s->items) && list_is_empty(&s->results));
	list_remove(&s->link);
	free(s);
	*sp = NULL;
}

bool
queue_table_can_unlink(const struct queue_table *t, const struct queue_seg *s)
{
	const struct queue_seg *before;

	if (s->current || s->busy > 0 || s->compacting || s->unlinking ||
	    !list_is_empty(&s->items) || !list_is_empty(&s->results))
		return false;
	if (s->oldest_target == 0 || s->link.prev == &t->segs)
		return true;
	before = obj_of(s->link.prev, struct queue_seg, link);
	return before->number < s->oldest_target;
}

bool
queue_table_should_compact(const struct queue_seg *s, uint64_t now_ms)
{
	if (s->current || s->single || s->busy > 0 || s->compacting || s->unlinking ||
	    (list_is_empty(&s->items) && list_is_empty(&s->results)))
		return false;
	if (s->live_bytes < s->bytes / 4)
		return true;
	return s->created_ms + COMPACT_AGE_MS < now_ms && s->live_bytes < s->bytes / 2;
}

/* ---- items ---- */

struct queue_item *
queue_table_find(const struct queue_table *t, uint64_t id)
{
	struct map_node *n;
	struct queue_item *it;

	for (n = map_first(&t->by_id, hash_u64(id)); n != NULL; n = map_next(n)) {
		it = obj_of(n, struct queue_item, by_id);
		if (it->id == id)
			return it;
	}
	return NULL;
}

struct queue_item *
queue_table_after(const struct queue_table *t, uint64_t id)
{
	struct queue_item *it = queue_table_find(t, id);
	struct list *l;

	if (it != NULL) {
		l = list_next(&t->order, &it->order);
		return l != NULL ? obj_of(l, struct queue_item, order) : NULL;
	}
	for (l = t->order.next; l != &t->order; l = l->next)
		if (obj_of(l, struct queue_item, order)->id > id)
			return obj_of(l, struct queue_item, order);
	return NULL;
}

struct queue_item *
queue_table_add(struct queue_table *t, uint64_t id)
{
	struct queue_item *it = must_alloc(1, sizeof(*it));
	struct list *l;

	it->id = id;
	it->state = QUEUE_S4_WRITING;
	list_init(&it->waiting);
	list_init(&it->in_seg);
	list_init(&it->in_result_seg);
	list_init(&it->parts);
	map_insert(&t->by_id, &it->by_id, hash_u64(id));
	for (l = t->order.prev; l != &t->order; l = l->prev)
		if (obj_of(l, struct queue_item, order)->id < id)
			break;
	list_insert_before(l->next, &it->order);
	if (id > t->last_id)
		t->last_id = id;
	t->count++;
	return it;
}

static uint64_t
spot_bytes(const struct queue_spot *p)
{
	return QUEUE_HEAD_BYTES + p->meta_bytes + p->body_bytes;
}

static void
leave_message(struct queue_item *it)
{
	if (it->seg == NULL)
		return;
	it->seg->live_bytes -= spot_bytes(&it->spot);
	it->seg = NULL;
	list_remove(&it->in_seg);
}

static void
leave_result(struct queue_item *it)
{
	if (it->result_seg == NULL)
		return;
	it->result_seg->live_bytes -= spot_bytes(&it->result);
	it->result_seg = NULL;
	it->result = (struct queue_spot){ 0 };
	list_remove(&it->in_result_seg);
}

void
queue_table_drop(struct queue_table *t, struct queue_item **itp)
{
	struct queue_item *it = *itp;

	must(!heap_has(&it->due));
	leave_message(it);
	leave_result(it);
	list_remove(&it->waiting);
	list_remove(&it->order);
	map_remove(&t->by_id, &it->by_id);
	t->count--;
	free(it);
	*itp = NULL;
}

/* ---- records ---- */

static struct queue_seg *
grown(struct queue_table *t, const struct queue_spot *p)
{
	struct queue_seg *s = queue_table_seg(t, p->number);

	must(s != NULL);
	if (p->off + spot_bytes(p) > s->bytes)
		s->bytes = p->off + spot_bytes(p);
	return s;
}

void
queue_table_put_message(struct queue_table *t, struct queue_item *it,
    const struct queue_spot *p)
{
	leave_message(it);
	it->seg = grown(t, p);
	it->spot = *p;
	it->seg->live_bytes += spot_bytes(p);
	list_push(&it->seg->items, &it->in_seg);
}

void
queue_table_put_result(struct queue_table *t, struct queue_item *it,
    const struct queue_spot *p)
{
	leave_result(it);
	it->result_seg = grown(t, p);
	it->result = *p;
	it->result_seg->live_bytes += spot_bytes(p);
	list_push(&it->result_seg->results, &it->in_result_seg);
}

void
queue_table_put_done(struct queue_table *t, const struct queue_spot *p, uint64_t target)
{
	struct queue_seg *s = grown(t, p);

	/* In the same segment both go together. */
	if (target < p->number && (s->oldest_target == 0 || target < s->oldest_target))
		s->oldest_target = target;
}

void
queue_table_put_dead(struct queue_table *t, const struct queue_spot *p)
{
	(void)grown(t, p);
}

/* ---- ids ---- */

uint64_t
queue_table_make_id(struct queue_table *t, uint64_t now_ms, uint32_t random)
{
	/* Half of the range is left for those that follow in this millisecond. */
	uint64_t id = now_ms << ID_BITS | (random & ((1u << (ID_BITS - 1)) - 1));

	if (id <= t->last_id)
		id = t->last_id + 1;
	t->last_id = id;
	return id;
}

uint64_t
queue_table_id_ms(uint64_t id)
{
	return id >> ID_BITS;
}

void
queue_table_floor(struct queue_table *t, uint64_t ms)
{
	if (ms << ID_BITS > t->last_id)
		t->last_id = ms << ID_BITS;
}
