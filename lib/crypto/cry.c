/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL has a type of the same name as our code. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#undef ERR_STATE
#include <sodium.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_bytes.h"

/*
 * Fetched once: an implicit fetch with every key costs more than sealing a
 * small message.  Each direction has a context of its own that is keyed when
 * it is first needed.
 */
struct cry_aead {
	EVP_CIPHER	*aes;
	EVP_CIPHER_CTX	*enc;
	EVP_CIPHER_CTX	*dec;
	bool		 enc_keyed;
	bool		 dec_keyed;
	enum cry_suite	 suite;
	unsigned char	 key[CRY_KEY_BYTES];
};

/*
 * Keys and nonces of messages are short, and a system call for each costs more
 * than making them.  What was given is wiped; a child has no supply of its parent's.
 */
#define RANDOM_SMALL	64u

static _Thread_local struct {
	unsigned char	bytes[512];
	size_t		left;		/* the first of them */
} supply;
static pthread_once_t watches = PTHREAD_ONCE_INIT;

static void
drop_supply(void)
{
	secret_wipe(supply.bytes, sizeof(supply.bytes));
	supply.left = 0;
}

static void
watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, drop_supply) != 0)
		log_fatal("no memory for what forks need");
}

void
cry_init(void)
{
	unsigned char seed[16];

	if (sodium_init() < 0)
		log_fatal("libsodium does not start");
	/* No configuration file: the same code runs on every host. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		log_fatal("libcrypto does not start");
	if (RAND_bytes(seed, sizeof(seed)) != 1)
		log_fatal("libcrypto has no randomness");
	secret_wipe(seed, sizeof(seed));
}

void
cry_random(void *p, size_t n)
{
	unsigned char *at;

	if (n > RANDOM_SMALL) {
		randombytes_buf(p, n);
		return;
	}
	if (supply.left < n) {
		must(pthread_once(&watches, watch_forks) == 0);
		randombytes_buf(supply.bytes, sizeof(supply.bytes));
		supply.left = sizeof(supply.bytes);
	}
	supply.left -= n;
	at = supply.bytes + supply.left;
	memcpy(p, at, n);
	secret_wipe(at, n);
}

uint64_t
cry_random_u64(void)
{
	uint64_t v;

	cry_random(&v, sizeof(v));
	return v;
}

struct cry_aead *
cry_aead_new(void)
{
	struct cry_aead *a = must_alloc(1, sizeof(*a));

	a->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	a->enc = EVP_CIPHER_CTX_new();
	a->dec = EVP_CIPHER_CTX_new();
	if (a->aes == NULL || a->enc == NULL || a->dec == NULL)
		log_fatal("libcrypto has no AES-256-GCM");
	if (EVP_EncryptInit_ex2(a->enc, a->aes, NULL, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(a->dec, a->aes, NULL, NULL, NULL) != 1)
		log_fatal("libcrypto does not take AES-256-GCM");
	a->suite = CRY_AES256_GCM;
	return a;
}

void
cry_aead_free(struct cry_aead **ap)
{
	struct cry_aead *a = *ap;

	if (a == NULL)
		return;
	EVP_CIPHER_CTX_free(a->enc);
	EVP_CIPHER_CTX_free(a->dec);
	EVP_CIPHER_free(a->aes);
	secret_wipe(a, sizeof(*a));
	free(a);
	*ap = NULL;
}

void
cry_aead_key(struct cry_aead *a, enum cry_suite suite,
    const unsigned char key[CRY_KEY_BYTES])
{
	/* What is wrapped under an epoch comes in rows: its schedule is there. */
	if (a->suite == suite && secret_eq(a->key, key, CRY_KEY_BYTES))
		return;
	memcpy(a->key, key, CRY_KEY_BYTES);
	a->suite = suite;
	a->enc_keyed = a->dec_keyed = false;
}

static void
aes_seal(struct cry_aead *a, unsigned char *out, struct slice plain,
    const unsigned char *nonce, struct slice ad)
{
	int n = 0;

	must(EVP_EncryptInit_ex2(a->enc, NULL, a->enc_keyed ? NULL : a->key,
	    nonce, NULL) == 1);
	a->enc_keyed = true;
	if (ad.n > 0)
		must(EVP_EncryptUpdate(a->enc, NULL, &n, cry_bytes(ad), (int)ad.n) == 1);
	if (plain.n > 0)
		must(EVP_EncryptUpdate(a->enc, out, &n, cry_bytes(plain), (int)plain.n) == 1);
	must(EVP_EncryptFinal_ex(a->enc, out + plain.n, &n) == 1);
	must(EVP_CIPHER_CTX_ctrl(a->enc, EVP_CTRL_AEAD_GET_TAG, CRY_TAG_BYTES,
	    out + plain.n) == 1);
}

void
cry_aead_seal(struct cry_aead *a, unsigned char *out, struct slice plain,
    const unsigned char nonce[CRY_NONCE_BYTES], struct slice ad)
{
	must(plain.n <= INT_MAX - CRY_TAG_BYTES && ad.n <= INT_MAX);
	switch (a->suite) {
	case CRY_AES256_GCM:
		aes_seal(a, out, plain, nonce, ad);
		break;
	case CRY_CHACHA20_POLY1305:
		must(crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL,
		    cry_bytes(plain), plain.n, cry_bytes(ad), ad.n, NULL, nonce,
		    a->key) == 0);
		break;
	}
}

static bool
aes_open(struct cry_aead *a, unsigned char *out, struct slice sealed,
    const unsigned char *nonce, struct slice ad)
{
	unsigned char tag[CRY_TAG_BYTES];
	size_t plain_n = sealed.n - CRY_TAG_BYTES;
	unsigned char rest[1];
	int n = 0;

	/* Before the text is overwritten, should both be the same memory. */
	memcpy(tag, sealed.p + plain_n, sizeof(tag));
	must(EVP_DecryptInit_ex2(a->dec, NULL, a->dec_keyed ? NULL : a->key,
	    nonce, NULL) == 1);
	a->dec_keyed = true;
	if (ad.n > 0)
		must(EVP_DecryptUpdate(a->dec, NULL, &n, cry_bytes(ad), (int)ad.n) == 1);
	if (plain_n > 0)
		must(EVP_DecryptUpdate(a->dec, out, &n, cry_bytes(sealed), (int)plain_n) == 1);
	must(EVP_CIPHER_CTX_ctrl(a->dec, EVP_CTRL_AEAD_SET_TAG, CRY_TAG_BYTES, tag) == 1);
	return EVP_DecryptFinal_ex(a->dec, rest, &n) == 1;
}

enum err
cry_aead_open(struct cry_aead *a, unsigned char *out, struct slice sealed,
    const unsigned char nonce[CRY_NONCE_BYTES], struct slice ad)
{
	bool good = false;

	if (sealed.n < CRY_TAG_BYTES || sealed.n > INT_MAX || ad.n > INT_MAX)
		return ERR_CORRUPT;
	switch (a->suite) {
	case CRY_AES256_GCM:
		good = aes_open(a, out, sealed, nonce, ad);
		break;
	case CRY_CHACHA20_POLY1305:
		good = crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL,
		    cry_bytes(sealed), sealed.n, cry_bytes(ad), ad.n, nonce,
		    a->key) == 0;
		break;
	}
	if (!good) {
		secret_wipe(out, sealed.n - CRY_TAG_BYTES);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

void
cry_mac(unsigned char *out, size_t out_bytes,
    const unsigned char key[CRY_KEY_BYTES], struct slice s)
{
	must(out_bytes >= crypto_generichash_BYTES_MIN &&
	    out_bytes <= crypto_generichash_BYTES_MAX);
	must(crypto_generichash(out, out_bytes, cry_bytes(s), s.n, key,
	    CRY_KEY_BYTES) == 0);
}

void
cry_hash(unsigned char *out, size_t out_bytes, struct slice s)
{
	must(crypto_generichash(out, out_bytes, cry_bytes(s), s.n, NULL, 0) == 0);
}

void
cry_subkey(unsigned char out[CRY_KEY_BYTES],
    const unsigned char key[CRY_KEY_BYTES], const char *label)
{
	cry_mac(out, CRY_KEY_BYTES, key, slice_str(label));
}

void
cry_box_pair(unsigned char public_key[CRY_KEY_BYTES],
    unsigned char secret_key[CRY_KEY_BYTES])
{
	must(crypto_box_keypair(public_key, secret_key) == 0);
}

void
cry_box_public(unsigned char public_key[CRY_KEY_BYTES],
    const unsigned char secret_key[CRY_KEY_BYTES])
{
	must(crypto_scalarmult_base(public_key, secret_key) == 0);
}

enum err
cry_box_seal(unsigned char *out, struct slice plain,
    const unsigned char public_key[CRY_KEY_BYTES])
{
	/* A public key of small order makes the shared secret known to all. */
	return crypto_box_seal(out, cry_bytes(plain), plain.n, public_key) == 0 ?
	    ERR_OK : ERR_CRYPTO;
}

enum err
cry_box_open(unsigned char *out, struct slice sealed,
    const unsigned char public_key[CRY_KEY_BYTES],
    const unsigned char secret_key[CRY_KEY_BYTES])
{
	if (sealed.n < CRY_SEAL_BYTES)
		return ERR_CORRUPT;
	if (crypto_box_seal_open(out, cry_bytes(sealed), sealed.n, public_key,
	    secret_key) != 0) {
		secret_wipe(out, sealed.n - CRY_SEAL_BYTES);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

enum err
cry_box_shared(unsigned char out[CRY_KEY_BYTES], const unsigned char public_key[CRY_KEY_BYTES],
    const unsigned char secret_key[CRY_KEY_BYTES])
{
	if (crypto_box_beforenm(out, public_key, secret_key) == 0)
		return ERR_OK;
	secret_wipe(out, CRY_KEY_BYTES);
	return ERR_CORRUPT;
}

enum err
cry_argon2id(unsigned char out[CRY_KEY_BYTES], struct slice password,
    const unsigned char salt[CRY_SALT_BYTES], uint32_t passes,
    uint32_t memory_kib)
{
	if (crypto_pwhash(out, CRY_KEY_BYTES, (const char *)cry_bytes(password),
	    password.n, salt, passes, (size_t)memory_kib * 1024,
	    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return ERR_BUSY;
	return ERR_OK;
}
