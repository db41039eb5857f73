/* SPDX-License-Identifier: ISC */
/*
 * Segments: files body.XXXXXXXX (number in hexadecimal) in one directory.
 *
 * Record: u32 magic "GWB1", u8 kind, u8[3] zero, u64 account, u64 content,
 * u64 length, u64 checksum of these fields and what follows; data; zeros up to
 * a multiple of 8.  One with a note has the magic "GWB2", u8 kind, u8 zero, u16
 * length of the note, and the note behind the data.
 *
 * The main thread places records and gathers them; blob_batch_write (in the
 * journal thread) writes them.  Small ones are in the journal too and are
 * written here unsynced; large ones, from descriptors, are synced here
 * before the journal names them.  A new segment's directory entry is synced
 * when it is made.  A restarted writer opens a new segment; numbers are never
 * reused.  Bytes and live bytes of each segment are kv records of shard 0
 * that travel in the same batch: (0, 'G', u32 segment): u64 bytes, u64 live
 * bytes, u64 live records, u32 time since when something is dead, u8 empty
 * (nothing names a record of it), u8[3] zero, u64 punched bytes; and (0, 'S').
 */
#ifndef BLOB_SEGMENT_H
#define BLOB_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/blob.h"
#include "store/blob_walk.h"
#include "store/kv.h"

#define BLOB_HEAD_BYTES	40

struct blob_batch;

/* A record's header; ERR_CORRUPT. */
enum err	 blob_head_read(struct blob_head *, struct slice) MUST_USE;

/* dir_fd stays the caller's; kv must be recovered. */
enum err	 blob_open(struct blob **, struct kv *, int dir_fd, uint64_t segment_bytes) MUST_USE;
void		 blob_close(struct blob **);

/* Main thread: the counters into kv (when changed), before kv_cut. */
enum err	 blob_save_counters(struct blob *) MUST_USE;
bool		 blob_has_work(const struct blob *);
/* Main thread: everything put since the last cut. */
struct blob_batch *blob_cut(struct blob *);
/* The bytes for the journal: entries of u32 segment, u64 offset, u32 n, bytes. */
void		 blob_batch_redo(const struct blob_batch *, struct buf *);
/* Journal thread. */
enum err	 blob_batch_write_files(struct blob_batch *) MUST_USE;	/* large, synced */
enum err	 blob_batch_write(struct blob_batch *) MUST_USE;	/* small, unsynced */
void		 blob_batch_free(struct blob_batch **);
/* Main thread: the batch is durable; frees it. */
void		 blob_batch_done(struct blob *, struct blob_batch **);

/* Checkpoint: which segments were written unsynced (main), sync them (any thread). */
struct blob_unsynced {
	int		 dir_fd;
	size_t		 n;
	uint32_t	*segments;
};
void		 blob_unsynced_take(struct blob *, struct blob_unsynced *);
enum err	 blob_unsynced_sync(struct blob_unsynced *) MUST_USE;
void		 blob_unsynced_fini(struct blob_unsynced *);
/* Main thread, after a checkpoint: segments that are durably empty go. */
void		 blob_remove_empty(struct blob *);

/*
 * Freed blobs of BLOB_PUNCH_MIN and more: main thread take (those that nothing
 * names any more, durably), any thread run, main thread done.
 */
#define BLOB_PUNCH_MIN	(64u << 10)
struct blob_punch {
	struct blob_ref	 ref;
	bool		 is_done;
};
struct blob_punches {
	int		 dir_fd;
	size_t		 n;
	struct blob_punch *v;
};
void		 blob_punch_take(struct blob *, struct blob_punches *);
void		 blob_punch_run(struct blob_punches *);
void		 blob_punch_done(struct blob *, struct blob_punches *);
void		 blob_punch_fini(struct blob_punches *);

/*
 * For repair (blob_adopt.c).  adopt: files that have no counters get some, and
 * all are as long as they are; how many were strange.  next_segment: 0 at the
 * end.  resync: the next place behind *offset with what may be a record;
 * ERR_END.  uncount: nothing is alive until blob_use says so.
 */
unsigned	 blob_adopt(struct blob *);
uint32_t	 blob_next_segment(const struct blob *, uint32_t after);
enum err	 blob_resync(struct blob *, uint32_t segment, uint64_t *offset) MUST_USE;
void		 blob_uncount(struct blob *);

/* Start, before blob_open: write small records again from the journal. */
struct blob_replay {
	int		 dir_fd;
	int		 fd;
	uint32_t	 segment;
};
void		 blob_replay_init(struct blob_replay *, int dir_fd);
/* One entry of the journal's bytes; moves *redo past it; ERR_END, ERR_CORRUPT. */
enum err	 blob_replay_next(struct blob_replay *, struct slice *redo) MUST_USE;
enum err	 blob_replay_fini(struct blob_replay *) MUST_USE;	/* synced */

#endif
