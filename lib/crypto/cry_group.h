/* SPDX-License-Identifier: ISC */
/*
 * ristretto255 (RFC 9496): a group of prime order.  Elements and scalars are
 * their 32-byte encodings; what is none, and the identity where an element is
 * wanted, is ERR_CORRUPT.
 */
#ifndef CRY_GROUP_H
#define CRY_GROUP_H

#include "lib/base/cc.h"
#include "lib/base/err.h"

#define CRY_GROUP_BYTES		32
#define CRY_GROUP_WIDE_BYTES	64	/* uniform: to an element or scalar */

/* Not zero. */
void		 cry_group_random(unsigned char scalar[CRY_GROUP_BYTES]);
void		 cry_group_reduce(unsigned char scalar[CRY_GROUP_BYTES],
		    const unsigned char wide[CRY_GROUP_WIDE_BYTES]);
void		 cry_group_hash(unsigned char element[CRY_GROUP_BYTES],
		    const unsigned char wide[CRY_GROUP_WIDE_BYTES]);
enum err	 cry_group_invert(unsigned char out[CRY_GROUP_BYTES],
		    const unsigned char scalar[CRY_GROUP_BYTES]) MUST_USE;
enum err	 cry_group_base(unsigned char element[CRY_GROUP_BYTES],
		    const unsigned char scalar[CRY_GROUP_BYTES]) MUST_USE;
enum err	 cry_group_multiply(unsigned char out[CRY_GROUP_BYTES],
		    const unsigned char scalar[CRY_GROUP_BYTES],
		    const unsigned char element[CRY_GROUP_BYTES]) MUST_USE;

#endif
