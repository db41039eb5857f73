/* SPDX-License-Identifier: ISC */
/*
 * The keys of an account: an X25519 pair for each generation, and from its
 * secret half the symmetric account key that wraps opened epochs.  The secret
 * is kept wrapped under a key derived from the root key, or under the master
 * key of a vault, bound to account and generation.  Also the wraps of small
 * values (spool and token keys).
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

/* What is at hand to open a secret with; master: NULL when the vault is closed. */
struct key_opener {
	const unsigned char	*root;
	const unsigned char	*master;
	uint32_t		 vault;
};

/* A new pair for a->id and a->generation into a, wrapped under root or master. */
void		 key_pair_make(struct key_account *a, struct cry_aead *,
		    const struct key_opener *, enum key_form);
/*
 * The pair of a generation, which may be an earlier one.  ERR_NOTFOUND: there
 * is no such generation, or no secret of it here; ERR_STATE: its vault is
 * closed; ERR_CORRUPT.
 */
enum err	 key_pair_open(struct key_pair *, const struct key_account *,
		    uint32_t generation, struct cry_aead *, const struct key_opener *) MUST_USE;
/*
 * Has only the owner's device the secret of this generation?  *earlier: its
 * record when it is an earlier one, else its number is 0.
 */
struct key_generation;
bool		 key_pair_is_away(const struct key_account *, uint32_t generation,
		    struct key_generation *earlier);
/*
 * Wrap the secrets of all generations that the opener opens anew, in that
 * form.  ERR_STATE: some did not open; they stay as they are.
 */
struct key_more;
enum err	 key_pair_rewrap(struct key_account *, struct key_more *, struct cry_aead *,
		    const struct key_opener *from, const struct key_opener *to,
		    enum key_form) MUST_USE;

/*
 * The secrets of earlier generations that the opener opens leave: each is
 * sealed to this public key, of that generation, and no longer opens here.
 * ERR_STATE: some did not open; they stay as they are.  ERR_CRYPTO: the key
 * is none that anything can be sealed to.
 */
enum err	 key_pair_release(uint64_t account, struct key_more *, struct cry_aead *,
		    const struct key_opener *from, const unsigned char public_key[32],
		    uint32_t generation) MUST_USE;

void		 key_pair_wrap_value(unsigned char out[KEY_WRAPPED_BYTES], struct cry_aead *,
		    const unsigned char value_root[32], uint32_t number,
		    const unsigned char key[32]);
enum err	 key_pair_unwrap_value(unsigned char key[32], struct cry_aead *,
		    const unsigned char value_root[32], uint32_t number,
		    struct slice wrapped) MUST_USE;

#endif
