/* SPDX-License-Identifier: ISC */
/*
 * HMAC (RFC 2104) as an algorithm of our provider: for the two Finished of a
 * handshake and for its ticket OpenSSL allocates and looks up more than it
 * hashes.  It knows the two digests of TLS 1.3, and ends once for each key.  Only
 * for lib/io.
 */
#ifndef TLS_MAC_H
#define TLS_MAC_H

#include "lib/io/openssl.h"

extern const OSSL_DISPATCH tls_mac_functions[];

#endif
