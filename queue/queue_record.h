/* SPDX-License-Identifier: ISC */
/*
 * The bytes of the spool's segments: what a segment starts with, what every
 * record starts with, and the table that ends a finished segment.  Pure.
 *
 *	segment = head (64), records, [index record, tail (24)]
 *	record  = head (64), meta, body
 *
 * Integers are little-endian.  All sums are SipHash-2-4 under the segment's
 * salt, so bytes of another segment never pass.  A head says how long its
 * record is: a reader skips what it does not want.  Nothing here is trusted
 * by a reader before its sum was checked; bodies are checked by their AEAD
 * tags when used, and by their sum where a crash may have torn them.
 *
 * Upgrade: a writer writes QUEUE_FORMAT only; readers know every older
 * format.  Old segments go away by completion and compaction.  A format that
 * is newer than the program is ERR_VERSION: it refuses to start.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define QUEUE_FORMAT		1
#define QUEUE_HEAD_BYTES	64u
#define QUEUE_TAIL_BYTES	24u
#define QUEUE_ENTRY_BYTES	48u
#define QUEUE_SALT_BYTES	16u
#define QUEUE_META_MAX		(24u << 20)
#define QUEUE_BODY_MAX		(4ull << 30)	/* encrypted: longer than the message */
#define QUEUE_INDEX_MAX		(2u << 20)	/* entries of one segment */

enum queue_record_type {
	QUEUE_MESSAGE = 1,	/* meta: wrapped key, sealed envelope; body */
	QUEUE_RESULT = 2,	/* meta: sealed state of all recipients */
	QUEUE_DONE = 3,		/* the message is complete; aux: its segment */
	QUEUE_INDEX = 4		/* meta: one entry for each record before */
};

enum queue_record_flag {
	QUEUE_BODY_CHUNKS = 1,	/* body is lib/seal's chunked file, else one AEAD */
	QUEUE_ALL_REMOTE = 2,	/* no recipient is local */
	QUEUE_HELD = 4,		/* of a RESULT: not tried until released */
	QUEUE_DOOMED = 8,	/* of a RESULT: the operator gave it up */
	QUEUE_HAS_LOCAL = 16	/* of a RESULT: a recipient that was added is local */
};
#define QUEUE_RESULT_FLAGS	(QUEUE_HELD | QUEUE_DOOMED | QUEUE_HAS_LOCAL)

/* A segment with this flag holds one large message and is complete. */
enum queue_segment_flag { QUEUE_SEGMENT_SINGLE = 1 };

struct queue_segment_head {
	uint32_t	 flags;
	uint64_t	 number;
	uint64_t	 created_ms;	/* real time */
	unsigned char	 salt[QUEUE_SALT_BYTES];
};

struct queue_record {
	uint8_t		 type;
	uint8_t		 flags;
	uint32_t	 key_id;	/* MESSAGE: of the spool key */
	uint32_t	 attempts;	/* RESULT, in the place of key_id */
	uint32_t	 meta_bytes;
	uint64_t	 id;		/* queue id */
	uint64_t	 body_bytes;	/* MESSAGE */
	uint64_t	 next_ms;	/* RESULT, in the place of body_bytes */
	uint64_t	 aux;		/* MESSAGE: plain size; RESULT, DONE: the
					   segment of the message */
	uint64_t	 meta_sum;
	uint64_t	 body_sum;
};

void		 queue_record_put_segment(unsigned char out[QUEUE_HEAD_BYTES],
		    const struct queue_segment_head *);
/* ERR_SHORT, ERR_CORRUPT, ERR_VERSION. */
enum err	 queue_record_get_segment(struct slice, struct queue_segment_head *) MUST_USE;

uint64_t	 queue_record_sum(const unsigned char salt[QUEUE_SALT_BYTES], struct slice);
/* Bodies are summed in pieces of QUEUE_PIECE_BYTES, starting with 0. */
#define QUEUE_PIECE_BYTES	(256u << 10)
uint64_t	 queue_record_chain(uint64_t sum,
		    const unsigned char salt[QUEUE_SALT_BYTES], struct slice piece);
uint64_t	 queue_record_sum_body(const unsigned char salt[QUEUE_SALT_BYTES],
		    struct slice);
void		 queue_record_put(unsigned char out[QUEUE_HEAD_BYTES],
		    const struct queue_record *, const unsigned char salt[QUEUE_SALT_BYTES]);
/* ERR_SHORT, ERR_CORRUPT. */
enum err	 queue_record_get(struct slice, struct queue_record *,
		    const unsigned char salt[QUEUE_SALT_BYTES]) MUST_USE;
/* Head, meta and body. */
uint64_t	 queue_record_bytes(const struct queue_record *);

/* Where the next record may start: the offset of its magic, or s.n. */
size_t		 queue_record_resync(struct slice);

/* The index of a finished segment: entries, then a tail. */
struct queue_entry {
	struct queue_record	 record;	/* without sums */
	uint64_t		 off;
};
void		 queue_record_put_entry(struct buf *, const struct queue_entry *);
/* Reads the first entry and moves *s behind it; ERR_END, ERR_CORRUPT. */
enum err	 queue_record_get_entry(struct slice *s, struct queue_entry *) MUST_USE;
void		 queue_record_put_tail(unsigned char out[QUEUE_TAIL_BYTES],
		    uint64_t index_off, const unsigned char salt[QUEUE_SALT_BYTES]);
enum err	 queue_record_get_tail(struct slice, uint64_t *index_off,
		    const unsigned char salt[QUEUE_SALT_BYTES]) MUST_USE;

#endif
