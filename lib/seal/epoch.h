/* SPDX-License-Identifier: ISC */
/*
 * Epoch keys: what wraps content keys, so that a message costs no curve
 * operation.  Made by deliver (and imapd for APPEND) per account for at most
 * EPOCH_MS or EPOCH_MESSAGES, sealed once to the account's X25519 key (form
 * 1); keyd re-wraps it under the account key at the first read (form 2).  A
 * content key's wrap is bound to its slot (account, content id, commitment,
 * generation): in any other slot it does not open (ERR_CORRUPT).
 *
 * Mail that came sealed (CMTP 2) has an epoch of its own, whose key is the
 * content key as its sender sealed it.  In place of the wrap stands the fixed
 * header of the object, and only a key that commits to it comes out (the direct
 * form): that is no epoch key of ours, which commits to nothing.  Or its sender has sealed
 * a seed, once for many messages to the same key, and hides each content key by it
 * (the carried form): salt and hidden key stand behind the header, and again only a
 * key that the object commits to comes out.
 */
#ifndef EPOCH_H
#define EPOCH_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define EPOCH_MS		(10u * 60 * 1000)
#define EPOCH_MESSAGES		1000u
#define EPOCH_SEALED_BYTES	80	/* form 1 */
#define EPOCH_WRAPPED_BYTES	60	/* form 2: nonce 12, key 32, tag 16 */
#define EPOCH_CONTENT_BYTES	60	/* a content key under the epoch key */
#define EPOCH_DIRECT_BYTES	16	/* in its place: the epoch key is it */
#define EPOCH_CARRY_BYTES	48	/* salt, hidden content key */
#define EPOCH_CARRIED_BYTES	64	/* or in its place: the header, and these */

void		 epoch_make(unsigned char epoch_key[CRY_KEY_BYTES]);

/* Form 1. */
enum err	 epoch_seal(unsigned char out[EPOCH_SEALED_BYTES],
		    const unsigned char epoch_key[CRY_KEY_BYTES],
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;
enum err	 epoch_unseal(unsigned char epoch_key[CRY_KEY_BYTES], struct slice sealed,
		    const unsigned char public_key[CRY_KEY_BYTES],
		    const unsigned char secret_key[CRY_KEY_BYTES]) MUST_USE;

/* A seed, and it sealed: good for any number of messages to one key. */
struct epoch_seed {
	unsigned char	 key[CRY_KEY_BYTES];
	unsigned char	 sealed[EPOCH_SEALED_BYTES];
};
enum err	 epoch_seed_make(struct epoch_seed *,
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;
void		 epoch_carry(unsigned char out[EPOCH_CARRY_BYTES],
		    const unsigned char content_key[CRY_KEY_BYTES],
		    const unsigned char seed[CRY_KEY_BYTES]);

/* Form 2, bound to (account, epoch id, generation). */
struct epoch_id {
	uint64_t	 account;
	uint64_t	 epoch;
	uint32_t	 generation;
};
void		 epoch_wrap(struct cry_aead *, unsigned char out[EPOCH_WRAPPED_BYTES],
		    const unsigned char epoch_key[CRY_KEY_BYTES],
		    const unsigned char account_key[CRY_KEY_BYTES],
		    const struct epoch_id *);
enum err	 epoch_unwrap(struct cry_aead *, unsigned char epoch_key[CRY_KEY_BYTES],
		    struct slice wrapped, const unsigned char account_key[CRY_KEY_BYTES],
		    const struct epoch_id *) MUST_USE;

/* Content keys. */
struct epoch_slot {
	uint64_t		 account;
	uint64_t		 content;
	uint32_t		 generation;
	const unsigned char	*commitment;	/* 32 bytes */
};
void		 epoch_wrap_content(struct cry_aead *, unsigned char out[EPOCH_CONTENT_BYTES],
		    const unsigned char content_key[CRY_KEY_BYTES],
		    const unsigned char epoch_key[CRY_KEY_BYTES],
		    const struct epoch_slot *);
/* wrapped: any form, told apart by the length. */
enum err	 epoch_unwrap_content(struct cry_aead *,
		    unsigned char content_key[CRY_KEY_BYTES], struct slice wrapped,
		    const unsigned char epoch_key[CRY_KEY_BYTES],
		    const struct epoch_slot *) MUST_USE;

#endif
