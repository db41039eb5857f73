/* SPDX-License-Identifier: ISC */
/*
 * The client of OPAQUE (opaque.h, RFC 9807): to register a password, and to
 * prove later that it knows it.  Both give the same export key, which nobody
 * else can make.
 *
 * A wrong password, a user that the server does not know and a server that is
 * not the one of the registration are one error, ERR_AUTH: the client cannot
 * tell them apart.
 */
#ifndef OPAQUE_CLIENT_H
#define OPAQUE_CLIENT_H

#include "lib/cmtp/opaque.h"

struct opaque_client {
	unsigned char	 blind[OPAQUE_OPRF_BYTES];
	unsigned char	 share_secret[OPAQUE_KEY_BYTES];
	unsigned char	 ke1[OPAQUE_KE1_BYTES];
};
struct opaque_client_random {
	unsigned char	 blind[OPAQUE_OPRF_BYTES];	/* a scalar */
	unsigned char	 nonce[OPAQUE_NONCE_BYTES];	/* the envelope's when registering */
	unsigned char	 share_seed[OPAQUE_SEED_BYTES];
};
void		 opaque_client_random(struct opaque_client_random *);
void		 opaque_client_wipe(struct opaque_client *);

/* ---- registering; ERR_TOOBIG: the password */
enum err	 opaque_client_register(unsigned char request[OPAQUE_REGISTER_BYTES],
		    struct slice password, const struct opaque_client_random *) MUST_USE;
/* ERR_CORRUPT: that is no offer; ERR_BUSY: no memory to stretch. */
enum err	 opaque_client_enrol(unsigned char record[OPAQUE_RECORD_BYTES],
		    unsigned char export_key[OPAQUE_HASH_BYTES], const struct opaque_suite *,
		    struct slice password, const struct opaque_client_random *,
		    const unsigned char offer[OPAQUE_OFFER_BYTES]) MUST_USE;

/* ---- login */
/* Makes KE1, which stays in the struct. */
enum err	 opaque_client_start(struct opaque_client *, struct slice password,
		    const struct opaque_client_random *) MUST_USE;
struct opaque_client_done {
	unsigned char	 ke3[OPAQUE_KE3_BYTES];
	unsigned char	 session_key[OPAQUE_HASH_BYTES];
	unsigned char	 export_key[OPAQUE_HASH_BYTES];
};
/* ERR_AUTH; ERR_BUSY.  Otherwise nothing is in done. */
enum err	 opaque_client_finish(struct opaque_client_done *, const struct opaque_client *,
		    const struct opaque_suite *, struct slice password,
		    const unsigned char ke2[OPAQUE_KE2_BYTES]) MUST_USE;

#endif
