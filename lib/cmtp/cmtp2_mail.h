/* SPDX-License-Identifier: ISC */
/*
 * MAIL2, the request: an envelope for many recipients of one domain, a sealed
 * object, and what proves that the sending domain's server sends them.
 *
 *	u32 version 2, u32 destinations, u64 time (unix seconds), u64 serial,
 *	u64 object bytes, u16 postage bytes
 *	source user NUL, source domain NUL, destination domain NUL
 *	each destination user NUL		-- the envelope ends here
 *	postage, object, proof (cmtp2_pact.h)
 *
 * Its digest is over the envelope, with postage bytes as 0, and the hash of the
 * object, so that postage can be added to what is proven already; a signature is
 * over the same and the share that stands before it.
 */
#ifndef CMTP2_MAIL_H
#define CMTP2_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp2_pact.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/crypto/cry_hasher.h"

struct cmtp2_mail {
	uint32_t	 destinations;
	uint64_t	 time_s;
	uint64_t	 serial;	/* of the server's record that signs */
	uint64_t	 object_bytes;
	uint16_t	 postage_bytes;
	struct slice	 source_user;	/* empty: the server itself */
	struct slice	 source_domain;
	struct slice	 domain;	/* of all destinations */
	struct slice	 users;		/* each with its NUL: cmtp2_mail_user */
};

/* ---- the sender */
/* The envelope; postage_bytes and users of the struct are not used.  ERR_SYNTAX, ERR_LIMIT. */
enum err	 cmtp2_mail_put(struct buf *envelope, const struct cmtp2_mail *,
		    const struct slice *users) MUST_USE;
/* The command up to its object; postage is empty or a solution.  Object and proof follow. */
void		 cmtp2_mail_command(struct buf *, struct slice envelope, struct slice postage);

/* ---- the receiver */
/* CMTP2_HEAD_BYTES; only the version is judged (ERR_VERSION). */
enum err	 cmtp2_mail_read_head(struct cmtp2_mail *, struct slice) MUST_USE;
/* After the head: the names, which are known to be there. */
void		 cmtp2_mail_read_names(struct cmtp2_mail *, struct slice names);
/* Both, of an envelope as it was signed.  ERR_SYNTAX, ERR_LIMIT, ERR_VERSION. */
enum err	 cmtp2_mail_read(struct cmtp2_mail *, struct slice envelope) MUST_USE;
/* Postage bytes as 0, in a head. */
void		 cmtp2_mail_unpay(char *head);
/* The next destination, from the front of users; false: there is no more. */
bool		 cmtp2_mail_user(struct slice *users, struct slice *user);

/* ---- both */
void		 cmtp2_mail_digest(unsigned char out[CMTP_DIGEST_BYTES], struct slice envelope,
		    const unsigned char object_hash[CRY_HASH_BYTES]);
/* What a signature is over; all stays borrowed. */
struct cmtp_sign cmtp2_mail_sign(struct slice envelope,
		    const unsigned char object_hash[CRY_HASH_BYTES],
		    const unsigned char share[CRY_KEY_BYTES]);

#endif
