/* SPDX-License-Identifier: ISC */
/*
 * The client's side of SASL (RFC 4422): PLAIN (RFC 4616), LOGIN,
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677), XOAUTH2 (the secret
 * is a bearer token).  Pure: challenges in, responses out, both without
 * base64.  The nonce is the caller's randomness.
 *
 * SASL_ITERATIONS_MAX bounds what a server can make us compute: 100,000
 * rounds take some 50 ms of one processor, which the loop can bear once in a
 * connection.  Fewer than SASL_ITERATIONS_MIN (RFC 7677 s4) is refused: it
 * would lend the password to a guesser.
 *
 * SCRAM prepares the password by SASLprep (RFC 5802 s5.1); what that does not
 * take, and the other mechanisms, use it as it was stored.
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
	M(SCRAM_SHA_256_PLUS, 16, "SCRAM-SHA-256-PLUS") \
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
#define SASL_BY_PASSWORD	(SASL_SCRAM_SHA_256_PLUS | SASL_SCRAM_SHA_256 | \
				    SASL_PLAIN | SASL_LOGIN)

#define SASL_USER_MAX		320
#define SASL_SECRET_MAX		1024	/* as keyd.msg */
#define SASL_CHALLENGE_MAX	2048
#define SASL_RESPONSE_MAX	4096
#define SASL_NONCE_BYTES	15
#define SASL_BINDING_MAX	64	/* bytes of channel binding */
#define SASL_ITERATIONS_MIN	4096u
#define SASL_ITERATIONS_MAX	100000u

/* What ties a login to its TLS connection (RFC 5056). */
struct sasl_binding {
	const char	*type;		/* static: "tls-exporter" */
	size_t		 n;
	unsigned char	 bytes[SASL_BINDING_MAX];
};

struct sasl_client {
	enum sasl_mechanism	 mechanism;
	unsigned		 step;
	bool			 is_proven;	/* the server may say that it succeeded */
	struct buf		 user;		/* secret bufs, wiped by fini */
	struct buf		 secret;
	struct buf		 nonce;		/* SCRAM: ours, base64 */
	struct buf		 gs2;		/* SCRAM: gs2-header, and where it ends: */
	size_t			 gs2_n;		/* behind it the channel binding */
	struct buf		 auth;		/* SCRAM: AuthMessage up to here */
	unsigned char		 server_signature[32];
};

/* By name, SASL_NONE when unknown. */
enum sasl_mechanism	 sasl_client_mechanism(struct slice);
const char		*sasl_client_name(enum sasl_mechanism);
/* The best of a set, or SASL_NONE. */
enum sasl_mechanism	 sasl_client_choose(unsigned set);

/*
 * The binding is copied; the -PLUS mechanism needs it.  For SCRAM without it,
 * NULL says that we have none or that the server offered to bind (RFC 5802 s6:
 * "n"); with one the server is told that it could have ("y"), so that it can
 * see if somebody took the offer out of what it sent.  Others do not look.
 * ERR_LIMIT: user, secret or binding too long; ERR_SYNTAX: a byte that cannot
 * be sent; ERR_UNSUPPORTED: -PLUS without a binding.
 */
enum err		 sasl_client_init(struct sasl_client *, enum sasl_mechanism,
			    struct slice user, struct slice secret,
			    const unsigned char nonce[SASL_NONCE_BYTES],
			    const struct sasl_binding *) MUST_USE;
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
