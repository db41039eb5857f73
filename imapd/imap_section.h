/* SPDX-License-Identifier: ISC */
/*
 * One section of a message (RFC 3501 s6.4.5) or decoded part (RFC 3516), as
 * an item of FETCH names it, from its length to its last byte.  The message
 * is ready for what imap_needs_of says of the item.
 *
 *	e = imap_section_begin(x, message, item);
 *	while (e == ERR_AGAIN)		-- a later turn
 *		e = imap_section_ready(x);
 *	-- bytes and has_nul are known
 *	while (imap_section_read(x, out) == ERR_OK)
 *		;
 *
 * Never more than a piece, and the header that fields are looked for in, is in
 * memory.  One struct serves many sections.
 */
#ifndef IMAP_SECTION_H
#define IMAP_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_binary.h"
#include "imapd/imap_items.h"
#include "imapd/imap_message.h"

#define IMAP_SECTION_HEADER_MAX	(1u << 20)	/* looked through for HEADER.FIELDS */

struct imap_section {
	struct imap_message	*message;
	const struct imap_item	*item;
	uint64_t		 bytes;		/* of the literal, or BINARY.SIZE */
	uint64_t		 lines;		/* of what is decoded */
	bool			 has_nul;	/* among the decoded: RFC 3516 s4.3 */
	uint8_t			 stage;
	struct imap_part	 part;
	struct imap_binary	 binary;
	struct buf		 piece;		/* a header, or what is decoded */
	struct buf		 fields;	/* those found */
};

void		 imap_section_init(struct imap_section *);
void		 imap_section_fini(struct imap_section *);
/* ERR_AGAIN; ERR_NOTFOUND: there is no such section; else it is unreadable. */
enum err	 imap_section_begin(struct imap_section *, struct imap_message *,
		    const struct imap_item *) MUST_USE;
enum err	 imap_section_ready(struct imap_section *) MUST_USE;
/*
 * Appends some of it; ERR_AGAIN; ERR_END: it is complete; else: nothing true
 * can follow what was given.
 */
enum err	 imap_section_read(struct imap_section *, struct buf *out) MUST_USE;
/*
 * The same for a client.  A literal holds no NUL (RFC 3501 s9, RFC 9051 s9): one
 * that is in a stored message, not in what BINARY decodes, becomes 0x80.
 */
enum err	 imap_section_tell(struct imap_section *, struct buf *out) MUST_USE;

#endif
