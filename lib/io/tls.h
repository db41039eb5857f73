/* SPDX-License-Identifier: ISC */
/*
 * TLS as a server: TLS 1.2 and 1.3, forward secrecy only, no renegotiation,
 * no early data, session tickets under given keys (two generations).  This
 * process never has the private key: each signature is asked for through
 * tls_sign_fn with the whole message to be signed, while the handshake sleeps
 * in an ASYNC_JOB (in a thread of the loop's pool where the C library cannot
 * switch stacks).
 *
 * struct tls_ctx outlives all its connections; the certificate in it may be
 * replaced at any time.  A connection may end while its signature is
 * outstanding: what OpenSSL still needs lingers until tls_sign_done.
 */
#ifndef TLS_H
#define TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"

#define TLS_TICKET_KEYS_BYTES	80	/* name 16, HMAC 32, AES 32 */
#define TLS_SIGNATURE_MAX	1024
#define TLS_TBS_MAX		512
#define TLS_SNI_MAX		255
#define TLS_CLIENT_NAMES_MAX	1024	/* bytes of a client's names; more are left out */
#define TLS_CLIENT_CA_MAX	60000	/* bytes of PEM */

/* What was agreed. Strings are static or live as long as the connection. */
struct tls_facts {
	const char	*version;	/* "TLSv1.3" */
	const char	*cipher;	/* "TLS_AES_256_GCM_SHA384" */
	const char	*sni;		/* "" when none was sent */
	unsigned	 bits;
	bool		 is_resumed;
};

/* Whether a client is asked for a certificate, and which counts. */
enum tls_ask {
	TLS_ASK_NOT,
	TLS_ASK_VERIFIED,	/* one that leads to tls_ctx_set_client_ca */
	TLS_ASK_ANY		/* also any other, by its fingerprints */
};
/* What a client's certificate says of it; all empty: nothing that counts. */
struct tls_proof {
	struct slice	 names;		/* rfc822Names, each with its NUL; of a verified one */
	struct slice	 prints;	/* TLS_ASK_ANY: SHA-256 of it, and of its public key */
};

/* A signature wanted from the holder of the key. */
struct tls_sign_job;
/*
 * Ask for a signature by key over all of tbs (borrowed for the call) in the
 * TLS SignatureScheme.  Ends with exactly one tls_sign_done, which may come
 * inside the call.
 */
typedef void tls_sign_fn(void *arg, struct tls_sign_job *, uint32_t key,
    uint16_t scheme, struct slice tbs);
void		 tls_sign_done(struct tls_sign_job *, enum err, struct slice signature);

/* ---- the server's identity ---- */

struct tls_ctx;
struct tls_ctx	*tls_ctx_new(struct loop *, tls_sign_fn *, void *arg,
		    unsigned max_handshakes);
/* No new connections; freed when the last one is. */
void		 tls_ctx_free(struct tls_ctx **);
/*
 * The certificate chain, leaf first, the key number to name when asking for
 * signatures, and ticket keys (80 bytes; old may be empty; both empty: no
 * tickets).  New connections use it from now on.  ERR_SYNTAX for a chain
 * that cannot be used, then the old one stays.
 */
enum err	 tls_ctx_set(struct tls_ctx *, uint32_t key, struct slice chain_pem,
		    struct slice ticket_keys, struct slice ticket_keys_old) MUST_USE;
/*
 * Whose certificates prove a client (PEM; empty: nobody's).
 * New connections use it.  ERR_SYNTAX: not one certificate; the old ones stay.
 */
enum err	 tls_ctx_set_client_ca(struct tls_ctx *, struct slice pem) MUST_USE;
bool		 tls_ctx_is_ready(const struct tls_ctx *);
void		 tls_ctx_set_max_handshakes(struct tls_ctx *, unsigned);
unsigned	 tls_ctx_handshakes(const struct tls_ctx *);	/* unfinished */
bool		 tls_ctx_has_no_room(const struct tls_ctx *);	/* for one more */
/* Run handshakes in the thread pool although ASYNC_JOB would work (tests). */
void		 tls_ctx_use_threads(struct tls_ctx *);
/* The loop's pool must have been started. */
bool		 tls_ctx_wants_threads(const struct tls_ctx *);

#endif
