/* SPDX-License-Identifier: ISC */
/*
 * The immutable half of the store's engine: bodies, long summaries, column
 * blocks and epoch keys.  A blob is put before the kv transaction that names
 * it is submitted, becomes durable with the same batch and is never changed;
 * blob_free gives its bytes up.  What a crash or a failed transaction leaves is
 * an unreferenced record.  A blob may have a note, which goes where it goes:
 * what gwstore repair has to know of it when the index is lost (store_note.h).
 *
 * blob_segment.c is the embedded engine: one stream of append-only files for
 * all shards.  Each record describes itself: account, content id, kind,
 * lengths and checksum.  blob_mem.c is the one in memory, for tests.
 * blob_walk.h is how all blobs are gone through.
 */
#ifndef BLOB_H
#define BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define BLOB_INLINE_MAX		(64u << 10)	/* blob_put; beyond it blob_put_fd */
#define BLOB_PENDING_BYTES_MAX	(4u << 20)	/* not yet durable; then ERR_BUSY */
#define BLOB_NOTE_MAX		1000

struct blob;

/* BLOB_EPOCH: content is the epoch's id. */
enum blob_kind { BLOB_BODY = 1, BLOB_SUMMARY = 2, BLOB_COLUMNS = 3, BLOB_EPOCH = 4 };
struct blob_ref {
	uint32_t	 segment;	/* 0: none */
	uint64_t	 offset;	/* of the record */
	uint64_t	 bytes;		/* of the data */
	uint16_t	 note;		/* bytes of it */
};
/* Both name the same record. */
static inline bool
blob_ref_eq(const struct blob_ref *a, const struct blob_ref *b)
{
	return a->segment == b->segment && a->offset == b->offset && a->bytes == b->bytes &&
	    a->note == b->note;
}

enum err	 blob_put(struct blob *, uint64_t account, uint64_t content, enum blob_kind,
		    struct slice data, struct slice note, struct blob_ref *) MUST_USE;
/* Takes the descriptor, of which the first bytes are the data. */
enum err	 blob_put_fd(struct blob *, uint64_t account, uint64_t content,
		    enum blob_kind, int take_fd, uint64_t bytes, struct slice note,
		    struct blob_ref *) MUST_USE;
/* Appends up to n bytes from offset of the data; fewer at its end. */
enum err	 blob_read(struct blob *, const struct blob_ref *, uint64_t offset, size_t n,
		    struct buf *) MUST_USE;
/* Appends its note. */
enum err	 blob_note(struct blob *, const struct blob_ref *, struct buf *) MUST_USE;
/* Reads the whole record: does it say what the index says, and is it whole? */
enum err	 blob_check(struct blob *, const struct blob_ref *, uint64_t account,
		    uint64_t content, enum blob_kind) MUST_USE;
/* Its transaction (or the one that removed it) is submitted: count it. */
void		 blob_use(struct blob *, const struct blob_ref *);
void		 blob_free(struct blob *, const struct blob_ref *);

/*
 * Put, but its transaction is yet to come: the segment stays where it is until
 * it is used or given up.  Forgotten at the end of the process.
 */
void		 blob_hold(struct blob *, const struct blob_ref *);
void		 blob_release(struct blob *, const struct blob_ref *);

struct blob_stat {
	uint64_t	 segments;
	uint64_t	 bytes;
	uint64_t	 live_bytes;
	uint64_t	 punched_bytes;	/* of the dead ones, given back to the disk */
	uint64_t	 records;	/* live */
	uint64_t	 dead_since_s;	/* the oldest that waits for compaction; 0: none seen */
};
void		 blob_stat(const struct blob *, struct blob_stat *);

#endif
