/* SPDX-License-Identifier: ISC */
#include "lib/io/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/io/tls_client_priv.h"
#include "lib/io/tls_verify.h"

/*
 * RFC 9325 s4.2 first; what else still is forward secret comes after, since
 * a mail server that has nothing newer gets cleartext or nothing instead.
 */
#define CLIENT_CIPHERS	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:" \
			"ECDHE+AES:DHE+AES:!aNULL:!PSK:!SRP:!DSS"
/* No SHA-1, no RSA under 1024 bits, where it is to prove something. */
#define CLIENT_SECURITY	1

/* Where systems keep their CA certificates in one file. */
static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	"/etc/ssl/ca-bundle.pem",		/* SUSE */
	"/etc/ssl/cert.pem",			/* the BSDs */
};

static void
destroy(struct tls_base *b)
{
	tls_base_fini(b);
	free(obj_of(b, struct tls_client_ctx, base));
}

static void
set_policy(SSL_CTX *ssl)
{
	tls_base_policy(ssl);
	SSL_CTX_set_security_level(ssl, CLIENT_SECURITY);
	must(SSL_CTX_set_cipher_list(ssl, CLIENT_CIPHERS) == 1);
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_max_cert_list(ssl, TLS_CLIENT_CHAIN_BYTES_MAX);
	SSL_CTX_set_verify_depth(ssl, TLS_CLIENT_DEPTH_MAX);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, tls_verify_certificate, NULL);
	must(SSL_CTX_dane_enable(ssl) > 0);
}

struct tls_client_ctx *
tls_client_ctx_new(struct loop *l, unsigned max_handshakes)
{
	struct tls_client_ctx *c = must_alloc(1, sizeof(*c));

	tls_base_init(&c->base, l, destroy, max_handshakes);
	c->base.ssl = SSL_CTX_new(TLS_client_method());
	if (c->base.ssl == NULL)
		log_fatal("cannot make a TLS client");
	set_policy(c->base.ssl);
	return c;
}

void
tls_client_ctx_free(struct tls_client_ctx **cp)
{
	struct tls_client_ctx *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	tls_base_unref(&c->base);
}

unsigned
tls_client_ctx_handshakes(const struct tls_client_ctx *c)
{
	return c->base.handshakes;
}

/* ---- the CA certificates ---- */

static enum err
read_all(struct buf *b, int fd)
{
	char part[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, part, sizeof(part));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return buf_err(b) == ERR_OK ? ERR_OK : ERR_TOOBIG;
		if (b->n + (size_t)n > TLS_CA_BYTES_MAX)
			return ERR_TOOBIG;
		buf_put(b, part, (size_t)n);
	}
}

static enum err
read_file(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err e;

	if (fd < 0)
		return err_from_errno(errno);
	e = read_all(b, fd);
	(void)close(fd);
	return e;
}

enum err
tls_ca_read(struct buf *b, const char *path)
{
	enum err e = ERR_NOTFOUND;
	size_t i;

	if (*path != '\0')
		return read_file(b, path);
	for (i = 0; i < sizeof(ca_files) / sizeof(ca_files[0]); i++) {
		e = read_file(b, ca_files[i]);
		if (e != ERR_NOTFOUND)
			break;
	}
	return e;
}

/* The next certificate that can be read; NULL at the end of the text. */
static X509 *
next_certificate(BIO *in, unsigned *bad)
{
	X509 *x = NULL;

	while (x == NULL && *bad <= TLS_CA_COUNT_MAX) {
		ERR_clear_error();
		x = PEM_read_bio_X509(in, NULL, tls_no_password, NULL);
		if (x == NULL &&
		    ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
			break;
		if (x == NULL)
			++*bad;
	}
	ERR_clear_error();
	return x;
}

enum err
tls_client_ctx_add_ca(struct tls_client_ctx *c, struct slice pem, unsigned *count)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->base.ssl);
	unsigned bad = 0;
	enum err e = ERR_OK;
	BIO *in;
	X509 *x;

	*count = 0;
	if (pem.n == 0)
		return ERR_SYNTAX;
	if (pem.n > TLS_CA_BYTES_MAX)
		return ERR_TOOBIG;
	in = BIO_new_mem_buf(pem.p, (int)pem.n);
	must(in != NULL);
	while ((x = next_certificate(in, &bad)) != NULL) {
		if (c->ca_count >= TLS_CA_COUNT_MAX) {
			e = ERR_LIMIT;
		} else if (X509_STORE_add_cert(store, x) == 1) {
			c->ca_count++;
			++*count;
		}
		X509_free(x);
		if (e != ERR_OK)
			break;
	}
	BIO_free(in);
	ERR_clear_error();
	return e == ERR_OK && *count == 0 ? ERR_SYNTAX : e;
}
