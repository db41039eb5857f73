/* SPDX-License-Identifier: ISC */
/*
 * What is in the spool, in memory: one item for each message, by queue id and
 * in their order, and one seg for each segment file with what of it is still
 * of use.  Rebuilt at the start from the segments' indexes, so there is no
 * second truth on disk.  No I/O here, and no envelopes: those are read when a
 * message is tried or listed.
 *
 * A segment may go when it is not written to, holds no live record, no write
 * is under way for it, and no segment is left that its DONE records speak of
 * (those are all between its oldest target and itself).
 */
#ifndef QUEUE_TABLE_H
#define QUEUE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "queue/queue_segment.h"
#include "queue/queue_state.h"

struct queue_msg;

struct queue_seg {
	struct list	 link;		/* by number */
	struct list	 items;		/* whose MESSAGE is here */
	struct list	 results;	/* whose newest RESULT is here */
	uint64_t	 number;
	uint64_t	 created_ms;
	uint64_t	 bytes;
	uint64_t	 live_bytes;
	uint64_t	 oldest_target;	/* of its DONE records; 0: none */
	uint32_t	 busy;		/* writes under way that read or need it */
	bool		 single;	/* one large message */
	bool		 current;	/* being appended to */
	bool		 compacting;
	bool		 unlinking;
};

struct queue_item {
	struct map_node	 by_id;
	struct heap_node due;		/* queue_sched */
	struct list	 order;		/* by id */
	struct list	 waiting;	/* for store or deliver to come back */
	struct list	 in_seg;
	struct list	 in_result_seg;
	struct list	 parts;		/* remote recipients: queue_line */
	uint64_t	 id;
	uint64_t	 size;		/* plain bytes */
	struct queue_spot spot;		/* MESSAGE */
	struct queue_spot result;	/* newest RESULT; number 0: none */
	struct queue_seg *seg;
	struct queue_seg *result_seg;
	struct queue_msg *msg;		/* loaded: being tried */
	uint64_t	 next_ms;	/* real time */
	uint32_t	 key_id;
	uint32_t	 attempts;
	uint32_t	 lost;		/* attempts that ended with a peer's death */
	uint32_t	 away;		/* attempts in a row that found no helper */
	uint32_t	 writes;	/* records of it under way */
	uint32_t	 results;	/* RESULTs among them */
	uint8_t		 flags;		/* enum queue_record_flag */
	enum queue_state state;
	bool		 is_loading;
	bool		 load_waits;	/* for the RESULT on its way, to be read */
	bool		 load_body;	/* then, with the body */
	bool		 is_due;	/* to be tried once it is loaded */
	bool		 is_sorted;	/* its remote recipients have their parts */
	bool		 is_doomed;	/* QUEUE_DOOMED is durable: nothing is tried */
	bool		 is_deleted;	/* once it is loaded */
	bool		 is_requeued;	/* its recipients are due at once */
	bool		 wants_mark;	/* held, released, given up: a RESULT is to say so */
	bool		 is_recovered;	/* deliver may hold a job of the last process */
};

struct queue_table {
	struct map	 by_id;
	struct list	 order;		/* items */
	struct list	 segs;
	uint64_t	 last_id;
	uint64_t	 last_number;
	uint64_t	 count;
};

void		 queue_table_init(struct queue_table *);
void		 queue_table_fini(struct queue_table *);	/* frees items and segs */

/* segments */
struct queue_seg *queue_table_seg(struct queue_table *, uint64_t number);	/* NULL */
/* Finds or makes it. */
struct queue_seg *queue_table_add_seg(struct queue_table *, uint64_t number,
		    uint64_t created_ms, bool single);
void		 queue_table_drop_seg(struct queue_table *, struct queue_seg **);
bool		 queue_table_can_unlink(const struct queue_table *, const struct queue_seg *);
/* Worth copying what lives: under a quarter, or older than an hour and half dead. */
bool		 queue_table_should_compact(const struct queue_seg *, uint64_t now_ms);

/* items */
struct queue_item *queue_table_find(const struct queue_table *, uint64_t id);
/* No recipient is local, nor became so when he was looked up again. */
static inline bool
queue_table_all_remote(const struct queue_item *it)
{
	return (it->flags & (QUEUE_ALL_REMOTE | QUEUE_HAS_LOCAL)) == QUEUE_ALL_REMOTE;
}

/* The first item with a greater id, or NULL. */
struct queue_item *queue_table_after(const struct queue_table *, uint64_t id);
struct queue_item *queue_table_add(struct queue_table *, uint64_t id);
void		 queue_table_drop(struct queue_table *, struct queue_item **);

/* Records: what was written or read at the start.  Old places become dead. */
void		 queue_table_put_message(struct queue_table *, struct queue_item *,
		    const struct queue_spot *);
void		 queue_table_put_result(struct queue_table *, struct queue_item *,
		    const struct queue_spot *);
void		 queue_table_put_done(struct queue_table *, const struct queue_spot *,
		    uint64_t target);
void		 queue_table_put_dead(struct queue_table *, const struct queue_spot *);

/*
 * Queue ids: 42 bits of real milliseconds, 22 bits that start at a random
 * place in each millisecond; always greater than the last.
 */
uint64_t	 queue_table_make_id(struct queue_table *, uint64_t now_ms, uint32_t random);
uint64_t	 queue_table_id_ms(uint64_t id);
/* Ids are above this time from now on: a clock that went back repeats none. */
void		 queue_table_floor(struct queue_table *, uint64_t ms);

#endif
