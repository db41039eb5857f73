/* SPDX-License-Identifier: ISC */
#include "imapd/imap_tree.h"

#include <stdlib.h>

#include "lib/base/must.h"

/* Children of a node are order[first .. first + count). */
struct kids { uint32_t first, count; };

struct tree {
	struct imap_tree_node	*v;
	uint32_t		 count;
	uint32_t		*order;		/* indexes, siblings together */
	struct kids		*kids;		/* of each node; [count]: of the top */
	uint32_t		 live;
};

static bool
is_before(const struct imap_tree_node *a, const struct imap_tree_node *b)
{
	return a->date != b->date ? a->date < b->date : a->uid < b->uid;
}

void
imap_tree_date_dummies(struct imap_tree_node *v, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (v[i].number == 0)
			v[i].uid = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct imap_tree_node *up;

		if (v[i].number == 0 || v[i].parent >= IMAP_TREE_GONE)
			continue;
		up = &v[v[i].parent];
		if (up->number == 0 && (up->uid == 0 || is_before(&v[i], up))) {
			up->date = v[i].date;
			up->uid = v[i].uid;
		}
	}
}

/* ---- siblings ---- */

static int
by_parent(const void *a, const void *b, void *arg)
{
	const struct imap_tree_node *v = arg;
	const struct imap_tree_node *x = &v[*(const uint32_t *)a], *y = &v[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return is_before(x, y) ? -1 : is_before(y, x);
}

static void
arrange(struct tree *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->v[i].parent != IMAP_TREE_GONE)
			t->order[t->live++] = i;
	qsort_r(t->order, t->live, sizeof(*t->order), by_parent, t->v);
	for (uint32_t i = 0; i < t->live; i++) {
		uint32_t up = t->v[t->order[i]].parent;
		struct kids *k = &t->kids[up == IMAP_TREE_TOP ? t->count : up];

		if (k->count++ == 0)
			k->first = i;
	}
}

/* ---- threads by their newest message ---- */

struct thread { int64_t latest; uint32_t uid, top; };

static int
by_newest(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	if (x->latest != y->latest)
		return x->latest < y->latest ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* The top of a node's thread; ways are shortened as they are walked. */
static uint32_t
find_top(uint32_t *up, uint32_t i)
{
	uint32_t top = i, next;

	while (up[top] != top)
		top = up[top];
	for (; i != top; i = next) {
		next = up[i];
		up[i] = top;
	}
	return top;
}

static void
note_newest(struct thread *th, const struct imap_tree_node *n)
{
	if (th->uid != 0 && (n->date < th->latest || (n->date == th->latest && n->uid < th->uid)))
		return;
	th->latest = n->date;
	th->uid = n->uid;
}

static void
arrange_tops(struct tree *t)
{
	struct kids *k = &t->kids[t->count];
	struct thread *threads = must_alloc((size_t)t->count + 1, sizeof(*threads));
	uint32_t *up = must_alloc((size_t)t->count + 1, sizeof(*up));
	uint32_t *tops = t->order + k->first;
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->count; i++)
		up[i] = t->v[i].parent >= IMAP_TREE_GONE ? i : t->v[i].parent;
	for (uint32_t i = 0; i < t->count; i++)
		if (t->v[i].number != 0 && t->v[i].parent != IMAP_TREE_GONE)
			note_newest(&threads[find_top(up, i)], &t->v[i]);
	/* Those of the tops come first, packed. */
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->v[i].parent != IMAP_TREE_TOP)
			continue;
		threads[count] = threads[i];
		threads[count++].top = i;
	}
	qsort(threads, count, sizeof(*threads), by_newest);
	for (uint32_t i = 0; i < count; i++)
		tops[i] = threads[i].top;
	free(up);
	free(threads);
}

/* ---- the response ---- */

/*
 * One thread: a line of only children, then the places where it branches, each
 * kept on the stack with the children that are still to come.
 */
static void
put_thread(struct buf *b, const struct tree *t, uint32_t node, struct kids *stack)
{
	uint32_t depth = 0;

	for (;;) {
		const struct kids *k = &t->kids[node];

		buf_put_char(b, '(');
		for (; k->count == 1; k = &t->kids[node]) {
			if (t->v[node].number != 0) {
				buf_put_num(b, t->v[node].number);
				buf_put_char(b, ' ');
			}
			node = t->order[k->first];
		}
		if (t->v[node].number != 0)
			buf_put_num(b, t->v[node].number);
		if (k->count > 1) {
			if (t->v[node].number != 0)
				buf_put_char(b, ' ');
			stack[depth++] = *k;
		} else {
			buf_put_char(b, ')');
		}
		for (; depth > 0 && stack[depth - 1].count == 0; depth--)
			buf_put_char(b, ')');
		if (depth == 0)
			return;
		node = t->order[stack[depth - 1].first++];
		stack[depth - 1].count--;
	}
}

void
imap_tree_put(struct buf *b, struct imap_tree_node *v, uint32_t count, bool by_latest)
{
	struct tree t = { .v = v, .count = count };
	struct kids *stack = must_alloc((size_t)count + 1, sizeof(*stack));
	const struct kids *tops;

	t.order = must_alloc((size_t)count + 1, sizeof(*t.order));
	t.kids = must_alloc((size_t)count + 1, sizeof(*t.kids));
	imap_tree_date_dummies(v, count);
	arrange(&t);
	if (by_latest)
		arrange_tops(&t);
	tops = &t.kids[count];
	for (uint32_t i = 0; i < tops->count; i++)
		put_thread(b, &t, t.order[tops->first + i], stack);
	free(t.kids);
	free(t.order);
	free(stack);
}
