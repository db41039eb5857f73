/* SPDX-License-Identifier: ISC */
/*
 * The records of messages, through the writer thread: what is on disk and the
 * item in memory change together, when the record is durable.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include "queue/queue_core.h"

/* How a refusal of the disk is told to the client, and for how long stuck
 * completions wait. */
#define QUEUE_STUCK_MS		1000u
#define QUEUE_KEPT_REASON	"mail for other domains waits for the relay"

/* S1 or S2 to S4; ends in queue_msg_stored, maybe at once. */
void		 queue_spool_message(struct queue_msg *);
/* The state of all recipients, as it is now. */
void		 queue_spool_result(struct queue_msg *);
/* All recipients are done: S7, and S8 when that is durable. */
void		 queue_spool_done(struct queue *, struct queue_item *);
/* Its record is damaged: set it aside, then as done. */
void		 queue_spool_aside(struct queue *, struct queue_item *);
/* Completions that found no room are written again. */
void		 queue_spool_retry(struct queue *);

/* The segment of a durable record, known from now on. */
struct queue_seg *queue_spool_seg(struct queue *, uint64_t number, bool single);
/* Remove the file of a segment that may go. */
void		 queue_spool_unlink(struct queue *, struct queue_seg *);
/* Room for a message of this size: ERR_FULL. */
enum err	 queue_spool_room(struct queue *, uint64_t bytes) MUST_USE;

#endif
