/* SPDX-License-Identifier: ISC */
/*
 * Each key object wraps an ordinary public EVP_PKEY of the default provider
 * and forwards get_params, match and export to it.  Three rules make libssl
 * use it as a private key:
 *  - export refuses whenever the private part is asked for, else libcrypto
 *    would move the key to the default provider and sign there;
 *  - import accepts public-only data: that is how libcrypto compares the
 *    certificate's key with ours;
 *  - fetches without a wish prefer the default provider, so that nothing but
 *    the keys made here ever comes to us; only contexts of TLS wish for what
 *    is faster here (TLS_PROVIDER_FAST).
 *
 * RSA padding and PSS salt length arrive as integers or as strings.
 */
#include "lib/io/tls_provider.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/io/tls_kdf.h"
#include "lib/io/tls_mac.h"
#include "lib/io/tls_random.h"
#include "lib/io/tls_x25519.h"

#define PROVIDER_NAME		"godwit"
#define PROPERTIES		"provider=" PROVIDER_NAME
#define PROPERTIES_FAST		PROPERTIES ",g.f=yes,g.t=yes"	/* TLS_PROVIDER_FAST */
#define PARAM_SIGNER		"godwit-signer"
#define PARAM_KEY		"godwit-key"

/* ---- keys ---- */

struct key {
	const char		*type;		/* "EC" */
	EVP_PKEY		*public_part;
	struct tls_signer	*signer;	/* NULL: only compared */
	uint32_t		 number;
};

static void *
key_new(const char *type)
{
	struct key *k = calloc(1, sizeof(*k));

	if (k != NULL)
		k->type = type;
	return k;
}

static void *
key_new_ec(void *provctx)
{
	(void)provctx;
	return key_new("EC");
}

static void *
key_new_rsa(void *provctx)
{
	(void)provctx;
	return key_new("RSA");
}

static void *
key_new_ed25519(void *provctx)
{
	(void)provctx;
	return key_new("ED25519");
}

static void
key_free(void *keydata)
{
	struct key *k = keydata;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->public_part);
	free(k);
}

/* We claim a private part when there is a signer. */
static int
key_has(const void *keydata, int selection)
{
	const struct key *k = keydata;

	if (k == NULL || k->public_part == NULL)
		return 0;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 ||
	    k->signer != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct key *x = a, *y = b;

	(void)selection;
	return x->public_part != NULL && y->public_part != NULL &&
	    EVP_PKEY_eq(x->public_part, y->public_part) == 1;
}

static int
key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct key *k = keydata;
	const OSSL_PARAM *p;
	OSSL_PARAM *in = OSSL_PARAM_dup(params);
	EVP_PKEY_CTX *c;
	int ok = 0;

	(void)selection;
	c = EVP_PKEY_CTX_new_from_name(NULL, k->type, "provider=default");
	if (in != NULL && c != NULL && k->public_part == NULL &&
	    EVP_PKEY_fromdata_init(c) == 1)
		ok = EVP_PKEY_fromdata(c, &k->public_part,
		    EVP_PKEY_PUBLIC_KEY, in) == 1;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(in);
	p = OSSL_PARAM_locate_const(params, PARAM_SIGNER);
	if (ok && p != NULL) {
		if (p->data_size != sizeof(struct tls_signer *))
			return 0;
		memcpy(&k->signer, p->data, sizeof(k->signer));
		p = OSSL_PARAM_locate_const(params, PARAM_KEY);
		ok = p != NULL && OSSL_PARAM_get_uint32(p, &k->number);
	}
	return ok;
}

static int
key_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *arg)
{
	const struct key *k = keydata;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ||
	    k->public_part == NULL)
		return 0;
	return EVP_PKEY_export(k->public_part, EVP_PKEY_PUBLIC_KEY, cb, arg);
}

static const OSSL_PARAM *
key_data_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END
	};

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return NULL;
	return types;
}

static int
key_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct key *k = keydata;

	return k->public_part != NULL &&
	    EVP_PKEY_get_params(k->public_part, params);
}

static const OSSL_PARAM *
key_gettable(void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
		    NULL, 0),
		OSSL_PARAM_END
	};

	(void)provctx;
	return types;
}

static const char *
key_ec_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* ---- signatures ---- */

enum padding { PADDING_PKCS1, PADDING_PSS };

struct sig {
	const struct key	*key;
	char			 digest[16];
	enum padding		 padding;
	size_t			 tbs_bytes;
	unsigned char		 tbs[TLS_TBS_MAX];
};

static void *
sig_new(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return calloc(1, sizeof(struct sig));
}

static void
sig_free(void *ctx)
{
	free(ctx);
}

static void *
sig_dup(void *ctx)
{
	struct sig *copy = malloc(sizeof(*copy));

	if (copy != NULL)
		memcpy(copy, ctx, sizeof(*copy));
	return copy;
}

static int
sig_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct sig *s = ctx;
	const OSSL_PARAM *p;
	int pad = 0;

	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p == NULL)
		return 1;	/* PSS salt as long as the digest: TLS's only one */
	if (p->data_type == OSSL_PARAM_INTEGER) {
		if (!OSSL_PARAM_get_int(p, &pad))
			return 0;
	} else if (p->data_type == OSSL_PARAM_UTF8_STRING && p->data != NULL) {
		if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0)
			pad = RSA_PKCS1_PSS_PADDING;
		else if (strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
			pad = RSA_PKCS1_PADDING;
	}
	if (pad == RSA_PKCS1_PSS_PADDING)
		s->padding = PADDING_PSS;
	else if (pad == RSA_PKCS1_PADDING)
		s->padding = PADDING_PKCS1;
	else
		return 0;
	return 1;
}

static const OSSL_PARAM *
sig_settable(void *ctx, void *provctx)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN,
		    NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST,
		    NULL, 0),
		OSSL_PARAM_END
	};

	(void)ctx;
	(void)provctx;
	return types;
}

static int
sig_init(void *ctx, const char *digest, void *keydata, const OSSL_PARAM params[])
{
	struct sig *s = ctx;

	if (keydata != NULL)
		s->key = keydata;
	if (s->key == NULL || s->key->signer == NULL)
		return 0;
	s->tbs_bytes = 0;
	s->padding = PADDING_PKCS1;
	s->digest[0] = '\0';
	if (digest != NULL && !slice_to_cstr(slice_str(digest), s->digest,
	    sizeof(s->digest)))
		return 0;
	return params == NULL || sig_set_params(s, params);
}

/* The SignatureScheme of RFC 8446 s4.2.3; 0: none of ours. */
static uint16_t
sig_scheme(const struct sig *s)
{
	static const struct {
		const char	*digest, *alias;
		uint16_t	 ecdsa, pkcs1, pss;
	} rows[] = {
		{ "SHA2-256", "SHA256", 0x0403, 0x0401, 0x0804 },
		{ "SHA2-384", "SHA384", 0x0503, 0x0501, 0x0805 },
		{ "SHA2-512", "SHA512", 0x0603, 0x0601, 0x0806 },
	};
	size_t i;

	if (strcmp(s->key->type, "ED25519") == 0)
		return 0x0807;
	for (i = 0; i < lengthof(rows); i++)
		if (strcasecmp(s->digest, rows[i].digest) == 0 ||
		    strcasecmp(s->digest, rows[i].alias) == 0)
			break;
	if (i == lengthof(rows))
		return 0;
	if (strcmp(s->key->type, "EC") == 0)
		return rows[i].ecdsa;
	return s->padding == PADDING_PSS ? rows[i].pss : rows[i].pkcs1;
}

static int
sig_sign(void *ctx, unsigned char *dst, size_t *bytes, size_t cap,
    const unsigned char *tbs, size_t tbs_bytes)
{
	struct sig *s = ctx;
	uint16_t scheme = sig_scheme(s);
	int max = EVP_PKEY_get_size(s->key->public_part);

	if (scheme == 0 || max <= 0 || tbs_bytes > TLS_TBS_MAX)
		return 0;
	if (dst == NULL) {
		*bytes = (size_t)max;
		return 1;
	}
	*bytes = cap;
	return tls_signer_ask(s->key->signer, s->key->number, scheme,
	    slice_of(tbs, tbs_bytes), dst, bytes);
}

static int
sig_update(void *ctx, const unsigned char *data, size_t n)
{
	struct sig *s = ctx;

	if (n > sizeof(s->tbs) - s->tbs_bytes)
		return 0;
	memcpy(s->tbs + s->tbs_bytes, data, n);
	s->tbs_bytes += n;
	return 1;
}

static int
sig_final(void *ctx, unsigned char *dst, size_t *bytes, size_t cap)
{
	struct sig *s = ctx;

	return sig_sign(s, dst, bytes, cap, s->tbs, s->tbs_bytes);
}

/* ---- the tables OpenSSL reads ---- */

#define ENTRY(id, fn)	{ (id), (void (*)(void))(fn) }
#define KEY_ENTRIES							\
	ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),			\
	ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),				\
	ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match),			\
	ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, key_import),			\
	ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_data_types),		\
	ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, key_export),			\
	ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_data_types),		\
	ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),		\
	ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH key_ec_functions[] = {
	ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new_ec),
	ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_ec_operation),
	KEY_ENTRIES,
	{ 0, NULL }
};
static const OSSL_DISPATCH key_rsa_functions[] = {
	ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new_rsa),
	KEY_ENTRIES,
	{ 0, NULL }
};
static const OSSL_DISPATCH key_ed25519_functions[] = {
	ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new_ed25519),
	KEY_ENTRIES,
	{ 0, NULL }
};
static const OSSL_DISPATCH sig_functions[] = {
	ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, sig_new),
	ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, sig_free),
	ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, sig_dup),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sig_init),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sig_sign),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, sig_update),
	ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, sig_final),
	ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sig_set_params),
	ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sig_settable),
	{ 0, NULL }
};

static const OSSL_ALGORITHM *
provider_query(void *provctx, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "EC", PROPERTIES, key_ec_functions, "EC key elsewhere" },
		{ "RSA", PROPERTIES, key_rsa_functions, "RSA key elsewhere" },
		{ "ED25519", PROPERTIES, key_ed25519_functions,
		    "Ed25519 key elsewhere" },
		{ "X25519", PROPERTIES_FAST, tls_x25519_key_functions, "X25519 key" },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM signatures[] = {
		{ "ECDSA", PROPERTIES, sig_functions, "ECDSA elsewhere" },
		{ "RSA", PROPERTIES, sig_functions, "RSA elsewhere" },
		{ "ED25519", PROPERTIES, sig_functions, "Ed25519 elsewhere" },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM exchanges[] = {
		{ "X25519", PROPERTIES_FAST, tls_x25519_exchange_functions, "X25519" },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM kems[] = {
		{ "X25519", PROPERTIES_FAST, tls_x25519_share_functions, "X25519 in one step" },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM kdfs[] = {
		{ "TLS13-KDF", PROPERTIES_FAST, tls_kdf_functions, "key schedule of TLS 1.3" },
		{ NULL, NULL, NULL, NULL }
	};
	static const OSSL_ALGORITHM macs[] = {
		{ "HMAC", PROPERTIES_FAST, tls_mac_functions, "HMAC" },
		{ NULL, NULL, NULL, NULL }
	};

	(void)provctx;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	if (operation == OSSL_OP_KEYEXCH)
		return exchanges;
	if (operation == OSSL_OP_KEM)
		return kems;
	if (operation == OSSL_OP_KDF)
		return kdfs;
	if (operation == OSSL_OP_MAC)
		return macs;
	if (operation == OSSL_OP_SIGNATURE)
		return signatures;
	return NULL;
}

static int
provider_capabilities(void *provctx, const char *what, OSSL_CALLBACK *cb, void *arg)
{
	(void)provctx;
	return strcasecmp(what, "TLS-GROUP") != 0 || tls_x25519_tell_group(cb, arg);
}

static int
provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
	static const OSSL_DISPATCH functions[] = {
		ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
		ENTRY(OSSL_FUNC_PROVIDER_GET_CAPABILITIES, provider_capabilities),
		{ 0, NULL }
	};

	(void)in;
	*out = functions;
	*provctx = (void *)(uintptr_t)core;
	return 1;
}

/* OpenSSL's registry of providers is one per process, and so is our share. */
static OSSL_PROVIDER *loaded[2];

enum err
tls_provider_load(void)
{
	if (loaded[1] != NULL)
		return ERR_OK;
	if (sodium_init() < 0 || tls_random_use() != ERR_OK)
		return ERR_CRYPTO;
	loaded[0] = OSSL_PROVIDER_load(NULL, "default");
	if (loaded[0] == NULL ||
	    OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) != 1)
		return ERR_CRYPTO;
	loaded[1] = OSSL_PROVIDER_load(NULL, PROVIDER_NAME);
	if (loaded[1] == NULL || EVP_set_default_properties(NULL, "?provider=default") != 1)
		return ERR_CRYPTO;
	return ERR_OK;
}

static const char *
key_type_of(const EVP_PKEY *pkey)
{
	static const char *const types[] = { "EC", "RSA", "ED25519" };
	size_t i;

	for (i = 0; i < lengthof(types); i++)
		if (EVP_PKEY_is_a(pkey, types[i]))
			return types[i];
	return NULL;
}

EVP_PKEY *
tls_provider_key(EVP_PKEY *public_part, struct tls_signer *signer, uint32_t key)
{
	const char *type = key_type_of(public_part);
	OSSL_PARAM *params = NULL, *merged = NULL;
	OSSL_PARAM ours[] = {
		OSSL_PARAM_octet_string(PARAM_SIGNER, &signer, sizeof(signer)),
		OSSL_PARAM_uint32(PARAM_KEY, &key),
		OSSL_PARAM_END
	};
	EVP_PKEY_CTX *c = NULL;
	EVP_PKEY *out = NULL;

	if (type == NULL ||
	    EVP_PKEY_todata(public_part, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return NULL;
	merged = OSSL_PARAM_merge(params, ours);
	c = EVP_PKEY_CTX_new_from_name(NULL, type, PROPERTIES);
	if (merged == NULL || c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
	    EVP_PKEY_fromdata(c, &out, EVP_PKEY_KEYPAIR, merged) != 1)
		out = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(params);
	OPENSSL_free(merged);	/* a shallow array; its values belong to others */
	return out;
}
