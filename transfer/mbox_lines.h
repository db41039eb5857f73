/* SPDX-License-Identifier: ISC */
/*
 * The lines of an mbox (RFC 4155, quoted as mboxrd), in pieces: a line that is
 * longer than a piece comes in several.  Pure.
 */
#ifndef MBOX_LINES_H
#define MBOX_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/imap/mail_flags.h"

/*
 * Is the line, which begins a line and has no line end, the one before a
 * message: "From sender Day Mon dd hh:mm[:ss] [zone] yyyy"?  Text that happens
 * to begin with "From " has no date there.
 */
bool	 mbox_is_from(struct slice line, int64_t *unix_s);

/* ---- reading one message ---- */

struct mbox_unquote {
	bool	 in_header;
	bool	 dropping;	/* this field is one that the mbox added */
	bool	 after_cr;	/* the last piece ended in CR, which waits */
};
void	 mbox_unquote_init(struct mbox_unquote *);
/*
 * A piece of a line without its end; starts: of the beginning, ends: up to
 * the line's end.  Appends what belongs to the message, with CRLF.
 */
void	 mbox_unquote_piece(struct mbox_unquote *, struct slice piece, bool starts, bool ends,
	    struct buf *);
/* Flags of Status, X-Status and X-Keywords. */
void	 mbox_flags(struct slice header, struct mail_flags *, struct buf *keywords);

/* ---- writing one ---- */

struct mbox_quote {
	bool		 after_cr;
	bool		 in_line;	/* no "From " can begin here */
	unsigned	 matched;	/* bytes of "From " held back */
	char		 last;		/* byte written */
};
void	 mbox_quote_begin(struct mbox_quote *, struct buf *, int64_t internal_s,
	    const struct mail_flags *);
void	 mbox_quote_put(struct mbox_quote *, struct buf *, struct slice);
/* The last line gets an end if it has none, and an empty line follows. */
void	 mbox_quote_end(struct mbox_quote *, struct buf *);

#endif
