/* SPDX-License-Identifier: ISC */
#include "lib/base/rate.h"

#include <stdlib.h>

#include "lib/base/must.h"

#define NS_PER_MS	1000000u
#define SWEEP_MIN	1024u

struct busy {
	struct map_node	 node;
	uint64_t	 key;
	uint64_t	 due_ns;	/* the next one, had all come evenly */
};

void
rate_init(struct rate_table *t, size_t max)
{
	map_init(&t->keys);
	t->max = max;
	t->sweep_at = max < SWEEP_MIN ? max : SWEEP_MIN;
}

static void
forget_until(struct rate_table *t, uint64_t now_ns)
{
	struct map_node *n, *next;
	struct busy *b;
	size_t slot = 0;

	for (n = map_walk(&t->keys, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&t->keys, &slot, n);
		b = obj_of(n, struct busy, node);
		if (b->due_ns > now_ns)
			continue;
		map_remove(&t->keys, n);
		free(b);
	}
}

void
rate_fini(struct rate_table *t)
{
	forget_until(t, UINT64_MAX);
	map_fini(&t->keys);
}

static struct busy *
find(const struct rate_table *t, uint64_t key)
{
	struct map_node *n;

	for (n = map_first(&t->keys, hash_u64(key)); n != NULL; n = map_next(n))
		if (obj_of(n, struct busy, node)->key == key)
			return obj_of(n, struct busy, node);
	return NULL;
}

static struct busy *
add(struct rate_table *t, uint64_t key, uint64_t now_ns)
{
	struct busy *b;

	if (t->keys.count >= t->sweep_at) {
		forget_until(t, now_ns);
		t->sweep_at = 2 * t->keys.count < SWEEP_MIN ? SWEEP_MIN : 2 * t->keys.count;
		if (t->sweep_at > t->max)
			t->sweep_at = t->max;
	}
	if (t->keys.count >= t->max)
		return NULL;
	b = must_alloc(1, sizeof(*b));
	b->key = key;
	map_insert(&t->keys, &b->node, hash_u64(key));
	return b;
}

/* When the next one is due after one now; 0: that is too often. */
static uint64_t
due_after(const struct busy *b, const struct rate *r, uint64_t now_ns)
{
	uint64_t step = r->per_ms * NS_PER_MS / r->count;
	uint64_t due = b != NULL && b->due_ns > now_ns ? b->due_ns : now_ns;

	return due + step - now_ns > step * r->count ? 0 : due + step;
}

enum err
rate_take(struct rate_table *t, uint64_t key, const struct rate *r, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * NS_PER_MS, due;
	struct busy *b;

	if (r->count == 0)
		return ERR_OK;
	b = find(t, key);
	if ((due = due_after(b, r, now_ns)) == 0)
		return ERR_LIMIT;
	if (b == NULL && (b = add(t, key, now_ns)) == NULL)
		return ERR_FULL;
	b->due_ns = due;
	return ERR_OK;
}

bool
rate_is_spent(const struct rate_table *t, uint64_t key, const struct rate *r, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * NS_PER_MS;

	return r->count > 0 && due_after(find(t, key), r, now_ns) == 0;
}
