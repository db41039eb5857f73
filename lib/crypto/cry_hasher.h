/* SPDX-License-Identifier: ISC */
/*
 * BLAKE2b-256 of bytes that come in pieces: what cry_hash says of the whole.
 */
#ifndef CRY_HASHER_H
#define CRY_HASHER_H

#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define CRY_HASH_BYTES	32

struct cry_hasher;

struct cry_hasher *cry_hasher_new(void);
void		 cry_hasher_free(struct cry_hasher **);

void		 cry_hasher_put(struct cry_hasher *, struct slice);
/* Of all that was put; the next put begins anew. */
void		 cry_hasher_end(struct cry_hasher *, unsigned char out[CRY_HASH_BYTES]);

#endif
