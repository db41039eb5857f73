/* SPDX-License-Identifier: ISC */
/*
 * The way in: tls_verify_new puts names and TLSA records into the SSL object.
 * OpenSSL then calls tls_verify_certificate with the chain it received; that
 * lets X509_verify_cert do its work and judges the result.  A wrong name does
 * not end the search (on_chain_error), so that a name is named as the reason
 * only of chains that are good otherwise.
 */
#include "lib/io/tls_verify.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/io/tls.h"

#define DANE_TA		2		/* RFC 7218 s2.1 */
#define DANE_EE		3
#define SPKI_BYTES_MAX	8192		/* of a key that is hashed */

struct tls_verify {
	enum tls_mode		 mode;
	bool			 is_advisory;
	bool			 is_name_wrong;
	bool			 is_refused;
	struct tls_peer		 peer;
	size_t			 fingerprint_count;
	uint8_t			 fingerprints[][TLS_FINGERPRINT_BYTES];
};

const char *
tls_failure_text(enum tls_failure f)
{
	static const char *const texts[] = {
#define F(name, text)	[TLS_FAILURE_##name] = text,
		TLS_FAILURE_MAP(F)
#undef F
	};

	return (size_t)f < sizeof(texts) / sizeof(texts[0]) ? texts[f] : "";
}

const char *
tls_trust_text(enum tls_trust t)
{
	static const char *const texts[] = {
		[TLS_ANONYMOUS] = "Anonymous", [TLS_UNTRUSTED] = "Untrusted",
		[TLS_TRUSTED] = "Trusted", [TLS_VERIFIED] = "Verified",
	};

	return (size_t)t < sizeof(texts) / sizeof(texts[0]) ? texts[t] : "";
}

/* ---- the demand ---- */

static bool
is_der(struct slice s, uint8_t selector)
{
	const unsigned char *p = (const unsigned char *)s.p;
	const unsigned char *end = p + s.n;
	EVP_PKEY *key;
	X509 *x;
	bool ok;

	if (s.n > TLS_CLIENT_CHAIN_BYTES_MAX)
		return false;
	if (selector == 0) {
		x = d2i_X509(NULL, &p, (long)s.n);
		ok = x != NULL && p == end;
		X509_free(x);
	} else {
		key = d2i_PUBKEY(NULL, &p, (long)s.n);
		ok = key != NULL && p == end;
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
	return ok;
}

bool
tls_tlsa_is_usable(const struct tls_tlsa *r)
{
	if ((r->usage != DANE_TA && r->usage != DANE_EE) || r->selector > 1)
		return false;
	switch (r->matching) {
	case 0:
		return is_der(r->data, r->selector);
	case 1:
		return r->data.n == 32;
	case 2:
		return r->data.n == 64;
	}
	return false;
}

static enum err
set_sni(SSL *ssl, struct slice sni)
{
	char host[TLS_SNI_MAX + 1];

	if (sni.n == 0)
		return ERR_OK;
	if (!slice_to_cstr(sni, host, sizeof(host)))
		return ERR_SYNTAX;
	return SSL_set_tlsext_host_name(ssl, host) == 1 ? ERR_OK : ERR_SYNTAX;
}

/*
 * RFC 9525 s6.3: a wildcard is a whole label.  The common name counts only
 * for DANE, and only without alternative names: RFC 7672 s3.2.3.
 */
static enum err
set_names(SSL *ssl, const struct tls_demand *d)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	unsigned flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	size_t i;

	if (d->mode == TLS_CHAIN)
		flags |= X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
	X509_VERIFY_PARAM_set_hostflags(param, flags);
	if (d->name_count > TLS_NAMES_MAX)
		return ERR_SYNTAX;
	for (i = 0; i < d->name_count; i++) {
		struct slice s = d->names[i];

		/* Else OpenSSL takes it for no name, which all certificates match. */
		if (s.n == 0 || s.n > TLS_SNI_MAX || slice_eq_str(s, ".") ||
		    slice_find(s, '\0') != s.n)
			return ERR_SYNTAX;
		if (X509_VERIFY_PARAM_add1_host(param, s.p, s.n) != 1)
			return ERR_SYNTAX;
	}
	return ERR_OK;
}

/* RFC 7672 s3.1.1: a name or date of a certificate of usage 3 means nothing. */
static enum err
set_dane(SSL *ssl, const struct tls_demand *d)
{
	size_t i, n = d->tlsa_count < TLS_TLSA_MAX ? d->tlsa_count : TLS_TLSA_MAX;
	unsigned usable = 0;

	if (SSL_dane_enable(ssl, NULL) <= 0)
		return ERR_CRYPTO;
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (i = 0; i < n; i++) {
		const struct tls_tlsa *r = &d->tlsa[i];

		if (!tls_tlsa_is_usable(r))
			continue;
		/* RFC 7672 s3.1.2: one CA has many customers. */
		if (r->usage == DANE_TA && d->name_count == 0)
			continue;
		if (SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
		    (const unsigned char *)r->data.p, r->data.n) == 1)
			usable++;
	}
	ERR_clear_error();
	return usable > 0 ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err
set_mode(SSL *ssl, const struct tls_demand *d)
{
	enum err e;

	switch (d->mode) {
	case TLS_OPPORTUNISTIC:
		/* RFC 5746 is about clients that know whom they talk to. */
		SSL_set_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
		/* RFC 7435 s3: a weak key is still better than cleartext. */
		SSL_set_security_level(ssl, 0);
		return ERR_OK;
	case TLS_CHAIN:
		return d->name_count > 0 ? set_names(ssl, d) : ERR_UNSUPPORTED;
	case TLS_DANE:
		e = set_dane(ssl, d);
		return e == ERR_OK ? set_names(ssl, d) : e;
	case TLS_FINGERPRINT:
		if (d->fingerprint_count > TLS_FINGERPRINTS_MAX)
			return ERR_SYNTAX;
		return d->fingerprint_count > 0 ? ERR_OK : ERR_UNSUPPORTED;
	}
	return ERR_UNSUPPORTED;
}

enum err
tls_verify_new(struct tls_verify **vp, SSL *ssl, const struct tls_demand *d)
{
	size_t n = d->mode == TLS_FINGERPRINT ? d->fingerprint_count : 0;
	struct tls_verify *v;
	enum err e = set_sni(ssl, d->sni);

	if (e == ERR_OK)
		e = set_mode(ssl, d);
	if (e != ERR_OK)
		return e;
	if (d->min == TLS_MIN_1_3)
		must(SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1);
	v = must_alloc(1, sizeof(*v) + n * TLS_FINGERPRINT_BYTES);
	v->mode = d->mode;
	v->is_advisory = d->is_advisory || d->mode == TLS_OPPORTUNISTIC;
	v->peer.reason = "";
	v->fingerprint_count = n;
	if (n > 0)
		memcpy(v->fingerprints, d->fingerprints, n * TLS_FINGERPRINT_BYTES);
	must(SSL_set_app_data(ssl, v) == 1);
	*vp = v;
	return ERR_OK;
}

void
tls_verify_free(struct tls_verify **vp)
{
	free(*vp);
	*vp = NULL;
}

/* ---- the facts ---- */

static void
copy_printable(char dst[TLS_PEER_NAME_BYTES], const void *src, size_t n)
{
	const char *p = src;
	size_t i;

	if (n >= TLS_PEER_NAME_BYTES)
		n = TLS_PEER_NAME_BYTES - 1;
	for (i = 0; i < n; i++)
		dst[i] = ascii_is_print(p[i]) ? p[i] : '?';
	dst[n] = '\0';
}

static bool
copy_entry(char dst[TLS_PEER_NAME_BYTES], const X509_NAME *name, int nid)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	const ASN1_STRING *s;

	if (at < 0)
		return false;
	s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	copy_printable(dst, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	return true;
}

/* The first alternative name, else the common name. */
static void
read_name(struct tls_peer *p, X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int i, n = all != NULL ? sk_GENERAL_NAME_num(all) : 0;
	const GENERAL_NAME *g = NULL;

	for (i = 0; i < n; i++) {
		g = sk_GENERAL_NAME_value(all, i);
		if (g->type == GEN_DNS)
			break;
	}
	if (i < n)
		copy_printable(p->name, ASN1_STRING_get0_data(g->d.dNSName),
		    (size_t)ASN1_STRING_length(g->d.dNSName));
	else
		(void)copy_entry(p->name, X509_get_subject_name(x), NID_commonName);
	GENERAL_NAMES_free(all);
}

static bool
hash_key(uint8_t out[TLS_FINGERPRINT_BYTES], X509 *x)
{
	X509_PUBKEY *key = X509_get_X509_PUBKEY(x);
	int n = i2d_X509_PUBKEY(key, NULL);
	unsigned char der[SPKI_BYTES_MAX], *p = der;

	return n > 0 && n <= SPKI_BYTES_MAX && i2d_X509_PUBKEY(key, &p) == n &&
	    EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;
}

bool
tls_verify_digests(X509 *x, uint8_t cert[TLS_FINGERPRINT_BYTES],
    uint8_t key[TLS_FINGERPRINT_BYTES])
{
	return X509_digest(x, EVP_sha256(), cert, NULL) == 1 && hash_key(key, x);
}

static void
read_certificate(struct tls_peer *p, X509 *x)
{
	const X509_NAME *issuer = X509_get_issuer_name(x);

	p->trust = TLS_UNTRUSTED;
	read_name(p, x);
	if (!copy_entry(p->issuer, issuer, NID_commonName))
		(void)copy_entry(p->issuer, issuer, NID_organizationName);
	p->has_digests = tls_verify_digests(x, p->cert_sha256, p->key_sha256);
}

/* ---- the verdict ---- */

static int
check_fingerprints(const struct tls_verify *v)
{
	size_t i;

	for (i = 0; v->peer.has_digests && i < v->fingerprint_count; i++) {
		const uint8_t *f = v->fingerprints[i];

		if (memcmp(f, v->peer.cert_sha256, TLS_FINGERPRINT_BYTES) == 0 ||
		    memcmp(f, v->peer.key_sha256, TLS_FINGERPRINT_BYTES) == 0)
			return X509_V_OK;
	}
	return X509_V_ERR_APPLICATION_VERIFICATION;
}

static struct tls_verify *
verify_of(X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx,
	    SSL_get_ex_data_X509_STORE_CTX_idx());

	return SSL_get_app_data(ssl);
}

static int
on_chain_error(int ok, X509_STORE_CTX *ctx)
{
	if (ok == 1 || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_HOSTNAME_MISMATCH)
		return ok;
	verify_of(ctx)->is_name_wrong = true;
	return 1;			/* and what of the rest? */
}

static int
check_chain(struct tls_verify *v, X509_STORE_CTX *ctx)
{
	const char *name;
	int error;

	X509_STORE_CTX_set_verify_cb(ctx, on_chain_error);
	if (X509_verify_cert(ctx) != 1) {
		error = X509_STORE_CTX_get_error(ctx);
		return error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED;
	}
	if (v->is_name_wrong)
		return X509_V_ERR_HOSTNAME_MISMATCH;
	name = X509_VERIFY_PARAM_get0_peername(X509_STORE_CTX_get0_param(ctx));
	if (name != NULL)
		copy_printable(v->peer.name, name, strlen(name));
	return X509_V_OK;
}

/* RFC 8460 s4.3.1: not-trusted covers what is wrong with certificates. */
static enum tls_failure
failure_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return TLS_FAILURE_NONE;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return TLS_FAILURE_HOST_MISMATCH;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TLS_FAILURE_EXPIRED;
	case X509_V_ERR_DANE_NO_MATCH:
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_UNSPECIFIED:
	case X509_V_ERR_OUT_OF_MEM:
		return TLS_FAILURE_VALIDATION;
	}
	return TLS_FAILURE_NOT_TRUSTED;
}

static const char *
reason_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return "";
	case X509_V_ERR_DANE_NO_MATCH:
		return "no TLSA record matches";
	case X509_V_ERR_APPLICATION_VERIFICATION:
		return "no fingerprint matches";
	}
	return X509_verify_cert_error_string(error);
}

static enum tls_trust
trust_of(const struct tls_verify *v, int error)
{
	if (error == X509_V_OK)
		return v->mode == TLS_OPPORTUNISTIC ? TLS_TRUSTED : TLS_VERIFIED;
	return error == X509_V_ERR_HOSTNAME_MISMATCH ? TLS_TRUSTED : TLS_UNTRUSTED;
}

int
tls_verify_certificate(X509_STORE_CTX *ctx, void *arg)
{
	struct tls_verify *v = verify_of(ctx);
	int error;

	(void)arg;
	read_certificate(&v->peer, X509_STORE_CTX_get0_cert(ctx));
	error = v->mode == TLS_FINGERPRINT ? check_fingerprints(v) :
	    check_chain(v, ctx);
	ERR_clear_error();
	X509_STORE_CTX_set_error(ctx, error);
	v->peer.trust = trust_of(v, error);
	v->peer.failure = failure_of(error);
	v->peer.reason = reason_of(error);
	v->is_refused = error != X509_V_OK && !v->is_advisory;
	return v->is_refused ? 0 : 1;
}

const char *
tls_verify_fail(struct tls_verify *v, const char *text)
{
	if (!v->is_refused) {
		v->peer.failure = TLS_FAILURE_VALIDATION;
		v->peer.reason = text;
	}
	return v->peer.reason;
}

const struct tls_peer *
tls_verify_result(const struct tls_verify *v)
{
	return &v->peer;
}
