/* SPDX-License-Identifier: ISC */
/*
 * A message's flags: those of IMAP as bits, keywords as words with a space
 * between them, each one an atom that IMAP can say (others are left out).
 */
#ifndef MAIL_FLAGS_H
#define MAIL_FLAGS_H

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum mail_flag {
	MAIL_SEEN = 1, MAIL_ANSWERED = 2, MAIL_FLAGGED = 4, MAIL_DELETED = 8, MAIL_DRAFT = 16
};

#define MAIL_KEYWORDS_BYTES	2000	/* of one message, with the spaces */

struct mail_flags {
	unsigned	 bits;
	struct slice	 keywords;
};

/* A word of a flag-list: a bit, or a keyword for the buf; else nothing. */
void	 mail_flags_word(unsigned *bits, struct buf *keywords, struct slice word);
/* "(\Seen $Junk)" */
void	 mail_flags_put(struct buf *, const struct mail_flags *);
/* Letters of the name of a file in a Maildir, and the other way round. */
unsigned mail_flags_of_maildir(struct slice letters);
void	 mail_flags_put_maildir(struct buf *, unsigned bits);
/* Letters of the fields Status and X-Status in an mbox. */
unsigned mail_flags_of_mbox(struct slice letters);

#endif
