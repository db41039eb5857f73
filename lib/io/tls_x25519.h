/* SPDX-License-Identifier: ISC */
/*
 * X25519 (RFC 7748 s5) as an algorithm of our provider, by libsodium: OpenSSL 3.0
 * makes the public part of a key in portable C, which is the dearest step of a
 * handshake as a server.  A key is made, or takes the 32 bytes a peer sent; it
 * has no other form, and neither leaves the process nor comes from a file.  Only
 * for lib/io.
 */
#ifndef TLS_X25519_H
#define TLS_X25519_H

#include "lib/io/openssl.h"

extern const OSSL_DISPATCH tls_x25519_key_functions[];
extern const OSSL_DISPATCH tls_x25519_exchange_functions[];
extern const OSSL_DISPATCH tls_x25519_share_functions[];	/* a KEM */

/* What libssl wants to know of the group before it uses these keys for it. */
int		 tls_x25519_tell_group(OSSL_CALLBACK *, void *arg);

#endif
