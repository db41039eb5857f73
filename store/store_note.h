/* SPDX-License-Identifier: ISC */
/*
 * What stands beside blobs in the segments so that the index can be made again
 * from them (store_repair.h): pure code.
 *
 * The note of a body has what its content record and its first row were made
 * of.  Flags, moves and copies that came later are in the index only; the
 * summary is left out, since it is made again in the owner's next session and
 * would be written twice for every message.  An epoch is a blob of its own,
 * with the key as it was sealed and the account's salt.  All of it is what the
 * index holds unsealed too (godwit-security(7)): keys are wrapped, names,
 * dates, sizes and flags are not.
 *
 * Both begin with u8 form (1), integers are little-endian.  ERR_CORRUPT for
 * anything malformed; slices borrow from the value.
 */
#ifndef STORE_NOTE_H
#define STORE_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_record.h"

#define NOTE_REFERENCES_MAX	8	/* the nearest ones */
#define NOTE_EPOCH_BYTES_MAX	200

struct note_body {
	uint32_t	 mailbox;	/* where it was put first */
	uint64_t	 epoch;
	uint32_t	 generation;
	uint64_t	 message_id;	/* keyed hash, 0: none */
	uint64_t	 internal_s;
	uint64_t	 created_s;
	uint32_t	 size;
	uint32_t	 flags;		/* system ones */
	struct slice	 commitment;
	struct slice	 wrapped;
	struct slice	 references;	/* 8 bytes each, oldest first */
	struct slice	 name;		/* of the mailbox, then */
};

struct note_epoch {
	uint32_t	 generation;
	uint8_t		 form;
	struct slice	 data;
	struct slice	 salt;		/* of the account */
};

enum err	 note_body_read(struct note_body *, struct slice) MUST_USE;
void		 note_body_put(const struct note_body *, struct buf *);
enum err	 note_epoch_read(struct note_epoch *, struct slice) MUST_USE;
void		 note_epoch_put(const struct note_epoch *, struct buf *);

/* Do they say the same of how the content is opened? */
bool		 note_agrees(const struct note_body *, const struct record_content *);

#endif
