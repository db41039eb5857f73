/* SPDX-License-Identifier: ISC */
#include "lib/io/tls.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/io/tls_priv.h"
#include "lib/io/tls_stream.h"

#define CHAIN_MAX	10		/* certificates sent */
#define CHAIN_BYTES_MAX	65536
#define TICKET_LIFE_S	(6 * 3600)
#define TICKET_NAME	16
#define TICKET_HMAC	32

/* Forward secrecy and AEAD only: RFC 9325 s4.2. */
#define CIPHERS_TLS12	"ECDHE+AESGCM:ECDHE+CHACHA20"
/*
 * As strong as the curves (112 to 128 bits, RFC 9325 s4.2), and its SHA-256 has
 * instructions of the processor's where SHA-384 has none: a handshake hashes
 * two dozen secrets.
 */
#define CIPHERS_TLS13	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:" \
			"TLS_CHACHA20_POLY1305_SHA256"
/* How a client's certificate may sign; other than for our own, of which one key is. */
#define CLIENT_SIGNATURES						\
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:"		\
	"rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"	\
	"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"	\
	"RSA+SHA256:RSA+SHA384:RSA+SHA512"
/* The two groups whose ServerKeyExchange keyd knows by its exact length. */
#define GROUPS		"X25519:P-256"

/* ---- life ---- */

void
tls_base_init(struct tls_base *b, struct loop *l,
    void (*destroy)(struct tls_base *), unsigned max_handshakes)
{
	b->loop = l;
	b->bio = tls_stream_bio_method();
	b->destroy = destroy;
	b->refs = 1;
	b->max_handshakes = max_handshakes;
}

void
tls_base_fini(struct tls_base *b)
{
	SSL_CTX_free(b->ssl);
	BIO_meth_free(b->bio);
}

void
tls_base_unref(struct tls_base *b)
{
	if (--b->refs == 0)
		b->destroy(b);
}

void
tls_base_policy(SSL_CTX *ssl)
{
	must(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
}

int
tls_no_password(char *dst, int cap, int rw, void *arg)
{
	(void)dst;
	(void)cap;
	(void)rw;
	(void)arg;
	return -1;
}

static void
destroy(struct tls_base *b)
{
	struct tls_ctx *c = obj_of(b, struct tls_ctx, base);

	tls_base_fini(b);
	tls_signer_free(&c->signer);
	EVP_CIPHER_free(c->ticket_cipher);
	X509_STORE_free(c->client_ca);
	sk_X509_NAME_pop_free(c->client_ca_names, X509_NAME_free);
	secret_wipe(c->ticket_keys, sizeof(c->ticket_keys));
	free(c);
}

struct tls_ctx *
tls_ctx_new(struct loop *l, tls_sign_fn *fn, void *arg, unsigned max_handshakes)
{
	struct tls_ctx *c = must_alloc(1, sizeof(*c));

	if (tls_provider_load() != ERR_OK)
		log_fatal("cannot load the TLS key provider");
	tls_base_init(&c->base, l, destroy, max_handshakes);
	c->base.use_threads = ASYNC_is_capable() == 0;
	c->signer = tls_signer_new(l, fn, arg);
	c->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	must(c->ticket_cipher != NULL);
	return c;
}

void
tls_ctx_free(struct tls_ctx **cp)
{
	struct tls_ctx *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	tls_base_unref(&c->base);
}

/* ---- tickets: RFC 5077 s4, key layout as OpenSSL's own ---- */

static int
start_ticket(const struct tls_ctx *c, const unsigned char *key, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY,
		    (void *)(uintptr_t)(key + TICKET_NAME), TICKET_HMAC),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_END
	};

	return EVP_CipherInit_ex(cipher, c->ticket_cipher, NULL,
	    key + TICKET_NAME + TICKET_HMAC, iv, is_new) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
	struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	unsigned i;

	if (c->ticket_key_count == 0)
		return 0;
	if (is_new) {
		if (RAND_bytes(iv, 16) != 1)
			return -1;
		memcpy(name, c->ticket_keys[0], TICKET_NAME);
		return start_ticket(c, c->ticket_keys[0], iv, cipher, mac, 1) ? 1 : -1;
	}
	for (i = 0; i < c->ticket_key_count; i++)
		if (memcmp(name, c->ticket_keys[i], TICKET_NAME) == 0)
			break;
	if (i == c->ticket_key_count)
		return 0;
	if (!start_ticket(c, c->ticket_keys[i], iv, cipher, mac, 0))
		return -1;
	/* 2: good, but make a new one.  RFC 8446 C.4: who used it in TLS 1.3 will not
	 * use it again, and had to shake hands in full the next time. */
	return i == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
}

/* Keeps the name for SSL_get_servername; there is one certificate. */
static int
on_servername(SSL *ssl, int *alert, void *arg)
{
	(void)ssl;
	(void)alert;
	(void)arg;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- the certificate ---- */

/* The leaf first, then what leads to the root. */
static enum err
use_chain(SSL_CTX *ssl, struct slice pem, EVP_PKEY **public_part)
{
	enum err e = ERR_SYNTAX;
	BIO *in;
	X509 *x;
	int i;

	if (pem.n == 0 || pem.n > CHAIN_BYTES_MAX)
		return ERR_SYNTAX;
	in = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (in == NULL)
		return ERR_CRYPTO;
	for (i = 0; i < CHAIN_MAX; i++) {
		x = PEM_read_bio_X509(in, NULL, tls_no_password, NULL);
		if (x == NULL)
			break;
		if (i == 0) {
			*public_part = X509_get_pubkey(x);
			e = *public_part != NULL &&
			    SSL_CTX_use_certificate(ssl, x) == 1 ?
			    ERR_OK : ERR_SYNTAX;
			X509_free(x);
		} else if (SSL_CTX_add0_chain_cert(ssl, x) != 1) {
			X509_free(x);
			e = ERR_SYNTAX;
		}
		if (e != ERR_OK)
			break;
	}
	BIO_free(in);
	ERR_clear_error();
	return e;
}

/*
 * What a key of this kind can sign: libssl goes through all that it knows, twice
 * in a handshake, where nothing is told.
 */
static bool
use_signatures(SSL_CTX *ssl, const EVP_PKEY *key)
{
	static const struct {
		const char	*type, *list;
	} rows[] = {
		{ "EC", "ECDSA+SHA256:ECDSA+SHA384" },
		{ "RSA", "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
		    "RSA+SHA256:RSA+SHA384:RSA+SHA512" },
		{ "ED25519", "ed25519" },
	};
	size_t i;

	for (i = 0; i < lengthof(rows); i++)
		if (EVP_PKEY_is_a(key, rows[i].type))
			return SSL_CTX_set1_sigalgs_list(ssl, rows[i].list) == 1 &&
			    SSL_CTX_set1_client_sigalgs_list(ssl, CLIENT_SIGNATURES) == 1;
	return false;
}

static void
set_policy(SSL_CTX *ssl, struct tls_ctx *c, bool has_tickets)
{
	SSL_CTX_set_app_data(ssl, c);
	tls_base_policy(ssl);
	must(SSL_CTX_set_cipher_list(ssl, CIPHERS_TLS12) == 1);
	must(SSL_CTX_set_ciphersuites(ssl, CIPHERS_TLS13) == 1);
	must(SSL_CTX_set1_groups_list(ssl, GROUPS) == 1);
	SSL_CTX_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_timeout(ssl, TICKET_LIFE_S);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_servername);
	must(SSL_CTX_set_session_id_context(ssl,
	    (const unsigned char *)"godwit", 6) == 1);
	if (!has_tickets) {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		must(SSL_CTX_set_num_tickets(ssl, 0) == 1);
		return;
	}
	must(SSL_CTX_set_num_tickets(ssl, 1) == 1);
	must(SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket) == 1);
}

static void
keep_ticket_keys(struct tls_ctx *c, struct slice new_keys, struct slice old_keys)
{
	secret_wipe(c->ticket_keys, sizeof(c->ticket_keys));
	c->ticket_key_count = 0;
	if (new_keys.n != TLS_TICKET_KEYS_BYTES)
		return;
	memcpy(c->ticket_keys[c->ticket_key_count++], new_keys.p, new_keys.n);
	if (old_keys.n == TLS_TICKET_KEYS_BYTES)
		memcpy(c->ticket_keys[c->ticket_key_count++], old_keys.p,
		    old_keys.n);
}

enum err
tls_ctx_set(struct tls_ctx *c, uint32_t key, struct slice chain_pem,
    struct slice ticket_keys, struct slice ticket_keys_old)
{
	bool has_tickets = ticket_keys.n == TLS_TICKET_KEYS_BYTES;
	EVP_PKEY *public_part = NULL, *pkey = NULL;
	SSL_CTX *ssl = SSL_CTX_new_ex(NULL, TLS_PROVIDER_FAST, TLS_server_method());
	enum err e = ERR_CRYPTO;

	if (ssl == NULL)
		goto out;
	set_policy(ssl, c, has_tickets);
	e = use_chain(ssl, chain_pem, &public_part);
	if (e != ERR_OK)
		goto out;
	pkey = tls_provider_key(public_part, c->signer, key);
	if (pkey == NULL || SSL_CTX_use_PrivateKey(ssl, pkey) != 1 ||
	    SSL_CTX_check_private_key(ssl) != 1 || !use_signatures(ssl, public_part)) {
		e = ERR_SYNTAX;
		goto out;
	}
	keep_ticket_keys(c, ticket_keys, ticket_keys_old);
	SSL_CTX_free(c->base.ssl);	/* lives on in the connections that use it */
	c->base.ssl = ssl;
	ssl = NULL;
out:
	EVP_PKEY_free(public_part);
	EVP_PKEY_free(pkey);
	SSL_CTX_free(ssl);
	ERR_clear_error();
	return e;
}

bool
tls_ctx_is_ready(const struct tls_ctx *c)
{
	return c->base.ssl != NULL;
}

void
tls_ctx_set_max_handshakes(struct tls_ctx *c, unsigned max)
{
	c->base.max_handshakes = max;
}

unsigned
tls_ctx_handshakes(const struct tls_ctx *c)
{
	return c->base.handshakes;
}

bool
tls_ctx_has_no_room(const struct tls_ctx *c)
{
	return c->base.handshakes >= c->base.max_handshakes;
}

void
tls_ctx_use_threads(struct tls_ctx *c)
{
	c->base.use_threads = true;
}

bool
tls_ctx_wants_threads(const struct tls_ctx *c)
{
	return c->base.use_threads;
}
