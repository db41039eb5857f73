/* SPDX-License-Identifier: ISC */
/*
 * The journal's two files.  A batch starts at a multiple of 512 bytes: u32
 * magic "GWJ1", u32 index bytes, u32 body bytes, u32 zero, u64 number, u64
 * checksum (store/blob_sum.h) of these fields and all that follows; the index
 * entries; the body entries.  Numbers within a file are consecutive, which
 * tells a file's new content from what its last use left behind.
 *
 * A file is written past the page cache where its file system takes that: each
 * byte is written once and read at the next start, if at all.  What is ahead of
 * the batches is filled with zeros in larger pieces, since a sync that makes
 * bytes of a file the first ones there writes its inode too.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define JOURNAL_BYTES		(16u << 20)
#define JOURNAL_HEAD_BYTES	32
#define JOURNAL_ALIGN		512
#define JOURNAL_PIECE_BYTES	(512u << 10)	/* the most of one write */

struct journal {
	int		 fd;		/* -1: closed */
	bool		 is_direct;
	uint64_t	 filled;	/* bytes from its start were written since journal_start */
	unsigned char	*piece;		/* aligned for a direct write */
};

/* Makes the file with its space when it is not there. */
enum err	 journal_open(struct journal *, int dir_fd, unsigned idx) MUST_USE;
/* After the recovery has read it: what is in it may go. */
void		 journal_start(struct journal *);
void		 journal_close(struct journal *);

/* A batch: begin leaves room for the head, end fills it in and pads. */
void		 journal_batch_begin(struct buf *);
void		 journal_batch_end(struct buf *, uint64_t number, size_t index_bytes);

/* A padded batch, where the last one ended; synced. */
enum err	 journal_write(struct journal *, uint64_t offset, struct slice batch) MUST_USE;

struct journal_batch {
	uint64_t	 number;
	struct slice	 index;
	struct slice	 bodies;
};
/* The batch at *offset of a file's bytes; ERR_END when none is whole there. */
enum err	 journal_next(struct slice file, size_t *offset, uint64_t after,
		    struct journal_batch *) MUST_USE;

#endif
