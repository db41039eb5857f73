/* SPDX-License-Identifier: ISC */
/*
 * What operators do to messages in the spool: hold, release, requeue, expire,
 * delete; and flush, by message or by site.  A request names up to
 * QUEUE_SUPER_IDS messages, or goes through all in pages of QUEUE_SUPER_PAGE,
 * so that a million stop nobody; it is answered when what it changed is
 * durable.
 *
 * A message that is on its way just then is not waited for: it is held or
 * given up when its delivery ended without success; one that is deleted is
 * gone after it.
 */
#ifndef QUEUE_SUPER_H
#define QUEUE_SUPER_H

#include "queue/queue_core.h"
#include "queue/queue_tool.h"

#define QUEUE_SUPER_IDS		1000u
#define QUEUE_SUPER_PAGE	2000u

/*
 * args: "h", "H", "r", "e" or "d"; ids, or "ALL" and maybe the cursor.  The
 * text: a line "none ID" for each that is not in the spool, "done COUNT", the
 * cursor while there is more.
 */
void	 queue_super_run(struct queue *, struct slice args, const struct queue_call *);
/* That the operator gave it up is durable (or could not be written): now it is. */
void	 queue_super_doom(struct queue *, struct queue_item *);
/* Something was read or written: requests may be complete. */
void	 queue_super_look(struct queue *);
/* For tests: requests that wait are forgotten. */
void	 queue_super_fini(struct queue *);

/* args: nothing (all), "s" and a site, or "i" and a queue id; 1: not there */
void	 queue_super_flush(struct queue *, struct slice args, const struct queue_call *);

#endif
