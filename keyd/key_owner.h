/* SPDX-License-Identifier: ISC */
/*
 * Changes of credentials and of who can open an account's mail, on a copy of
 * the account: nothing has happened until key_owner_put.  Only the keys of
 * the account are wrapped anew, never a body.
 *
 * With sealing = password the secrets are in a vault (key_vault.h).  Whoever
 * forgets the password loses what is in it, but for a recovery code: a reset
 * starts a new generation of keys in a new vault, and the earlier ones wait in
 * the old vault for their code.
 *
 * With sealing = client the secret was never here.  Those of before are sealed
 * to the device's key and kept for it: no way leads back.
 */
#ifndef KEY_OWNER_H
#define KEY_OWNER_H

#include "keyd/key_login.h"
#include "keyd/key_made.h"
#include "keyd/key_more.h"
#include "lib/crypto/cry_ed.h"

struct key_owner {
	struct keyd		*k;
	struct key_account	 a;
	struct key_more		 more;
	struct key_unlocked	 unlocked;	/* the present vault; vault 0: closed */
	struct buf		 bytes;		/* of more, for the record */
	bool			 has_seed;	/* by which he signed before the pair was released */
	unsigned char		 seed[CRY_ED_SEED_BYTES];
};

/* ERR_CORRUPT: its record cannot be read. */
enum err	 key_owner_init(struct key_owner *, struct keyd *, const struct key_account *) MUST_USE;
void		 key_owner_fini(struct key_owner *);	/* wipes */
enum err	 key_owner_put(struct key_owner *, struct key_account **out) MUST_USE;

/* Is it the account's password?  Then the vault is open, if it has one. */
bool		 key_owner_verify(struct key_owner *, const struct key_hashed *);
/* A password: with an open vault its master key is wrapped under it too. */
void		 key_owner_set_password(struct key_owner *, const struct key_hashed *);
/* A new vault, open and empty, under this password; app passwords end. */
void		 key_owner_new_vault(struct key_owner *, const struct key_hashed *);
/* A new key pair; the one before becomes an earlier one.  ERR_LIMIT. */
enum err	 key_owner_new_pair(struct key_owner *, enum key_form) MUST_USE;
/*
 * The same, kept as the mode says; those of before stay readable.  ERR_STATE:
 * the vault is closed, or the pair is one of the owner's device.
 */
enum err	 key_owner_renew(struct key_owner *) MUST_USE;
/*
 * The owner's device has the secret of this key, and gets those of before that
 * are at hand.  ERR_CRYPTO: the key is no good one; ERR_LIMIT; ERR_STATE: the
 * vault of the present pair is closed.
 */
enum err	 key_owner_use_public(struct key_owner *, const unsigned char key[32]) MUST_USE;
/* A code that opens the present vault.  ERR_LIMIT; ERR_STATE: it is closed. */
enum err	 key_owner_add_recovery(struct key_owner *, struct key_made *code) MUST_USE;
/* What a code opens comes into the present vault (or under the root key). */
enum err	 key_owner_recover(struct key_owner *, const struct key_made *code,
		    unsigned *count) MUST_USE;
/* ERR_EXISTS, ERR_LIMIT; ERR_STATE: the vault is closed. */
enum err	 key_owner_add_app(struct key_owner *, struct slice name, struct key_made *) MUST_USE;
enum err	 key_owner_drop_app(struct key_owner *, struct slice name) MUST_USE;
/*
 * Wraps all secrets that are at hand under what the mode says, which is not
 * client.  From client: those of before stay where they are, a new pair begins.
 */
enum err	 key_owner_seal(struct key_owner *, enum sealing, const struct key_hashed *) MUST_USE;

#endif
