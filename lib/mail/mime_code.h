/* SPDX-License-Identifier: ISC */
/*
 * Content-transfer-encodings (RFC 2045 s6), decoded in pieces.  Tolerant, as
 * readers must be: junk in base64 is skipped, a bad =XX stays as it is.
 */
#ifndef MIME_CODE_H
#define MIME_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum mime_code {
	MIME_CODE_7BIT, MIME_CODE_8BIT, MIME_CODE_BINARY, MIME_CODE_BASE64,
	MIME_CODE_QP, MIME_CODE_UNKNOWN
};

enum mime_code	 mime_code_find(struct slice name);

struct mime_decoder {
	enum mime_code	code;
	uint32_t	bits;		/* base64 */
	uint8_t		count;		/* base64 digits in bits */
	struct buf	held;		/* qp: an unfinished escape or trailing white space */
};

void	 mime_decoder_init(struct mime_decoder *, enum mime_code);
void	 mime_decoder_fini(struct mime_decoder *);
void	 mime_decoder_put(struct mime_decoder *, struct slice, struct buf *out);
void	 mime_decoder_end(struct mime_decoder *, struct buf *out);

#endif
