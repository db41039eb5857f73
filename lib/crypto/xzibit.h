/* SPDX-License-Identifier: ISC */
/*
 * The xzibit of CMTP 1: a user's Ed25519 key pair under a password.  Integers
 * are big-endian:
 *
 *	u32 version 1, salt[32], u64 112, ciphertext[112]
 *
 * The key is scrypt (Salsa20/8, libsodium's interactive limits, 16 MiB) of
 * password and salt, the cipher ChaCha20-Poly1305 in its first form, its nonce
 * the salt's first 8 bytes: so each wrap has a salt of its own.  Each call
 * takes tens of milliseconds: not on a loop's thread.
 */
#ifndef XZIBIT_H
#define XZIBIT_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry_ed.h"

#define XZIBIT_BYTES		156
#define XZIBIT_SALT_BYTES	32
#define XZIBIT_SEALED_BYTES	112

/* salt NULL: a random one.  ERR_BUSY when there is no memory for it. */
enum err	 xzibit_wrap(unsigned char out[XZIBIT_BYTES], struct slice password,
		    const unsigned char secret_key[CRY_ED_SECRET_BYTES],
		    const unsigned char *salt) MUST_USE;
/* ERR_VERSION, ERR_SYNTAX, ERR_CORRUPT (the wrong password), ERR_BUSY. */
enum err	 xzibit_open(unsigned char public_key[CRY_KEY_BYTES],
		    unsigned char secret_key[CRY_ED_SECRET_BYTES], struct slice xzibit,
		    struct slice password) MUST_USE;

/* Of its parts. */
void		 xzibit_put(unsigned char out[XZIBIT_BYTES],
		    const unsigned char salt[XZIBIT_SALT_BYTES],
		    const unsigned char sealed[XZIBIT_SEALED_BYTES]);

#endif
