/* SPDX-License-Identifier: ISC */
/*
 * Attempts at the local recipients of a spooled message: begun when it is
 * due, over when all of their jobs are (queue_job.h), and then the time of
 * the next is known: m->retry_ms.
 */
#ifndef QUEUE_LOCAL_H
#define QUEUE_LOCAL_H

#include "queue/queue_core.h"

/* Begin an attempt, or give up what is past its time. */
void	 queue_local_try(struct queue_msg *);
/* Give the jobs; without its body that is fetched first. */
void	 queue_local_start(struct queue_msg *);
/* No job is under way: when is the next attempt? */
void	 queue_local_end(struct queue_msg *);

#endif
