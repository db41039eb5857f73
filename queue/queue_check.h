/* SPDX-License-Identifier: ISC */
/*
 * gwsuper -s: read the records of every segment while the queue runs, and
 * count those whose checksums do not hold.  Nothing is changed.  A segment is
 * read in the pool, one to a page; of the one that is written to only what is
 * durable.
 */
#ifndef QUEUE_CHECK_H
#define QUEUE_CHECK_H

#include "queue/queue_core.h"
#include "queue/queue_tool.h"

/* args: maybe the cursor.  Exit code 1 at the end if anything was damaged. */
void	 queue_check_page(struct queue *, struct slice args, const struct queue_call *);

#endif
