/* SPDX-License-Identifier: ISC */
/*
 * libssl asks for a group's parameters and puts the peer's share into what it
 * gets (set_params), makes a key of its own, reads its share (get_params), and
 * derives.  An exchange copies both parts it needs, so it outlives the keys.
 *
 * In TLS 1.3 a server has the peer's share before it makes its own, so both steps
 * are one: libssl knows that as a key encapsulation (OSSL_OP_KEM), whose text is
 * our share.  The bytes and the secret are those of the exchange; what falls away
 * is a key object and two contexts, each with its lookups.  TLS 1.2 exchanges.
 */
#include "lib/io/tls_x25519.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/io/tls_x25519_base.h"

#define PART_BYTES	crypto_scalarmult_BYTES
#define KEY_BITS	253
#define SECURITY_BITS	128

#define SELECT_PUBLIC	OSSL_KEYMGMT_SELECT_PUBLIC_KEY
#define SELECT_PRIVATE	OSSL_KEYMGMT_SELECT_PRIVATE_KEY

struct key {
	bool		 has_public, has_private;
	unsigned char	 public[PART_BYTES];
	unsigned char	 private[PART_BYTES];
};

struct gen {
	int		 selection;
};

struct exchange {
	bool		 has_private, has_peer;
	unsigned char	 private[PART_BYTES];
	unsigned char	 peer[PART_BYTES];
};

/* ---- keys ---- */

static void *
key_new(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct key));
}

static void
key_free(void *keydata)
{
	if (keydata == NULL)
		return;
	sodium_memzero(keydata, sizeof(struct key));
	free(keydata);
}

static void *
key_dup(const void *keydata, int selection)
{
	const struct key *from = keydata;
	struct key *k = key_new(NULL);

	if (k == NULL)
		return NULL;
	if ((selection & SELECT_PUBLIC) != 0 && from->has_public) {
		k->has_public = true;
		memcpy(k->public, from->public, sizeof(k->public));
	}
	if ((selection & SELECT_PRIVATE) != 0 && from->has_private) {
		k->has_private = true;
		memcpy(k->private, from->private, sizeof(k->private));
	}
	return k;
}

static int
key_has(const void *keydata, int selection)
{
	const struct key *k = keydata;

	return k != NULL && ((selection & SELECT_PUBLIC) == 0 || k->has_public) &&
	    ((selection & SELECT_PRIVATE) == 0 || k->has_private);
}

/* The private part never alone: it made the public one. */
static int
key_match(const void *a, const void *b, int selection)
{
	const struct key *x = a, *y = b;

	if ((selection & (SELECT_PUBLIC | SELECT_PRIVATE)) == 0)
		return 1;
	return x->has_public && y->has_public &&
	    memcmp(x->public, y->public, sizeof(x->public)) == 0;
}

static int
set_number(OSSL_PARAM params[], const char *name, int value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return p == NULL || OSSL_PARAM_set_int(p, value);
}

static int
key_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct key *k = keydata;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);

	if (p != NULL && (!k->has_public || !OSSL_PARAM_set_octet_string(p, k->public,
	    sizeof(k->public))))
		return 0;
	return set_number(params, OSSL_PKEY_PARAM_BITS, KEY_BITS) &&
	    set_number(params, OSSL_PKEY_PARAM_SECURITY_BITS, SECURITY_BITS) &&
	    set_number(params, OSSL_PKEY_PARAM_MAX_SIZE, PART_BYTES);
}

static const OSSL_PARAM *
key_gettable(void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	(void)provctx;
	return types;
}

/* The share of a peer takes the place of what was there. */
static int
key_set_params(void *keydata, const OSSL_PARAM params[])
{
	struct key *k = keydata;
	const OSSL_PARAM *p;
	const void *at;
	size_t n;

	p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
	if (p == NULL)
		return 1;
	if (!OSSL_PARAM_get_octet_string_ptr(p, &at, &n) || at == NULL ||
	    n != sizeof(k->public))
		return 0;
	memcpy(k->public, at, n);
	k->has_public = true;
	k->has_private = false;
	sodium_memzero(k->private, sizeof(k->private));
	return 1;
}

static const OSSL_PARAM *
key_settable(void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	(void)provctx;
	return types;
}

static const char *
key_operation(int operation)
{
	return operation == OSSL_OP_KEYEXCH || operation == OSSL_OP_KEM ? "X25519" : NULL;
}

/* ---- making one ---- */

static int
gen_set_params(void *genctx, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p;

	(void)genctx;
	p = params != NULL ?
	    OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME) : NULL;
	return p == NULL || (p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL &&
	    strcasecmp(p->data, "X25519") == 0);
}

static const OSSL_PARAM *
gen_settable(void *genctx, void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_END
	};

	(void)genctx;
	(void)provctx;
	return types;
}

static void *
gen_init(void *provctx, int selection, const OSSL_PARAM params[])
{
	struct gen *g;

	(void)provctx;
	if (!gen_set_params(NULL, params))
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g != NULL)
		g->selection = selection;
	return g;
}

static bool
make_pair(unsigned char *public, unsigned char *private)
{
	randombytes_buf(private, PART_BYTES);
	return tls_x25519_base(public, private);
}

/* Of parameters alone there is nothing to make: the group is the type. */
static void *
gen_key(void *genctx, OSSL_CALLBACK *progress, void *arg)
{
	const struct gen *g = genctx;
	struct key *k = key_new(NULL);

	(void)progress;
	(void)arg;
	if (k == NULL || (g->selection & SELECT_PRIVATE) == 0)
		return k;
	if (!make_pair(k->public, k->private)) {
		key_free(k);
		return NULL;
	}
	k->has_public = k->has_private = true;
	return k;
}

static void
gen_cleanup(void *genctx)
{
	free(genctx);
}

/* ---- the exchange ---- */

static void *
exchange_new(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct exchange));
}

static void
exchange_free(void *ctx)
{
	if (ctx == NULL)
		return;
	sodium_memzero(ctx, sizeof(struct exchange));
	free(ctx);
}

static int
exchange_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
	struct exchange *x = ctx;
	const struct key *k = keydata;

	(void)params;
	x->has_peer = false;
	x->has_private = k != NULL && k->has_private;
	if (x->has_private)
		memcpy(x->private, k->private, sizeof(x->private));
	return x->has_private;
}

static int
exchange_set_peer(void *ctx, void *keydata)
{
	struct exchange *x = ctx;
	const struct key *k = keydata;

	x->has_peer = k != NULL && k->has_public;
	if (x->has_peer)
		memcpy(x->peer, k->public, sizeof(x->peer));
	return x->has_peer;
}

/* Refuses a secret of zeros, as RFC 8446 s7.4.2 asks: libsodium looks for them. */
static int
exchange_derive(void *ctx, unsigned char *secret, size_t *bytes, size_t cap)
{
	const struct exchange *x = ctx;

	if (!x->has_private || !x->has_peer)
		return 0;
	*bytes = PART_BYTES;
	if (secret == NULL)
		return 1;
	return cap >= PART_BYTES && crypto_scalarmult(secret, x->private, x->peer) == 0;
}

/* ---- both at once, as a server of TLS 1.3 ---- */

static int
share_init(void *ctx, void *keydata, const OSSL_PARAM params[])
{
	(void)params;
	return exchange_set_peer(ctx, keydata);
}

/* A key of our own for this one share, which is out, and what both come to. */
static int
share_make(void *ctx, unsigned char *out, size_t *out_bytes, unsigned char *secret,
    size_t *secret_bytes)
{
	struct exchange *x = ctx;
	bool ok;

	if (!x->has_peer)
		return 0;
	if (out != NULL && (secret == NULL || *out_bytes < PART_BYTES ||
	    *secret_bytes < PART_BYTES))
		return 0;
	*out_bytes = *secret_bytes = PART_BYTES;
	if (out == NULL)
		return 1;
	ok = make_pair(out, x->private) && crypto_scalarmult(secret, x->private, x->peer) == 0;
	sodium_memzero(x->private, sizeof(x->private));
	return ok;
}

/* ---- the group: RFC 8446 s4.2.7 ---- */

/* libssl takes a group of the provider that has its keys, and of no other. */
int
tls_x25519_tell_group(OSSL_CALLBACK *cb, void *arg)
{
	static char tls_name[] = "x25519", name[] = "X25519";
	static unsigned id = 0x001d, bits = SECURITY_BITS, is_kem = 1;
	static int min_tls = TLS1_VERSION, min_dtls = DTLS1_VERSION, no_max = 0;
	static const OSSL_PARAM group[] = {
		OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME, tls_name,
		    sizeof(tls_name)),
		OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL, name,
		    sizeof(name)),
		OSSL_PARAM_utf8_string(OSSL_CAPABILITY_TLS_GROUP_ALG, name, sizeof(name)),
		OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_ID, &id),
		OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_SECURITY_BITS, &bits),
		OSSL_PARAM_uint(OSSL_CAPABILITY_TLS_GROUP_IS_KEM, &is_kem),
		OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_TLS, &min_tls),
		OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_TLS, &no_max),
		OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MIN_DTLS, &min_dtls),
		OSSL_PARAM_int(OSSL_CAPABILITY_TLS_GROUP_MAX_DTLS, &no_max),
		OSSL_PARAM_END
	};

	return cb(group, arg);
}

#define ENTRY(id, fn)	{ (id), (void (*)(void))(fn) }

const OSSL_DISPATCH tls_x25519_key_functions[] = {
	ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new),
	ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),
	ENTRY(OSSL_FUNC_KEYMGMT_DUP, key_dup),
	ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),
	ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match),
	ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),
	ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),
	ENTRY(OSSL_FUNC_KEYMGMT_SET_PARAMS, key_set_params),
	ENTRY(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, key_settable),
	ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),
	ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, gen_init),
	ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, gen_set_params),
	ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, gen_settable),
	ENTRY(OSSL_FUNC_KEYMGMT_GEN, gen_key),
	ENTRY(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, gen_cleanup),
	{ 0, NULL }
};

const OSSL_DISPATCH tls_x25519_exchange_functions[] = {
	ENTRY(OSSL_FUNC_KEYEXCH_NEWCTX, exchange_new),
	ENTRY(OSSL_FUNC_KEYEXCH_FREECTX, exchange_free),
	ENTRY(OSSL_FUNC_KEYEXCH_INIT, exchange_init),
	ENTRY(OSSL_FUNC_KEYEXCH_SET_PEER, exchange_set_peer),
	ENTRY(OSSL_FUNC_KEYEXCH_DERIVE, exchange_derive),
	{ 0, NULL }
};

const OSSL_DISPATCH tls_x25519_share_functions[] = {
	ENTRY(OSSL_FUNC_KEM_NEWCTX, exchange_new),
	ENTRY(OSSL_FUNC_KEM_FREECTX, exchange_free),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE_INIT, share_init),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE, share_make),
	{ 0, NULL }
};
