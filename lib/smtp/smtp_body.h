/* SPDX-License-Identifier: ISC */
/*
 * The text of a message on its way out.  DATA: dots are stuffed (RFC 5321
 * s4.5.2) and a dot ends it.  The text comes in lines that end in CRLF; a CR
 * or LF alone, which queue lets nobody bring in, is sent as CRLF all the
 * same, so that no receiver reads a line end that we did not mean.  Binary
 * text (RFC 3030 s3) is passed as it is.
 */
#ifndef SMTP_BODY_H
#define SMTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum smtp_body_form { SMTP_BODY_DATA, SMTP_BODY_CHUNK, SMTP_BODY_BINARY };

struct smtp_body {
	enum smtp_body_form	 form;
	bool			 is_bol;	/* at the beginning of a line */
	bool			 has_cr;	/* a CR is held back */
};

void	 smtp_body_init(struct smtp_body *, enum smtp_body_form);
/* Appends a piece; out NULL: only counts.  Returns how many bytes it makes. */
size_t	 smtp_body_put(struct smtp_body *, struct buf *out, struct slice);
/* The end: completes the last line; with DATA, the dot. */
size_t	 smtp_body_end(struct smtp_body *, struct buf *out);

#endif
