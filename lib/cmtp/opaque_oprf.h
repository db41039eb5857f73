/* SPDX-License-Identifier: ISC */
/*
 * The oblivious pseudorandom function of RFC 9497, mode OPRF, suite
 * ristretto255-SHA512: the client learns F(key, input), the server learns
 * neither.  ERR_CORRUPT for what is no element of the group (s3.3.1, s2.1).
 */
#ifndef OPAQUE_OPRF_H
#define OPAQUE_OPRF_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define OPAQUE_OPRF_BYTES	32	/* an element, a scalar */
#define OPAQUE_OPRF_OUT_BYTES	64
#define OPAQUE_OPRF_INPUT_MAX	4096

/* DeriveKeyPair, s3.2.1; info is a label of ours. */
void		 opaque_oprf_pair(unsigned char secret_key[OPAQUE_OPRF_BYTES],
		    unsigned char public_key[OPAQUE_OPRF_BYTES],
		    const unsigned char seed[OPAQUE_OPRF_BYTES], const char *info);

/* ---- the client; blind is a random scalar */
enum err	 opaque_oprf_blind(unsigned char blinded[OPAQUE_OPRF_BYTES], struct slice input,
		    const unsigned char blind[OPAQUE_OPRF_BYTES]) MUST_USE;
enum err	 opaque_oprf_finish(unsigned char out[OPAQUE_OPRF_OUT_BYTES], struct slice input,
		    const unsigned char blind[OPAQUE_OPRF_BYTES],
		    const unsigned char evaluated[OPAQUE_OPRF_BYTES]) MUST_USE;

/* ---- the server */
enum err	 opaque_oprf_evaluate(unsigned char evaluated[OPAQUE_OPRF_BYTES],
		    const unsigned char secret_key[OPAQUE_OPRF_BYTES],
		    const unsigned char blinded[OPAQUE_OPRF_BYTES]) MUST_USE;
/* What a client of this input would get. */
enum err	 opaque_oprf_direct(unsigned char out[OPAQUE_OPRF_OUT_BYTES], struct slice input,
		    const unsigned char secret_key[OPAQUE_OPRF_BYTES]) MUST_USE;

#endif
