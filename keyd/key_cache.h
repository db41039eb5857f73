/* SPDX-License-Identifier: ISC */
/*
 * Outcomes of logins, right and wrong, under a keyed hash whose key is random
 * per process: a mail client's tenth connection costs no Argon2id, nor does
 * the hundredth try with the same wrong password.  Right and wrong have room
 * of their own, so that guesses cannot push out those who know.
 *
 * A right one also keeps the master key of the account's vault, if it has one,
 * wrapped under a key that only user and password together give again.
 */
#ifndef KEY_CACHE_H
#define KEY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "keyd/key_more.h"
#include "lib/base/slice.h"

#define KEY_CACHE_MAX		20000	/* of each kind */
#define KEY_CACHE_MAC_BYTES	32

struct key_cache;
struct key_cache *key_cache_new(void);
void		 key_cache_free(struct key_cache **);

/* What names an attempt, and what its outcome may be wrapped under. */
struct key_attempt {
	unsigned char	 mac[KEY_CACHE_MAC_BYTES];
	unsigned char	 under[32];
};
void		 key_cache_attempt(const struct key_cache *, struct key_attempt *,
		    struct slice address, struct slice password);

struct key_outcome {
	bool		 is_right;
	uint64_t	 account;	/* 0, as serial: the user does not exist */
	uint32_t	 serial;
	struct key_wrap	 wrap;		/* vault 0: none */
};
void		 key_cache_put(struct key_cache *, const unsigned char *mac,
		    const struct key_outcome *, uint64_t until_ms);
/*
 * Is there an outcome for the account as it is now?  serial changes with the
 * account, which voids what was remembered.
 */
bool		 key_cache_get(struct key_cache *, const unsigned char *mac,
		    uint64_t account, uint32_t serial, uint64_t now_ms, struct key_outcome *);

#endif
