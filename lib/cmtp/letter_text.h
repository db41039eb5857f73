/* SPDX-License-Identifier: ISC */
/*
 * What the text of a letter needs to be a part of mail: its charset, its
 * encoding and how long it is then.  Fed in pieces; pure.
 *
 * 7bit and 8bit are for lines of 998 bytes without NUL and lone CR, of which
 * none looks like a boundary of letter_mail; else quoted-printable, or base64
 * where that is shorter.
 */
#ifndef LETTER_TEXT_H
#define LETTER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/mime_encode.h"

#define LETTER_TEXT_BOUNDARY	"=_letter"	/* quoted-printable has no "=_" */

struct letter_text {
	/* verdicts, after letter_text_end */
	enum mime_code	 code;
	const char	*charset;
	uint64_t	 bytes;		/* encoded */
	bool		 ends_line;	/* or is empty */

	/* the machine */
	struct mime_encode	 plain, qp, base64;
	uint64_t		 plain_bytes, qp_bytes, base64_bytes;
	struct buf		 scratch;
	size_t			 line;		/* bytes of this one */
	size_t			 dashes;	/* of a boundary, matched so far */
	unsigned		 follow;	/* bytes that must continue a character */
	unsigned char		 low, high;	/* of the next of them */
	bool			 has_cr;
	bool			 has_8bit, is_utf8, is_odd;
};

void	 letter_text_init(struct letter_text *);
void	 letter_text_fini(struct letter_text *);
void	 letter_text_feed(struct letter_text *, struct slice);
void	 letter_text_end(struct letter_text *);

#endif
