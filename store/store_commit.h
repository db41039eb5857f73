/* SPDX-License-Identifier: ISC */
/*
 * The commit cycle: how what was submitted becomes durable.
 *
 *  1 What arrived during the previous batch (kv transactions of all shards,
 *    bodies) is one batch.  It gets the next number and one checksum.
 *  2 The journal thread writes large bodies into their segment and syncs it,
 *    writes the small ones unsynced, appends the batch (index values and
 *    small bodies) to the journal, a preallocated file, and syncs that: one
 *    flush for all shards and bodies.  The batch is durable; replies go out.
 *  3 When the journal is half full, or after COMMIT_CHECKPOINT_MS, it changes
 *    to its other file, and the checkpoint thread syncs the segments and then
 *    commits each shard's LMDB file with the batch number it now holds.  Then
 *    the first journal file is free again.
 *
 * A restart applies the batches that the LMDB files do not hold, in order, up
 * to the first that is torn, and goes on with a new segment.  Files: journal.0,
 * journal.1, index.N (kv_lmdb.h), body.XXXXXXXX (blob_segment.h).
 * A write or sync that fails ends the process; it is never tried again.
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/io/loop.h"
#include "store/blob.h"
#include "store/kv.h"

#define COMMIT_CHECKPOINT_MS	5000
#define COMMIT_LAZY_MS		500	/* a KV_LAZY transaction waits this long at most */
#define COMMIT_OPS_MAX		256	/* a batch of so many does not wait for the turn's end */

struct commit;

/*
 * Opens and recovers everything in dir_fd, which must be the current
 * directory too, and starts the threads.  why gets a sentence on failure.
 */
enum err	 commit_open(struct commit **, struct loop *, int dir_fd, unsigned shards,
		    uint64_t segment_bytes, struct buf *why) MUST_USE;
/* Stops the threads; what was not durable is dropped. */
void		 commit_close(struct commit **);

struct kv	*commit_kv(struct commit *);
struct blob	*commit_blob(struct commit *);
/* Runs after the callbacks of each batch. */
void		 commit_on_batch(struct commit *, timer_fn *, void *arg);
/* Make all durable, put it into the index files, then call fn. */
void		 commit_drain(struct commit *, timer_fn *, void *arg);
/* The same checkpoint without an end; for tools and tests. */
void		 commit_checkpoint(struct commit *);
bool		 commit_is_idle(const struct commit *);

struct commit_stat {
	uint64_t	 batches;
	uint64_t	 transactions;
	uint64_t	 checkpoints;
	uint64_t	 journal_bytes;	/* written since the start */
};
void		 commit_stat(const struct commit *, struct commit_stat *);

#endif
