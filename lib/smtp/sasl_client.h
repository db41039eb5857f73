/* SPDX-License-Identifier: ISC */
/*
 * The client's side of SASL (RFC 4422): PLAIN (RFC 4616), LOGIN,
 * SCRAM-SHA-256 (RFC 5802, 7677; without channel binding), XOAUTH2 (the
 * secret is a bearer token).  Pure: challenges in, responses out, both
 * without base64.  The nonce is the caller's randomness.
 *
 * SASL_ITERATIONS_MAX bounds what a server can make us compute: 100,000
 * rounds take some 50 ms of one processor, which the loop can bear once in a
 * connection.  Fewer than SASL_ITERATIONS_MIN (RFC 7677 s4) is refused: it
 * would lend the password to a guesser.
 *
 * deviates: a password is used as it was stored, not prepared by SASLprep
 * (RFC 5802 s5.1); for ASCII that is the same.
 */
#ifndef SASL_CLIENT_H
#define SASL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* In order of preference. */
#define SASL_MECHANISMS(M)		\
	M(SCRAM_SHA_256, 1, "SCRAM-SHA-256") \
	M(PLAIN, 2, "PLAIN")		\
	M(LOGIN, 4, "LOGIN")		\
	M(XOAUTH2, 8, "XOAUTH2")

enum sasl_mechanism {
	SASL_NONE = 0,
#define M(name, bit, text)	SASL_##name = (bit),
	SASL_MECHANISMS(M)
#undef M
};
/* What an ordinary password serves; XOAUTH2 must be asked for. */
#define SASL_BY_PASSWORD	(SASL_SCRAM_SHA_256 | SASL_PLAIN | SASL_LOGIN)

#define SASL_USER_MAX		320
#define SASL_SECRET_MAX		1024	/* as keyd.msg */
#define SASL_CHALLENGE_MAX	2048
#define SASL_RESPONSE_MAX	4096
#define SASL_NONCE_BYTES	15
#define SASL_ITERATIONS_MIN	4096u
#define SASL_ITERATIONS_MAX	100000u

struct sasl_client {
	enum sasl_mechanism	 mechanism;
	unsigned		 step;
	bool			 is_proven;	/* the server may say that it succeeded */
	struct buf		 user;		/* secret bufs, wiped by fini */
	struct buf		 secret;
	struct buf		 nonce;		/* SCRAM: ours, base64 */
	struct buf		 auth;		/* SCRAM: AuthMessage up to here */
	unsigned char		 server_signature[32];
};

/* By name, SASL_NONE when unknown. */
enum sasl_mechanism	 sasl_client_mechanism(struct slice);
const char		*sasl_client_name(enum sasl_mechanism);
/* The best of a set, or SASL_NONE. */
enum sasl_mechanism	 sasl_client_choose(unsigned set);

/* ERR_LIMIT: user or secret too long; ERR_SYNTAX: a byte that cannot be sent. */
enum err		 sasl_client_init(struct sasl_client *, enum sasl_mechanism,
			    struct slice user, struct slice secret,
			    const unsigned char nonce[SASL_NONCE_BYTES]) MUST_USE;
void			 sasl_client_fini(struct sasl_client *);	/* wipes */

/* Appends the initial response, again if asked again; false: the server begins. */
bool			 sasl_client_start(struct sasl_client *, struct buf *out) MUST_USE;
/*
 * A challenge: appends the response.  ERR_SYNTAX: not of this mechanism,
 * ERR_LIMIT: iterations, ERR_AUTH: the server does not know the password,
 * ERR_END: give up with an empty response (XOAUTH2's error document).
 */
enum err		 sasl_client_on_challenge(struct sasl_client *, struct slice challenge,
			    struct buf *out) MUST_USE;
/* The server says it succeeded: ERR_AUTH when it did not prove itself. */
enum err		 sasl_client_on_success(const struct sasl_client *) MUST_USE;

#endif
