/* SPDX-License-Identifier: ISC */
/*
 * What proves a MAIL2, and what proves its answer (man/cmtp.7):
 *
 *	u8 1, share[32], sig[64]	by the server's key
 *	u8 2, mac[32]			by the pact of the connection
 *
 * A pact is a key that two servers have for one connection, so that one signature
 * of each is enough for it.  It is made of the shares (X25519) in a signed MAIL2 and
 * in its signed answer, and of all that proved the two; zeros as a share mean that
 * no pact is wanted.  Each MAIL2 under it has the next number, which is in its MAC
 * and in that of its answer: none can be taken for another, nor comes twice.
 * Values, owned and wiped (cmtp2_pact_end) by who has them.
 */
#ifndef CMTP2_PACT_H
#define CMTP2_PACT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_sign.h"

#define CMTP2_SIGNED_BYTES	(1 + CRY_KEY_BYTES + CRY_ED_SIG_BYTES)
#define CMTP2_MAC_BYTES		(1 + CRY_KEY_BYTES)
#define CMTP2_PROOF_MAX		CMTP2_SIGNED_BYTES

enum cmtp2_proof_kind { CMTP2_SIGNED = 1, CMTP2_MAC = 2 };

struct cmtp2_proof {
	enum cmtp2_proof_kind	 kind;
	unsigned char		 share[CRY_KEY_BYTES];	/* zeros: none; always so with a MAC */
	unsigned char		 sig[CRY_ED_SIG_BYTES];
	unsigned char		 mac[CRY_KEY_BYTES];
};

/* One's own half, until the other one is there. */
struct cmtp2_half {
	unsigned char		 share[CRY_KEY_BYTES];
	unsigned char		 secret[CRY_KEY_BYTES];
};

struct cmtp2_pact {
	bool			 stands;
	unsigned char		 client_sign[CRY_KEY_BYTES];	/* by whose signature: whose mail it proves */
	unsigned char		 key[CRY_KEY_BYTES];
	uint64_t		 number;	/* of the last MAIL2 under it; 0: none yet */
};

/* ---- wire */
/* With its first byte; 0: there is no such kind. */
size_t		 cmtp2_proof_bytes(unsigned char kind);
void		 cmtp2_proof_put(struct buf *, const struct cmtp2_proof *);
/* From the front.  ERR_SHORT: nothing was taken; ERR_SYNTAX. */
enum err	 cmtp2_proof_read(struct cmtp2_proof *, struct slice *in) MUST_USE;
bool		 cmtp2_proof_has_share(const struct cmtp2_proof *);

/* ---- make, use, end */
void		 cmtp2_half_make(struct cmtp2_half *);
/*
 * Of what was signed; own is one of the two halves.  ERR_CORRUPT: the other share is none,
 * and no pact stands.
 */
enum err	 cmtp2_pact_make(struct cmtp2_pact *, const struct cmtp2_half *own,
		    const unsigned char digest[CMTP_DIGEST_BYTES], const struct cmtp2_proof *request,
		    const struct cmtp2_proof *answer) MUST_USE;
/* Of a MAIL2 by its digest, under the number that stands in the pact; and of its answer. */
void		 cmtp2_pact_prove_mail(struct cmtp2_proof *, const struct cmtp2_pact *,
		    const unsigned char digest[CMTP_DIGEST_BYTES]);
void		 cmtp2_pact_prove_answer(struct cmtp2_proof *, const struct cmtp2_pact *,
		    const unsigned char digest[CMTP_DIGEST_BYTES], unsigned char what,
		    struct slice content);
/* Is it the MAC that was made here for the same? */
bool		 cmtp2_proof_is_mac(const struct cmtp2_proof *got, const struct cmtp2_proof *made);
void		 cmtp2_pact_end(struct cmtp2_pact *);

#endif
