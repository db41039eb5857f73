/* SPDX-License-Identifier: ISC */
/*
 * The primitives, over OpenSSL (AES) and libsodium (all else).  No other
 * library of ours sees either.  Keys are bare 32-byte arrays owned and wiped
 * by the caller; long-lived ones live in a secret_arena.  An aead holds the
 * key schedule of one key at a time and is made once and keyed often: a new
 * key costs about a microsecond.  One thread at a time for an aead.
 *
 * Every function that opens something answers ERR_CORRUPT when it does not
 * verify, and leaves the output zeroed.
 */
#ifndef CRY_H
#define CRY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CRY_KEY_BYTES	32
#define CRY_NONCE_BYTES	12
#define CRY_TAG_BYTES	16
#define CRY_SEAL_BYTES	48	/* crypto_box_seal adds this much */

/* Also the suite numbers of the sealed object. */
enum cry_suite { CRY_AES256_GCM = 1, CRY_CHACHA20_POLY1305 = 2 };

/* Loads and seeds both libraries; in .load, before seccomp.  Idempotent. */
void		 cry_init(void);
void		 cry_random(void *, size_t);
uint64_t	 cry_random_u64(void);

/* make, key, free (the schedule is wiped) */
struct cry_aead;
struct cry_aead	*cry_aead_new(void);
void		 cry_aead_free(struct cry_aead **);
void		 cry_aead_key(struct cry_aead *, enum cry_suite,
		    const unsigned char key[CRY_KEY_BYTES]);
/* out has plain.n + CRY_TAG_BYTES; may be plain.p itself. */
void		 cry_aead_seal(struct cry_aead *, unsigned char *out,
		    struct slice plain, const unsigned char nonce[CRY_NONCE_BYTES],
		    struct slice ad);
/* out has sealed.n - CRY_TAG_BYTES; may be sealed.p itself. */
enum err	 cry_aead_open(struct cry_aead *, unsigned char *out,
		    struct slice sealed, const unsigned char nonce[CRY_NONCE_BYTES],
		    struct slice ad) MUST_USE;

/* Keyed BLAKE2b: out of 16 to 64 bytes. */
void		 cry_mac(unsigned char *out, size_t out_bytes,
		    const unsigned char key[CRY_KEY_BYTES], struct slice);
/* Plain BLAKE2b. */
void		 cry_hash(unsigned char *out, size_t out_bytes, struct slice);
/* A subkey: keyed BLAKE2b-256 of the label of its use. */
void		 cry_subkey(unsigned char out[CRY_KEY_BYTES],
		    const unsigned char key[CRY_KEY_BYTES], const char *label);

/* X25519.  An anonymous sealed box: out has plain.n + CRY_SEAL_BYTES. */
void		 cry_box_pair(unsigned char public_key[CRY_KEY_BYTES],
		    unsigned char secret_key[CRY_KEY_BYTES]);
void		 cry_box_public(unsigned char public_key[CRY_KEY_BYTES],
		    const unsigned char secret_key[CRY_KEY_BYTES]);
enum err	 cry_box_seal(unsigned char *out, struct slice plain,
		    const unsigned char public_key[CRY_KEY_BYTES]) MUST_USE;
enum err	 cry_box_open(unsigned char *out, struct slice sealed,
		    const unsigned char public_key[CRY_KEY_BYTES],
		    const unsigned char secret_key[CRY_KEY_BYTES]) MUST_USE;
/* What both halves make together (crypto_box_beforenm); ERR_CORRUPT: no key. */
enum err	 cry_box_shared(unsigned char out[CRY_KEY_BYTES],
		    const unsigned char public_key[CRY_KEY_BYTES],
		    const unsigned char secret_key[CRY_KEY_BYTES]) MUST_USE;

/* Argon2id (RFC 9106), one lane.  ERR_BUSY when there is no memory for it. */
#define CRY_SALT_BYTES	16
enum err	 cry_argon2id(unsigned char out[CRY_KEY_BYTES], struct slice password,
		    const unsigned char salt[CRY_SALT_BYTES], uint32_t passes,
		    uint32_t memory_kib) MUST_USE;

#endif
