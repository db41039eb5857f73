/* SPDX-License-Identifier: ISC */
/*
 * Messages come back from the spool, read in the pool: those that are due (to
 * be tried, sorted or looked at), at most QUEUE_ACTIVE_MAX at a time, and
 * those of which a part was picked (queue_line.h).  Nothing runs before keyd
 * gave its facts and the spool key; what has local recipients needs a deliver
 * process.
 */
#ifndef QUEUE_RUN_H
#define QUEUE_RUN_H

#include "queue/queue_core.h"

bool	 queue_run_is_ready(const struct queue *);
/* Set the timer for the first that is due; call after anything changed. */
void	 queue_run_arm(struct queue *);
void	 queue_run_due(void *q);	/* the timer's function */
/* Load a message that is not in hand; false: its key is not there. */
bool	 queue_run_load(struct queue *, struct queue_item *, bool want_body) MUST_USE;
/* A load waited for the RESULT, which is written. */
void	 queue_run_go_on(struct queue *, struct queue_item *);
/* Load the body of a message in hand; ends in queue_msg_fetched. */
void	 queue_run_fetch(struct queue_msg *);
/* A helper came back: what waited for it is due. */
void	 queue_run_back(struct queue *);
/* All that waits for time is due; how many messages. */
unsigned queue_run_flush(struct queue *);

#endif
