/* SPDX-License-Identifier: ISC */
/*
 * What a shard knows beyond its LMDB file: an ordered list (skip list) of
 * keys, each with its newest value (submitted), the one being written to the
 * journal, the durable one, and the one being copied into the LMDB file.  All
 * belong to the main thread; other threads only read the bytes of values that
 * a batch or checkpoint holds a reference to.
 */
#ifndef KV_OVERLAY_H
#define KV_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "store/kv.h"

#define KV_LEVELS	12

struct kv_val {
	uint32_t	 refs;
	uint16_t	 n;
	bool		 is_gone;	/* the key was removed */
	unsigned char	 b[];
};

struct kv_node {
	uint64_t	 txn;		/* serial of the transaction that wrote newest */
	struct list	 link;		/* in dirty */
	struct kv_val	*newest;
	struct kv_val	*inflight;
	struct kv_val	*durable;
	struct kv_val	*applying;
	/* All that a search touches lies together, in one cache line mostly. */
	uint8_t		 levels;
	struct kv_key	 key;
	struct kv_node	*next[];
};

struct kv_overlay {
	struct kv_node	*head;
	struct list	 dirty;		/* written since the last batch */
	size_t		 count;
	uint64_t	 random;
};

struct kv_val	*kv_val_new(struct slice, bool is_gone);
struct kv_val	*kv_val_ref(struct kv_val *);
void		 kv_val_unref(struct kv_val **);

int		 kv_key_cmp(const struct kv_key *, const struct kv_key *);

void		 kv_overlay_init(struct kv_overlay *, uint64_t seed);
void		 kv_overlay_fini(struct kv_overlay *);
struct kv_node	*kv_overlay_get(const struct kv_overlay *, const struct kv_key *);
struct kv_node	*kv_overlay_add(struct kv_overlay *, const struct kv_key *);
void		 kv_overlay_remove(struct kv_overlay *, struct kv_node *);
struct kv_node	*kv_overlay_find(const struct kv_overlay *, enum kv_dir, const struct kv_key *);

#endif
