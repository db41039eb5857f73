/* SPDX-License-Identifier: ISC */
/*
 * The two digests of TLS 1.3 and HMAC with them (RFC 2104), below OpenSSL's EVP
 * and with their state where the caller has it: through EVP each would be
 * allocated, and found by its name.  What is left of keys is wiped.  Only for
 * lib/io.
 */
#ifndef TLS_HASH_H
#define TLS_HASH_H

#include "lib/io/openssl.h"

#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HASH_MAX		SHA384_DIGEST_LENGTH
#define TLS_HASH_BLOCK_MAX	SHA512_CBLOCK

union tls_hash_state {
	SHA256_CTX	 s256;
	SHA512_CTX	 s512;
};

struct tls_digest {
	const char	*name, *alias;
	size_t		 bytes, block, state;
	void		(*init)(union tls_hash_state *);
	void		(*update)(union tls_hash_state *, const void *, size_t);
	void		(*final)(union tls_hash_state *, unsigned char *);
};

struct tls_hmac {
	const struct tls_digest	*digest;
	union tls_hash_state	 state;
	uint64_t		 key[TLS_HASH_BLOCK_MAX / sizeof(uint64_t)];
};

/* By either name, in any case; NULL: another one, or no name. */
const struct tls_digest *tls_digest_find(const char *name);
/* Each may end once, and is wiped by that. */
void		 tls_hmac_start(struct tls_hmac *, const struct tls_digest *,
		    const void *key, size_t);
void		 tls_hmac_add(struct tls_hmac *, const void *, size_t);
void		 tls_hmac_end(struct tls_hmac *, unsigned char *out);	/* digest->bytes */

#endif
