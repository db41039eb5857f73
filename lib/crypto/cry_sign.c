/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_sign.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* OpenSSL has a type of the same name as our code. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "lib/base/clock.h"
#include "lib/base/must.h"

enum { SECURE_HEAP_BYTES = 16 << 10, SECURE_HEAP_SMALLEST = 32,
	RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };

enum sign_kind { SIGN_RSA, SIGN_P256, SIGN_P384, SIGN_ED25519 };

/* A curve's context signs again and again: making one costs as much as a quarter of it. */
struct cry_sign_key {
	EVP_PKEY	*pkey;
	enum sign_kind	 kind;
	EVP_PKEY_CTX	*curve;		/* P-256, P-384 */
	EVP_MD		*digest;	/* of the curve's scheme */
};

static const struct sign_scheme {
	uint16_t	 scheme;	/* RFC 8446 s4.2.3 */
	enum sign_kind	 kind;
	const char	*digest;	/* NULL: the algorithm has its own */
	int		 padding;
} sign_schemes[] = {
	{ 0x0403, SIGN_P256,	"SHA256", 0 },
	{ 0x0503, SIGN_P384,	"SHA384", 0 },
	{ 0x0804, SIGN_RSA,	"SHA256", RSA_PKCS1_PSS_PADDING },
	{ 0x0805, SIGN_RSA,	"SHA384", RSA_PKCS1_PSS_PADDING },
	{ 0x0806, SIGN_RSA,	"SHA512", RSA_PKCS1_PSS_PADDING },
	{ 0x0401, SIGN_RSA,	"SHA256", RSA_PKCS1_PADDING },
	{ 0x0501, SIGN_RSA,	"SHA384", RSA_PKCS1_PADDING },
	{ 0x0601, SIGN_RSA,	"SHA512", RSA_PKCS1_PADDING },
	{ 0x0807, SIGN_ED25519,	NULL, 0 },
};

void
cry_sign_init(void)
{
	/* 2 says that it could not be locked; it is guarded all the same. */
	if (!CRYPTO_secure_malloc_initialized())
		(void)CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_SMALLEST);
}

static enum err
kind_find(EVP_PKEY *pkey, enum sign_kind *kind)
{
	char group[32];
	size_t n;

	if (EVP_PKEY_is_a(pkey, "ED25519")) {
		*kind = SIGN_ED25519;
		return ERR_OK;
	}
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		*kind = SIGN_RSA;
		n = (size_t)EVP_PKEY_get_bits(pkey);
		return n >= RSA_BITS_MIN && n <= RSA_BITS_MAX ? ERR_OK : ERR_UNSUPPORTED;
	}
	if (!EVP_PKEY_is_a(pkey, "EC") ||
	    EVP_PKEY_get_group_name(pkey, group, sizeof(group), &n) != 1)
		return ERR_UNSUPPORTED;
	if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
		*kind = SIGN_P256;
	else if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0)
		*kind = SIGN_P384;
	else
		return ERR_UNSUPPORTED;
	return ERR_OK;
}

/* An encrypted key must not make OpenSSL ask on the terminal. */
static int
no_password(char *dst, int bytes, int rw, void *arg)
{
	(void)dst;
	(void)bytes;
	(void)rw;
	(void)arg;
	return -1;
}

/* The rows of a curve are one. */
static const struct sign_scheme *
scheme_of_curve(enum sign_kind kind)
{
	for (size_t i = 0; i < lengthof(sign_schemes); i++)
		if (sign_schemes[i].kind == kind)
			return &sign_schemes[i];
	return NULL;
}

static enum err
curve_prepare(struct cry_sign_key *k)
{
	const struct sign_scheme *s = scheme_of_curve(k->kind);

	if (k->kind != SIGN_P256 && k->kind != SIGN_P384)
		return ERR_OK;
	k->digest = EVP_MD_fetch(NULL, s->digest, NULL);
	k->curve = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	return k->digest != NULL && k->curve != NULL &&
	    EVP_PKEY_sign_init(k->curve) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err
cry_sign_load(struct cry_sign_key **keyp, struct slice pem)
{
	struct cry_sign_key *k;
	enum sign_kind kind;
	EVP_PKEY *pkey;
	enum err e;
	BIO *bio;

	*keyp = NULL;
	if (pem.n == 0 || pem.n > INT_MAX)
		return ERR_SYNTAX;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio == NULL)
		return ERR_SYS;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (pkey == NULL)
		return ERR_SYNTAX;
	e = kind_find(pkey, &kind);
	if (e != ERR_OK) {
		EVP_PKEY_free(pkey);
		return e;
	}
	k = must_alloc(1, sizeof(*k));
	k->pkey = pkey;
	k->kind = kind;
	e = curve_prepare(k);
	if (e != ERR_OK)
		cry_sign_free(&k);
	*keyp = k;
	return e;
}

void
cry_sign_free(struct cry_sign_key **keyp)
{
	struct cry_sign_key *k = *keyp;

	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->curve);
	EVP_MD_free(k->digest);
	EVP_PKEY_free(k->pkey);
	free(k);
	*keyp = NULL;
}

const char *
cry_sign_kind(const struct cry_sign_key *k)
{
	switch (k->kind) {
	case SIGN_RSA:
		return "RSA";
	case SIGN_P256:
		return "P-256";
	case SIGN_P384:
		return "P-384";
	case SIGN_ED25519:
		return "Ed25519";
	}
	return "";
}

static X509 *
first_certificate(struct slice pem)
{
	X509 *x;
	BIO *bio;

	if (pem.n == 0 || pem.n > INT_MAX)
		return NULL;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio == NULL)
		return NULL;
	x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return x;
}

bool
cry_sign_matches(const struct cry_sign_key *k, struct slice chain_pem)
{
	X509 *x = first_certificate(chain_pem);
	bool same;

	if (x == NULL)
		return false;
	same = EVP_PKEY_eq(X509_get0_pubkey(x), k->pkey) == 1;
	X509_free(x);
	ERR_clear_error();
	return same;
}

static const struct sign_scheme *
scheme_find(uint16_t scheme)
{
	size_t i;

	for (i = 0; i < lengthof(sign_schemes); i++)
		if (sign_schemes[i].scheme == scheme)
			return &sign_schemes[i];
	return NULL;
}

bool
cry_sign_is_pkcs1(uint16_t scheme)
{
	const struct sign_scheme *s = scheme_find(scheme);

	return s != NULL && s->padding == RSA_PKCS1_PADDING;
}

static bool
sign_begin(EVP_MD_CTX *md, const struct cry_sign_key *k, const struct sign_scheme *s)
{
	EVP_PKEY_CTX *pctx = NULL;

	if (EVP_DigestSignInit_ex(md, &pctx, s->digest, NULL, NULL, k->pkey, NULL) != 1)
		return false;
	if (s->padding == 0)
		return true;
	if (EVP_PKEY_CTX_set_rsa_padding(pctx, s->padding) != 1)
		return false;
	/* RFC 8446 s4.2.3: the salt is as long as the digest. */
	return s->padding != RSA_PKCS1_PSS_PADDING ||
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static enum err
sign_by_curve(const struct cry_sign_key *k, struct slice message,
    unsigned char *out, size_t *out_bytes)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool good;

	*out_bytes = CRY_SIGNATURE_MAX;
	good = EVP_Digest(message.p, message.n, digest, &n, k->digest, NULL) == 1 &&
	    EVP_PKEY_sign(k->curve, out, out_bytes, digest, n) == 1;
	ERR_clear_error();
	return good ? ERR_OK : ERR_CRYPTO;
}

enum err
cry_sign(const struct cry_sign_key *k, uint16_t scheme, struct slice message,
    unsigned char *out, size_t *out_bytes)
{
	const struct sign_scheme *s = scheme_find(scheme);
	EVP_MD_CTX *md;
	bool good;

	if (s == NULL || s->kind != k->kind)
		return ERR_UNSUPPORTED;
	if (k->curve != NULL)
		return sign_by_curve(k, message, out, out_bytes);
	md = EVP_MD_CTX_new();
	if (md == NULL)
		return ERR_SYS;
	*out_bytes = CRY_SIGNATURE_MAX;
	good = sign_begin(md, k, s) && EVP_DigestSign(md, out, out_bytes,
	    (const unsigned char *)message.p, message.n) == 1;
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return good ? ERR_OK : ERR_CRYPTO;
}

static void
name_copy(char dst[256], const ASN1_STRING *s)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s), i;

	if (n <= 0 || n > 255)
		return;
	for (i = 0; i < n; i++)
		dst[i] = ascii_is_print((char)p[i]) ? (char)p[i] : '?';
	dst[n] = '\0';
}

static void
certificate_name(char dst[256], const X509 *x)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *subject = X509_get_subject_name(x);
	int i, at;

	dst[0] = '\0';
	for (i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS && dst[0] == '\0')
			name_copy(dst, g->d.dNSName);
	}
	GENERAL_NAMES_free(names);
	at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (dst[0] == '\0' && at >= 0)
		name_copy(dst, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

enum err
cry_cert_read(struct cry_cert *c, struct slice chain_pem)
{
	X509 *x = first_certificate(chain_pem);
	struct clock_date d = { 0 };
	struct tm tm;
	bool good;

	if (x == NULL)
		return ERR_SYNTAX;
	good = ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1;
	if (good) {
		d.year = tm.tm_year + 1900;
		d.month = tm.tm_mon + 1;
		d.day = tm.tm_mday;
		d.hour = tm.tm_hour;
		d.minute = tm.tm_min;
		d.second = tm.tm_sec;
		c->not_after_s = clock_from_date(&d);
		certificate_name(c->name, x);
	}
	X509_free(x);
	ERR_clear_error();
	return good ? ERR_OK : ERR_SYNTAX;
}
