/* SPDX-License-Identifier: ISC */
/*
 * Memory of one command or transaction, freed at once by its owner.  max
 * bounds the sum of all allocations; beyond it arena_alloc returns NULL,
 * which is an ordinary ERR_LIMIT for the caller.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

#include "lib/base/slice.h"

struct arena_block;

struct arena {
	struct arena_block	*blocks;
	size_t			 used;		/* in the newest block */
	size_t			 total_bytes;
	size_t			 max_bytes;
};

void		 arena_init(struct arena *, size_t max_bytes);
void		 arena_fini(struct arena *);
void		 arena_wipe(struct arena *);	/* what is in it was secret; then fini */
void		 arena_reset(struct arena *);	/* free all, keep the cap */

/* Zeroed, aligned for any type; NULL past the cap. */
void		*arena_alloc(struct arena *, size_t count, size_t size);
/* A copy with a NUL behind it; p is NULL past the cap. */
struct slice	 arena_dup(struct arena *, struct slice);
char		*arena_str(struct arena *, struct slice);

#endif
