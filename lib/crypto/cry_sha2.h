/* SPDX-License-Identifier: ISC */
/*
 * SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104) and PBKDF2 with it (RFC 8018
 * s5.2, one block): what protocols of others ask for.  Own records use the
 * functions of cry.h.
 */
#ifndef CRY_SHA2_H
#define CRY_SHA2_H

#include <stdint.h>

#include "lib/base/slice.h"

#define CRY_SHA2_BYTES	32

void	 cry_sha2_256(unsigned char out[CRY_SHA2_BYTES], struct slice);
void	 cry_sha2_hmac(unsigned char out[CRY_SHA2_BYTES], struct slice key, struct slice);
/* The time grows with rounds: the caller has a limit for them. */
void	 cry_sha2_pbkdf2(unsigned char out[CRY_SHA2_BYTES], struct slice password,
	    struct slice salt, uint32_t rounds);

#endif
