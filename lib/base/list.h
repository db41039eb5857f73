/* SPDX-License-Identifier: ISC */
/*
 * Intrusive doubly linked ring.  A head and a node are the same struct; an
 * unlinked node points to itself.  Use obj_of() to get at the object.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list	*prev;
	struct list	*next;
};

static inline void
list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_insert_before(struct list *at, struct list *n)
{
	n->prev = at->prev;
	n->next = at;
	at->prev->next = n;
	at->prev = n;
}

/* At the tail. */
static inline void
list_push(struct list *head, struct list *n)
{
	list_insert_before(head, n);
}

/* Legal on an unlinked node. */
static inline void
list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* The first node, or NULL. */
static inline struct list *
list_first(const struct list *head)
{
	return head->next == head ? NULL : head->next;
}

/* The node behind n, or NULL at the end. */
static inline struct list *
list_next(const struct list *head, const struct list *n)
{
	return n->next == head ? NULL : n->next;
}

/* Safe against removal of n itself. */
#define LIST_EACH(n, tmp, head)						\
	for ((n) = (head)->next, (tmp) = (n)->next; (n) != (head);	\
	    (n) = (tmp), (tmp) = (n)->next)

#endif
