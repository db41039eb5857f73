/* SPDX-License-Identifier: ISC */
#include "lib/crypto/xzibit.h"

#include <sodium.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define VERSION		1
#define PLAIN_BYTES	(CRY_KEY_BYTES + CRY_ED_SECRET_BYTES)
#define SEALED_BYTES	(PLAIN_BYTES + CRY_TAG_BYTES)
_Static_assert(SEALED_BYTES == XZIBIT_SEALED_BYTES, "what the header says");
#define SALT_AT		4
#define LENGTH_AT	(SALT_AT + XZIBIT_SALT_BYTES)
#define SEALED_AT	(LENGTH_AT + 8)

static enum err
password_key(unsigned char key[CRY_KEY_BYTES], struct slice password, const unsigned char *salt)
{
	return crypto_pwhash_scryptsalsa208sha256(key, CRY_KEY_BYTES, password.p, password.n,
	    salt, crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_INTERACTIVE,
	    crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_INTERACTIVE) == 0 ? ERR_OK : ERR_BUSY;
}

enum err
xzibit_wrap(unsigned char out[XZIBIT_BYTES], struct slice password,
    const unsigned char secret_key[CRY_ED_SECRET_BYTES], const unsigned char *salt)
{
	unsigned char key[CRY_KEY_BYTES], plain[PLAIN_BYTES];
	unsigned long long n;
	enum err e;

	enc_be32(out, VERSION);
	if (salt != NULL)
		memcpy(out + SALT_AT, salt, XZIBIT_SALT_BYTES);
	else
		cry_random(out + SALT_AT, XZIBIT_SALT_BYTES);
	enc_be64(out + LENGTH_AT, SEALED_BYTES);
	if ((e = password_key(key, password, out + SALT_AT)) == ERR_OK) {
		/* The public key is the second half of the secret one. */
		memcpy(plain, secret_key + CRY_ED_SEED_BYTES, CRY_KEY_BYTES);
		memcpy(plain + CRY_KEY_BYTES, secret_key, CRY_ED_SECRET_BYTES);
		must(crypto_aead_chacha20poly1305_encrypt(out + SEALED_AT, &n, plain,
		    sizeof(plain), NULL, 0, NULL, out + SALT_AT, key) == 0);
	}
	sodium_memzero(key, sizeof(key));
	sodium_memzero(plain, sizeof(plain));
	return e;
}

void
xzibit_put(unsigned char out[XZIBIT_BYTES], const unsigned char salt[XZIBIT_SALT_BYTES],
    const unsigned char sealed[XZIBIT_SEALED_BYTES])
{
	enc_be32(out, VERSION);
	memcpy(out + SALT_AT, salt, XZIBIT_SALT_BYTES);
	enc_be64(out + LENGTH_AT, SEALED_BYTES);
	memcpy(out + SEALED_AT, sealed, SEALED_BYTES);
}

static enum err
open_plain(unsigned char plain[PLAIN_BYTES], const unsigned char *b, struct slice password)
{
	unsigned char key[CRY_KEY_BYTES];
	unsigned long long n;
	enum err e;

	if ((e = password_key(key, password, b + SALT_AT)) == ERR_OK &&
	    crypto_aead_chacha20poly1305_decrypt(plain, &n, NULL, b + SEALED_AT, SEALED_BYTES,
	    NULL, 0, b + SALT_AT, key) != 0)
		e = ERR_CORRUPT;
	sodium_memzero(key, sizeof(key));
	return e;
}

enum err
xzibit_open(unsigned char public_key[CRY_KEY_BYTES], unsigned char secret_key[CRY_ED_SECRET_BYTES],
    struct slice xzibit, struct slice password)
{
	unsigned char plain[PLAIN_BYTES], again[CRY_ED_SECRET_BYTES];
	const unsigned char *b = (const unsigned char *)xzibit.p;
	enum err e;

	if (xzibit.n != XZIBIT_BYTES)
		return ERR_SYNTAX;
	if (dec_be32(b) != VERSION)
		return ERR_VERSION;
	if (dec_be64(b + LENGTH_AT) != SEALED_BYTES)
		return ERR_SYNTAX;
	if ((e = open_plain(plain, b, password)) == ERR_OK) {
		cry_ed_pair(public_key, again, plain + CRY_KEY_BYTES);
		/* The three parts must be one key. */
		if (sodium_memcmp(again, plain + CRY_KEY_BYTES, sizeof(again)) != 0 ||
		    sodium_memcmp(public_key, plain, CRY_KEY_BYTES) != 0)
			e = ERR_CORRUPT;
	}
	if (e == ERR_OK)
		memcpy(secret_key, again, CRY_ED_SECRET_BYTES);
	sodium_memzero(plain, sizeof(plain));
	sodium_memzero(again, sizeof(again));
	return e;
}
