/* SPDX-License-Identifier: ISC */
/*
 * The hash functions are called below OpenSSL's EVP, with their state on the
 * stack: through EVP each would be allocated, and found by its name.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/io/tls_kdf.h"

#include <openssl/kdf.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/base/cc.h"

#define HASH_MAX	SHA384_DIGEST_LENGTH
#define BLOCK_MAX	SHA512_CBLOCK
#define PAD_WORDS	(BLOCK_MAX / sizeof(uint64_t))
#define PAD_INNER	UINT64_C(0x3636363636363636)
#define PAD_OUTER	UINT64_C(0x5c5c5c5c5c5c5c5c)
#define LABEL_MAX	249	/* and 6 of its prefix: RFC 8446 s7.1 */
#define CONTEXT_MAX	255
#define INFO_MAX	(2 + 1 + 255 + 1 + CONTEXT_MAX)

struct octets {
	const unsigned char	*p;
	size_t			 n;
};

/* ---- a digest, and HMAC with it: RFC 2104 */

union state {
	SHA256_CTX	 s256;
	SHA512_CTX	 s512;
};

struct digest {
	const char	*name, *alias;
	size_t		 bytes, block, state;
	void		(*init)(union state *);
	void		(*update)(union state *, const void *, size_t);
	void		(*final)(union state *, unsigned char *);
};

static void
init256(union state *s)
{
	(void)SHA256_Init(&s->s256);
}

static void
update256(union state *s, const void *p, size_t n)
{
	(void)SHA256_Update(&s->s256, p, n);
}

static void
final256(union state *s, unsigned char *out)
{
	(void)SHA256_Final(out, &s->s256);
}

static void
init384(union state *s)
{
	(void)SHA384_Init(&s->s512);
}

static void
update384(union state *s, const void *p, size_t n)
{
	(void)SHA384_Update(&s->s512, p, n);
}

static void
final384(union state *s, unsigned char *out)
{
	(void)SHA384_Final(out, &s->s512);
}

static const struct digest digests[] = {
	{ "SHA2-256", "SHA256", SHA256_DIGEST_LENGTH, SHA256_CBLOCK, sizeof(SHA256_CTX),
	    init256, update256, final256 },
	{ "SHA2-384", "SHA384", SHA384_DIGEST_LENGTH, SHA512_CBLOCK, sizeof(SHA512_CTX),
	    init384, update384, final384 },
};

static const struct digest *
digest_find(const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
	const char *name;

	if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &name) || name == NULL)
		return NULL;
	for (size_t i = 0; i < lengthof(digests); i++)
		if (strcasecmp(name, digests[i].name) == 0 ||
		    strcasecmp(name, digests[i].alias) == 0)
			return &digests[i];
	return NULL;
}

static void
hash_pad(const struct digest *d, union state *s, const uint64_t *key, uint64_t with)
{
	uint64_t block[PAD_WORDS];

	for (size_t i = 0; i < d->block / sizeof(with); i++)
		block[i] = key[i] ^ with;
	d->init(s);
	d->update(s, block, d->block);
	OPENSSL_cleanse(block, d->block);
}

/* Of a and b; out may be one of them.  Wiped is what this digest used. */
static void
hmac(const struct digest *d, struct octets key, struct octets a, struct octets b,
    unsigned char *out)
{
	uint64_t block[PAD_WORDS] = { 0 };
	unsigned char inner[HASH_MAX];
	union state s;

	if (key.n <= d->block) {
		if (key.n > 0)
			memcpy(block, key.p, key.n);
	} else {
		d->init(&s);
		d->update(&s, key.p, key.n);
		d->final(&s, (unsigned char *)block);
	}
	hash_pad(d, &s, block, PAD_INNER);
	d->update(&s, a.p, a.n);
	d->update(&s, b.p, b.n);
	d->final(&s, inner);
	hash_pad(d, &s, block, PAD_OUTER);
	d->update(&s, inner, d->bytes);
	d->final(&s, out);
	OPENSSL_cleanse(&s, d->state);
	OPENSSL_cleanse(block, d->block);
	OPENSSL_cleanse(inner, d->bytes);
}

/* ---- RFC 5869 s2.3, RFC 8446 s7.1 */

struct label {
	struct octets	 prefix, name, context;
};

static size_t
put(unsigned char *dst, size_t at, struct octets s)
{
	if (s.n > 0)
		memcpy(dst + at, s.p, s.n);
	return at + s.n;
}

/* HKDF-Expand-Label */
static bool
expand(const struct digest *d, const unsigned char *secret, const struct label *l,
    unsigned char *out, size_t n)
{
	const struct octets key = { secret, d->bytes };
	unsigned char info[INFO_MAX], last[HASH_MAX], count = 0;
	struct octets before = { last, 0 };
	size_t at = 0, piece;

	if (l->prefix.n + l->name.n > 255 || l->name.n > LABEL_MAX ||
	    l->context.n > CONTEXT_MAX || n > 255 * d->bytes)
		return false;
	info[at++] = (unsigned char)(n >> 8);
	info[at++] = (unsigned char)n;
	info[at++] = (unsigned char)(l->prefix.n + l->name.n);
	at = put(info, at, l->prefix);
	at = put(info, at, l->name);
	info[at++] = (unsigned char)l->context.n;
	at = put(info, at, l->context);
	while (n > 0) {
		unsigned char text[INFO_MAX + 1];

		memcpy(text, info, at);
		text[at] = ++count;
		hmac(d, key, before, (struct octets){ text, at + 1 }, last);
		before.n = d->bytes;
		piece = n < d->bytes ? n : d->bytes;
		memcpy(out, last, piece);
		out += piece;
		n -= piece;
	}
	OPENSSL_cleanse(last, sizeof(last));
	return true;
}

/*
 * The next secret: HKDF-Extract of what is new, salted with what follows from
 * the last secret by a label over no messages.  What is missing is zeros.
 */
static bool
extract(const struct digest *d, struct octets fresh, struct octets last,
    struct label l, unsigned char *out)
{
	static const unsigned char zeros[HASH_MAX];
	unsigned char nothing[HASH_MAX], salt[HASH_MAX];
	union state s;

	if (fresh.p == NULL)
		fresh = (struct octets){ zeros, d->bytes };
	if (last.p != NULL) {
		if (last.n != d->bytes)
			return false;
		d->init(&s);
		d->final(&s, nothing);
		l.context = (struct octets){ nothing, d->bytes };
		if (!expand(d, last.p, &l, salt, d->bytes))
			return false;
		last = (struct octets){ salt, d->bytes };
	}
	hmac(d, last, fresh, (struct octets){ zeros, 0 }, out);
	OPENSSL_cleanse(salt, sizeof(salt));
	return true;
}

/* ---- what OpenSSL calls */

/* Of no length when it is not there. */
static struct octets
octets_of(const OSSL_PARAM params[], const char *name)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
	struct octets s = { NULL, 0 };
	const void *at;

	if (p != NULL && OSSL_PARAM_get_octet_string_ptr(p, &at, &s.n) && at != NULL)
		s.p = at;
	else
		s.n = 0;
	return s;
}

static int
derive(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	const struct digest *d = digest_find(params);
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
	const struct octets key = octets_of(params, OSSL_KDF_PARAM_KEY);
	const struct label l = {
		.prefix = octets_of(params, OSSL_KDF_PARAM_PREFIX),
		.name = octets_of(params, OSSL_KDF_PARAM_LABEL),
		.context = octets_of(params, OSSL_KDF_PARAM_DATA),
	};
	int mode;

	(void)ctx;
	if (d == NULL || p == NULL || !OSSL_PARAM_get_int(p, &mode))
		return 0;
	if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return n == d->bytes && extract(d, key,
		    octets_of(params, OSSL_KDF_PARAM_SALT), l, out);
	return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && key.n == d->bytes &&
	    n > 0 && expand(d, key.p, &l, out, n);
}

/* OpenSSL wants a context; all is in the parameters. */
static void *
context_new(void *provctx)
{
	static const char none;

	(void)provctx;
	return (void *)(uintptr_t)&none;
}

static void
context_free(void *ctx)
{
	(void)ctx;
}

#define ENTRY(id, fn)	{ (id), (void (*)(void))(fn) }

const OSSL_DISPATCH tls_kdf_functions[] = {
	ENTRY(OSSL_FUNC_KDF_NEWCTX, context_new),
	ENTRY(OSSL_FUNC_KDF_FREECTX, context_free),
	ENTRY(OSSL_FUNC_KDF_DERIVE, derive),
	{ 0, NULL }
};
