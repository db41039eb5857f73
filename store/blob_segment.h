/* SPDX-License-Identifier: ISC */
/*
 * Segments: files body.XXXXXXXX (number in hexadecimal) in one directory.
 *
 * Record: u32 magic "GWB1", u8 kind, u8[3] zero, u64 account, u64 content,
 * u64 length, u64 checksum of these fields and the data; data; zeros up to a
 * multiple of 8.
 *
 * The main thread places records and gathers them; blob_batch_write (in the
 * journal thread) writes them.  Small ones are in the journal too and are
 * written here unsynced; large ones, from descriptors, are synced here
 * before the journal names them.  A new segment's directory entry is synced
 * when it is made.  A restarted writer opens a new segment; numbers are never
 * reused.  Bytes and live bytes of each segment are kv records of shard 0
 * that travel in the same batch: (0, 'G', u32 segment) and (0, 'S').
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
#include "store/kv.h"

#define BLOB_HEAD_BYTES	40

struct blob_batch;

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
/* Main thread, after a checkpoint: segments that long have nothing live go. */
void		 blob_remove_dead(struct blob *);

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

/* A record's header for tests and tools; ERR_CORRUPT. */
struct blob_head {
	enum blob_kind	 kind;
	uint64_t	 account;
	uint64_t	 content;
	uint64_t	 bytes;
	uint64_t	 sum;
};
enum err	 blob_head_read(struct blob_head *, struct slice) MUST_USE;

#endif
