/* SPDX-License-Identifier: ISC */
/*
 * Internet mail as a letter of CMTP 1 and its attachments (man/cmtp.7, "To and
 * from Internet mail"): the first box is the letter, each other one a leaf part
 * that is not the letter's text.  The message is read through the owner, once
 * to find its parts, then as often as a box is begun, always with the same
 * bytes: what is sealed must be gone over twice (cry_box.h).
 *
 * Pure.  Memory: the fields and the text (MAIL_LETTER_TEXT_MAX, some times that
 * while its charset is converted), what lib/mail keeps of headers, and a piece.
 * A text that is larger, as sent, is an attachment.  What has more parts than
 * CMTP_ATTACHMENTS_MAX is no letter.
 */
#ifndef MAIL_LETTER_H
#define MAIL_LETTER_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/mail/charset.h"

#define MAIL_LETTER_TEXT_MAX	(1u << 20)	/* as sent, of the part */
#define MAIL_LETTER_PIECE	32768u		/* read at once */
#define MAIL_LETTER_NEXT_MAX	(MAIL_LETTER_PIECE + 1024)

/* Exactly n bytes from off. */
typedef enum err mail_letter_fn(void *arg, uint64_t off, void *dst, size_t n);

struct mail_letter_source {
	uint64_t		 bytes;
	mail_letter_fn		*read;
	void			*arg;
	struct charset_set	*charsets;	/* borrowed; NULL: as charset.h */
	uint64_t		 now_s;		/* the time of a message without a Date */
};

struct mail_letter;

struct mail_letter *mail_letter_new(const struct mail_letter_source *);
void		 mail_letter_free(struct mail_letter **);

/*
 * A piece of the message: ERR_SHORT until all is read, then ERR_OK.  ERR_LIMIT:
 * it is no letter; else what reading said.
 */
enum err	 mail_letter_scan(struct mail_letter *) MUST_USE;
/* Then: the letter is 0. */
uint32_t	 mail_letter_attachments(const struct mail_letter *);
void		 mail_letter_box(struct mail_letter *, uint32_t box);
/* Appends at most MAIL_LETTER_NEXT_MAX bytes; ERR_END behind the last. */
enum err	 mail_letter_next(struct mail_letter *, struct buf *out) MUST_USE;

#endif
