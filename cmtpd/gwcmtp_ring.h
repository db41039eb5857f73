/* SPDX-License-Identifier: ISC */
/*
 * The key ring of an address: the X25519 secrets of its device, the newest
 * first; mail that was sealed to an earlier one opens by it still.  In memory
 * they lie in a secret_arena.  On disk they are under a password:
 *
 *	"GWRK", u8 1, u8 keys, u16 0, u32 passes, u32 KiB, salt[16],
 *	public[32] of the newest, nonce[12],
 *	sealed: for each key u64 created (unix seconds), secret[32]; tag[16]
 *
 * Integers are big-endian.  The sealing key is Argon2id of the password; the
 * cipher is AES-256-GCM with what stands before the nonce, and the address in
 * lower case, as associated data.  Salt and nonce are new each time.
 */
#ifndef GWCMTP_RING_H
#define GWCMTP_RING_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/secret_arena.h"

#define GWCMTP_RING_KEYS_MAX	16
#define GWCMTP_RING_HEAD_BYTES	64u	/* before the nonce */
#define GWCMTP_RING_KEY_BYTES	40u
#define GWCMTP_RING_BYTES_MAX	(GWCMTP_RING_HEAD_BYTES + CRY_NONCE_BYTES + \
				    GWCMTP_RING_KEYS_MAX * GWCMTP_RING_KEY_BYTES + CRY_TAG_BYTES)
#define GWCMTP_RING_PASSES	3u	/* RFC 9106 s4, the second choice, in one lane */
#define GWCMTP_RING_KIB		(64u << 10)
#define GWCMTP_RING_PASSES_MAX	16u	/* that a file may ask for */
#define GWCMTP_RING_KIB_MAX	(1u << 20)

struct gwcmtp_ring {
	struct secret_arena	*arena;
	uint32_t		 passes, kib;	/* of the next wrap; set by init */
	unsigned		 count;
	unsigned char		*keys;	/* as sealed, in the arena */
};

/* ---- make and free */
void		 gwcmtp_ring_init(struct gwcmtp_ring *);
void		 gwcmtp_ring_fini(struct gwcmtp_ring *);	/* wipes */

/* ---- use */
/* A new newest key; secret NULL: a random one.  ERR_LIMIT. */
enum err	 gwcmtp_ring_add(struct gwcmtp_ring *, const unsigned char *secret,
		    uint64_t now_s) MUST_USE;
const unsigned char *gwcmtp_ring_secret(const struct gwcmtp_ring *, unsigned i);

/* ERR_BUSY: no memory for Argon2id. */
enum err	 gwcmtp_ring_put(struct buf *, const struct gwcmtp_ring *, struct slice address,
		    struct slice password) MUST_USE;
/*
 * Into an empty ring.  ERR_SYNTAX, ERR_VERSION: that is no ring; ERR_LIMIT: it asks
 * for too much; ERR_CORRUPT: not this password, address or file; ERR_BUSY.
 */
enum err	 gwcmtp_ring_get(struct gwcmtp_ring *, struct slice bytes, struct slice address,
		    struct slice password) MUST_USE;
/*
 * The ring as a server keeps it for its owner (LOGIN2), which sees it sealed:
 * u8 1, u8 keys, the keys as above.  Into a secret buf.
 */
#define GWCMTP_RING_BARE_MAX	(2 + GWCMTP_RING_KEYS_MAX * GWCMTP_RING_KEY_BYTES)
void		 gwcmtp_ring_put_bare(struct buf *, const struct gwcmtp_ring *);
/* Into an empty ring.  ERR_SYNTAX, ERR_VERSION. */
enum err	 gwcmtp_ring_get_bare(struct gwcmtp_ring *, struct slice) MUST_USE;
/* What a ring's bytes say without the password; nothing proves it.  As above. */
enum err	 gwcmtp_ring_public(unsigned char out[CRY_KEY_BYTES], struct slice bytes) MUST_USE;

#endif
