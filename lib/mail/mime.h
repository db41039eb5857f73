/* SPDX-License-Identifier: ISC */
/*
 * MIME structure of a message that arrives in pieces (RFC 2045, 2046): parts
 * located by byte offsets, the fields that BODYSTRUCTURE needs, an ENVELOPE
 * text for each message in it.  Keeps headers only, never bodies (but the
 * first bytes of the first text part, for the preview).
 *
 * Nothing is refused: behind MIME_PARTS_MAX parts or MIME_DEPTH_MAX levels
 * the rest is one opaque leaf, fields behind HDR_FIELDS_MAX or HDR_BYTES_MAX
 * of a header, and text behind MIME_TEXT_MAX of all, are not looked at.  A
 * multipart without a boundary or without parts is text.  Time is linear in
 * the input, memory bounded by the limits; no recursion.
 *
 * One struct serves many messages: mime_start makes it ready for the next.
 */
#ifndef MIME_H
#define MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/mime_map.h"

#define MIME_TEXT_MAX		(4u << 20)	/* field text kept for a message */
#define MIME_BOUNDARY_MAX	250
#define MIME_SAMPLE_BYTES	2048		/* of the first text/plain and text/html */

struct mime_ref {			/* into mime.text */
	uint32_t	off;
	uint32_t	n;		/* MIME_NONE: the field is absent */
};

/* What BODYSTRUCTURE tells beyond the span; params are rendered IMAP lists. */
struct mime_meta {
	struct mime_ref	type, subtype;	/* as in the message */
	struct mime_ref	params;		/* ("charset" "utf-8") or NIL */
	struct mime_ref	charset;	/* text parts; absent: none given */
	struct mime_ref	id, description, encoding;
	struct mime_ref	md5, disposition, language, location; /* rendered */
	struct mime_ref	envelope;	/* of part 0 and messages in messages */
	bool		opaque;		/* behind a limit: application/octet-stream */
	bool		has_children;
};

struct mime_sample {
	uint32_t	part;		/* MIME_NONE: there is none */
	struct buf	bytes;		/* encoded as in the message */
};

struct mime_open;		/* an unfinished part */

struct mime {
	struct mime_map		 map;
	struct mime_meta	*meta;		/* one for each span */
	uint32_t		 meta_cap;
	struct buf		 text;
	struct buf		 top;		/* the message's header, raw, up to its limit */
	struct mime_sample	 plain, html;
	uint32_t		 bytes;		/* of the message */
	bool			 limited;	/* some limit was reached */

	/* the parser's own */
	struct mime_open	*open;		/* from part 0 to the current part */
	unsigned		 open_count;
	struct hdr_params	 params;
	struct buf		 header;	/* of the part being read */
	struct buf		 line;		/* a line that may be a boundary */
	struct mime_sample	*sample;	/* that the current part feeds */
	uint32_t		 line_off;	/* where the current line starts */
	uint32_t		 prev_off;	/* where the line before it starts ... */
	uint32_t		 prev_end;	/* ... and its line end */
	uint32_t		 lf_count;
	unsigned		 fields;	/* of the current header */
	bool			 in_header;
	bool			 header_full;	/* the current one is over its limit */
	bool			 at_start;	/* of a line */
	bool			 in_line;	/* collecting mime.line */
	bool			 last_cr;
	bool			 opaque;	/* no boundary is looked for any more */
};

/* make */
void		 mime_init(struct mime *);
void		 mime_fini(struct mime *);

/* use */
void		 mime_start(struct mime *);
void		 mime_feed(struct mime *, struct slice);
void		 mime_end(struct mime *);

/* get: after mime_end */
struct slice	 mime_text(const struct mime *, struct mime_ref);	/* empty when absent */
bool		 mime_has(struct mime_ref);
struct slice	 mime_top_header(const struct mime *);

#endif
