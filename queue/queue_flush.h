/* SPDX-License-Identifier: ISC */
/*
 * The writer: one thread that appends to the spool.  What is given to it
 * while it syncs is written and synced together next (group commit, no
 * timer).  Writes are done in the order given, and so are their callbacks,
 * which run in the loop after the record is durable.
 *
 * The thread encrypts bodies and makes the keys of messages, so the loop
 * moves no message bytes.  Large messages (form 2) become a segment of their
 * own, written by the pool, so that nobody waits for them.
 *
 * A write belongs to its maker; it must stay until its callback ran.
 */
#ifndef QUEUE_FLUSH_H
#define QUEUE_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/crypto/cry.h"
#include "queue/queue_seal.h"
#include "queue/queue_segment.h"

enum queue_write_kind {
	QUEUE_WRITE_MESSAGE,	/* meta: envelope, plain; fd, size: the body */
	QUEUE_WRITE_RESULT,	/* meta: progress, plain; key: of the message */
	QUEUE_WRITE_DONE,
	QUEUE_WRITE_COPY,	/* from: a record to move to the current segment */
	QUEUE_WRITE_ASIDE,	/* from: a damaged record to set aside */
	QUEUE_WRITE_UNLINK,	/* from.number: the segment */
	QUEUE_WRITE_ROLL	/* finish the current segment */
};

struct queue_write;
typedef void queue_write_fn(struct queue_write *, void *arg);

struct queue_write {
	struct list		 link;
	enum queue_write_kind	 kind;
	struct queue_record	 record;	/* id, flags, key_id, aux, ... */
	struct queue_spool_key	 spool_key;	/* MESSAGE */
	unsigned char		 key[CRY_KEY_BYTES];
	struct buf		 meta;
	int			 fd;		/* borrowed */
	uint64_t		 size;		/* of the memfd, plain */
	struct queue_spot	 from;
	uint64_t		 now_ms;	/* real time */
	queue_write_fn		*done;
	void			*arg;
	/* results */
	enum err		 error;
	struct queue_spot	 spot;
};

/* A write without meta yet; the rest is the caller's to fill in. */
struct queue_write *queue_flush_write_new(enum queue_write_kind, uint64_t id,
		    queue_write_fn *, void *arg);
void		 queue_flush_write_free(struct queue_write **);	/* wipes */

struct queue_flush;

/* dir stays the caller's.  Numbers of new segments are above last_number. */
struct queue_flush *queue_flush_new(int dir, uint64_t last_number);
/* wake is called in the thread: it must have queue_flush_collect called. */
void		 queue_flush_start(struct queue_flush *, void (*wake)(void *), void *arg);
/* Write all that is queued, finish the segment, end the thread. */
void		 queue_flush_stop(struct queue_flush *);
void		 queue_flush_free(struct queue_flush **);

void		 queue_flush_add(struct queue_flush *, struct queue_write *);
/* Run the callbacks of what is durable. */
void		 queue_flush_collect(struct queue_flush *);
/* One group, here and now: the thread's work, for tests and the start. */
void		 queue_flush_batch(struct queue_flush *);

/* A large message: in the pool.  Blocking; fills in error and spot. */
void		 queue_flush_single(struct queue_flush *, struct queue_write *);

uint64_t	 queue_flush_syncs(const struct queue_flush *);	/* groups so far */

#endif
