/* SPDX-License-Identifier: ISC */
/*
 * One server's certificate against one demand: what OpenSSL is told before
 * the handshake, the verdict within it, and the facts for the log.  For
 * tls_stream.c, which owns it together with the SSL object it belongs to.
 */
#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

#include "lib/io/openssl.h"
#include "lib/io/tls_client.h"

struct tls_verify;

/* ERR_SYNTAX, ERR_UNSUPPORTED: as conn_start_tls_client. */
enum err	 tls_verify_new(struct tls_verify **, SSL *,
		    const struct tls_demand *) MUST_USE;
/* After the SSL object, or when nothing more is done with it. */
void		 tls_verify_free(struct tls_verify **);

/* SHA-256 of a certificate and of its SubjectPublicKeyInfo. */
bool		 tls_verify_digests(X509 *, uint8_t cert[TLS_FINGERPRINT_BYTES],
		    uint8_t key[TLS_FINGERPRINT_BYTES]);

/* For SSL_CTX_set_cert_verify_callback. */
int		 tls_verify_certificate(X509_STORE_CTX *, void *arg);
/*
 * The handshake failed, as text (static) says; returns the better reason:
 * that of the certificate, when it was refused.
 */
const char	*tls_verify_fail(struct tls_verify *, const char *text);
const struct tls_peer *tls_verify_result(const struct tls_verify *);

#endif
