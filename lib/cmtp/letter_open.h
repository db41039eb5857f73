/* SPDX-License-Identifier: ISC */
/*
 * The command MAIL of CMTP 1, without its name, opened with its owner's key and made
 * Internet mail (letter_mail.h): fed twice with the same bytes, in any pieces.  The
 * first time checks the tag of every box and measures, and nothing of it is to be
 * used; the second gives the mail.
 *
 *	letter_open_init(o, &facts);
 *	while ((e = letter_open_feed(o, &in, NULL)) == ERR_AGAIN)
 *		letter_open_key(o, shared, owner);	-- of letter_open_ephemeral(o)
 *	letter_open_end(o) == ERR_OK; letter_open_bytes(o)
 *	letter_open_again(o);
 *	letter_open_feed(o, &in, out) == ERR_OK ... letter_open_end(o)
 *
 * Pure.  The command is what a peer sent: ERR_CORRUPT when it does not open.  Kept are
 * its log, the letter's fields and for each box its key: CMTP_ATTACHMENTS_MAX.
 */
#ifndef LETTER_OPEN_H
#define LETTER_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/letter_mail.h"
#include "lib/crypto/cry_box.h"

#define LETTER_OPEN_BOXES_MAX	(1 + CMTP_ATTACHMENTS_MAX)
/* What one call of letter_open_feed puts out at most, of so much input. */
#define LETTER_OPEN_PIECE	(16u << 10)
#define LETTER_OPEN_OUT_MAX	(4 * LETTER_OPEN_PIECE + LETTER_MAIL_HEAD_MAX + (16u << 10))

/* Borrowed until letter_open_fini. */
struct letter_open_facts {
	uint64_t	 bytes;		/* of the command: no length in it may say more */
	struct slice	 domain, trace, message_id;	/* as in letter_mail_facts */
	uint64_t	 arrived_s;
};

struct letter_open {
	struct letter_open_facts facts;
	struct cmtp_limits	 limits;
	struct cmtp_parser	 parser;
	struct letter_mail	 mail;
	struct buf		 text;		/* parameters and log */
	struct cry_box_key	*keys;		/* of boxes, in order */
	uint32_t		 box_count, key_cap;
	struct cry_box		*box;		/* being opened */
	struct slice		 piece;		/* of the input, that waits for the key */
	unsigned char		 front[CRY_SEAL_BYTES];	/* of the box: key and tag */
	size_t			 front_n;
	uint64_t		 left;		/* of the box */
	bool			 is_plain;	/* version 0: there are no boxes */
	bool			 has_part;
	bool			 has_mail;
	bool			 is_second;
	bool			 ended;
	enum err		 error;
};

void		 letter_open_init(struct letter_open *, const struct letter_open_facts *);
void		 letter_open_fini(struct letter_open *);	/* wipes */
/*
 * Takes from the front of the input, LETTER_OPEN_PIECE at most.  ERR_AGAIN: a key is
 * needed (the first time), and what was taken is to stay where it is; ERR_CORRUPT:
 * nothing more comes.
 */
enum err	 letter_open_feed(struct letter_open *, struct slice *in, struct buf *out) MUST_USE;
struct slice	 letter_open_ephemeral(const struct letter_open *);
void		 letter_open_key(struct letter_open *, const unsigned char shared[CRY_KEY_BYTES],
		    const unsigned char owner[CRY_KEY_BYTES]);
/* ERR_CORRUPT: it was cut, or more came behind it. */
enum err	 letter_open_end(const struct letter_open *) MUST_USE;
void		 letter_open_again(struct letter_open *);
uint64_t	 letter_open_bytes(const struct letter_open *);
/* The first box opened: the key was the right one. */
bool		 letter_open_fits(const struct letter_open *);

#endif
