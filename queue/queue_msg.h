/* SPDX-License-Identifier: ISC */
/*
 * The life of a message in hand, by the states of queue_state.h.  Whatever
 * changes a message (a job's result, a durable record, a bounce that was
 * taken) ends in queue_msg_settle, the one place that decides what is next.
 */
#ifndef QUEUE_MSG_H
#define QUEUE_MSG_H

#include "queue/queue_core.h"

/* make: state S1, no recipients */
struct queue_msg *queue_msg_new(struct queue *);
void		 queue_msg_free(struct queue_msg **);	/* no jobs, no writes */
/* Findable by its id, once it has one. */
void		 queue_msg_know(struct queue_msg *);
struct queue_msg *queue_msg_find(const struct queue *, uint64_t id);
/* Takes fd; form, size and key are in the envelope. */
void		 queue_msg_take_fd(struct queue_msg *, int take_fd);
void		 queue_msg_close_fd(struct queue_msg *);

/*
 * The envelope is complete and fd is there: deliver it or spool it.  accepted
 * is called once, maybe at once; the message is the queue's from here.
 */
void		 queue_msg_start(struct queue_msg *, queue_accepted_fn *, void *arg);
/* From the spool: it was loaded, because it is due or a part was picked. */
void		 queue_msg_loaded(struct queue_msg *, bool is_due);
/* Its body was loaded, or not. */
void		 queue_msg_fetched(struct queue_msg *, enum err);
/* It is due: give its pending local recipients to deliver. */
void		 queue_msg_try(struct queue_msg *);
void		 queue_msg_settle(struct queue_msg *);
/* Recipients of a class that are still to be reached. */
uint32_t	 queue_msg_pending(const struct queue_msg *, uint8_t class);
/* Give up one recipient; the part that was picked for that.  Settle follows. */
void		 queue_msg_expire(struct queue_msg *, struct queue_rcpt *);
void		 queue_msg_expire_part(struct queue_msg *, struct queue_bundle *);
/* Nothing more is to be done for an item that is not in hand. */
void		 queue_msg_finish_item(struct queue *, struct queue_item *);
/* Real time: when its recipients are given up; of the next attempt. */
uint64_t	 queue_msg_expiry(const struct queue_msg *);
uint64_t	 queue_msg_next(const struct queue_msg *);
/* Its MESSAGE record is durable, or could not be written. */
void		 queue_msg_stored(struct queue_msg *, enum err);

/* Direct messages whose time is up go to the spool. */
void		 queue_msg_direct_due(void *q);

#endif
