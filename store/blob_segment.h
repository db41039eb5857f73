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
#include "store/kv.h"

#define BLOB_HEAD_BYTES	40

struct blob_batch;

/* A record's header; ERR_CORRUPT. */
struct blob_head {
	enum blob_kind	 kind;
	uint64_t	 account;
	uint64_t	 content;
	uint64_t	 bytes;
	uint64_t	 sum;
};
enum err	 blob_head_read(struct blob_head *, struct slice) MUST_USE;
/* That of the record which should be there. */
enum err	 blob_head_at(struct blob *, uint32_t segment, uint64_t offset,
		    struct blob_head *) MUST_USE;

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
 * Compaction: store_compact.c empties one segment after the other.  A segment
 * goes only after its records were walked and none was found in use,
 * whatever the counters say.
 */
/* percent 0: all with anything dead.  0: no segment behind that one is due. */
uint32_t	 blob_victim(struct blob *, uint32_t after, unsigned percent, uint64_t now_s);
struct blob_found {
	struct blob_head head;
	struct blob_ref	 ref;
};
/* The record at *offset; moves it on.  ERR_END, ERR_CORRUPT. */
enum err	 blob_walk(struct blob *, uint32_t segment, uint64_t *offset,
		    struct blob_found *) MUST_USE;
/* Puts a copy; then its transaction, then blob_moved.  ERR_BUSY: later. */
enum err	 blob_move(struct blob *, const struct blob_found *, struct blob_ref *to) MUST_USE;
void		 blob_moved(struct blob *, const struct blob_ref *from, const struct blob_ref *to);
/* All transactions that moved what it had are submitted: it goes when they are durable. */
void		 blob_emptied(struct blob *, uint32_t segment);
void		 blob_damaged(struct blob *, uint32_t segment);	/* left alone from now on */
/* An empty one is not unlinked yet, or a closed one not written. */
bool		 blob_is_settling(const struct blob *);
/* When the current segment has anything dead, what comes goes to a new one. */
void		 blob_rotate(struct blob *);
uint64_t	 blob_segment_disk_bytes(const struct blob *, uint32_t segment);

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
