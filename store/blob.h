/* SPDX-License-Identifier: ISC */
/*
 * The immutable half of the store's engine: bodies, long
 * summaries and column blocks.  A
 * blob is put before the kv transaction that names it is submitted, becomes
 * durable with the same batch and is never changed; blob_free gives its bytes
 * up.  What a crash or a failed transaction leaves is an unreferenced record.
 *
 * blob_segment.c is the embedded engine: one stream of append-only files for
 * all shards.  Each record describes itself: account, content id, kind,
 * length and checksum.
 */
#ifndef BLOB_H
#define BLOB_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define BLOB_INLINE_MAX		(64u << 10)	/* blob_put; beyond it blob_put_fd */
#define BLOB_PENDING_BYTES_MAX	(4u << 20)	/* not yet durable; then ERR_BUSY */

struct blob;

enum blob_kind { BLOB_BODY = 1, BLOB_SUMMARY = 2, BLOB_COLUMNS = 3 };
struct blob_ref {
	uint32_t	 segment;	/* 0: none */
	uint64_t	 offset;	/* of the record */
	uint64_t	 bytes;		/* of the data */
};

enum err	 blob_put(struct blob *, uint64_t account, uint64_t content, enum blob_kind,
		    struct slice data, struct blob_ref *) MUST_USE;
/* Takes the descriptor, of which the first bytes are the data. */
enum err	 blob_put_fd(struct blob *, uint64_t account, uint64_t content,
		    enum blob_kind, int take_fd, uint64_t bytes, struct blob_ref *) MUST_USE;
/* Appends up to n bytes from offset of the data; fewer at its end. */
enum err	 blob_read(struct blob *, const struct blob_ref *, uint64_t offset, size_t n,
		    struct buf *) MUST_USE;
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
};
void		 blob_stat(const struct blob *, struct blob_stat *);

#endif
