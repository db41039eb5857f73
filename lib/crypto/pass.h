/* SPDX-License-Identifier: ISC */
/*
 * A pass: keyd's word to the store that a user's session may be given one
 * message of another account, because a URL that the owner authorized names it
 * (RFC 4467).  Made under the subkey "pass" of the secret that keyd gives the
 * store for grants (lib/crypto/grant.h).  It is good only from the process
 * instance and for the user that it names, and only for moments.
 *
 * PASS_BYTES: u8 version 1, u8[3] 0, u32 instance, u64 guest, u64 owner, u64
 * mailbox, u32 uidvalidity (0: any), u32 uid, u64 expires (unix seconds), then
 * 24 bytes of keyed BLAKE2b over all before; little-endian.
 */
#ifndef PASS_H
#define PASS_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define PASS_BYTES	72
#define PASS_LIFE_S	60

struct pass {
	uint32_t	 instance;
	uint64_t	 guest;
	uint64_t	 owner;
	uint64_t	 mailbox;
	uint32_t	 uidvalidity;
	uint32_t	 uid;
	uint64_t	 expires_s;
};

void		 pass_make(unsigned char out[PASS_BYTES], const struct pass *,
		    const unsigned char secret[32]);
/* ERR_AUTH for any that is not good for this instance and guest. */
enum err	 pass_verify(struct pass *, struct slice bytes, const unsigned char secret[32],
		    uint32_t instance, uint64_t guest, uint64_t now_s) MUST_USE;

#endif
