/* SPDX-License-Identifier: ISC */
/*
 * What the files of the embedded engine share: kv_files.c (opening and
 * closing), kv_lmdb.c (transactions), kv_cycle.c (batches, checkpoints, replay).
 */
#ifndef KV_LMDB_PRIV_H
#define KV_LMDB_PRIV_H

#include "lib/db/db.h"
#include "store/kv_lmdb.h"
#include "store/kv_overlay.h"
#include "store/kv_teller.h"

#define KV_REDO_HEAD_BYTES	6	/* shard 2, key length 1, gone 1, value length 2 */

struct shard {
	struct db		*db;
	struct db_txn		*snapshot;	/* parked between transactions */
	unsigned		 users;		/* of the snapshot */
	struct kv_overlay	 overlay;
	uint64_t		 applied;	/* last batch in the file */
	struct db_txn		*replay;
};

struct done {
	kv_done_fn	*fn;
	void		*arg;
};

struct dones {
	struct done	*v;
	size_t		 n;
	size_t		 cap;
};

struct kv {
	struct shard		 shards[KV_SHARDS_MAX];
	unsigned		 count;
	kv_kick_fn		*kick;
	void			*kick_arg;
	struct kv_teller	 teller;
	uint64_t		 serial;
	size_t			 pending_bytes;
	struct dones		 pending;
	struct dones		 inflight;
	struct kv_node		**batch;	/* nodes with an inflight value */
	unsigned char		*batch_shard;	/* and the shard of each */
	size_t			 batch_n;
	size_t			 batch_cap;
};

static inline struct slice
kv_key_slice(const struct kv_key *k)
{
	return slice_of(k->b, k->n);
}

/* Of the shard itself. */
static inline struct kv_key
kv_system_key(char type)
{
	struct kv_key k = { 9, { 0 } };

	k.b[8] = (unsigned char)type;
	return k;
}

void		 kv_drop_if_empty(struct shard *, struct kv_node *);

#endif
