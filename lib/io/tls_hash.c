/* SPDX-License-Identifier: ISC */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/io/tls_hash.h"

#include <string.h>
#include <strings.h>

#include "lib/base/cc.h"

#define PAD_INNER	UINT64_C(0x3636363636363636)
#define PAD_OUTER	UINT64_C(0x5c5c5c5c5c5c5c5c)

static void
init256(union tls_hash_state *s)
{
	(void)SHA256_Init(&s->s256);
}

static void
update256(union tls_hash_state *s, const void *p, size_t n)
{
	(void)SHA256_Update(&s->s256, p, n);
}

static void
final256(union tls_hash_state *s, unsigned char *out)
{
	(void)SHA256_Final(out, &s->s256);
}

static void
init384(union tls_hash_state *s)
{
	(void)SHA384_Init(&s->s512);
}

static void
update384(union tls_hash_state *s, const void *p, size_t n)
{
	(void)SHA384_Update(&s->s512, p, n);
}

static void
final384(union tls_hash_state *s, unsigned char *out)
{
	(void)SHA384_Final(out, &s->s512);
}

static const struct tls_digest digests[] = {
	{ "SHA2-256", "SHA256", SHA256_DIGEST_LENGTH, SHA256_CBLOCK, sizeof(SHA256_CTX),
	    init256, update256, final256 },
	{ "SHA2-384", "SHA384", SHA384_DIGEST_LENGTH, SHA512_CBLOCK, sizeof(SHA512_CTX),
	    init384, update384, final384 },
};

const struct tls_digest *
tls_digest_find(const char *name)
{
	if (name == NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(digests); i++)
		if (strcasecmp(name, digests[i].name) == 0 ||
		    strcasecmp(name, digests[i].alias) == 0)
			return &digests[i];
	return NULL;
}

static void
hash_pad(struct tls_hmac *h, uint64_t with)
{
	const struct tls_digest *d = h->digest;
	uint64_t block[lengthof(h->key)];

	for (size_t i = 0; i < d->block / sizeof(with); i++)
		block[i] = h->key[i] ^ with;
	d->init(&h->state);
	d->update(&h->state, block, d->block);
	OPENSSL_cleanse(block, d->block);
}

void
tls_hmac_start(struct tls_hmac *h, const struct tls_digest *d, const void *key, size_t n)
{
	h->digest = d;
	memset(h->key, 0, d->block);
	if (n > d->block) {
		d->init(&h->state);
		d->update(&h->state, key, n);
		d->final(&h->state, (unsigned char *)h->key);
	} else if (n > 0) {
		memcpy(h->key, key, n);
	}
	hash_pad(h, PAD_INNER);
}

void
tls_hmac_add(struct tls_hmac *h, const void *p, size_t n)
{
	h->digest->update(&h->state, p, n);
}

void
tls_hmac_end(struct tls_hmac *h, unsigned char *out)
{
	const struct tls_digest *d = h->digest;
	unsigned char inner[TLS_HASH_MAX];

	d->final(&h->state, inner);
	hash_pad(h, PAD_OUTER);
	d->update(&h->state, inner, d->bytes);
	d->final(&h->state, out);
	OPENSSL_cleanse(inner, d->bytes);
	OPENSSL_cleanse(&h->state, d->state);
	OPENSSL_cleanse(h->key, d->block);
}
