/* SPDX-License-Identifier: ISC */
/*
 * SHA-512 (FIPS 180-4), HMAC-SHA-512 (RFC 2104) and HKDF with it (RFC 5869):
 * what OPAQUE asks for.  Own records use the functions of cry.h.
 */
#ifndef CRY_SHA512_H
#define CRY_SHA512_H

#include "lib/base/slice.h"

#define CRY_SHA512_BYTES	64
#define CRY_SHA512_EXPAND_MAX	(255 * CRY_SHA512_BYTES)

void	 cry_sha512(unsigned char out[CRY_SHA512_BYTES], struct slice);
void	 cry_sha512_hmac(unsigned char out[CRY_SHA512_BYTES], struct slice key, struct slice);
/* RFC 5869 s2.2: without a salt. */
void	 cry_sha512_extract(unsigned char out[CRY_SHA512_BYTES], struct slice ikm);
/* RFC 5869 s2.3 */
void	 cry_sha512_expand(unsigned char *out, size_t out_bytes,
	    const unsigned char prk[CRY_SHA512_BYTES], struct slice info);

#endif
