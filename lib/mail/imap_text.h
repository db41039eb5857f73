/* SPDX-License-Identifier: ISC */
/*
 * ENVELOPE, BODY and BODYSTRUCTURE as they go on the wire (RFC 3501 s7.4.2,
 * s9; RFC 9051 s7.5.2).  Strings are quoted when they are 7-bit text of up to
 * 1,000 bytes, else literals; NUL, which neither can hold, becomes '?'.
 */
#ifndef IMAP_TEXT_H
#define IMAP_TEXT_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct mime;
struct hdr_params;

/* string */
void	 imap_text_put_string(struct buf *, struct slice);
/* nstring: NIL when absent */
void	 imap_text_put_nstring(struct buf *, bool present, struct slice);
/* body-fld-param: ("name" "value" ...) or NIL */
void	 imap_text_put_params(struct buf *, const struct hdr_params *);
/* body-fld-dsp, body-fld-lang of a field value */
void	 imap_text_put_disposition(struct buf *, struct hdr_params *scratch, struct slice value);
void	 imap_text_put_language(struct buf *, struct slice value);

/* The parenthesized ENVELOPE of a header block. */
void	 imap_text_put_envelope(struct buf *, struct slice header);

/*
 * The parenthesized BODYSTRUCTURE of a parsed message.  *cuts gets the ranges
 * that BODY leaves out, as pairs of LEB128 numbers: bytes kept, bytes cut.
 */
void	 imap_text_put_structure(struct buf *, const struct mime *, struct buf *cuts);
/* BODY from the two. */
void	 imap_text_put_body(struct buf *, struct slice structure, struct slice cuts);

#endif
