/* SPDX-License-Identifier: ISC */
/*
 * Client certificates on listeners that ask for one.  A certificate that does
 * not lead to one of the authorities is as good as none: the client may still
 * log in by password.  Such connections have no tickets, so that no session
 * outlives the authority that it was verified with.
 */
#include "lib/base/must.h"
#include "lib/io/tls_priv.h"

#define CA_MAX		100	/* certificates */
#define DEPTH_MAX	5
#define NAMES_MAX	10

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

void
tls_ask(SSL *ssl, const struct tls_ctx *c)
{
	if (c->client_ca == NULL)
		return;
	SSL_set_app_data(ssl, NULL);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
	SSL_set_verify_depth(ssl, DEPTH_MAX);
	must(SSL_set1_verify_cert_store(ssl, c->client_ca) == 1);
	SSL_set0_CA_list(ssl, SSL_dup_CA_list(c->client_ca_names));
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	must(SSL_set_num_tickets(ssl, 0) == 1);
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

void
tls_ask_names(SSL *ssl, struct buf *b)
{
	X509 *x = SSL_get1_peer_certificate(ssl);
	GENERAL_NAMES *all = NULL;

	if (x != NULL && SSL_get_verify_result(ssl) == X509_V_OK && SSL_get_app_data(ssl) == NULL)
		all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(all) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);

		if (n->type == GEN_EMAIL)
			put_name(b, n->d.rfc822Name);
	}
	GENERAL_NAMES_free(all);
	X509_free(x);
	ERR_clear_error();
}
