/* SPDX-License-Identifier: ISC */
/*
 * Header fields of a message (RFC 5322 s2.2, obsolete forms of s4 tolerated)
 * and the lexical pieces that the parsers of structured fields share.  Works
 * on a slice of a whole header block; lines end with CRLF or LF; a line that
 * is no field is skipped.  Nothing recurses, nothing allocates but into the
 * caller's buf.
 */
#ifndef HDR_H
#define HDR_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define HDR_FIELDS_MAX	1000
#define HDR_BYTES_MAX	(256u << 10)

struct hdr_field {
	struct slice	name;	/* without white space before the colon */
	struct slice	value;	/* raw: folded, trimmed at both ends */
	struct slice	raw;	/* the whole field with its line end */
};

struct hdr_iter {
	struct slice	rest;
};

/* fields */
void	 hdr_iter_init(struct hdr_iter *, struct slice header);
/* false at the blank line or the end. */
bool	 hdr_next(struct hdr_iter *, struct hdr_field *);
/* The first field of this name (any case). */
bool	 hdr_find(struct slice header, const char *name, struct hdr_field *);
/* Length of the header block with its blank line; all when there is none. */
size_t	 hdr_length(struct slice message);
/* Appends the value without line ends; NUL becomes '?'. */
void	 hdr_unfold(struct buf *, struct slice value);

/* message ids (RFC 5322 s3.6.4): without <>; false at the end */
bool	 hdr_next_msgid(struct slice *rest, struct slice *id);

/* lexical pieces (RFC 5322 s3.2) */
/* Skips white space and comments; comments nest without bound. */
void	 hdr_skip_cfws(struct slice *rest);
/* The same, and appends the text of the last comment to *comment (may be NULL). */
void	 hdr_skip_cfws_keep(struct slice *rest, struct buf *comment);
/* rest is at '"': appends the content, moves behind the closing quote. */
void	 hdr_get_quoted(struct slice *rest, struct buf *);
bool	 hdr_is_atext(char);		/* 8-bit bytes count as atext */
bool	 hdr_is_token(char);		/* RFC 2045 s5.1; 8-bit too */

#endif
