/* SPDX-License-Identifier: ISC */
/*
 * The body of one message until queue has it: in memory up to
 * QUEUE_MEMFD_MAX, then a sealed memfd; larger, or when the memory of all
 * messages (struct intake_pool) is used up, a file that queue gives, written as
 * lib/seal's chunks under a fresh key.  The owner asks queue for the file
 * when intake_spool_put says so.
 */
#ifndef INTAKE_SPOOL_H
#define INTAKE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct chunkfile_writer;

struct intake_pool {
	uint64_t	 used_bytes;
	uint64_t	 max_bytes;
};

enum intake_spool_at { SPOOL_MEMORY, SPOOL_ASKED, SPOOL_FILE, SPOOL_FAILED };

struct intake_spool {
	struct intake_pool	*pool;
	enum intake_spool_at	 at;
	enum err		 failed;	/* SPOOL_FAILED: why */
	struct buf		 mem;
	int			 fd;
	struct chunkfile_writer	*writer;
};

void		 intake_spool_init(struct intake_spool *, struct intake_pool *);
void		 intake_spool_reset(struct intake_spool *);	/* forget all, ready for the next */

/*
 * ERR_OK taken; ERR_AGAIN: taken, now ask queue for a file (at is SPOOL_ASKED
 * then, and every put says so until the file comes); ERR_FULL: no memory.
 */
enum err	 intake_spool_put(struct intake_spool *, struct slice) MUST_USE;
/* The file has come: what is in memory goes there. */
enum err	 intake_spool_use_file(struct intake_spool *, int take_fd) MUST_USE;
void		 intake_spool_fail(struct intake_spool *, enum err);

/*
 * Complete: the descriptor to hand over (it stays the spool's), its form and,
 * for a file, the key, borrowed until reset.
 */
enum err	 intake_spool_finish(struct intake_spool *, int *fd, uint8_t *form,
		    struct slice *key, uint64_t *bytes) MUST_USE;

#endif
