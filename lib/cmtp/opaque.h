/* SPDX-License-Identifier: ISC */
/*
 * OPAQUE-3DH (RFC 9807) with ristretto255-SHA512, HKDF-SHA-512, HMAC-SHA-512
 * and the group ristretto255: what both sides share.  opaque_client.h and
 * opaque_server.h have the two sides, opaque_oprf.h the function under it.
 *
 * All messages have one length.  Random bytes come from the caller, so that
 * the vectors of RFC 9807 app. C can be run; each is used once.
 */
#ifndef OPAQUE_H
#define OPAQUE_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/opaque_oprf.h"

#define OPAQUE_KEY_BYTES	32
#define OPAQUE_NONCE_BYTES	32
#define OPAQUE_SEED_BYTES	32
#define OPAQUE_HASH_BYTES	64
#define OPAQUE_ENVELOPE_BYTES	(OPAQUE_NONCE_BYTES + OPAQUE_HASH_BYTES)

#define OPAQUE_REGISTER_BYTES	32	/* RegistrationRequest */
#define OPAQUE_OFFER_BYTES	64	/* RegistrationResponse */
/* RegistrationRecord: client's key, masking key, envelope */
#define OPAQUE_RECORD_BYTES	(OPAQUE_KEY_BYTES + OPAQUE_HASH_BYTES + OPAQUE_ENVELOPE_BYTES)
#define OPAQUE_KE1_BYTES	96
#define OPAQUE_KE2_BYTES	320
#define OPAQUE_KE3_BYTES	64

#define OPAQUE_CONTEXT_MAX	600
#define OPAQUE_IDENTITY_MAX	600
#define OPAQUE_STRETCHED_MAX	64

/* What CMTP stretches with (man/cmtp.7). */
#define OPAQUE_ARGON_KIB	65536u
#define OPAQUE_ARGON_PASSES	3u
#define OPAQUE_ARGON_BYTES	32

/* What both sides must agree in.  Identities may be empty: then the public keys. */
struct opaque_suite {
	struct slice	 context;
	struct slice	 client;
	struct slice	 server;
	/* Makes guesses slow; appends at most OPAQUE_STRETCHED_MAX bytes. */
	enum err	(*stretch)(struct buf *out, struct slice);
};

/* Argon2id as above, its salt zeros: tenths of a second.  ERR_BUSY: no memory. */
enum err	 opaque_argon(struct buf *out, struct slice) MUST_USE;

/* ---- the parts of the protocol; what a name means is in the RFC */
/* DeriveDiffieHellmanKeyPair */
void		 opaque_pair(unsigned char secret_key[OPAQUE_KEY_BYTES],
		    unsigned char public_key[OPAQUE_KEY_BYTES],
		    const unsigned char seed[OPAQUE_SEED_BYTES]);
/* randomized_password, of what the OPRF gave and of that stretched. */
void		 opaque_randomized(unsigned char out[OPAQUE_HASH_BYTES],
		    const unsigned char oprf[OPAQUE_OPRF_OUT_BYTES], struct slice stretched);
void		 opaque_masking_key(unsigned char out[OPAQUE_HASH_BYTES],
		    const unsigned char randomized[OPAQUE_HASH_BYTES]);
/* Expand of a key, a nonce and a label. */
void		 opaque_expand(unsigned char *out, size_t out_bytes,
		    const unsigned char key[OPAQUE_HASH_BYTES], struct slice nonce,
		    const char *label);
/* Puts the pad over server's key and envelope, or takes it off. */
void		 opaque_mask(unsigned char masked[OPAQUE_KEY_BYTES + OPAQUE_ENVELOPE_BYTES],
		    const unsigned char masking_key[OPAQUE_HASH_BYTES],
		    const unsigned char nonce[OPAQUE_NONCE_BYTES]);

/* What the key exchange makes of its transcript (s6.4.2). */
struct opaque_keys {
	unsigned char	 server_mac[OPAQUE_HASH_BYTES];
	unsigned char	 client_mac[OPAQUE_HASH_BYTES];
	unsigned char	 session_key[OPAQUE_HASH_BYTES];
};
struct opaque_transcript {
	const struct opaque_suite *suite;
	const unsigned char	*client_public;
	const unsigned char	*server_public;
	const unsigned char	*ke1;
	const unsigned char	*ke2;		/* all but its MAC is used */
	const unsigned char	*shared;	/* three points */
};
void		 opaque_schedule(struct opaque_keys *, const struct opaque_transcript *);

#endif
