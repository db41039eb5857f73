/* SPDX-License-Identifier: ISC */
/*
 * An opened message of CMTP 1 as Internet mail (man/cmtp.7, "To and from
 * Internet mail"): the letter and its attachments, in pieces, in their order,
 * twice.  The first time tells how large the mail is and how its text must be
 * encoded; the second, with the same bytes, gives the mail.  The result is the
 * same for the same input, however it is cut.
 *
 * Pure.  Kept are the letter's fields and no text: LETTER_MAIL_FIELDS_MAX.
 * Every byte may be hostile: nothing of it becomes a line of the header or a
 * boundary that was not meant as one, and nothing is refused.
 */
#ifndef LETTER_MAIL_H
#define LETTER_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/letter_text.h"
#include "lib/mail/mime_encode.h"

#define LETTER_MAIL_FIELDS_MAX	(8 + (CMTP_LETTER_CC_MAX + 2) * (CMTP_FIELD_MAX + 1))
#define LETTER_MAIL_LOG_LINES	50	/* the newest become Received */
#define LETTER_MAIL_HEAD_MAX	(512u << 10)	/* of any letter, without the trace */

/* Borrowed until letter_mail_fini. */
struct letter_mail_facts {
	struct slice	 from_user, from_domain;	/* an empty user: the server itself */
	struct slice	 to_user, to_domain;		/* empty: the postmaster, domain */
	struct slice	 domain;	/* of this host, for an empty one */
	struct slice	 log;		/* lines, each with its NUL */
	struct slice	 trace;		/* whole header lines of this host; or none */
	struct slice	 message_id;	/* with its < and >; empty: none */
	uint64_t	 arrived_s;	/* the Date of a letter that has none */
	uint32_t	 attachments;
};

struct letter_mail {
	struct letter_mail_facts	 facts;
	struct buf			 fields;	/* the letter's first bytes */
	struct cmtp_letter		 letter;	/* lies in fields; no text */
	struct letter_text		 text;		/* what is known of it */
	size_t				 skip;		/* bytes in front of the text */
	struct mime_encode		 encode;	/* of the box being fed */
	struct buf			 name;		/* an attachment's, until its NUL */
	struct buf			 scratch;
	uint64_t			 size;		/* what has come out */
	uint32_t			 box;		/* from 1, the letter */
	size_t				 seen;		/* of the letter, this time */
	bool				 is_first;	/* of the two times */
	bool				 is_read;	/* fields are known */
	bool				 has_name;	/* of the attachment */
};

/* make */
void		 letter_mail_init(struct letter_mail *, const struct letter_mail_facts *);
void		 letter_mail_fini(struct letter_mail *);

/*
 * For each box: begin, its bytes, end; end behind the last.  out is not looked
 * at the first time and may be NULL; the second it gets at most 4 bytes for one
 * of input, and LETTER_MAIL_HEAD_MAX and the trace more.
 */
void		 letter_mail_box(struct letter_mail *, struct buf *out);
void		 letter_mail_feed(struct letter_mail *, struct slice, struct buf *out);
void		 letter_mail_box_end(struct letter_mail *, struct buf *out);
void		 letter_mail_end(struct letter_mail *, struct buf *out);
/* After letter_mail_end: bytes of the mail. */
uint64_t	 letter_mail_size(const struct letter_mail *);
/* The second time begins. */
void		 letter_mail_again(struct letter_mail *);

#endif
