/* SPDX-License-Identifier: ISC */
/*
 * House-keeping of segments: those that hold nothing of use are unlinked, and
 * one at a time what lives in a mostly dead one is copied to the current
 * segment.  The copy is durable before the old place is given up.
 */
#ifndef QUEUE_COMPACT_H
#define QUEUE_COMPACT_H

#include "queue/queue_core.h"

#define QUEUE_HOUSE_MS		10000u	/* between rounds */
#define QUEUE_COPIES_MAX	256u	/* records copied in a round */
#define QUEUE_SEGMENT_AGE_MS	3600000u

void	 queue_compact_arm(struct queue *);	/* soon */
void	 queue_compact_due(void *q);		/* the timer's function */

#endif
