/* SPDX-License-Identifier: ISC */
/*
 * The states a message goes through in the queue, what each means on disk,
 * and every step from one to the next.  godwit-queue(7) prints these rows and
 * a test compares.  The rule behind them: a 250 is given in S3 or S5 only,
 * and kill -9 at any step loses nothing that had its 250.
 *
 * Each step is a crash point of test builds: GODWIT_CRASH_AT=queue.<name>
 * ends the process right after it (daemon_crash_at).
 */
#ifndef QUEUE_STATE_H
#define QUEUE_STATE_H

#include <stdbool.h>
#include <stddef.h>

enum queue_state {
	QUEUE_S1_OPEN = 1,	/* a transaction */
	QUEUE_S2_DIRECT,	/* with deliver, not spooled */
	QUEUE_S3_DELIVERED,	/* complete, never spooled */
	QUEUE_S4_WRITING,	/* record on its way to the disk */
	QUEUE_S5_STORED,	/* record durable */
	QUEUE_S6_TRIED,		/* as S5, with a RESULT record */
	QUEUE_S7_FINISHING,	/* complete, DONE on its way to the disk */
	QUEUE_S8_REMOVED,	/* DONE durable */
	QUEUE_S9_ASIDE		/* the record is damaged */
};
#define QUEUE_STATE_FIRST	QUEUE_S1_OPEN
#define QUEUE_STATE_LAST	QUEUE_S9_ASIDE

struct queue_state_row {
	enum queue_state	 state;
	const char		*name;
	const char		*disk;		/* what is there */
	const char		*recovery;	/* what a restart makes of it */
};

/* from 0: the step is about a segment, not about one message. */
struct queue_state_step {
	enum queue_state	 from;
	enum queue_state	 to;
	const char		*name;		/* the crash point */
	const char		*what;
};

extern const struct queue_state_row	queue_state_rows[];
extern const size_t			queue_state_rows_count;
extern const struct queue_state_step	queue_state_steps[];
extern const size_t			queue_state_steps_count;

const struct queue_state_row	*queue_state_find(enum queue_state);
bool	 queue_state_may(enum queue_state from, enum queue_state to);
/* Moves *state; an illegal step is a bug of ours. */
void	 queue_state_move(enum queue_state *state, enum queue_state to);

#endif
