/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cert_make.h"

#include <string.h>

/* OpenSSL has a type of the same name as our code. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

static bool
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool
add_names(X509 *x, const char *host, const char *const *names)
{
	struct buf b;
	bool ok;

	buf_init(&b, 8192);
	buf_printf(&b, "DNS:%s", host);
	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, host) != 0)
			buf_printf(&b, ",DNS:%s", *names);
	}
	ok = buf_cstr(&b) != NULL && add_extension(x, NID_subject_alt_name, buf_cstr(&b));
	buf_fini(&b);
	return ok;
}

/* RFC 5280 s4.1.2.2: positive, at most 20 bytes. */
static bool
set_serial(X509 *x)
{
	BIGNUM *n = BN_new();
	bool ok = n != NULL && BN_rand(n, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

	BN_free(n);
	return ok;
}

static bool
fill(X509 *x, EVP_PKEY *key, const char *host, const char *const *names)
{
	X509_NAME *subject = X509_get_subject_name(x);
	/* RFC 5280: a common name has at most 64 characters. */
	const char *cn = strlen(host) <= 64 ? host : "godwit";

	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	    X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(x), CERT_MAKE_DAYS * 86400L) != NULL &&
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
	    (const unsigned char *)cn, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1 &&
	    add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(x, NID_ext_key_usage, "serverAuth") &&
	    add_names(x, host, names) && X509_sign(x, key, EVP_sha256()) > 0;
}

static bool
take_pem(BIO *bio, struct buf *out)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	if (n <= 0)
		return false;
	buf_put(out, p, (size_t)n);
	return buf_err(out) == ERR_OK;
}

enum err
cert_make(const char *host, const char *const *names, struct buf *cert_pem, struct buf *key_pem)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *cert = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
	bool ok = key != NULL && x != NULL && cert != NULL && secret != NULL &&
	    fill(x, key, host, names) && PEM_write_bio_X509(cert, x) == 1 &&
	    PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    take_pem(cert, cert_pem) && take_pem(secret, key_pem);

	BIO_free(cert);
	BIO_free(secret);
	X509_free(x);
	EVP_PKEY_free(key);
	return ok ? ERR_OK : ERR_CRYPTO;
}
