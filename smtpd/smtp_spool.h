/* SPDX-License-Identifier: ISC */
/*
 * The body of one message until queue has it: in memory up to
 * QUEUE_MEMFD_MAX, then a sealed memfd; larger, or when the memory of all
 * messages (struct smtp_pool) is used up, a file that queue gives, written as
 * lib/seal's chunks under a fresh key.  The owner asks queue for the file
 * when smtp_spool_put says so.
 */
#ifndef SMTP_SPOOL_H
#define SMTP_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct chunkfile_writer;

struct smtp_pool {
	uint64_t	 used_bytes;
	uint64_t	 max_bytes;
};

enum smtp_spool_at { SPOOL_MEMORY, SPOOL_ASKED, SPOOL_FILE, SPOOL_FAILED };

struct smtp_spool {
	struct smtp_pool	*pool;
	enum smtp_spool_at	 at;
	enum err		 failed;	/* SPOOL_FAILED: why */
	struct buf		 mem;
	int			 fd;
	struct chunkfile_writer	*writer;
};

void		 smtp_spool_init(struct smtp_spool *, struct smtp_pool *);
void		 smtp_spool_reset(struct smtp_spool *);	/* forget all, ready for the next */

/*
 * ERR_OK taken; ERR_AGAIN: taken, now ask queue for a file (at is SPOOL_ASKED
 * then, and every put says so until the file comes); ERR_FULL: no memory.
 */
enum err	 smtp_spool_put(struct smtp_spool *, struct slice) MUST_USE;
/* The file has come: what is in memory goes there. */
enum err	 smtp_spool_use_file(struct smtp_spool *, int take_fd) MUST_USE;
void		 smtp_spool_fail(struct smtp_spool *, enum err);

/*
 * Complete: the descriptor to hand over (it stays the spool's), its form and,
 * for a file, the key, borrowed until reset.
 */
enum err	 smtp_spool_finish(struct smtp_spool *, int *fd, uint8_t *form,
		    struct slice *key, uint64_t *bytes) MUST_USE;

#endif
