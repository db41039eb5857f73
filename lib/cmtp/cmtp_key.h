/* SPDX-License-Identifier: ISC */
/*
 * A key record of CMTP 2: the keys of a user, or with an empty user of a
 * domain's server, for a time.  Integers are big-endian:
 *
 *	u8 format 1, u8 kind, u16 0, u32 generation, u64 serial,
 *	u64 created, u64 expires (unix seconds),
 *	sign[32] Ed25519, seal[32] X25519, before[32],
 *	u8 length and domain, u8 length and user		-- the body
 *	own[64], u8 0 or 1, previous[64] if 1, server[64]	-- signatures
 *
 * before is the hash (BLAKE2b-256) of the body of the record before it, zero in
 * a chain's first.  own is by the record's signing key, purpose "key";
 * previous by that of the record before, purpose "key-previous"; both over the
 * body.  server is by the domain's server, purpose "key-server", over body,
 * own and previous (empty when absent).
 *
 * The domain is in lower case, as in DNS; the user is UTF-8; neither has NUL.
 */
#ifndef CMTP_KEY_H
#define CMTP_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry_ed.h"

#define CMTP_KEY_NAME_MAX	255
#define CMTP_KEY_HASH_BYTES	32
#define CMTP_KEY_BODY_BYTES	(1 + 1 + 2 + 4 + 3 * 8 + 3 * 32 + 2)	/* without names */
#define CMTP_KEY_RECORD_MAX	(CMTP_KEY_BODY_BYTES + 2 * CMTP_KEY_NAME_MAX + 3 * 64 + 1)
#define CMTP_KEY_LIFE_MAX_S	(5ull * 366 * 86400)

enum cmtp_key_kind {
	CMTP_KEY_LIVE = 1,
	CMTP_KEY_END = 2	/* the chain ends; its keys are the last ones */
};

struct cmtp_key {
	enum cmtp_key_kind	 kind;
	uint32_t		 generation;	/* of the account: grows with each reset */
	uint64_t		 serial;	/* 1 in a chain's first, then one more each */
	uint64_t		 created_s;
	uint64_t		 expires_s;
	unsigned char		 sign[CRY_KEY_BYTES];
	unsigned char		 seal[CRY_KEY_BYTES];
	unsigned char		 before[CMTP_KEY_HASH_BYTES];
	struct slice		 domain;	/* borrowed */
	struct slice		 user;		/* borrowed; empty: the server */
	unsigned char		 own[CRY_ED_SIG_BYTES];
	bool			 has_previous;
	unsigned char		 previous[CRY_ED_SIG_BYTES];
	unsigned char		 server[CRY_ED_SIG_BYTES];
};

/*
 * From the front of the input, where the names stay.  ERR_SHORT: give more;
 * ERR_VERSION; ERR_SYNTAX for what cmtp_key_put would not write.  Nothing is
 * verified.
 */
enum err	 cmtp_key_read(struct cmtp_key *, struct slice *in) MUST_USE;
/* ERR_SYNTAX: what could not be read back. */
enum err	 cmtp_key_put(struct buf *, const struct cmtp_key *) MUST_USE;
void		 cmtp_key_hash(unsigned char out[CMTP_KEY_HASH_BYTES], const struct cmtp_key *);

/* ---- sign: in this order; before and names must be set */
void		 cmtp_key_sign_own(struct cmtp_key *,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);
void		 cmtp_key_sign_previous(struct cmtp_key *,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);
void		 cmtp_key_sign_server(struct cmtp_key *,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES]);

/* ---- verify: ERR_CORRUPT */
/* own, and server by the domain's server. */
enum err	 cmtp_key_verify(const struct cmtp_key *,
		    const unsigned char server_sign[CRY_KEY_BYTES]) MUST_USE;
/* previous, by the signing key of the record before. */
enum err	 cmtp_key_verify_previous(const struct cmtp_key *,
		    const unsigned char before_sign[CRY_KEY_BYTES]) MUST_USE;

#endif
