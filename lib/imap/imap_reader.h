/* SPDX-License-Identifier: ISC */
/*
 * A server's bytes, cut into responses (RFC 3501 s7).  A response is one line
 * with its literals in place, at most IMAP_READER_LINE_MAX bytes; only the
 * literal of "BODY[]" is not kept but handed out in pieces, and stands in the
 * line as "".  Pure: it is given input and says what came.
 */
#ifndef IMAP_READER_H
#define IMAP_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define IMAP_READER_LINE_MAX	(1u << 20)

enum imap_reader_event {
	IMAP_READ_MORE,		/* the input is used up */
	IMAP_READ_LINE,		/* a response is complete: line, without CRLF */
	IMAP_READ_BODY,		/* a message of body_bytes begins; line: what came before */
	IMAP_READ_DATA,		/* a piece of it */
	IMAP_READ_BAD		/* no IMAP, or too long: read no further */
};

struct imap_reader {
	struct buf	 line;
	uint64_t	 body_bytes;
	uint64_t	 left;		/* of the literal that is being read */
	size_t		 part;		/* where the text behind the last literal begins */
	bool		 in_body;
	bool		 is_complete;	/* line was handed out */
};

void	 imap_reader_init(struct imap_reader *);
void	 imap_reader_fini(struct imap_reader *);
/* Takes from the front of *input.  data borrows from it. */
enum imap_reader_event imap_reader_next(struct imap_reader *, struct slice *input,
	    struct slice *data);

#endif
