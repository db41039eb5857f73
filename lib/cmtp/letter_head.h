/* SPDX-License-Identifier: ISC */
/*
 * The header lines of letter_mail: of the mail and of its parts.  What is no
 * address in a field of addresses stands in Comments (RFC 5322 s3.6.5); a line
 * of the log is a Received field when it has that form, else the comment of
 * one.  Pure.
 */
#ifndef LETTER_HEAD_H
#define LETTER_HEAD_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/cmtp/letter_mail.h"

/* With the empty line, and the letter's part as far as its own. */
void		 letter_head_put(struct buf *, const struct letter_mail_facts *,
		    const struct cmtp_letter *, const struct letter_text *);
/* From the boundary to the empty line.  number: from 1, for one without a name. */
void		 letter_head_put_part(struct buf *, struct slice name, uint32_t number);
void		 letter_head_put_end(struct buf *);	/* behind the last part */

#endif
