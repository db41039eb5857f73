/* SPDX-License-Identifier: ISC */
/*
 * Intrusive chained hash map.  The caller compares keys: map_first gives the
 * first node with that hash, map_next the following one.  Hash strings that
 * strangers choose with hash_slice, which is SipHash-2-4 under a key random
 * per process.
 */
#ifndef MAP_H
#define MAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"

struct map_node {
	struct map_node	*next;
	uint64_t	 hash;
};

struct map {
	struct map_node	**slots;
	size_t		  mask;
	size_t		  count;
};

void		 map_init(struct map *);
void		 map_fini(struct map *);		/* the nodes stay */
void		 map_insert(struct map *, struct map_node *, uint64_t hash);
void		 map_remove(struct map *, struct map_node *);	/* must be in */
struct map_node	*map_first(const struct map *, uint64_t hash);
struct map_node	*map_next(const struct map_node *);	/* same hash, or NULL */
/* Walk all: start with *slot = 0 and prev = NULL; do not insert meanwhile. */
struct map_node	*map_walk(const struct map *, size_t *slot, struct map_node *prev);

uint64_t	 hash_slice(struct slice);
uint64_t	 hash_islice(struct slice);	/* ASCII case folded */
uint64_t	 hash_u64(uint64_t);
/* SipHash-2-4 under a given 16-byte key. */
uint64_t	 hash_sip(const unsigned char key[16], const void *, size_t);

#endif
