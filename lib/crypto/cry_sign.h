/* SPDX-License-Identifier: ISC */
/*
 * Signing keys (RSA, P-256, P-384, Ed25519) and what a certificate says of
 * itself.  Only keyd holds signing keys: their numbers live in OpenSSL's
 * locked heap (cry_sign_init).  What may be signed is the caller's to check.
 * A key signs in one thread at a time, but for RSA.
 */
#ifndef CRY_SIGN_H
#define CRY_SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CRY_SIGNATURE_MAX	1024	/* RSA of 8192 bits */

/* Lock memory for private numbers; in .load, behind cry_init. */
void		 cry_sign_init(void);

struct cry_sign_key;
/* A PEM private key without password.  ERR_SYNTAX, ERR_UNSUPPORTED (kind or size). */
enum err	 cry_sign_load(struct cry_sign_key **, struct slice pem) MUST_USE;
void		 cry_sign_free(struct cry_sign_key **);
const char	*cry_sign_kind(const struct cry_sign_key *);	/* "P-256", "RSA", ... */
/* Does the first certificate of the PEM chain belong to this key? */
bool		 cry_sign_matches(const struct cry_sign_key *, struct slice chain_pem);
/*
 * scheme: TLS SignatureScheme (RFC 8446 s4.2.3).  out has CRY_SIGNATURE_MAX.
 * ERR_UNSUPPORTED when the key is not of the scheme's kind.
 */
enum err	 cry_sign(const struct cry_sign_key *, uint16_t scheme,
		    struct slice message, unsigned char *out, size_t *out_bytes) MUST_USE;
/* PKCS 1 schemes are for TLS 1.2 only (RFC 8446 s4.2.3). */
bool		 cry_sign_is_pkcs1(uint16_t scheme);

struct cry_cert {
	int64_t		 not_after_s;
	char		 name[256];	/* first DNS name, else common name */
};
/* Of the first certificate; ERR_SYNTAX. */
enum err	 cry_cert_read(struct cry_cert *, struct slice chain_pem) MUST_USE;

#endif
