/* SPDX-License-Identifier: ISC */
/*
 * What a FETCH asks for (RFC 3501 s6.4.5): macros, data items, BODY and BINARY
 * (RFC 3516) sections with part numbers, header field lists and partial ranges;
 * and its modifiers (RFC 7162, RFC 9394).  Pure; all memory is the command's
 * arena.
 */
#ifndef IMAP_ITEMS_H
#define IMAP_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "imapd/imap_return.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/mime_map.h"

#define IMAP_ITEMS_MAX		200
#define IMAP_FIELDS_MAX		200	/* names in HEADER.FIELDS */

enum imap_item_kind {
	/* told from the row */
	IMAP_ITEM_FLAGS, IMAP_ITEM_UID, IMAP_ITEM_MODSEQ,
	/* from its cold part */
	IMAP_ITEM_INTERNALDATE, IMAP_ITEM_SIZE, IMAP_ITEM_SAVEDATE, IMAP_ITEM_EMAILID,
	IMAP_ITEM_THREADID,
	/* from the summary or the message */
	IMAP_ITEM_ENVELOPE, IMAP_ITEM_BODY, IMAP_ITEM_BODYSTRUCTURE, IMAP_ITEM_PREVIEW,
	IMAP_ITEM_SECTION, IMAP_ITEM_BINARY, IMAP_ITEM_BINARY_SIZE
};
/* Sets of them, as in struct imap_items. */
#define IMAP_ITEMS_OF_ROW	((1u << IMAP_ITEM_INTERNALDATE) - 1)
#define IMAP_ITEMS_COLD		((1u << IMAP_ITEM_ENVELOPE) - (1u << IMAP_ITEM_INTERNALDATE))
#define IMAP_ITEMS_BINARY	(1u << IMAP_ITEM_BINARY | 1u << IMAP_ITEM_BINARY_SIZE)

enum imap_fields { IMAP_FIELDS_ALL, IMAP_FIELDS_ONLY, IMAP_FIELDS_NOT };

struct imap_item {
	enum imap_item_kind	 kind;
	bool			 lazy;		/* PREVIEW, if it is at hand */
	/* of a section */
	struct slice		 label;		/* "BODY[1.TEXT]", "RFC822.HEADER" */
	uint32_t		*path;
	uint32_t		 path_count;
	enum mime_section	 what;
	enum imap_fields	 fields;
	struct slice		*names;
	uint32_t		 name_count;
	bool			 is_partial;
	uint32_t		 from, count;
};

struct imap_items {
	struct imap_item	*v;
	uint32_t		 count;
	uint32_t		 kinds;		/* bits 1 << kind */
	bool			 sets_seen;	/* some section without PEEK */
	bool			 is_rev1;	/* RFC822 and its like: not in IMAP4rev2 */
	bool			 vanished;	/* VANISHED (EARLIER) is wanted */
	uint64_t		 changed_since;	/* only modseq above; 0: all */
	bool			 has_window;	/* PARTIAL */
	struct imap_window	 window;
};

/* fetch-att, a macro, or a list; for UID FETCH, UID is there always. */
void	 imap_items_parse(struct imap_parser *, bool uid, struct imap_items *);
/* A section alone, as URLs name it: an item without label; false: there is none such. */
bool	 imap_items_parse_section(struct imap_item *, struct slice spec, struct arena *);
/* fetch-modifiers, if any: SP "(" modifier *(SP modifier) ")". */
void	 imap_items_parse_modifiers(struct imap_parser *, bool uid, struct imap_items *);
bool	 imap_items_has(const struct imap_items *, enum imap_item_kind);
/*
 * Appends the fields of header that the item wants, and the blank line when
 * there is one; more: what is given is a part of a header that has one.
 */
void	 imap_items_put_fields(struct buf *, const struct imap_item *, struct slice header,
	    bool more);

#endif
