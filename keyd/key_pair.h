/* SPDX-License-Identifier: ISC */
/*
 * The keys of an account: an X25519 pair made at its creation, and from the
 * secret half the symmetric account key that wraps opened epochs.  The secret
 * is kept wrapped under a key derived from the root key, bound to account and
 * generation.  Also the wraps of small values (spool and token keys).
 */
#ifndef KEY_PAIR_H
#define KEY_PAIR_H

#include "keyd/key_ring.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/crypto/cry.h"

/* Opened keys: wipe with secret_wipe as soon as they were used. */
struct key_pair {
	unsigned char	 secret[32];
	unsigned char	 epoch_wrap[32];
};

/* A new pair for a->id and a->generation into a. */
void		 key_pair_make(struct key_account *a, struct cry_aead *,
		    const unsigned char account_root[32]);
enum err	 key_pair_open(struct key_pair *, const struct key_account *,
		    struct cry_aead *, const unsigned char account_root[32]) MUST_USE;

void		 key_pair_wrap_value(unsigned char out[KEY_WRAPPED_BYTES], struct cry_aead *,
		    const unsigned char value_root[32], uint32_t number,
		    const unsigned char key[32]);
enum err	 key_pair_unwrap_value(unsigned char key[32], struct cry_aead *,
		    const unsigned char value_root[32], uint32_t number,
		    struct slice wrapped) MUST_USE;

#endif
