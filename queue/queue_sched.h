/* SPDX-License-Identifier: ISC */
/*
 * When a message is tried next: a heap by time, and how long to wait.  Pure:
 * every decision is handed the time (real ms, so that it survives a restart).
 */
#ifndef QUEUE_SCHED_H
#define QUEUE_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/heap.h"
#include "queue/queue_table.h"

#define QUEUE_SCHED_NEVER	UINT64_MAX

struct queue_sched {
	struct heap	 due;
	struct list	 waiting;	/* items whose helper is gone */
	uint64_t	 min_backoff_ms;
	uint64_t	 max_backoff_ms;
	uint64_t	 lifetime_ms;
	uint64_t	 bounce_lifetime_ms;
	uint64_t	 real_ahead_ms;	/* of the monotonic clock, when last looked */
	bool		 has_looked;
};

void		 queue_sched_init(struct queue_sched *);
void		 queue_sched_fini(struct queue_sched *);

/* minimal, doubling with each attempt (1: the first) up to maximal */
uint64_t	 queue_sched_doubled(uint64_t min_ms, uint64_t max_ms, uint32_t attempts);
uint64_t	 queue_sched_backoff(const struct queue_sched *, uint32_t attempts);
uint64_t	 queue_sched_expiry(const struct queue_sched *, uint64_t arrival_ms,
		    bool is_bounce);
/* The next attempt after a failed one at now: not beyond the expiry. */
uint64_t	 queue_sched_next(const struct queue_sched *, uint64_t now_ms,
		    uint32_t attempts, uint64_t expiry_ms);

/*
 * The same when the message was not to blame, but a helper that could not be
 * reached: a second, doubling with each such attempt in a row (1: the first),
 * for QUEUE_SCHED_AWAY_MAX of them; 0: no more of these.
 */
#define QUEUE_SCHED_AWAY_MAX	8
uint64_t	 queue_sched_away(uint64_t now_ms, uint32_t away);
/* Sets item->next_ms; moves it when it is in. */
void		 queue_sched_put(struct queue_sched *, struct queue_item *, uint64_t at_ms);
void		 queue_sched_remove(struct queue_sched *, struct queue_item *);
/* The first that is due, taken out; NULL: none. */
struct queue_item *queue_sched_take(struct queue_sched *, uint64_t now_ms);
uint64_t	 queue_sched_first(const struct queue_sched *);	/* or NEVER */
/*
 * To be told at least every QUEUE_SCHED_LOOK_MS.  When the real time was set
 * back by more than that, all messages are due as much earlier; else they
 * would wait until it has come round again.
 */
#define QUEUE_SCHED_LOOK_MS	60000u
void		 queue_sched_look(struct queue_sched *, uint64_t real_ms, uint64_t mono_ms);

/*
 * Store or deliver is away: note it, and when they are back make all due now.
 * A message that was being tried when a helper died twice keeps its time:
 * it may be what kills them.
 */
#define QUEUE_SCHED_LOST_MAX	2
void		 queue_sched_wait(struct queue_sched *, struct queue_item *);
unsigned	 queue_sched_back(struct queue_sched *, uint64_t now_ms);

#endif
