/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_ed.h"

#include <sodium.h>

#include "lib/base/must.h"

void
cry_ed_pair(unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_ED_SECRET_BYTES], const unsigned char seed[CRY_ED_SEED_BYTES])
{
	must(crypto_sign_seed_keypair(public_key, secret_key, seed) == 0);
}

void
cry_ed_sign(unsigned char sig[CRY_ED_SIG_BYTES], struct slice s,
    const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	must(crypto_sign_detached(sig, NULL, (const unsigned char *)s.p, s.n, secret_key) == 0);
}

enum err
cry_ed_verify(const unsigned char sig[CRY_ED_SIG_BYTES], struct slice s,
    const unsigned char public_key[CRY_KEY_BYTES])
{
	return crypto_sign_verify_detached(sig, (const unsigned char *)s.p, s.n,
	    public_key) == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
cry_ed_box_public(unsigned char out[CRY_KEY_BYTES], const unsigned char public_key[CRY_KEY_BYTES])
{
	if (crypto_sign_ed25519_pk_to_curve25519(out, public_key) == 0)
		return ERR_OK;
	sodium_memzero(out, CRY_KEY_BYTES);
	return ERR_CORRUPT;
}

void
cry_ed_box_secret(unsigned char out[CRY_KEY_BYTES],
    const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	must(crypto_sign_ed25519_sk_to_curve25519(out, secret_key) == 0);
}
