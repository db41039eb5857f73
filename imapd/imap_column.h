/* SPDX-License-Identifier: ISC */
/*
 * A column block: what is kept of the messages with UIDs 64 * block to
 * 64 * block + 63 of a mailbox, as far as it was made: entries (imap_entry.h), or
 * in blocks of another kind cards (imap_card.h).  Plain form, before sealing,
 * little-endian:
 *
 *	u8 version 2, u8[3] zero, u64 which of the 64 are there,
 *	u16 length of each that is, then their bytes
 *
 * What an entry says of a UID never changes.  Pure; blocks from disk are
 * checked by imap_column_get.
 */
#ifndef IMAP_COLUMN_H
#define IMAP_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define IMAP_COLUMN_UIDS	64u
#define IMAP_COLUMN_MAX		(256u << 10)	/* plain */
#define IMAP_COLUMN_SEALED_MAX	40960u		/* what the store takes */

/* Of store_columns, on disk. */
enum imap_column_kind { IMAP_COLUMN_ENTRIES = 1, IMAP_COLUMN_CARDS = 2 };

struct imap_column {
	uint64_t	present;		/* bits by UID % 64 */
	struct slice	entry[IMAP_COLUMN_UIDS];	/* borrowed */
};

/* ERR_VERSION for another version, ERR_CORRUPT. */
enum err	 imap_column_get(struct imap_column *, struct slice) MUST_USE;
void		 imap_column_put(struct buf *, const struct imap_column *);
/* An entry of its own, unless it is there or IMAP_COLUMN_MAX would be passed. */
bool		 imap_column_add(struct imap_column *, uint32_t uid, struct slice entry);
/* The longest one goes, so that the block gets smaller; false: none is left. */
bool		 imap_column_drop(struct imap_column *);

#endif
