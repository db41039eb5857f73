/* SPDX-License-Identifier: ISC */
/*
 * Logins: complete the name, look in the cache, else queue for Argon2id,
 * answer with a token.  A name that does not exist costs the same work and
 * gets the same answer as a wrong password.  Attempts with the same name and
 * password share one run.
 */
#ifndef KEY_LOGIN_H
#define KEY_LOGIN_H

#include "keyd/key_hash.h"
#include "keyd/key_state.h"
#include "keyd/key_token.h"

struct key_login *key_login_new(struct keyd *);
/* Drops what waits, without answers. */
void		 key_login_free(struct key_login **);
void		 key_login_on_login(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

/* The default number of threads: half the processors, at least one. */
unsigned	 key_login_threads(uint64_t option, long processors);

/* Are there logins without TLS at all?  (auth_cleartext) */
bool		 key_login_takes_cleartext(const struct keyd *);

/*
 * The canonical address that a login name means: completed by the default
 * domain, alias domains resolved.  ERR_SYNTAX for what can be no address.
 */
enum err	 key_login_address(const struct keyd *, struct slice user,
		    char dst[KEY_ADDRESS_MAX + 1], struct slice *out) MUST_USE;
/* The section of a mailbox domain; NULL. */
const struct domain_options *key_login_domain(const struct keyd *, struct slice address);

/* A vault's master key that a credential opened; vault 0: none. */
struct key_unlocked {
	uint32_t	 vault;
	unsigned char	 master[32];
};

/* Who proved to be whom, and how: for the answer. */
struct key_proof {
	enum err		 error;
	struct key_account	*account;	/* with ERR_OK */
	struct key_unlocked	 unlocked;
	struct slice		 signature;	/* SCRAM's */
};
/* A token, or why not. */
void		 key_login_answer(struct keyd *, struct ipc_peer *, uint64_t id,
		    const struct key_grant *, const struct key_proof *);
/* Only who can use a token of the scope may ask for one. */
bool		 key_login_scope_fits(enum ipc_role, uint8_t scope);
/* What a wrap of the account's opens with this key; vault 0: nothing. */
struct key_wrap;
void		 key_login_unlock(struct keyd *, const struct key_account *,
		    const struct key_wrap *, const unsigned char under[32],
		    struct key_unlocked *);

/*
 * Check a password, or make a slot for a new one, in the same threads; fn gets
 * Argon2id's result for wrapping too (wrap_key) and wipes nothing of it.
 */
struct key_hashed {
	enum err		 error;
	struct key_slot		 slot;
	unsigned char		 wrap_key[32];	/* of a vault's master key */
	unsigned char		 client_key[32];	/* the same by SCRAM; slot.scram.rounds > 0 */
};
typedef void key_login_slot_fn(void *arg, const struct key_hashed *);
enum err	 key_login_make_slot(struct keyd *, struct slice password,
		    key_login_slot_fn *, void *arg) MUST_USE;
/* With the numbers and salt of a slot that exists: is it the same verifier? */
enum err	 key_login_try_slot(struct keyd *, const struct key_slot *, struct slice password,
		    key_login_slot_fn *, void *arg) MUST_USE;

#endif
