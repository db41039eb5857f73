/* SPDX-License-Identifier: ISC */
#include "store/kv_overlay.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

struct kv_val *
kv_val_new(struct slice s, bool is_gone)
{
	struct kv_val *v;

	must(s.n <= UINT16_MAX);
	if ((v = malloc(sizeof(*v) + s.n)) == NULL)
		v = must_alloc(1, sizeof(*v) + s.n);
	v->refs = 1;
	v->n = (uint16_t)s.n;
	v->is_gone = is_gone;
	if (s.n > 0)
		memcpy(v->b, s.p, s.n);
	return v;
}

struct kv_val *
kv_val_ref(struct kv_val *v)
{
	if (v != NULL)
		v->refs++;
	return v;
}

void
kv_val_unref(struct kv_val **pv)
{
	struct kv_val *v = *pv;

	*pv = NULL;
	if (v != NULL && --v->refs == 0)
		free(v);
}

int
kv_key_cmp(const struct kv_key *a, const struct kv_key *b)
{
	unsigned n = a->n < b->n ? a->n : b->n;
	int c = memcmp(a->b, b->b, n);

	return c != 0 ? c : (int)a->n - (int)b->n;
}

static struct kv_node *
node_new(const struct kv_key *key, unsigned levels)
{
	struct kv_node *n = must_alloc(1, sizeof(*n) + levels * sizeof(n->next[0]));

	n->key = *key;
	n->levels = (uint8_t)levels;
	list_init(&n->link);
	return n;
}

static void
node_free(struct kv_node *n)
{
	list_remove(&n->link);
	kv_val_unref(&n->newest);
	kv_val_unref(&n->inflight);
	kv_val_unref(&n->durable);
	kv_val_unref(&n->applying);
	free(n);
}

void
kv_overlay_init(struct kv_overlay *o, uint64_t seed)
{
	struct kv_key none = { 0 };

	memset(o, 0, sizeof(*o));
	o->head = node_new(&none, KV_LEVELS);
	list_init(&o->dirty);
	o->random = seed | 1;
}

void
kv_overlay_fini(struct kv_overlay *o)
{
	struct kv_node *n = o->head, *next;

	for (; n != NULL; n = next) {
		next = n->next[0];
		node_free(n);
	}
	o->head = NULL;
}

/*
 * The last node below the key on each level.  behind: the first one that is
 * not, as far as known; NULL is the end.
 */
static void
find_path(const struct kv_overlay *o, const struct kv_key *key, bool past_equal,
    struct kv_node *path[KV_LEVELS])
{
	struct kv_node *n = o->head, *next, *behind = NULL;
	int c;

	for (int level = KV_LEVELS - 1; level >= 0; level--) {
		while ((next = n->next[level]) != behind) {
			c = kv_key_cmp(&next->key, key);
			if (c > 0 || (c == 0 && !past_equal)) {
				behind = next;
				break;
			}
			n = next;
		}
		path[level] = n;
	}
}

struct kv_node *
kv_overlay_get(const struct kv_overlay *o, const struct kv_key *key)
{
	struct kv_node *n = kv_overlay_find(o, KV_GE, key);

	return n != NULL && kv_key_cmp(&n->key, key) == 0 ? n : NULL;
}

struct kv_node *
kv_overlay_find(const struct kv_overlay *o, enum kv_dir dir, const struct kv_key *key)
{
	struct kv_node *path[KV_LEVELS];

	if (o->count == 0)
		return NULL;
	find_path(o, key, dir == KV_GT || dir == KV_LE, path);
	if (dir == KV_GE || dir == KV_GT)
		return path[0]->next[0];
	return path[0] == o->head ? NULL : path[0];
}

static unsigned
random_levels(struct kv_overlay *o)
{
	unsigned levels = 1;
	uint64_t r;

	o->random ^= o->random << 13;
	o->random ^= o->random >> 7;
	o->random ^= o->random << 17;
	for (r = o->random; levels < KV_LEVELS && (r & 3) == 0; r >>= 2)
		levels++;
	return levels;
}

struct kv_node *
kv_overlay_add(struct kv_overlay *o, const struct kv_key *key)
{
	struct kv_node *path[KV_LEVELS], *n;

	find_path(o, key, false, path);
	n = path[0]->next[0];
	if (n != NULL && kv_key_cmp(&n->key, key) == 0)
		return n;
	n = node_new(key, random_levels(o));
	for (unsigned i = 0; i < n->levels; i++) {
		n->next[i] = path[i]->next[i];
		path[i]->next[i] = n;
	}
	o->count++;
	return n;
}

void
kv_overlay_remove(struct kv_overlay *o, struct kv_node *n)
{
	struct kv_node *path[KV_LEVELS];

	find_path(o, &n->key, false, path);
	for (unsigned i = 0; i < n->levels; i++)
		if (path[i]->next[i] == n)
			path[i]->next[i] = n->next[i];
	o->count--;
	node_free(n);
}
