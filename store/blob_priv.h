/* SPDX-License-Identifier: ISC */
/*
 * What the files of the segment engine share: blob_segment.c (its life),
 * blob_record.c, blob_count.c, blob_place.c, blob_write.c, blob_read.c,
 * blob_compact.c (emptying a segment), blob_punch.c (freed bytes given back).  All of it belongs to the main thread, but for a
 * struct run, which goes with its batch to the journal thread.
 */
#ifndef BLOB_PRIV_H
#define BLOB_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/blob.h"
#include "store/blob_segment.h"
#include "store/blob_sum.h"
#include "store/kv.h"

#define BLOB_ALIGN		8
#define BLOB_COPY_BYTES		(256u << 10)
#define BLOB_CACHE_MAX		16
#define BLOB_SPARE_BYTES	(256u << 10)	/* of a batch's memory that is kept */
#define BLOB_FREED_MAX		1024	/* large ones waiting for their hole */

struct seg {
	uint32_t	 number;
	bool		 is_dirty;	/* counters not in kv yet */
	bool		 is_empty;	/* nothing names a record of it: to be unlinked */
	bool		 is_damaged;	/* cannot be walked; never unlinked */
	uint32_t	 dead_since_s;	/* 0: nothing dead, or not looked at yet */
	uint64_t	 bytes;
	uint64_t	 live_bytes;
	uint64_t	 punched_bytes;	/* of the dead: the file has them no more */
	uint64_t	 records;	/* live */
	uint64_t	 placed_in;	/* the last batch with something of it */
	uint32_t	 held;		/* blobs whose transaction is yet to come */
};

struct cached {
	uint32_t	 segment;
	int		 fd;
	uint64_t	 used;
};

/* A stretch of one segment: gathered bytes, or one descriptor's content. */
struct run {
	uint32_t	 segment;
	bool		 is_new;	/* the file is to be made */
	bool		 is_copy;	/* fd is a segment; head has its sum */
	uint64_t	 offset;
	size_t		 start;		/* in the batch's bytes */
	size_t		 n;		/* gathered; of a descriptor's: the note's */
	int		 fd;		/* -1: gathered */
	uint64_t	 from;		/* where fd's data begin */
	struct blob_head head;		/* for fd */
};

/* Of the journal thread: the segment that it wrote to last. */
struct blob_kept {
	uint32_t	 segment;	/* 0: none; never a number */
	int		 fd;
};

struct blob_batch {
	int		 dir_fd;
	struct blob_kept *kept;		/* the blob's */
	struct buf	 bytes;
	struct run	*runs;
	size_t		 run_n;
	size_t		 run_cap;
};

struct freed {
	struct blob_ref	 ref;
	unsigned	 tries;
};

struct blob {
	struct kv		*kv;
	int			 dir_fd;
	uint64_t		 segment_bytes;
	struct seg		*segs;
	size_t			 seg_n;
	size_t			 seg_cap;
	bool			 has_current;	/* the last seg is ours to write */
	uint32_t		 next_number;
	struct blob_kept	 kept;		/* not ours while a batch is written */
	struct blob_batch	*pending;
	struct blob_batch	*spare;		/* of a batch that is done, for the next; or NULL */
	uint64_t		 serial;	/* of the pending batch */
	uint64_t		 written;	/* of the last that is in the files */
	unsigned		 fd_count;
	uint32_t		*unsynced;
	size_t			 unsynced_n;
	size_t			 unsynced_cap;
	struct cached		 cache[BLOB_CACHE_MAX];
	uint64_t		 tick;
	struct freed		 freed[BLOB_FREED_MAX];
	unsigned		 freed_n;
};

struct seg	*blob_seg_find(const struct blob *, uint32_t number);
int		 blob_seg_open(int dir_fd, uint32_t number, int flags);	/* -1: errno */
struct seg	*blob_seg_add(struct blob *, uint32_t number);	/* at the end */
struct blob_batch *blob_batch_new(struct blob *);
void		 blob_forget_fd(struct blob *, uint32_t segment);
/* blob_record.c; sum: ready to take the data, the fields before it are in. */
void		 blob_head_put(unsigned char p[BLOB_HEAD_BYTES], const struct blob_head *);
void		 blob_head_sum(struct blob_sum *, const struct blob_head *);
/* blob_count.c */
struct kv_key	 blob_counter_key(uint32_t number);
enum err	 blob_load_counters(struct blob *) MUST_USE;
bool		 blob_is_saved_empty(struct kv_txn *durable, uint32_t number);
uint64_t	 blob_padded(uint64_t bytes);	/* of a record with such data and note */
uint64_t	 blob_ref_padded(const struct blob_ref *);
/* The same bytes once more, under the checksum that they were put with. */
enum err	 blob_put_again(struct blob *, const struct blob_head *, struct slice data,
		    struct slice note, struct blob_ref *) MUST_USE;
enum err	 blob_put_fd_again(struct blob *, const struct blob_head *, int take_fd,
		    uint64_t from, struct slice note, struct blob_ref *) MUST_USE;
void		 blob_count_freed(struct blob *, const struct blob_ref *);
void		 blob_freed_add(struct blob *, const struct blob_ref *);	/* blob_punch.c */

#endif
