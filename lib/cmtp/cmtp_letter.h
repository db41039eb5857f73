/* SPDX-License-Identifier: ISC */
/*
 * What the boxes of a CMTP 1 message hold: the letter (creation time, subject,
 * reply-to, carbon copies, text) and attachments (a file name and its data).
 * A letter without the fields, as some clients send it, is text alone.
 *
 * Addresses and subject are UTF-8 without NUL; the text may be anything.
 */
#ifndef CMTP_LETTER_H
#define CMTP_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CMTP_LETTER_CC_MAX	100
#define CMTP_FIELD_MAX		998	/* bytes of a subject or an address */
#define CMTP_FILE_NAME_MAX	255

struct cmtp_letter {
	bool		 is_bare;	/* no fields, only text */
	uint32_t	 time_s;	/* unix time */
	struct slice	 subject;
	struct slice	 reply_to;
	struct slice	 cc[CMTP_LETTER_CC_MAX];
	unsigned	 cc_count;
	struct slice	 text;
};

/* Never fails: what has no fields is bare.  The slices lie in the input. */
void		 cmtp_letter_read(struct cmtp_letter *, struct slice);
/* ERR_SYNTAX: a field that could not be read back. */
enum err	 cmtp_letter_put(struct buf *, const struct cmtp_letter *) MUST_USE;

/* ERR_SYNTAX: no name that ends in NUL within CMTP_FILE_NAME_MAX. */
enum err	 cmtp_attachment_read(struct slice plain, struct slice *name,
		    struct slice *data) MUST_USE;
/* The data follow. */
enum err	 cmtp_attachment_put(struct buf *, struct slice name) MUST_USE;

#endif
