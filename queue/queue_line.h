/* SPDX-License-Identifier: ISC */
/*
 * Remote recipients wait in the lines of their sites: the scheduler
 * (queue_parcel.h) says whose turn it is, this part gives it what waits and
 * loads what is picked.  A part is up to RELAY_JOB_RCPTS recipients of one
 * message for one site: one entry, one job.
 *
 * A message that waits has its parts and its item in memory, nothing else.
 * Parts belong to their item and live from queue_line_sort until their
 * recipients are done; while one is with relay its message is in hand.
 */
#ifndef QUEUE_LINE_H
#define QUEUE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "queue/queue_parcel.h"

#define QUEUE_RELAY_JOBS	1000u	/* for each relay process */

struct queue;
struct queue_item;
struct queue_msg;

struct queue_bundle {
	struct queue_parcel parcel;
	struct list	 in_item;
	struct queue_item *item;
	bool		 is_picked;	/* waits for its message */
	bool		 in_job;
	bool		 is_expired;	/* picked to be given up */
	uint32_t	 routes;	/* the generation its route is of */
	uint32_t	 count;
	uint32_t	 idx[];		/* of the envelope's recipients */
};

void	 queue_line_init(struct queue *);
void	 queue_line_fini(struct queue *);	/* drops all parts */
/* Options were read, a relay process came or went. */
void	 queue_line_set_limits(struct queue *);
/*
 * After the route sections were read anew.  What waits keeps its time; where
 * it goes is looked up again when it is picked.
 */
void	 queue_line_set_routes(struct queue *);

/*
 * Remote recipients that are pending and in no line are put into one; they
 * are tried at next_ms (0: at once).
 */
void	 queue_line_sort(struct queue_msg *, uint64_t next_ms);
/* A message was loaded again: its recipients know that they are in a line. */
void	 queue_line_mark(struct queue_msg *);
/* Give picks to relay, or load their message; the timer's function. */
void	 queue_line_go(void *q);
/* The message is in hand, with its body: what was picked of it starts. */
void	 queue_line_start(struct queue_msg *);
/* It could not be loaded: what was picked waits until then. */
void	 queue_line_postpone(struct queue *, struct queue_item *, uint64_t at_ms);
bool	 queue_line_is_picked(const struct queue_item *);

/* The part is done with: nothing of it is pending. */
void	 queue_line_end(struct queue *, struct queue_bundle **);
/* All parts of a message, none with relay. */
void	 queue_line_drop(struct queue *, struct queue_item *);
/* When the first part is tried; QUEUE_SITES_NEVER: none waits. */
uint64_t queue_line_next(const struct queue *, const struct queue_item *);

#endif
