/* SPDX-License-Identifier: ISC */
#include "lib/io/tls_kdf.h"

#include <openssl/kdf.h>
#include <stdbool.h>
#include <string.h>

#include "lib/io/tls_hash.h"

#define LABEL_MAX	249	/* and 6 of its prefix: RFC 8446 s7.1 */
#define CONTEXT_MAX	255
#define INFO_MAX	(2 + 1 + 255 + 1 + CONTEXT_MAX)

struct octets {
	const unsigned char	*p;
	size_t			 n;
};

static const struct tls_digest *
digest_of(const OSSL_PARAM *p)
{
	const char *name;

	if (p == NULL || !OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return NULL;
	return tls_digest_find(name);
}

/* Of a and b; out may be one of them. */
static void
hmac(const struct tls_digest *d, struct octets key, struct octets a, struct octets b,
    unsigned char *out)
{
	struct tls_hmac h;

	tls_hmac_start(&h, d, key.p, key.n);
	tls_hmac_add(&h, a.p, a.n);
	tls_hmac_add(&h, b.p, b.n);
	tls_hmac_end(&h, out);
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
expand(const struct tls_digest *d, const unsigned char *secret, const struct label *l,
    unsigned char *out, size_t n)
{
	const struct octets key = { secret, d->bytes };
	unsigned char info[INFO_MAX], last[TLS_HASH_MAX], count = 0;
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
extract(const struct tls_digest *d, struct octets fresh, struct octets last,
    struct label l, unsigned char *out)
{
	static const unsigned char zeros[TLS_HASH_MAX];
	unsigned char nothing[TLS_HASH_MAX], salt[TLS_HASH_MAX];
	union tls_hash_state s;

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

/* The parameters, in the order in which libssl gives them. */
enum part { MODE, DIGEST, KEY, SALT, PREFIX, LABEL, DATA, PARTS };

/* One walk, the first of a name counts: seven would compare three times as many. */
static void
find_parts(const OSSL_PARAM *at[PARTS], const OSSL_PARAM *params)
{
	static const char *const names[PARTS] = {
		[MODE] = OSSL_KDF_PARAM_MODE,
		[DIGEST] = OSSL_KDF_PARAM_DIGEST,
		[KEY] = OSSL_KDF_PARAM_KEY,
		[SALT] = OSSL_KDF_PARAM_SALT,
		[PREFIX] = OSSL_KDF_PARAM_PREFIX,
		[LABEL] = OSSL_KDF_PARAM_LABEL,
		[DATA] = OSSL_KDF_PARAM_DATA,
	};
	size_t i;

	for (; params != NULL && params->key != NULL; params++) {
		for (i = 0; i < PARTS; i++)
			if (at[i] == NULL && strcmp(params->key, names[i]) == 0)
				break;
		if (i < PARTS)
			at[i] = params;
	}
}

/* Of no length when it is not there. */
static struct octets
octets_of(const OSSL_PARAM *p)
{
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
	const OSSL_PARAM *at[PARTS] = { NULL };
	const struct tls_digest *d;
	struct octets key;
	struct label l;
	int mode;

	(void)ctx;
	find_parts(at, params);
	d = digest_of(at[DIGEST]);
	if (d == NULL || at[MODE] == NULL || !OSSL_PARAM_get_int(at[MODE], &mode))
		return 0;
	key = octets_of(at[KEY]);
	l = (struct label){ octets_of(at[PREFIX]), octets_of(at[LABEL]), octets_of(at[DATA]) };
	if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return n == d->bytes && extract(d, key, octets_of(at[SALT]), l, out);
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
