/* SPDX-License-Identifier: ISC */
/*
 * The bytes of one message, or of a section of it, that a command reads for
 * itself: by UID, in any mailbox that a walk may be at.
 *
 *	imap_source_begin(x, &at, uid, items, 1);
 *	while ((e = imap_source_ready(x)) == ERR_AGAIN)		-- a later turn
 *		;
 *	-- x->section.bytes are to come; x->walk.row, .cold tell of the message
 *	while ((e = imap_source_read(x, out)) == ERR_OK)
 *		;
 *
 * Level-triggered like imap_walk.  One is read at a time, and nothing else of
 * the command may wait for an answer meanwhile: what a source still waits for
 * is cancelled by the next begin.
 */
#ifndef IMAP_SOURCE_H
#define IMAP_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_items.h"
#include "imapd/imap_message.h"
#include "imapd/imap_section.h"
#include "imapd/imap_walk.h"

struct imap_source {
	struct imap_cmd		*c;
	struct imap_walk	 walk;
	struct imap_message	 message;
	struct imap_section	 section;
	struct imap_items	 items;		/* the first is what is read */
	uint32_t		 item;		/* or this one */
	struct buf		 set;
	bool			 begun;
	bool			 found;		/* the walk is at the message */
	bool			 located;	/* the section is begun */
};

void		 imap_source_init(struct imap_source *, struct imap_cmd *);
void		 imap_source_fini(struct imap_source *);
/*
 * The items are borrowed until the next begin: what is read, and what else of
 * the message (x->message) is to be known when that is ready.
 */
void		 imap_source_begin(struct imap_source *, const struct imap_walk_at *,
		    uint32_t uid, struct imap_item *, uint32_t count);
/* Of the same message another item, or the same from its beginning. */
void		 imap_source_turn(struct imap_source *, uint32_t item);
/*
 * ERR_NOTFOUND: there is no such message or section.  Else it is unreadable;
 * the command is answered when that was no fault of the message.
 */
enum err	 imap_source_ready(struct imap_source *) MUST_USE;
/* As imap_section_read, and as imap_section_tell. */
enum err	 imap_source_read(struct imap_source *, struct buf *out) MUST_USE;
enum err	 imap_source_tell(struct imap_source *, struct buf *out) MUST_USE;

#endif
