/* SPDX-License-Identifier: ISC */
/*
 * Takes the entries out of a travelling object while it passes by: at rest
 * the object has none (seal.h), and all else stays the same bytes.
 *
 *	seal_split_init(&s);
 *	while (seal_split_take(&s, &piece) == ERR_SHORT)
 *		piece = more;
 *	seal_split_head(&s, head);		-- the object at rest is head,
 *	... the rest of piece and all pieces after it
 *
 * Keeps at most SEAL_HEAD_BYTES + SEAL_ENTRIES_BYTES_MAX bytes.  Nothing of it
 * is verified: the key in an entry opens the object or does not.
 */
#ifndef SEAL_SPLIT_H
#define SEAL_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/seal/seal.h"

struct seal_split {
	struct seal_head	 head;		/* once taken; its entries lie in bytes */
	struct buf		 bytes;		/* head and entries, as they came */
	size_t			 need;		/* of bytes, to go on */
	unsigned		 left;		/* entries to come */
	bool			 has_head;
	bool			 in_entry;	/* its first bytes are asked for */
	bool			 is_broken;
};

/* ---- make and free */
void		 seal_split_init(struct seal_split *);
void		 seal_split_fini(struct seal_split *);

/* ---- use */
/*
 * Consumes head and entries from the front of the object's bytes, in any
 * pieces.  ERR_SHORT: give more; ERR_CORRUPT: no object, and stays so.
 */
enum err	 seal_split_take(struct seal_split *, struct slice *in) MUST_USE;
/* After ERR_OK: the first bytes of the object at rest. */
void		 seal_split_head(const struct seal_split *, unsigned char out[SEAL_HEAD_BYTES]);
/* How much longer the object was when it came than at rest. */
uint64_t	 seal_split_entries_bytes(const struct seal_split *);
/* The first entry of this key; ERR_NOTFOUND. */
enum err	 seal_split_find(const struct seal_split *, uint8_t algorithm, uint8_t generation,
		    const unsigned char key_id[SEAL_KEY_ID_BYTES], struct seal_entry *) MUST_USE;

#endif
