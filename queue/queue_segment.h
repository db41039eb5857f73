/* SPDX-License-Identifier: ISC */
/*
 * Segments as files: "segment-" and sixteen hex digits below one directory.
 * Blocking; used by the writer thread, the pool and the start, never by the
 * loop.  One writer appends to one segment at a time; what was appended is
 * durable only after queue_segment_sync.  The directory entry of a new
 * segment is synced before anything in it.  A failed sync ends the process
 * (the kernel may have dropped the pages: only recovery knows the truth).
 */
#ifndef QUEUE_SEGMENT_H
#define QUEUE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "queue/queue_record.h"

#define QUEUE_SEGMENT_BYTES	(64ull << 20)
#define QUEUE_SEGMENT_NAME	32	/* with NUL */

/* Where a record is. */
struct queue_spot {
	uint64_t	 number;	/* of the segment */
	uint64_t	 off;
	uint32_t	 meta_bytes;
	uint64_t	 body_bytes;
};

void		 queue_segment_name(char dst[QUEUE_SEGMENT_NAME], uint64_t number);
/* Numbers of all segments, ascending; *numbers is malloced. */
enum err	 queue_segment_list(int dir, uint64_t **numbers, size_t *count) MUST_USE;

/* ---- writing */
struct queue_segment;

/* Makes the file and syncs its directory entry. ERR_FULL, ERR_IO. */
enum err	 queue_segment_create(struct queue_segment **, int dir, uint64_t number,
		    uint32_t flags, uint64_t now_ms) MUST_USE;
uint64_t	 queue_segment_number(const struct queue_segment *);
uint64_t	 queue_segment_bytes(const struct queue_segment *);
/*
 * Append one record.  Sums are made here; *spot says where it went.  On an
 * error (ERR_FULL, ERR_IO) nothing of it is left in the file.
 */
enum err	 queue_segment_append(struct queue_segment *, struct queue_record *,
		    struct slice meta, struct slice body, struct queue_spot *) MUST_USE;
/* The same with a body of record->body_bytes from a descriptor's offset. */
enum err	 queue_segment_append_from(struct queue_segment *, struct queue_record *,
		    struct slice meta, int fd, uint64_t off, struct queue_spot *) MUST_USE;
void		 queue_segment_sync(struct queue_segment *);
/* Write the index, sync, close. */
void		 queue_segment_finish(struct queue_segment **);
/* Close without an index, as a crash would. */
void		 queue_segment_abandon(struct queue_segment **);

/* Remove the file and sync the directory. */
void		 queue_segment_unlink(int dir, uint64_t number);

/* ---- reading */
struct queue_segment_reader {
	int				 fd;
	uint64_t			 bytes;
	struct queue_segment_head	 head;
};
/* ERR_NOTFOUND, ERR_CORRUPT, ERR_VERSION, ERR_IO. */
enum err	 queue_segment_open(struct queue_segment_reader *, int dir, uint64_t number,
		    bool writable) MUST_USE;
void		 queue_segment_close(struct queue_segment_reader *);
/* Exactly n bytes or an error: ERR_IO, ERR_CORRUPT when the file ends. */
enum err	 queue_segment_read(const struct queue_segment_reader *, uint64_t off,
		    void *dst, size_t n) MUST_USE;
/* Head (checked) and meta (sum checked) of the record at the spot. */
enum err	 queue_segment_get(const struct queue_segment_reader *,
		    const struct queue_spot *, struct queue_record *, struct buf *meta) MUST_USE;
/* Check the body's sum. */
enum err	 queue_segment_check_body(const struct queue_segment_reader *, uint64_t off,
		    const struct queue_record *) MUST_USE;
/* Copy the bytes to a new file corrupt-NUMBER-OFFSET and sync it. */
enum err	 queue_segment_set_aside(const struct queue_segment_reader *, int dir,
		    uint64_t off, uint64_t bytes) MUST_USE;

/*
 * A segment without a head (ERR_CORRUPT from open): removed when it is empty
 * or all zero, else renamed to corrupt-segment-NUMBER and *kept set.
 */
enum err	 queue_segment_discard(int dir, uint64_t number, bool *kept) MUST_USE;
/* The file now ends at off; synced. */
enum err	 queue_segment_cut(struct queue_segment_reader *, uint64_t off) MUST_USE;

#endif
