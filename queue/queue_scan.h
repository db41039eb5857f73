/* SPDX-License-Identifier: ISC */
/*
 * All records of one segment, in order: from its index when it was finished,
 * else by reading it whole.  Then every record is checked, body and all.
 * What does not pass is set aside when something good follows it; at the end
 * of the file it is cut off, and first set aside unless it plainly is a
 * record that was torn by a crash (which was never acknowledged).
 */
#ifndef QUEUE_SCAN_H
#define QUEUE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "queue/queue_segment.h"

struct queue_scan {
	void		(*record)(void *arg, const struct queue_entry *);
	void		(*corrupt)(void *arg, uint64_t off, uint64_t bytes);
	void		 *arg;
	uint64_t	 cut_bytes;	/* result: what was cut off */
	bool		 has_index;	/* result */
};

/* The reader must be writable.  ERR_IO, ERR_FULL. */
enum err	 queue_scan_segment(struct queue_segment_reader *, int dir,
		    struct queue_scan *) MUST_USE;

#endif
