/* SPDX-License-Identifier: ISC */
/*
 * The key schedule of TLS 1.3 (RFC 8446 s7.1) as an algorithm of our provider:
 * OpenSSL derives two dozen secrets for a handshake, and what its own "TLS13-KDF"
 * looks up and allocates for each of them costs more than the hashing.  It takes
 * all it needs in the parameters of one derivation, keeps nothing, and knows the
 * two digests of TLS 1.3.  Only for lib/io.
 */
#ifndef TLS_KDF_H
#define TLS_KDF_H

#include "lib/io/openssl.h"

extern const OSSL_DISPATCH tls_kdf_functions[];

#endif
