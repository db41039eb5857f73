/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_sha2.h"

#include <limits.h>

/* OpenSSL has a type of the same name as our code. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#undef ERR_STATE
#include <sodium.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_bytes.h"

void
cry_sha2_256(unsigned char out[CRY_SHA2_BYTES], struct slice s)
{
	crypto_hash_sha256(out, cry_bytes(s), s.n);
}

void
cry_sha2_hmac(unsigned char out[CRY_SHA2_BYTES], struct slice key, struct slice s)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, cry_bytes(key), key.n);
	crypto_auth_hmacsha256_update(&st, cry_bytes(s), s.n);
	crypto_auth_hmacsha256_final(&st, out);
	secret_wipe(&st, sizeof(st));
}

void
cry_sha2_pbkdf2(unsigned char out[CRY_SHA2_BYTES], struct slice password,
    struct slice salt, uint32_t rounds)
{
	/* OpenSSL's SHA-256 uses the processor's instructions for it: half the time. */
	must(password.n <= INT_MAX && salt.n <= INT_MAX && rounds > 0 && rounds <= INT_MAX);
	if (PKCS5_PBKDF2_HMAC((const char *)cry_bytes(password), (int)password.n,
	    cry_bytes(salt), (int)salt.n, (int)rounds, EVP_sha256(), CRY_SHA2_BYTES, out) != 1)
		log_fatal("libcrypto does not derive a key");
}
