/* SPDX-License-Identifier: ISC */
/*
 * gwcat: envelope, header and body of one queued message, in pages.  Between
 * pages the loaded message is kept, QUEUE_CATS_MAX of them at a time, each for
 * QUEUE_CAT_IDLE_MS.  Who looked is logged.
 *
 * A page: bytes as they are; while there is more, a line end and the cursor.
 */
#ifndef QUEUE_CAT_H
#define QUEUE_CAT_H

#include "queue/queue_core.h"
#include "queue/queue_tool.h"

#define QUEUE_CATS_MAX		4u
#define QUEUE_CAT_IDLE_MS	30000u
#define QUEUE_CAT_PIECE		49152u	/* bytes of a page */

/* args: id, letters of what is wanted ("e", "h", "b"), maybe the cursor */
void	 queue_cat_page(struct queue *, struct slice args, const struct queue_call *);
/* For tests: nothing may be read in the pool. */
void	 queue_cat_fini(struct queue *);

#endif
