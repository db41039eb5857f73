/* SPDX-License-Identifier: ISC */
/* Digest and key come as parameters (tickets), or the key with init (Finished). */
#include "lib/io/tls_mac.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/tls_hash.h"

struct mac {
	const struct tls_digest	*digest;	/* NULL: not told yet */
	bool			 is_started;
	struct tls_hmac		 hmac;
};

static void *
mac_new(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct mac));
}

static void
mac_free(void *ctx)
{
	if (ctx == NULL)
		return;
	OPENSSL_cleanse(ctx, sizeof(struct mac));
	free(ctx);
}

static void *
mac_dup(void *ctx)
{
	struct mac *copy = malloc(sizeof(*copy));

	if (copy != NULL)
		memcpy(copy, ctx, sizeof(*copy));
	return copy;
}

static int
start(struct mac *m, const void *key, size_t n)
{
	m->is_started = m->digest != NULL;
	if (m->is_started)
		tls_hmac_start(&m->hmac, m->digest, key, n);
	return m->is_started;
}

static int
mac_set_params(void *ctx, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p;
	struct mac *m = ctx;
	const char *name;
	const void *key;
	size_t n;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_DIGEST);
	if (p != NULL) {
		m->is_started = false;
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
			return 0;
		m->digest = tls_digest_find(name);
		if (m->digest == NULL)
			return 0;
	}
	p = OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_KEY);
	return p == NULL ||
	    (OSSL_PARAM_get_octet_string_ptr(p, &key, &n) && start(m, key, n));
}

static const OSSL_PARAM *
mac_settable(void *ctx, void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	(void)ctx;
	(void)provctx;
	return types;
}

static int
mac_get_params(void *ctx, OSSL_PARAM params[])
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_SIZE);
	const struct mac *m = ctx;

	return p == NULL || (m->digest != NULL && OSSL_PARAM_set_size_t(p, m->digest->bytes));
}

static const OSSL_PARAM *
mac_gettable(void *ctx, void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, NULL),
		OSSL_PARAM_END
	};

	(void)ctx;
	(void)provctx;
	return types;
}

/* Without a key the one of the parameters holds. */
static int
mac_init(void *ctx, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	struct mac *m = ctx;

	if (!mac_set_params(m, params))
		return 0;
	return key != NULL ? start(m, key, n) : m->is_started;
}

static int
mac_update(void *ctx, const unsigned char *data, size_t n)
{
	struct mac *m = ctx;

	if (!m->is_started)
		return 0;
	tls_hmac_add(&m->hmac, data, n);
	return 1;
}

static int
mac_final(void *ctx, unsigned char *out, size_t *bytes, size_t cap)
{
	struct mac *m = ctx;

	if (!m->is_started || cap < m->digest->bytes)
		return 0;
	tls_hmac_end(&m->hmac, out);
	m->is_started = false;
	*bytes = m->digest->bytes;
	return 1;
}

#define ENTRY(id, fn)	{ (id), (void (*)(void))(fn) }

const OSSL_DISPATCH tls_mac_functions[] = {
	ENTRY(OSSL_FUNC_MAC_NEWCTX, mac_new),
	ENTRY(OSSL_FUNC_MAC_FREECTX, mac_free),
	ENTRY(OSSL_FUNC_MAC_DUPCTX, mac_dup),
	ENTRY(OSSL_FUNC_MAC_SET_CTX_PARAMS, mac_set_params),
	ENTRY(OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS, mac_settable),
	ENTRY(OSSL_FUNC_MAC_GET_CTX_PARAMS, mac_get_params),
	ENTRY(OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS, mac_gettable),
	ENTRY(OSSL_FUNC_MAC_INIT, mac_init),
	ENTRY(OSSL_FUNC_MAC_UPDATE, mac_update),
	ENTRY(OSSL_FUNC_MAC_FINAL, mac_final),
	{ 0, NULL }
};
