/* SPDX-License-Identifier: ISC */
/*
 * Client certificates on listeners that ask for one.  The client has proved that
 * it holds the key (CertificateVerify); who it is follows from an authority, or
 * from somebody's list of fingerprints.  A certificate that counts for neither is
 * as good as none: the client may still log in by password.  Such connections
 * have no tickets, so that no session outlives what it was judged by.
 */
#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/io/tls_priv.h"
#include "lib/io/tls_verify.h"

#define CA_MAX		100	/* certificates */
#define DEPTH_MAX	5
#define NAMES_MAX	10
#define KEY_BITS_MIN	112	/* RSA of 2048 bits, curves of 224 */

struct tls_asked {
	bool		 takes_any;
	bool		 has_prints;
	unsigned char	 prints[2][TLS_FINGERPRINT_BYTES];	/* certificate, public key */
	struct buf	 names;
};

enum err
tls_ctx_set_client_ca(struct tls_ctx *c, struct slice pem)
{
	X509_STORE *store = NULL;
	STACK_OF(X509_NAME) *names = NULL;
	BIO *in = NULL;
	X509 *x;
	int n = 0;

	if (pem.n > TLS_CLIENT_CA_MAX)
		return ERR_SYNTAX;
	if (pem.n > 0) {
		store = X509_STORE_new();
		names = sk_X509_NAME_new_null();
		in = BIO_new_mem_buf(pem.p, (int)pem.n);
		must(store != NULL && names != NULL && in != NULL);
		while (n < CA_MAX && (x = PEM_read_bio_X509(in, NULL, tls_no_password, NULL)) != NULL) {
			must(X509_STORE_add_cert(store, x) == 1);
			must(sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(x))) > 0);
			X509_free(x);
			n++;
		}
		BIO_free(in);
		ERR_clear_error();
		if (n == 0) {
			X509_STORE_free(store);
			sk_X509_NAME_free(names);
			return ERR_SYNTAX;
		}
	}
	X509_STORE_free(c->client_ca);
	sk_X509_NAME_pop_free(c->client_ca_names, X509_NAME_free);
	c->client_ca = store;
	c->client_ca_names = names;
	return ERR_OK;
}

/* The handshake goes on; a failure is remembered beside OpenSSL's own verdict. */
static int
on_verified(int ok, X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (ok == 0)
		SSL_set_app_data(ssl, ssl);
	return 1;
}

struct tls_asked *
tls_ask(SSL *ssl, const struct tls_ctx *c, enum tls_ask ask)
{
	struct tls_asked *a;

	if (ask == TLS_ASK_NOT || (ask == TLS_ASK_VERIFIED && c->client_ca == NULL))
		return NULL;
	a = must_alloc(1, sizeof(*a));
	a->takes_any = ask == TLS_ASK_ANY;
	buf_init(&a->names, TLS_CLIENT_NAMES_MAX);
	SSL_set_app_data(ssl, NULL);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
	SSL_set_verify_depth(ssl, DEPTH_MAX);
	if (c->client_ca != NULL)
		must(SSL_set1_verify_cert_store(ssl, c->client_ca) == 1);
	/* A client sends nothing that leads to none of them (RFC 8446 s4.4.2.3). */
	if (!a->takes_any)
		SSL_set0_CA_list(ssl, SSL_dup_CA_list(c->client_ca_names));
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	must(SSL_set_num_tickets(ssl, 0) == 1);
	return a;
}

void
tls_asked_free(struct tls_asked **ap)
{
	struct tls_asked *a = *ap;

	if (a == NULL)
		return;
	buf_fini(&a->names);
	free(a);
	*ap = NULL;
}

static void
put_name(struct buf *b, const ASN1_IA5STRING *s)
{
	struct slice text = slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));

	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || (unsigned char)text.p[i] >= 0x7f)
			return;
	if (text.n == 0 || b->n + text.n + 1 > TLS_CLIENT_NAMES_MAX)
		return;
	buf_put_slice(b, text);
	buf_put_char(b, '\0');
}

/* RFC 5280 s4.2.1.6 */
static void
read_names(struct tls_asked *a, X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type == GEN_EMAIL)
			put_name(&a->names, n->d.rfc822Name);
	}
	GENERAL_NAMES_free(all);
}

/* Whoever can compute the key of a weak one has its fingerprints too. */
static void
read_prints(struct tls_asked *a, X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);

	a->has_prints = key != NULL && EVP_PKEY_get_security_bits(key) >= KEY_BITS_MIN &&
	    tls_verify_digests(x, a->prints[0], a->prints[1]);
}

void
tls_asked_read(struct tls_asked *a, SSL *ssl)
{
	X509 *x = SSL_get1_peer_certificate(ssl);

	if (x == NULL)
		return;
	if (SSL_get_verify_result(ssl) == X509_V_OK && SSL_get_app_data(ssl) == NULL)
		read_names(a, x);
	if (a->takes_any)
		read_prints(a, x);
	X509_free(x);
	ERR_clear_error();
}

struct tls_proof
tls_asked_proof(const struct tls_asked *a)
{
	struct tls_proof p = { SLICE_NONE, SLICE_NONE };

	if (a != NULL)
		p.names = buf_slice(&a->names);
	if (a != NULL && a->has_prints)
		p.prints = slice_of(a->prints, sizeof(a->prints));
	return p;
}
