/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_sha512.h"

#include <sodium.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_bytes.h"

void
cry_sha512(unsigned char out[CRY_SHA512_BYTES], struct slice s)
{
	crypto_hash_sha512(out, cry_bytes(s), s.n);
}

void
cry_sha512_hmac(unsigned char out[CRY_SHA512_BYTES], struct slice key, struct slice s)
{
	crypto_auth_hmacsha512_state st;

	crypto_auth_hmacsha512_init(&st, cry_bytes(key), key.n);
	crypto_auth_hmacsha512_update(&st, cry_bytes(s), s.n);
	crypto_auth_hmacsha512_final(&st, out);
	secret_wipe(&st, sizeof(st));
}

void
cry_sha512_extract(unsigned char out[CRY_SHA512_BYTES], struct slice ikm)
{
	static const unsigned char zeros[CRY_SHA512_BYTES];

	cry_sha512_hmac(out, slice_of(zeros, sizeof(zeros)), ikm);
}

void
cry_sha512_expand(unsigned char *out, size_t out_bytes,
    const unsigned char prk[CRY_SHA512_BYTES], struct slice info)
{
	unsigned char t[CRY_SHA512_BYTES];
	size_t t_n = 0;

	must(out_bytes <= CRY_SHA512_EXPAND_MAX);
	for (unsigned char i = 1; out_bytes > 0; i++) {
		crypto_auth_hmacsha512_state st;
		size_t n = out_bytes < sizeof(t) ? out_bytes : sizeof(t);

		crypto_auth_hmacsha512_init(&st, prk, CRY_SHA512_BYTES);
		crypto_auth_hmacsha512_update(&st, t, t_n);
		crypto_auth_hmacsha512_update(&st, cry_bytes(info), info.n);
		crypto_auth_hmacsha512_update(&st, &i, 1);
		crypto_auth_hmacsha512_final(&st, t);
		secret_wipe(&st, sizeof(st));
		memcpy(out, t, n);
		out += n;
		out_bytes -= n;
		t_n = sizeof(t);
	}
	secret_wipe(t, sizeof(t));
}
