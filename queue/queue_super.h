/* SPDX-License-Identifier: ISC */
/*
 * What operators do to messages in the spool: hold, release, requeue, expire,
 * delete, one or all; and flush, by message or by site.  All of them are done
 * in pages (lib/daemon/tool.h), so that a million messages stop nobody.
 *
 * A message that is on its way just then is held or given up when its
 * delivery ended without success; one that is deleted is gone after it.
 */
#ifndef QUEUE_SUPER_H
#define QUEUE_SUPER_H

#include "queue/queue_core.h"

#define QUEUE_SUPER_PAGE	5000u	/* messages in one step */

typedef void queue_super_fn(void *arg, uint64_t id, uint8_t exit, bool more, struct slice);

/* args: "h", "H", "r", "e" or "d"; a queue id or "ALL"; maybe the cursor */
void	 queue_super_run(struct queue *, struct slice args, uint64_t id,
	    queue_super_fn *, void *arg);
/* args: nothing (all), "s" and a site, or "i" and a queue id */
void	 queue_super_flush(struct queue *, struct slice args, uint64_t id,
	    queue_super_fn *, void *arg);
/* Recipients by site and age: a table, largest first. */
void	 queue_super_shape(struct queue *, uint64_t id, queue_super_fn *, void *arg);

#endif
