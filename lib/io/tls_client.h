/* SPDX-License-Identifier: ISC */
/*
 * TLS as a client: TLS 1.2 and 1.3, no renegotiation, no compression, no
 * client certificate, every certificate checked anew (no resumption).  One
 * struct tls_client_ctx serves all connections of a process; it needs no file
 * once the CA certificates are in it.
 *
 * What a connection demands of its peer is a struct tls_demand; what came of
 * it is a struct tls_peer, also when the handshake failed.  References:
 * RFC 7672 s3.1 (DANE for SMTP), RFC 8461 s4.2 (MTA-STS), RFC 9525 s6 (names),
 * RFC 8460 s4.3 (failure types).  A peer's chain is held while the connection
 * lives: TLS_CLIENT_CHAIN_BYTES_MAX and TLS_CLIENT_DEPTH_MAX bound it.
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"

#define TLS_CLIENT_CHAIN_BYTES_MAX	32768	/* the Certificate message */
#define TLS_CLIENT_DEPTH_MAX		10	/* certificates between leaf and root */
#define TLS_CA_BYTES_MAX		(4u << 20)
#define TLS_CA_COUNT_MAX		1000
#define TLS_NAMES_MAX			64
#define TLS_TLSA_MAX			64	/* records of one host that are looked at */
#define TLS_FINGERPRINTS_MAX		32
#define TLS_FINGERPRINT_BYTES		32	/* SHA-256 */
#define TLS_PEER_NAME_BYTES		256

/* ---- what is demanded ---- */

enum tls_mode {
	TLS_OPPORTUNISTIC,	/* any certificate: against listeners only */
	TLS_CHAIN,		/* leads to a CA of ours, and one of names */
	TLS_DANE,		/* a TLSA record matches */
	TLS_FINGERPRINT		/* the certificate or its public key is listed */
};

enum tls_min { TLS_MIN_1_2, TLS_MIN_1_3 };

struct tls_tlsa {			/* RFC 6698 s2.1 */
	uint8_t		 usage;
	uint8_t		 selector;
	uint8_t		 matching;
	struct slice	 data;
};

/* Borrowed for the call it is given to. */
struct tls_demand {
	enum tls_mode		 mode;
	enum tls_min		 min;
	/* Why the peer falls short is told in struct tls_peer, but it is accepted. */
	bool			 is_advisory;
	struct slice		 sni;		/* empty: none is sent */
	/* "mx.example", ".example" for any name below it; RFC 9525 s6.3. Chain: at
	   least one; DANE: for records of usage 2. */
	const struct slice	*names;
	size_t			 name_count;
	const struct tls_tlsa	*tlsa;
	size_t			 tlsa_count;
	const uint8_t		(*fingerprints)[TLS_FINGERPRINT_BYTES];
	size_t			 fingerprint_count;
	uint64_t		 deadline_ms;	/* absolute, of the handshake; 0: CONN_HANDSHAKE_MS */
};

/*
 * RFC 7672 s3.1: usage 2 or 3, known selector and matching type, well-formed
 * data.  A set without any such record is no basis for TLS_DANE (s2.2: then
 * TLS is mandatory but not authenticated).
 */
bool		 tls_tlsa_is_usable(const struct tls_tlsa *);

/* ---- what came of it ---- */

/* RFC 8460 s4.3; those marked * are found here, the others by the caller. */
#define TLS_FAILURE_MAP(F)						\
	F(NONE,			  "")					\
	F(STARTTLS_NOT_SUPPORTED, "starttls-not-supported")		\
	F(HOST_MISMATCH,	  "certificate-host-mismatch")	/* * */	\
	F(EXPIRED,		  "certificate-expired")	/* * */	\
	F(NOT_TRUSTED,		  "certificate-not-trusted")	/* * */	\
	F(VALIDATION,		  "validation-failure")		/* * */	\
	F(TLSA_INVALID,		  "tlsa-invalid")			\
	F(DNSSEC_INVALID,	  "dnssec-invalid")			\
	F(DANE_REQUIRED,	  "dane-required")			\
	F(STS_FETCH,		  "sts-policy-fetch-error")		\
	F(STS_INVALID,		  "sts-policy-invalid")			\
	F(STS_WEBPKI,		  "sts-webpki-invalid")

enum tls_failure {
#define F(name, text)	TLS_FAILURE_##name,
	TLS_FAILURE_MAP(F)
#undef F
};
const char	*tls_failure_text(enum tls_failure);

enum tls_trust {
	TLS_ANONYMOUS,		/* no certificate (yet) */
	TLS_UNTRUSTED,		/* encrypted, towards whoever it was */
	TLS_TRUSTED,		/* its chain leads to a CA of ours */
	TLS_VERIFIED		/* it is who it was to be: the demand is met */
};
const char	*tls_trust_text(enum tls_trust);	/* "Untrusted" */

struct tls_peer {
	enum tls_trust		 trust;
	/* NONE when the demand is met. Opportunistic: why it is not Trusted. */
	enum tls_failure	 failure;
	const char		*reason;	/* static; "" when failure is NONE */
	/* Printable ASCII, "" when there is none: for the log. */
	char			 name[TLS_PEER_NAME_BYTES];	/* that matched, or its first */
	char			 issuer[TLS_PEER_NAME_BYTES];
	bool			 has_digests;
	uint8_t			 cert_sha256[TLS_FINGERPRINT_BYTES];
	uint8_t			 key_sha256[TLS_FINGERPRINT_BYTES];	/* of the SPKI */
};

/* ---- the process's side ---- */

struct tls_client_ctx;
/* Before the jail: OpenSSL reads its configuration. */
struct tls_client_ctx *tls_client_ctx_new(struct loop *, unsigned max_handshakes);
/* No new connections; freed when the last one is. */
void		 tls_client_ctx_free(struct tls_client_ctx **);
/*
 * Reads a CA file, or with an empty path the system's, as bytes: in .open,
 * with rights.  ERR_NOTFOUND, ERR_TOOBIG, ...
 */
enum err	 tls_ca_read(struct buf *, const char *path) MUST_USE;
/*
 * Adds the certificates of a PEM text: in .load, without rights.  What is
 * not a certificate is passed over; ERR_SYNTAX when there was none, ERR_LIMIT
 * over TLS_CA_COUNT_MAX (those before it count).
 */
enum err	 tls_client_ctx_add_ca(struct tls_client_ctx *, struct slice pem,
		    unsigned *count) MUST_USE;
unsigned	 tls_client_ctx_handshakes(const struct tls_client_ctx *);	/* unfinished */

#endif
