/* SPDX-License-Identifier: ISC */
/*
 * The server of OPAQUE (opaque.h, RFC 9807).  All users share a seed and a
 * key pair; of each the server keeps the record that the client sent.  A user
 * without a record has a fake one that always is the same (s6.3.2.2): neither
 * an answer nor a sequence of answers tells which users there are.
 */
#ifndef OPAQUE_SERVER_H
#define OPAQUE_SERVER_H

#include <stdbool.h>

#include "lib/cmtp/opaque.h"

struct opaque_server {
	unsigned char	 oprf_seed[OPAQUE_HASH_BYTES];
	unsigned char	 secret_key[OPAQUE_KEY_BYTES];
	unsigned char	 public_key[OPAQUE_KEY_BYTES];
	unsigned char	 fake_public[OPAQUE_KEY_BYTES];	/* nobody's */
};
/* All of it follows from 32 secret bytes. */
void		 opaque_server_init(struct opaque_server *, const unsigned char root[32]);
void		 opaque_server_fini(struct opaque_server *);

/*
 * credential: what names the user and stays, at most OPAQUE_IDENTITY_MAX bytes.
 * The user's key of the OPRF:
 */
void		 opaque_server_key(unsigned char key[OPAQUE_OPRF_BYTES],
		    const struct opaque_server *, struct slice credential);
/* ERR_CORRUPT: the request is no element. */
enum err	 opaque_server_offer(unsigned char offer[OPAQUE_OFFER_BYTES],
		    const struct opaque_server *, struct slice credential,
		    const unsigned char request[OPAQUE_REGISTER_BYTES]) MUST_USE;
void		 opaque_server_fake(unsigned char record[OPAQUE_RECORD_BYTES],
		    const struct opaque_server *, struct slice credential);

/* Could there be such a record?  A client's key that is no element opens for nobody. */
bool		 opaque_server_is_record(const unsigned char record[OPAQUE_RECORD_BYTES]);

struct opaque_server_random {
	unsigned char	 masking_nonce[OPAQUE_NONCE_BYTES];
	unsigned char	 nonce[OPAQUE_NONCE_BYTES];
	unsigned char	 share_seed[OPAQUE_SEED_BYTES];
};
void		 opaque_server_random(struct opaque_server_random *);
struct opaque_server_request {
	const struct opaque_suite *suite;	/* stretch is not used */
	struct slice		 credential;
	const unsigned char	*record;	/* OPAQUE_RECORD_BYTES */
	const unsigned char	*ke1;		/* OPAQUE_KE1_BYTES */
};
/* keys: what KE3 must be is client_mac.  ERR_CORRUPT: KE1 holds no elements. */
enum err	 opaque_server_answer(unsigned char ke2[OPAQUE_KE2_BYTES], struct opaque_keys *,
		    const struct opaque_server *, const struct opaque_server_request *,
		    const struct opaque_server_random *) MUST_USE;

#endif
