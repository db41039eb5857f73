/* SPDX-License-Identifier: ISC */
/*
 * Content-transfer-encodings (RFC 2045 s6), written in pieces: the other way
 * of mime_code.  Text gets CR LF at the end of its lines, whatever stood
 * there; data stay what they are.  Pure; the result is the same however the
 * input is cut.
 *
 * What comes out of n bytes is at most 4 n and MIME_ENCODE_EXTRA.
 */
#ifndef MIME_ENCODE_H
#define MIME_ENCODE_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/mime_code.h"

#define MIME_ENCODE_LINE	57	/* bytes of a line of base64 */
#define MIME_ENCODE_EXTRA	128

struct mime_encode {
	enum mime_code	 code;		/* 7BIT, 8BIT: as it is; BASE64; QP, of text */
	bool		 is_text;
	bool		 has_cr;	/* held */
	char		 white;		/* held: a space or tab, else 0 */
	unsigned	 column;
	unsigned	 held_n;
	char		 held[MIME_ENCODE_LINE];
};

void	 mime_encode_init(struct mime_encode *, enum mime_code, bool is_text);
void	 mime_encode_put(struct mime_encode *, struct slice, struct buf *out);
/* What is held; base64 ends its line, no other code adds one. */
void	 mime_encode_end(struct mime_encode *, struct buf *out);

#endif
