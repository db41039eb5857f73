/* SPDX-License-Identifier: ISC */
/*
 * Vaults: the master key of an account whose mail only its owner can open
 * (sealing = password).  It wraps the secret halves of the account's key
 * pairs and is itself on disk only under credentials: the password, SCRAM's
 * ClientKey, app passwords, recovery codes (key_more.h).
 *
 * Between a login and the end of the account's last session keyd has it, under
 * a key of the guarded arena.  A restart of keyd forgets it: such sessions
 * must log in again to open mail.
 */
#ifndef KEY_VAULT_H
#define KEY_VAULT_H

#include "keyd/key_more.h"
#include "keyd/key_state.h"
#include "lib/crypto/cry.h"

struct key_vaults *key_vaults_new(struct secret_arena *);
void		 key_vaults_free(struct key_vaults **, struct secret_arena *);

/* The wraps; under is a key made from a credential.  ERR_CORRUPT: not this one. */
void		 key_vault_wrap(struct key_wrap *, struct cry_aead *,
		    const unsigned char under[32], uint64_t account, uint32_t vault,
		    const unsigned char master[32]);
enum err	 key_vault_unwrap(unsigned char master[32], const struct key_wrap *,
		    struct cry_aead *, const unsigned char under[32], uint64_t account) MUST_USE;

/* Open vaults.  get: ERR_NOTFOUND; *vault says which it is. */
void		 key_vault_open(struct keyd *, uint64_t account, uint32_t vault,
		    const unsigned char master[32]);
enum err	 key_vault_get(struct keyd *, uint64_t account, uint32_t *vault,
		    unsigned char master[32]) MUST_USE;
bool		 key_vault_is_open(const struct keyd *, uint64_t account);
void		 key_vault_close(struct keyd *, uint64_t account);

#endif
