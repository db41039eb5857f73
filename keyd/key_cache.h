/* SPDX-License-Identifier: ISC */
/*
 * Outcomes of logins, right and wrong, under a keyed hash whose key is random
 * per process: a mail client's tenth connection costs no Argon2id, nor does
 * the hundredth try with the same wrong password.  Right and wrong have room
 * of their own, so that guesses cannot push out those who know.
 */
#ifndef KEY_CACHE_H
#define KEY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"

#define KEY_CACHE_MAX		20000	/* of each kind */
#define KEY_CACHE_MAC_BYTES	32

struct key_cache;
struct key_cache *key_cache_new(void);
void		 key_cache_free(struct key_cache **);

/* What names an attempt: user and password, under the process key. */
void		 key_cache_mac(const struct key_cache *,
		    unsigned char mac[KEY_CACHE_MAC_BYTES], struct slice address,
		    struct slice password);
/* Remember; account and serial are 0 for a user that does not exist. */
void		 key_cache_put(struct key_cache *, const unsigned char *mac, bool is_right,
		    uint64_t account, uint32_t serial, uint64_t until_ms);
/*
 * Is there an outcome for the account as it is now?  serial changes with the
 * account, which voids what was remembered.
 */
bool		 key_cache_get(struct key_cache *, const unsigned char *mac,
		    uint64_t account, uint32_t serial, uint64_t now_ms, bool *is_right);

#endif
