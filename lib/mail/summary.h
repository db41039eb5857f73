/* SPDX-License-Identifier: ISC */
/*
 * The summary of a message: made once (at delivery, or by imapd at APPEND or
 * on first use), stored sealed beside it, and enough to answer what clients
 * ask of a list of messages.  Plaintext form, before sealing:
 *
 *	u8 version 1, then items: u8 tag, LEB128 length, bytes
 *
 * Over SUMMARY_MAX, items are left out in this order until it fits: preview,
 * header fields, BODYSTRUCTURE with its cuts, part table, ENVELOPE.  A
 * missing item is an ordinary case: the reader parses the message instead.
 * Unknown tags are skipped.  summary_get checks every length and number, so
 * the getters need not.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"
#include "lib/mail/mime.h"

#define SUMMARY_MAX		12000
#define SUMMARY_PREVIEW_CHARS	200	/* RFC 8970 s3 */

struct summary {			/* slices borrow the record */
	uint32_t	size;		/* RFC822.SIZE, prefix included */
	uint32_t	header_bytes;	/* of the message, with its blank line */
	bool		has_sent;
	int64_t		sent_s;		/* the Date field */
	int		sent_zone;	/* its minutes east */
	bool		has_envelope, has_structure, has_parts, has_fields, has_preview;
	struct slice	envelope;	/* ready for the wire */
	struct slice	structure;	/* BODYSTRUCTURE, ready for the wire */
	struct slice	cuts;
	struct slice	parts;		/* for mime_map_get */
	struct slice	fields;		/* raw kept fields, message order, no blank line */
	struct slice	preview;	/* UTF-8, may be empty */
};

/*
 * Appends the record of a parsed message.  prefix are whole header fields put
 * before it (deliver's Return-Path and Delivered-To), not known to m; may be
 * empty.  charsets may be NULL.
 */
enum err	 summary_put(struct buf *, const struct mime *, struct slice prefix,
		    struct charset_set *) MUST_USE;
/* ERR_VERSION for another version, ERR_CORRUPT. */
enum err	 summary_get(struct summary *, struct slice) MUST_USE;

/* Whether a field of this name stands in fields if the message has one. */
bool		 summary_keeps(struct slice field_name);
/* BODY, derived from BODYSTRUCTURE; call when has_structure. */
void		 summary_put_body(struct buf *, const struct summary *);

#endif
