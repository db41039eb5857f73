/* SPDX-License-Identifier: ISC */
/*
 * Binary min-heap of intrusive nodes by a u64 key; every step O(log n).
 * The heap owns its array of pointers, never the nodes.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	uint64_t	 key;
	size_t		 pos;		/* 1-based; 0: not in a heap */
};

struct heap {
	struct heap_node	**nodes;
	size_t			  count;
	size_t			  cap;
	uint64_t		  moves;	/* of nodes so far: what it has cost */
};

void			 heap_init(struct heap *);
void			 heap_fini(struct heap *);
void			 heap_insert(struct heap *, struct heap_node *, uint64_t key);
void			 heap_remove(struct heap *, struct heap_node *);	/* legal when out */
void			 heap_move(struct heap *, struct heap_node *, uint64_t key);
struct heap_node	*heap_first(const struct heap *);	/* NULL when empty */
bool			 heap_has(const struct heap_node *);

#endif
