/* SPDX-License-Identifier: ISC */
/*
 * What is known of the message that a walk is at: its summary when there is
 * one, and where that lacks something, the message itself parsed as it
 * streams by.  FETCH and SEARCH say what they need and ask imap_message_ready
 * until it is there; then the getters answer.
 *
 * A sealed message has the form of seal_mime.h and is told in it; what it is
 * made of needs no read, only ranges of its body do.
 *
 * Mail that came sealed by CMTP (seal_arrival.h) is read whole before anything is
 * told of it: its sender made the object, and what opens is known only behind the
 * last chunk.  The trace stands before its text, everywhere.  What does not open
 * has the trace and a text that says so in its place.
 */
#ifndef IMAP_MESSAGE_H
#define IMAP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_object.h"
#include "imapd/imap_walk.h"
#include "lib/mail/mime.h"
#include "lib/mail/summary.h"

enum imap_need {
	IMAP_NEED_ENVELOPE = 1, IMAP_NEED_STRUCTURE = 2, IMAP_NEED_PARTS = 4,
	IMAP_NEED_SENT = 8, IMAP_NEED_BODY = 16,	/* the object open for ranges */
	IMAP_NEED_PREVIEW = 32
};

struct imap_message {
	struct imap_walk	*walk;
	struct imap_object	 object;
	struct seal_reader	*reader;
	struct buf		 plain;		/* the summary's text */
	struct buf		 opened;	/* of an arrival: the trace */
	struct slice		 trace;		/* of plain or opened */
	bool			 is_arrival;	/* nobody has read it yet */
	bool			 is_unopened;	/* and it does not open */
	struct summary		 sum;
	bool			 has_sum;
	struct mime_map		 stored_map;
	const struct mime_map	*map;		/* NULL: not known */
	struct mime		*mime;		/* made when first needed */
	struct buf		 structure, cuts;	/* of mime */
	struct buf		 scratch;
	struct imap_walk_first	 own_first;	/* when the walk reads none ahead */
	uint8_t			 stage;
	bool			 parsed;	/* mime is this message's */
	bool			 made;
	bool			 has_put;	/* the summary made here was sent */
	uint64_t		 blank_off;	/* of a sealed one, while it is parsed */
};

/* Bytes of the message, and how they are encoded: of what is no leaf, not at all. */
struct imap_part { uint64_t off, bytes; enum mime_code code; };

void		 imap_message_init(struct imap_message *, struct imap_walk *);
void		 imap_message_fini(struct imap_message *);
/* A new message of the walk. */
void		 imap_message_begin(struct imap_message *);
/* needs: enum imap_need bits.  ERR_AGAIN: wait; ERR_CORRUPT, ERR_CRYPTO ... : unreadable. */
enum err	 imap_message_ready(struct imap_message *, unsigned needs) MUST_USE;

/* Behind a ready: what its summary said, if all of it is there and it was opened. */
bool		 imap_message_text(const struct imap_message *, struct imap_memo_text *);
/* The same, kept. */
void		 imap_message_keep(struct imap_message *, struct imap_memo *);

/* RFC822.SIZE of the walk's message; sealed: of its form. */
uint32_t	 imap_message_size(struct imap_message *);
/* get: after what they need is ready */
void		 imap_message_put_envelope(struct imap_message *, struct buf *);
struct slice	 imap_message_envelope(struct imap_message *);
struct slice	 imap_message_structure(struct imap_message *);	/* BODYSTRUCTURE */
void		 imap_message_put_structure(struct imap_message *, struct buf *, bool extended);
/* RFC 8970: the text, or NIL when nothing is known of it without a read. */
void		 imap_message_put_preview(struct imap_message *, struct buf *);
/* Fields that hold all of these names, if some are at hand without a read. */
bool		 imap_message_fields(struct imap_message *, const struct slice *names,
		    uint32_t count, struct slice *header);
/* ERR_NOTFOUND: there is no such section.  Needs PARTS and BODY. */
enum err	 imap_message_locate(struct imap_message *, const uint32_t *path, uint32_t path_count,
		    enum mime_section, struct imap_part *) MUST_USE;
/* The Date field; false: none or unreadable. */
bool		 imap_message_sent(struct imap_message *, int64_t *unix_s, int *zone_minutes);

#endif
