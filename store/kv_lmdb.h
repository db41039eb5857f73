/* SPDX-License-Identifier: ISC */
/*
 * The embedded engine behind kv.h: LMDB files index.0 .. index.N-1 in the
 * current directory, one for each shard, and in front of each an overlay of
 * what they do not have yet.  The commit cycle (store_commit.h) drives it:
 *
 *	kv_cut			what was submitted becomes one batch (redo bytes)
 *	kv_made_durable		the batch is in the journal: callbacks run
 *	kv_checkpoint_*		durable values go into the LMDB files, which note
 *				the last batch they hold
 *
 * All but kv_checkpoint_apply belong to the main thread.
 */
#ifndef KV_LMDB_H
#define KV_LMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/kv.h"

#define KV_FORMAT_VERSION	1
#define KV_SHARDS_MAX		64
#define KV_VERSION_BYTES	20

/* kick: something was submitted. */
typedef void kv_kick_fn(void *arg, enum kv_urgency);

/*
 * Opens or makes the files; an existing store keeps its number of shards.
 * ERR_VERSION: made by another version; ERR_CORRUPT: not a whole store.  A file
 * that is missing from a store with mail in it is not made: an empty one would
 * tell the compactor that nothing of what it named is in use.
 * why gets a sentence for the operator.
 */
enum err	 kv_open(struct kv **, unsigned shards, kv_kick_fn *, void *arg,
		    struct buf *why) MUST_USE;
void		 kv_close(struct kv **);
/* Where an account is. */
unsigned	 kv_shard_hash(uint64_t account, unsigned shards);
/* The record that says which file it is, of how many; false: of another format. */
bool		 kv_version_read(struct slice, unsigned *idx, unsigned *shards) MUST_USE;
void		 kv_version_put(unsigned char out[KV_VERSION_BYTES], unsigned idx, unsigned shards);
uint64_t	 kv_last_batch(const struct kv *);	/* highest one in any shard's file */

/* Start: batches found in the journal, in order; entry by entry, then end. */
void		 kv_replay_begin(struct kv *);
enum err	 kv_replay_entry(struct kv *, uint64_t batch, unsigned shard,
		    const struct kv_key *, struct slice value, bool is_gone) MUST_USE;
enum err	 kv_replay_end(struct kv *, uint64_t batch) MUST_USE;

/* The cycle. */
size_t		 kv_pending_count(const struct kv *);	/* transactions since the last cut */
bool		 kv_has_work(const struct kv *);	/* anything to cut */
void		 kv_cut(struct kv *, struct buf *redo);
void		 kv_made_durable(struct kv *);
/* Reads one entry of redo bytes; ERR_END behind the last, ERR_CORRUPT. */
enum err	 kv_redo_next(struct slice *redo, unsigned *shard, struct kv_key *,
		    struct slice *value, bool *is_gone) MUST_USE;

struct kv_checkpoint;
/* NULL when there is nothing to write. */
struct kv_checkpoint *kv_checkpoint_new(struct kv *, uint64_t batch);
enum err	 kv_checkpoint_apply(struct kv_checkpoint *) MUST_USE;	/* any thread */
void		 kv_checkpoint_done(struct kv *, struct kv_checkpoint **);

void		 kv_upkeep(struct kv *);		/* every minute */

#endif
