/* SPDX-License-Identifier: ISC */
/*
 * A grant: the store's word to keyd that a user may open contents of another
 * account: in mailboxes that are shared with him, or a single one that a URL
 * authorizes him to read (RFC 4467).  keyd gives the store, and
 * nobody else, a secret at wiring; the MAC is made under its subkey "grant".
 * It is good only beside a token of the guest, from the process instance that
 * it names, until it expires, and while the owner's sealing lets others read.
 *
 * GRANT_BYTES: u8 version 2, u8[3] 0, u32 instance, u64 guest, u64 owner, u32
 * generation of the owner's key, u32 0, u64 expires (unix seconds), u64 content,
 * then 24 bytes of keyed BLAKE2b over all before; little-endian.
 */
#ifndef GRANT_H
#define GRANT_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define GRANT_BYTES	72
#define GRANT_LIFE_S	3600

struct grant {
	uint32_t	 instance;
	uint64_t	 guest;
	uint64_t	 owner;
	uint32_t	 generation;
	uint64_t	 expires_s;
	uint64_t	 content;	/* only this one; 0: what the store gives */
};

/* secret: what keyd gave. */
void		 grant_make(unsigned char out[GRANT_BYTES], const struct grant *,
		    const unsigned char secret[32]);
/* ERR_AUTH for any that is not good for this instance and guest. */
enum err	 grant_verify(struct grant *, struct slice bytes, const unsigned char secret[32],
		    uint32_t instance, uint64_t guest, uint64_t now_s) MUST_USE;

#endif
