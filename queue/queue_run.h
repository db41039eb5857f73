/* SPDX-License-Identifier: ISC */
/*
 * Messages that are due come back from the spool: read in the pool, at most
 * QUEUE_ACTIVE_MAX at a time, and tried.  Nothing runs before keyd gave its
 * facts and the spool key, nor without a deliver process.
 */
#ifndef QUEUE_RUN_H
#define QUEUE_RUN_H

#include "queue/queue_core.h"

bool	 queue_run_is_ready(const struct queue *);
/* Set the timer for the first that is due; call after anything changed. */
void	 queue_run_arm(struct queue *);
void	 queue_run_due(void *q);	/* the timer's function */
/* A helper came back: what waited for it is due. */
void	 queue_run_back(struct queue *);
/* All that waits is due; how many. */
unsigned queue_run_flush(struct queue *);

#endif
