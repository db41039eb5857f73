/* SPDX-License-Identifier: ISC */
/*
 * The store remembers what it delivered of each queue id, so that a second
 * delivery is known; here it is told when it may forget, in batches.  A
 * message with a lost job waits: an append of the lost process may still be
 * in the store's socket, and must meet its record.
 */
#ifndef QUEUE_FORGET_H
#define QUEUE_FORGET_H

#include "queue/queue_core.h"

#define QUEUE_FORGET_BATCH	1000u
#define QUEUE_FORGET_MS		500u
#define QUEUE_FORGET_LATER_MS	60000u
#define QUEUE_FORGET_MAX	1000000u	/* while the store is away */

void	 queue_forget_init(struct queue *);
void	 queue_forget_fini(struct queue *);
/* The completion of the message is durable. */
void	 queue_forget_add(struct queue *, uint64_t id, bool is_unclean);
/* All that is ready, if the store is there. */
void	 queue_forget_send(struct queue *);

#endif
