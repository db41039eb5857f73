/* SPDX-License-Identifier: ISC */
/*
 * Postage: work that a stranger's mail must have cost.  The price is the
 * content of MAIL2's reply:
 *
 *	u8 algorithm 1, u8 bits, u32 KiB, u32 passes, nonce[32], u64 expires
 *
 * Its solution is nonce[32], u64 counter: Argon2id of the request's digest and
 * the counter, with the first half of the nonce as salt, begins with so many
 * zero bits.  The nonce is a MAC of the server that asks over all that the
 * price says and the digest, with the time of expiry behind it, so that server
 * keeps no state: what comes back with a nonce of its own was asked of this
 * very message.
 *
 * One evaluation costs KiB of memory and milliseconds: not on a loop's thread.
 */
#ifndef CMTP2_POSTAGE_H
#define CMTP2_POSTAGE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_sign.h"
#include "lib/cmtp/cmtp_wire.h"

#define CMTP2_PRICE_BYTES	50
/* What a sender is willing to pay. */
#define CMTP2_PRICE_BITS_MAX	16
#define CMTP2_PRICE_KIB_MIN	8
#define CMTP2_PRICE_KIB_MAX	(256u << 10)
#define CMTP2_PRICE_PASSES_MAX	10
#define CMTP2_PRICE_LIFE_S	3600

struct cmtp2_price {
	uint8_t		 bits;
	uint32_t	 kib;
	uint32_t	 passes;
	unsigned char	 nonce[CMTP2_NONCE_BYTES];
	uint64_t	 expires_s;
};

/* ---- the one who asks for it; secret: 32 random bytes of its own */
/* bits, kib, passes and expires_s are set; makes the nonce. */
void		 cmtp2_postage_ask(struct cmtp2_price *, const unsigned char digest[CMTP_DIGEST_BYTES],
		    const unsigned char secret[CRY_KEY_BYTES]);
void		 cmtp2_postage_put(struct buf *, const struct cmtp2_price *);
/*
 * Was this asked of that message, at the price (its bits, kib and passes) that
 * is asked now, and has not expired?  ERR_AUTH.  Costs nothing; sets nonce and
 * expires_s of the price.
 */
enum err	 cmtp2_postage_check(struct cmtp2_price *, struct slice solution,
		    const unsigned char digest[CMTP_DIGEST_BYTES],
		    const unsigned char secret[CRY_KEY_BYTES], uint64_t now_s) MUST_USE;

/* ---- the one who pays */
/* ERR_SYNTAX, ERR_LIMIT: more than anybody pays, ERR_UNSUPPORTED. */
enum err	 cmtp2_postage_read(struct cmtp2_price *, struct slice) MUST_USE;
void		 cmtp2_postage_solution(unsigned char out[CMTP2_POSTAGE_BYTES],
		    const struct cmtp2_price *, uint64_t counter);

/* ---- both: one evaluation */
/* ERR_OK: it solves; ERR_NOTFOUND: it does not; ERR_BUSY: no memory for it. */
enum err	 cmtp2_postage_try(const struct cmtp2_price *,
		    const unsigned char digest[CMTP_DIGEST_BYTES], uint64_t counter) MUST_USE;
/* The counter of a solution. */
uint64_t	 cmtp2_postage_counter(struct slice solution);

#endif
