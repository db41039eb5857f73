/* SPDX-License-Identifier: ISC */
/*
 * Finds strings in messages that stream by: headers decoded (RFC 2047), text
 * parts decoded from their transfer encoding and charset, all mapped by
 * i;unicode-casemap (imap_casemap.h).  Other parts are not looked at.  A string is found across the pieces of a
 * line, not across lines.  Memory: a line of IMAP_MATCH_LINE bytes and one
 * part's header.
 */
#ifndef IMAP_MATCH_H
#define IMAP_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"
#include "lib/mail/mime_code.h"
#include "lib/mail/mime_map.h"

#define IMAP_MATCH_LINE		65536u
#define IMAP_MATCH_HEADER	(256u << 10)

struct imap_needle {
	struct slice	 text;		/* mapped, borrowed */
	bool		 in_headers;	/* TEXT, not BODY */
	bool		 found;
};

struct imap_match {
	struct imap_needle	*needles;	/* borrowed */
	uint32_t		 count;
	uint32_t		 missing;	/* not found yet */
	struct charset_set	*charsets;
	const struct mime_map	*map;
	uint32_t		 part;		/* being read */
	uint64_t		 pos;		/* in the message */
	struct buf		 header;
	struct buf		 decoded;	/* of the transfer encoding, from the line's start */
	struct buf		 mapped;
	struct mime_decoder	 decoder;
	struct slice		 charset;
	char			 charset_text[64];
	bool			 has_ascii;	/* charset: ASCII bytes are ASCII */
	bool			 in_text;	/* the part's body is text */
};

/* The decoded value of a header field, mapped. */
void	 imap_match_map_field(struct buf *, struct charset_set *, struct slice raw_value);

void	 imap_match_init(struct imap_match *, struct imap_needle *, uint32_t count,
	    struct charset_set *);
void	 imap_match_fini(struct imap_match *);
/* A new message with this structure. */
void	 imap_match_start(struct imap_match *, const struct mime_map *);
void	 imap_match_feed(struct imap_match *, struct slice);
void	 imap_match_end(struct imap_match *);

#endif
