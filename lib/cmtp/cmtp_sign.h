/* SPDX-License-Identifier: ISC */
/*
 * What CMTP 2 signs: never bare bytes, but "CMTP2" NUL, a purpose and a NUL,
 * then each field with its length (u32) before it.  So no signature is good
 * for another purpose, and no field ends where another begins.
 */
#ifndef CMTP_SIGN_H
#define CMTP_SIGN_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry_ed.h"

#define CMTP_SIGN_FIELDS_MAX	16
#define CMTP_DIGEST_BYTES	32

struct cmtp_sign {
	const char	*purpose;
	struct slice	 fields[CMTP_SIGN_FIELDS_MAX];
	unsigned	 count;
};

void		 cmtp_sign_put(struct buf *, const struct cmtp_sign *);	/* the bytes that are signed */
void		 cmtp_sign_make(unsigned char sig[CRY_ED_SIG_BYTES], const struct cmtp_sign *,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);
/* ERR_CORRUPT when it is not this key's signature. */
enum err	 cmtp_sign_verify(const unsigned char sig[CRY_ED_SIG_BYTES], const struct cmtp_sign *,
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;

/* What names it: the hash (BLAKE2b-256) of the bytes that are signed. */
void		 cmtp_sign_digest(unsigned char out[CMTP_DIGEST_BYTES], const struct cmtp_sign *);
/* The same, keyed: of a purpose that nobody signs for. */
void		 cmtp_sign_mac(unsigned char out[CRY_KEY_BYTES], const struct cmtp_sign *,
		    const unsigned char key[CRY_KEY_BYTES]);

#endif
