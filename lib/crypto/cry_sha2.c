/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_sha2.h"

#include <string.h>

#include <sodium.h>

#include "lib/base/secret.h"

static const unsigned char *
bytes(struct slice s)
{
	return (const unsigned char *)(s.n > 0 ? s.p : "");
}

void
cry_sha2_256(unsigned char out[CRY_SHA2_BYTES], struct slice s)
{
	crypto_hash_sha256(out, bytes(s), s.n);
}

void
cry_sha2_hmac(unsigned char out[CRY_SHA2_BYTES], struct slice key, struct slice s)
{
	crypto_auth_hmacsha256_state st;

	crypto_auth_hmacsha256_init(&st, bytes(key), key.n);
	crypto_auth_hmacsha256_update(&st, bytes(s), s.n);
	crypto_auth_hmacsha256_final(&st, out);
	secret_wipe(&st, sizeof(st));
}

void
cry_sha2_pbkdf2(unsigned char out[CRY_SHA2_BYTES], struct slice password,
    struct slice salt, uint32_t rounds)
{
	static const unsigned char block[4] = { 0, 0, 0, 1 };
	crypto_auth_hmacsha256_state keyed, st;
	unsigned char u[CRY_SHA2_BYTES];

	/* Keyed once: each round copies the state. */
	crypto_auth_hmacsha256_init(&keyed, bytes(password), password.n);
	st = keyed;
	crypto_auth_hmacsha256_update(&st, bytes(salt), salt.n);
	crypto_auth_hmacsha256_update(&st, block, sizeof(block));
	crypto_auth_hmacsha256_final(&st, u);
	memcpy(out, u, sizeof(u));
	for (uint32_t i = 1; i < rounds; i++) {
		st = keyed;
		crypto_auth_hmacsha256_update(&st, u, sizeof(u));
		crypto_auth_hmacsha256_final(&st, u);
		for (size_t j = 0; j < sizeof(u); j++)
			out[j] ^= u[j];
	}
	secret_wipe(&keyed, sizeof(keyed));
	secret_wipe(&st, sizeof(st));
	secret_wipe(u, sizeof(u));
}
