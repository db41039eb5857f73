/* SPDX-License-Identifier: ISC */
/*
 * What SEARCH, SORT and THREAD want of a message's header, made once: texts
 * decoded and mapped by i;unicode-casemap, the date, hashes of the message ids
 * that THREAD links by.  An entry is a byte string, so that column blocks can
 * hold it (imap_column.h); it may come back from disk and is then as
 * trustworthy as any peer: imap_entry_get checks it.  Pure.
 *
 * A text over IMAP_ENTRY_TEXT_MAX bytes is cut and its bit set in cut: what is
 * not in it may still be in the message.
 */
#ifndef IMAP_ENTRY_H
#define IMAP_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"

#define IMAP_ENTRY_TEXT_MAX	1000u
#define IMAP_ENTRY_MAX		24000u	/* bytes of a whole entry */
#define IMAP_SALT_BYTES		16	/* of the account, for the hashes */

/* Numbers on disk. */
enum imap_text {
	/* SEARCH: whole fields, all of a name, a line each; of address fields the
	 * addresses, as the envelope has them */
	IMAP_TEXT_SUBJECT, IMAP_TEXT_FROM, IMAP_TEXT_TO, IMAP_TEXT_CC, IMAP_TEXT_BCC,
	IMAP_TEXT_MESSAGE_ID,
	/* SORT: base subject; mailbox and display name of the first address */
	IMAP_TEXT_BASE, IMAP_TEXT_FROM_BOX, IMAP_TEXT_TO_BOX, IMAP_TEXT_CC_BOX,
	IMAP_TEXT_FROM_SHOW, IMAP_TEXT_TO_SHOW,
	IMAP_TEXT_COUNT
};

struct imap_entry {			/* slices borrow the bytes */
	bool		has_sent;
	int64_t		sent_s;		/* the Date field, UTC */
	int		sent_zone;	/* its minutes east */
	bool		is_reply;	/* RFC 5256 s3: a reply or a forward */
	bool		has_id;
	uint64_t	id;		/* hash of the Message-ID */
	struct slice	refs;		/* hashes of References, 8 bytes each, oldest first */
	uint16_t	cut;		/* bits 1 << enum imap_text */
	uint16_t	present;	/* there was such a field */
	struct slice	text[IMAP_TEXT_COUNT];
};

/* Makes entries, one after the other, and keeps its memory between them. */
struct imap_entry_maker {
	struct charset_set	*charsets;
	const unsigned char	*salt;		/* IMAP_SALT_BYTES, borrowed */
	struct buf		 text[IMAP_TEXT_COUNT];
	struct buf		 decoded, flat;
	uint16_t		 cut, present;
	uint8_t			 bits;
	int64_t			 sent_s;
	int			 sent_zone;
};
void		 imap_entry_maker_init(struct imap_entry_maker *, struct charset_set *,
		    const unsigned char *salt);
void		 imap_entry_maker_fini(struct imap_entry_maker *);
/* Appends the entry of a message with this header. */
void		 imap_entry_put(struct imap_entry_maker *, struct buf *, struct slice header);
enum err	 imap_entry_get(struct imap_entry *, struct slice) MUST_USE;
/*
 * The text that holds header fields of this name; false: none does.  is_raw:
 * as they stand in the header, which address fields are not.
 */
bool		 imap_entry_find(struct slice field_name, bool is_raw, enum imap_text *);

#endif
