/* SPDX-License-Identifier: ISC */
/*
 * The engine in memory behind kv.h: nothing outlives the process.  It is there
 * so that what stands above kv.h is known to need nothing of LMDB, and to run
 * the store in tests without a disk; no product is linked with it.  What was
 * submitted becomes durable, in order, at kv_mem_settle (store_commit.h, by
 * commit_mem.c); all belongs to one thread.
 */
#ifndef KV_MEM_H
#define KV_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "store/kv.h"

typedef void kv_mem_kick_fn(void *arg, enum kv_urgency);

struct kv	*kv_mem_new(unsigned shards, kv_mem_kick_fn *, void *arg);
void		 kv_mem_free(struct kv **);	/* what is not durable is dropped */
size_t		 kv_mem_pending(const struct kv *);	/* transactions */
/* All that is submitted is durable; then its callbacks, which may submit more. */
void		 kv_mem_settle(struct kv *);

#endif
