/* SPDX-License-Identifier: ISC */
/*
 * An OpenSSL provider whose EC, RSA and Ed25519 keys have no private part:
 * it signs by handing the whole message to a tls_signer.  Only for lib/io.
 *
 * libssl calls one-shot digest-sign with the complete to-be-signed message,
 * so the holder of the key can check *what* it signs.
 */
#ifndef TLS_PROVIDER_H
#define TLS_PROVIDER_H

#include "lib/io/openssl.h"

#include "lib/io/tls_signer.h"

/*
 * The wish of our contexts: algorithms that do the same as OpenSSL's at less
 * cost.  Two properties (tls_provider.c), since the wish for the default provider
 * holds as well and only what meets more wishes is taken.  Short names: OpenSSL
 * hashes the wish a hundred times in a handshake.
 */
#define TLS_PROVIDER_FAST	"?g.f,?g.t"

/* Once per process; ERR_CRYPTO when the library refuses. */
enum err	 tls_provider_load(void) MUST_USE;
/*
 * A key with the given public part that signs through the signer under this
 * number.  The signer must outlive it.  NULL: not EC, RSA or Ed25519.
 */
EVP_PKEY	*tls_provider_key(EVP_PKEY *public_part, struct tls_signer *,
		    uint32_t key);

#endif
