/* SPDX-License-Identifier: ISC */
#include "lib/base/heap.h"

#include <stdlib.h>

#include "lib/base/must.h"

void
heap_init(struct heap *h)
{
	*h = (struct heap){ .nodes = NULL };
}

void
heap_fini(struct heap *h)
{
	free(h->nodes);
	heap_init(h);
}

static void
heap_place(struct heap *h, size_t pos, struct heap_node *n)
{
	h->nodes[pos - 1] = n;
	n->pos = pos;
	h->moves++;
}

static void
heap_up(struct heap *h, struct heap_node *n)
{
	size_t pos = n->pos;

	while (pos > 1 && h->nodes[pos / 2 - 1]->key > n->key) {
		heap_place(h, pos, h->nodes[pos / 2 - 1]);
		pos /= 2;
	}
	heap_place(h, pos, n);
}

static void
heap_down(struct heap *h, struct heap_node *n)
{
	size_t pos = n->pos, child;

	while ((child = pos * 2) <= h->count) {
		if (child < h->count &&
		    h->nodes[child]->key < h->nodes[child - 1]->key)
			child++;
		if (h->nodes[child - 1]->key >= n->key)
			break;
		heap_place(h, pos, h->nodes[child - 1]);
		pos = child;
	}
	heap_place(h, pos, n);
}

void
heap_insert(struct heap *h, struct heap_node *n, uint64_t key)
{
	must(n->pos == 0);
	if (h->count == h->cap) {
		h->cap = h->cap > 0 ? h->cap * 2 : 16;
		h->nodes = must_realloc(h->nodes, h->cap, sizeof(*h->nodes));
	}
	n->key = key;
	h->count++;
	heap_place(h, h->count, n);
	heap_up(h, n);
}

void
heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *last;
	size_t pos = n->pos;

	if (pos == 0)
		return;
	must(pos <= h->count && h->nodes[pos - 1] == n);
	last = h->nodes[h->count - 1];
	h->count--;
	n->pos = 0;
	if (last == n)
		return;
	heap_place(h, pos, last);
	heap_up(h, last);
	heap_down(h, last);
}

void
heap_move(struct heap *h, struct heap_node *n, uint64_t key)
{
	if (n->pos == 0) {
		heap_insert(h, n, key);
		return;
	}
	n->key = key;
	heap_up(h, n);
	heap_down(h, n);
}

struct heap_node *
heap_first(const struct heap *h)
{
	return h->count > 0 ? h->nodes[0] : NULL;
}

bool
heap_has(const struct heap_node *n)
{
	return n->pos != 0;
}
