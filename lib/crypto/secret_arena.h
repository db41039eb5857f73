/* SPDX-License-Identifier: ISC */
/*
 * Memory for keys of long life: one mapping between guard pages, out of core
 * dumps and swap, where the kernel offers it invisible even to ptrace
 * (memfd_secret).  Falls back to locked memory, then to guarded memory, and
 * says which it got.  Made once, before seccomp; fixed size, so that 64 KiB
 * of locked memory per process suffice.  Released pieces are wiped at once.
 */
#ifndef SECRET_ARENA_H
#define SECRET_ARENA_H

#include <stddef.h>

#define SECRET_ARENA_MAX	(40u << 10)

enum secret_kind { SECRET_HIDDEN = 1, SECRET_LOCKED = 2, SECRET_GUARDED = 3 };

struct secret_arena;

/* bytes is rounded up to pages, at most SECRET_ARENA_MAX. */
struct secret_arena	*secret_arena_new(size_t bytes);
void			 secret_arena_free(struct secret_arena **);
enum secret_kind	 secret_arena_kind(const struct secret_arena *);

/* Zeroed, 16-byte aligned; NULL when there is no room. */
void			*secret_arena_alloc(struct secret_arena *, size_t bytes);
/* Wipe and give back; bytes as in alloc.  NULL is legal. */
void			 secret_arena_release(struct secret_arena *, void *p, size_t bytes);
size_t			 secret_arena_free_bytes(const struct secret_arena *);

#endif
