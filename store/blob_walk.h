/* SPDX-License-Identifier: ISC */
/*
 * Going through all blobs, whoever names them: an engine keeps them in
 * numbered segments, which the compactor (store_compact.c) empties one after
 * the other and repair (store_repair.h) reads.  A segment goes only after its
 * records were walked and none was found in use, whatever the counters say.
 */
#ifndef BLOB_WALK_H
#define BLOB_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/blob.h"

struct blob_head {
	enum blob_kind	 kind;
	uint64_t	 account;
	uint64_t	 content;
	uint64_t	 bytes;
	uint64_t	 sum;
	uint16_t	 note;
};
struct blob_found {
	struct blob_head head;
	struct blob_ref	 ref;
};

/* The head of the record which should be there. */
enum err	 blob_head_at(struct blob *, uint32_t segment, uint64_t offset,
		    struct blob_head *) MUST_USE;
/* The record at *offset; moves it on.  ERR_END, ERR_CORRUPT. */
enum err	 blob_walk(struct blob *, uint32_t segment, uint64_t *offset,
		    struct blob_found *) MUST_USE;

/* percent 0: all with anything dead.  0: no segment behind that one is due. */
uint32_t	 blob_victim(struct blob *, uint32_t after, unsigned percent, uint64_t now_s);
/* Puts a copy; then its transaction, then blob_moved.  ERR_BUSY: later. */
enum err	 blob_move(struct blob *, const struct blob_found *, struct blob_ref *to) MUST_USE;
void		 blob_moved(struct blob *, const struct blob_ref *from, const struct blob_ref *to);
/* All transactions that moved what it had are submitted: it goes when they are durable. */
void		 blob_emptied(struct blob *, uint32_t segment);
void		 blob_damaged(struct blob *, uint32_t segment);	/* left alone from now on */
/* An empty one is not unlinked yet, or a closed one not written. */
bool		 blob_is_settling(const struct blob *);
/* When the current segment has anything dead, what comes goes to a new one. */
void		 blob_rotate(struct blob *);
uint64_t	 blob_segment_disk_bytes(const struct blob *, uint32_t segment);

#endif
