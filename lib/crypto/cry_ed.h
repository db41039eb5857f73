/* SPDX-License-Identifier: ISC */
/*
 * Ed25519 (RFC 8032) as CMTP has it: a key is kept as its 32-byte seed, signs
 * bare bytes, and opens boxes by its X25519 form.  What is signed, and that a
 * purpose is in it, is the caller's matter.
 */
#ifndef CRY_ED_H
#define CRY_ED_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define CRY_ED_SEED_BYTES	32
#define CRY_ED_SECRET_BYTES	64	/* seed and public key */
#define CRY_ED_SIG_BYTES	64

/* The key of a seed; a new seed is cry_random's. */
void		 cry_ed_pair(unsigned char public_key[CRY_KEY_BYTES],
		    unsigned char secret_key[CRY_ED_SECRET_BYTES],
		    const unsigned char seed[CRY_ED_SEED_BYTES]);
void		 cry_ed_sign(unsigned char sig[CRY_ED_SIG_BYTES], struct slice,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);
/* ERR_CORRUPT when it is not this key's signature. */
enum err	 cry_ed_verify(const unsigned char sig[CRY_ED_SIG_BYTES], struct slice,
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;

/* The X25519 forms, for cry_box_seal and cry_box_open; ERR_CORRUPT: no point. */
enum err	 cry_ed_box_public(unsigned char out[CRY_KEY_BYTES],
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;
void		 cry_ed_box_secret(unsigned char out[CRY_KEY_BYTES],
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);

#endif
