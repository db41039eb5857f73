/* SPDX-License-Identifier: ISC */
/*
 * MAIL2's reply:
 *
 *	u32 2, u8 what, u32 length, content, proof (cmtp2_pact.h)
 *
 * proven over the digest of the request, what, and content, and where it is signed
 * both shares: it answers that request and no other.  Content is, for each
 * destination in its order, or once for all when the request is refused whole, u8
 * class (2, 4, 5), text NUL; or the price of postage (cmtp2_postage.h).
 */
#ifndef CMTP2_ANSWER_H
#define CMTP2_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp2_pact.h"
#include "lib/cmtp/cmtp_wire.h"

#define CMTP2_TEXT_MAX		255	/* of a status, without the NUL */
#define CMTP2_CONTENT_MAX	(CMTP2_DESTINATIONS_MAX * (1 + CMTP2_TEXT_MAX + 1))

enum cmtp2_what {
	CMTP2_STATUSES = 1,
	CMTP2_POSTAGE = 2,
	CMTP2_REFUSED = 3,
	CMTP2_STALE = 4,	/* refused since a destination has another key now */
	CMTP2_BY_SMTP = 5	/* the sender's domain is the receiver's too: SMTP takes it */
};

struct cmtp2_answer {
	bool		 is_failure;	/* FAILURE stood in its place: nothing else is set */
	enum cmtp2_what	 what;
	struct slice	 content;	/* borrowed */
	struct cmtp2_proof proof;
};

/* The request that is answered; all is borrowed. */
struct cmtp2_asked {
	const unsigned char	*digest;	/* CMTP_DIGEST_BYTES */
	const struct cmtp2_proof *proof;
	const struct cmtp2_pact	*pact;		/* it has a MAC of: as it was then */
};

/* What is signed; all stays borrowed. */
struct cmtp_sign cmtp2_answer_sign(const struct cmtp2_asked *, enum cmtp2_what,
		    struct slice content, const unsigned char share[CRY_KEY_BYTES]);

/* ---- the receiver of mail */
/* The text as far as it can be sent: printable UTF-8, CMTP2_TEXT_MAX bytes. */
void		 cmtp2_answer_put_status(struct buf *content, unsigned class, struct slice text);
void		 cmtp2_answer_put(struct buf *, enum cmtp2_what, struct slice content,
		    const struct cmtp2_proof *);

/* ---- its sender */
/*
 * From the front of the input, where the slices lie; destinations: how many
 * statuses there must be.  ERR_SHORT: give more, nothing was taken; ERR_SYNTAX,
 * ERR_VERSION.
 */
enum err	 cmtp2_answer_read(struct cmtp2_answer *, unsigned destinations,
		    struct slice *in) MUST_USE;
/* By the receiving server's key, or the pact.  ERR_CORRUPT. */
enum err	 cmtp2_answer_verify(const struct cmtp2_answer *, const struct cmtp2_asked *,
		    const unsigned char server_sign[CRY_KEY_BYTES]) MUST_USE;
/* The next status.  ERR_END, ERR_SYNTAX. */
enum err	 cmtp2_answer_get_status(struct slice *content, unsigned *class,
		    struct slice *text) MUST_USE;

#endif
