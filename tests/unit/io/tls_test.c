/* SPDX-License-Identifier: ISC */
/*
 * A server connection against OpenSSL as the client, both in this process;
 * the signer holds the real keys and answers at once, later, wrongly or not
 * at all.
 */
#include "lib/io/openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io/conn.h"
#include "lib/io/tls.h"
#include "tests/unit/test.h"

#define MAX_HANDSHAKES	3

enum answer { ANSWER_AT_ONCE, ANSWER_LATER, ANSWER_ERROR, ANSWER_GARBAGE };

struct fixture {
	struct loop		*loop;
	struct tls_ctx		*ctx;
	SSL_CTX			*client_ctx;
	EVP_PKEY		*key;		/* the private one */
	struct buf		 pem;
	enum answer		 answer;
	struct tls_sign_job	*jobs[8];	/* waiting, with ANSWER_LATER */
	unsigned char		 signatures[8][TLS_SIGNATURE_MAX];
	size_t			 signature_bytes[8];
	unsigned		 waiting;
	unsigned		 asked;
	uint16_t		 scheme;
	uint32_t		 key_number;
};

struct side {			/* one connection, both ends */
	struct fixture	*f;
	struct conn	*conn;
	int		 client;
	SSL		*ssl;
	struct buf	 got;
	const char	*closed;
	enum err	 tls_result;
	unsigned	 tls_calls;
	bool		 starttls;
	bool		 echo;
	size_t		 use_max;
};

/* ---- the signer ---- */

static const EVP_MD *
md_of(uint16_t scheme)
{
	switch (scheme) {
	case 0x0403: case 0x0401: case 0x0804:
		return EVP_sha256();
	case 0x0503: case 0x0501: case 0x0805:
		return EVP_sha384();
	case 0x0603: case 0x0601: case 0x0806:
		return EVP_sha512();
	case 0x0807:
		return NULL;
	}
	fail_msg("scheme %x", scheme);
	return NULL;
}

static size_t
make_signature(EVP_PKEY *key, uint16_t scheme, struct slice tbs, unsigned char *out)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p = NULL;
	size_t n = TLS_SIGNATURE_MAX;

	assert_int_equal(EVP_DigestSignInit(c, &p, md_of(scheme), NULL, key), 1);
	if ((scheme & 0xff00) == 0x0800 && scheme != 0x0807) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(c, out, &n, (const unsigned char *)tbs.p, tbs.n), 1);
	EVP_MD_CTX_free(c);
	return n;
}

static void
sign(void *arg, struct tls_sign_job *job, uint32_t key, uint16_t scheme, struct slice tbs)
{
	struct fixture *f = arg;
	unsigned i = f->waiting % lengthof(f->jobs);

	f->asked++;
	f->scheme = scheme;
	f->key_number = key;
	f->signature_bytes[i] = make_signature(f->key, scheme, tbs, f->signatures[i]);
	switch (f->answer) {
	case ANSWER_AT_ONCE:
		tls_sign_done(job, ERR_OK, slice_of(f->signatures[i], f->signature_bytes[i]));
		break;
	case ANSWER_LATER:
		f->jobs[f->waiting++] = job;
		break;
	case ANSWER_ERROR:
		tls_sign_done(job, ERR_GONE, SLICE_NONE);
		break;
	case ANSWER_GARBAGE:
		tls_sign_done(job, ERR_OK, SLICE_LIT("not a signature"));
		break;
	}
}

static void
answer_all(struct fixture *f)
{
	unsigned i, n = f->waiting;

	f->waiting = 0;
	for (i = 0; i < n; i++)
		tls_sign_done(f->jobs[i], ERR_OK,
		    slice_of(f->signatures[i], f->signature_bytes[i]));
}

/* ---- the certificate ---- */

static EVP_PKEY *
make_key(const char *type)
{
	if (strcmp(type, "EC") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (strcmp(type, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void
make_certificate(struct fixture *f, const char *type)
{
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	EVP_PKEY_free(f->key);
	f->key = make_key(type);
	assert_non_null(f->key);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)"mx.example", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, f->key);
	assert_true(X509_sign(x, f->key, strcmp(type, "ED25519") == 0 ?
	    NULL : EVP_sha256()) > 0);
	PEM_write_bio_X509(out, x);
	n = BIO_get_mem_data(out, &pem);
	buf_reset(&f->pem);
	buf_put(&f->pem, pem, (size_t)n);
	BIO_free(out);
	X509_free(x);
}

static struct slice
ticket_keys(char fill)
{
	static char keys[4][TLS_TICKET_KEYS_BYTES];

	memset(keys[fill & 3], fill, TLS_TICKET_KEYS_BYTES);
	return slice_of(keys[fill & 3], TLS_TICKET_KEYS_BYTES);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	loop_start_threads(f->loop, 2);
	buf_init(&f->pem, 100000);
	f->ctx = tls_ctx_new(f->loop, sign, f, MAX_HANDSHAKES);
	assert_false(tls_ctx_is_ready(f->ctx));
	f->client_ctx = SSL_CTX_new(TLS_client_method());
	make_certificate(f, "EC");
	assert_int_equal(tls_ctx_set(f->ctx, 17, buf_slice(&f->pem),
	    ticket_keys('a'), SLICE_NONE), ERR_OK);
	assert_true(tls_ctx_is_ready(f->ctx));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tls_ctx_handshakes(f->ctx), 0);
	tls_ctx_free(&f->ctx);
	SSL_CTX_free(f->client_ctx);
	EVP_PKEY_free(f->key);
	buf_fini(&f->pem);
	loop_free(&f->loop);
	free(f);
	return 0;
}

/* ---- the session ---- */

static size_t
on_data(void *arg, struct slice s)
{
	struct side *t = arg;
	size_t n = s.n < t->use_max ? s.n : t->use_max;

	buf_put(&t->got, s.p, n);
	if (t->starttls && slice_search(buf_slice(&t->got),
	    SLICE_LIT("STARTTLS\r\n")) < t->got.n) {
		t->starttls = false;
		conn_write_str(t->conn, "220 go\r\n");
		assert_int_equal(conn_start_tls(t->conn, t->f->ctx), ERR_OK);
	}
	if (t->echo)
		conn_write(t->conn, slice_head(s, n));
	return n;
}

static void
on_tls(void *arg, enum err e)
{
	struct side *t = arg;

	t->tls_result = e;
	t->tls_calls++;
}

static void
on_closed(void *arg, const char *reason)
{
	struct side *t = arg;

	assert_null(t->closed);
	t->closed = reason;
	t->conn = NULL;
}

static const struct conn_ops ops = {
	.on_data = on_data, .on_tls = on_tls, .on_closed = on_closed,
};
static const struct conn_limits limits = {
	.in_max = 65536, .out_low = 1000, .out_high = 2 << 20, .out_max = 4 << 20,
};

static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
turn(struct loop *l)
{
	struct timer t;

	timer_init(&t, l, stop, l);
	timer_set(&t, loop_now(l) + 3);
	loop_run(l);
	timer_stop(&t);
}

static void
open_side_over(struct side *t, struct fixture *f, int socket_type)
{
	static const struct conn_addr nobody;
	int fds[2];

	memset(t, 0, sizeof(*t));
	assert_int_equal(socketpair(AF_UNIX, socket_type, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	t->f = f;
	t->client = fds[1];
	t->use_max = SIZE_MAX;
	buf_init(&t->got, 8 << 20);
	t->conn = conn_new(f->loop, fds[0], &nobody, &ops, t, &limits, NULL);
	t->ssl = SSL_new(f->client_ctx);
	SSL_set_fd(t->ssl, t->client);
	SSL_set_connect_state(t->ssl);
	SSL_set_tlsext_host_name(t->ssl, "mx.example");
}

static void
open_side(struct side *t, struct fixture *f)
{
	open_side_over(t, f, SOCK_STREAM);
}

static void
close_side(struct side *t)
{
	SSL_free(t->ssl);
	if (t->client >= 0)
		close(t->client);
	if (t->conn != NULL) {
		conn_abort(t->conn, "test");
		turn(t->f->loop);
	}
	assert_non_null(t->closed);
	buf_fini(&t->got);
}

/* Steps of the client and turns of the loop until it is done or failed. */
static bool
shake(struct side *t)
{
	int i, rc;

	for (i = 0; i < 50; i++) {
		rc = SSL_do_handshake(t->ssl);
		if (rc == 1)
			break;
		if (SSL_get_error(t->ssl, rc) != SSL_ERROR_WANT_READ)
			return false;
		turn(t->f->loop);
		answer_all(t->f);
	}
	for (i = 0; i < 50 && t->tls_calls == 0 && t->closed == NULL; i++) {
		turn(t->f->loop);
		answer_all(t->f);
	}
	ERR_clear_error();
	return rc == 1 && t->tls_calls == 1 && t->tls_result == ERR_OK;
}

/* What the client reads within some turns. */
static size_t
client_read(struct side *t, char *dst, size_t want)
{
	size_t n = 0;
	int i, rc;

	for (i = 0; i < 300 && n < want; i++) {
		turn(t->f->loop);
		while (n < want && (rc = SSL_read(t->ssl, dst + n, (int)(want - n))) > 0)
			n += (size_t)rc;
	}
	return n;
}

static void
echoes(struct side *t)
{
	char b[16];

	t->echo = true;
	assert_int_equal(SSL_write(t->ssl, "hello", 5), 5);
	assert_int_equal(client_read(t, b, 5), 5);
	assert_memory_equal(b, "hello", 5);
}

/* ---- tests ---- */

static void
every_key_and_version(void **state)
{
	static const char *const types[] = { "EC", "RSA", "ED25519" };
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	static const enum answer answers[] = { ANSWER_AT_ONCE, ANSWER_LATER };
	struct fixture *f = *state;
	struct side t;
	size_t i;

	for (i = 0; i < 12; i++) {
		make_certificate(f, types[i / 4]);
		assert_int_equal(tls_ctx_set(f->ctx, (uint32_t)i, buf_slice(&f->pem),
		    ticket_keys('a'), SLICE_NONE), ERR_OK);
		f->answer = answers[i & 1];
		open_side(&t, f);
		SSL_set_min_proto_version(t.ssl, versions[i / 2 & 1]);
		SSL_set_max_proto_version(t.ssl, versions[i / 2 & 1]);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_true(shake(&t));
		assert_int_equal(f->key_number, i);
		assert_string_equal(conn_tls(t.conn)->version,
		    (i / 2 & 1) != 0 ? "TLSv1.3" : "TLSv1.2");
		assert_string_equal(conn_tls(t.conn)->sni, "mx.example");
		assert_true(conn_tls(t.conn)->bits >= 128);
		echoes(&t);
		echoes(&t);
		close_side(&t);
	}
}

/* RFC 9266 s2, RFC 5929 s4: what the client makes of it with OpenSSL's own means. */
static void
same_binding(const struct side *t, bool has_end_point)
{
	unsigned char want[EVP_MAX_MD_SIZE];
	struct tls_binding b, usual;
	X509 *x = SSL_get0_peer_certificate(t->ssl);
	unsigned n = 0;

	assert_int_equal(SSL_export_keying_material(t->ssl, want, 32,
	    "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1), 1);
	assert_int_equal(conn_tls_binding(t->conn, TLS_BINDING_EXPORTER, &b), ERR_OK);
	assert_string_equal(b.type, "tls-exporter");
	assert_int_equal(b.n, 32);
	assert_memory_equal(b.bytes, want, 32);
	if (SSL_version(t->ssl) >= TLS1_3_VERSION) {
		assert_int_equal(conn_tls_binding_usual(t->conn, &usual), ERR_OK);
		assert_string_equal(usual.type, "tls-exporter");
		assert_memory_equal(usual.bytes, want, 32);
	}
	if (!has_end_point) {
		assert_int_equal(conn_tls_binding(t->conn, TLS_BINDING_END_POINT, &b),
		    ERR_UNSUPPORTED);
		return;
	}
	assert_int_equal(X509_digest(x, EVP_sha256(), want, &n), 1);
	assert_int_equal(conn_tls_binding(t->conn, TLS_BINDING_END_POINT, &b), ERR_OK);
	assert_string_equal(b.type, "tls-server-end-point");
	assert_int_equal(b.n, n);
	assert_memory_equal(b.bytes, want, n);
	if (SSL_version(t->ssl) < TLS1_3_VERSION) {
		assert_int_equal(conn_tls_binding_usual(t->conn, &usual), ERR_OK);
		assert_memory_equal(usual.bytes, want, n);
	}
}

static void
binding(void **state)
{
	static const char *const types[] = { "EC", "RSA", "ED25519" };
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct fixture *f = *state;
	enum tls_binding_type type;
	struct tls_binding b;
	struct side t;

	for (size_t i = 0; i < 6; i++) {
		make_certificate(f, types[i / 2]);
		assert_int_equal(tls_ctx_set(f->ctx, 1, buf_slice(&f->pem), SLICE_NONE,
		    SLICE_NONE), ERR_OK);
		open_side(&t, f);
		SSL_set_min_proto_version(t.ssl, versions[i & 1]);
		SSL_set_max_proto_version(t.ssl, versions[i & 1]);
		assert_int_equal(conn_tls_binding(t.conn, TLS_BINDING_EXPORTER, &b), ERR_STATE);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_int_equal(conn_tls_binding_usual(t.conn, &b), ERR_STATE);
		assert_true(shake(&t));
		same_binding(&t, i / 2 < 2);
		close_side(&t);
	}
	/* RFC 9266 s4.2: nothing is exported without the extended master secret. */
	make_certificate(f, "EC");
	assert_int_equal(tls_ctx_set(f->ctx, 1, buf_slice(&f->pem), SLICE_NONE, SLICE_NONE),
	    ERR_OK);
	open_side(&t, f);
	SSL_set_max_proto_version(t.ssl, TLS1_2_VERSION);
	SSL_set_options(t.ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	assert_int_equal(conn_tls_binding(t.conn, TLS_BINDING_EXPORTER, &b), ERR_UNSUPPORTED);
	assert_int_equal(conn_tls_binding(t.conn, TLS_BINDING_END_POINT, &b), ERR_OK);
	close_side(&t);
	assert_true(tls_binding_find(SLICE_LIT("tls-server-end-point"), &type));
	assert_int_equal(type, TLS_BINDING_END_POINT);
	assert_false(tls_binding_find(SLICE_LIT("tls-unique"), &type));
	assert_string_equal(tls_binding_name(TLS_BINDING_EXPORTER), "tls-exporter");
}

/* ---- certificates of clients */

static X509 *
self_signed(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "email:alice@a.example");

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
	    MBSTRING_ASC, (const unsigned char *)"alice", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	assert_int_equal(X509_add_ext(x, san, -1), 1);
	X509_EXTENSION_free(san);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void
trust(struct fixture *f, X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;
	long n;

	PEM_write_bio_X509(out, x);
	n = BIO_get_mem_data(out, &pem);
	assert_int_equal(tls_ctx_set_client_ca(f->ctx, slice_of(pem, (size_t)n)), ERR_OK);
	BIO_free(out);
}

static bool
has_prints_of(struct slice prints, X509 *x)
{
	unsigned char cert[32], key[32], *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	assert_int_equal(X509_digest(x, EVP_sha256(), cert, NULL), 1);
	assert_int_equal(EVP_Digest(der, (size_t)n, key, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	return prints.n == 64 && memcmp(prints.p, cert, 32) == 0 &&
	    memcmp(prints.p + 32, key, 32) == 0;
}

struct shown {
	X509		*x;		/* or NULL */
	EVP_PKEY	*key;
	int		 version;
	enum tls_ask	 ask;
	bool		 is_named, has_prints;
};

/* false: the handshake failed. */
static bool
shows(struct fixture *f, const struct shown *s)
{
	struct tls_proof p;
	struct side t;
	bool up;

	open_side(&t, f);
	SSL_set_security_level(t.ssl, 0);
	SSL_set_min_proto_version(t.ssl, s->version);
	SSL_set_max_proto_version(t.ssl, s->version);
	if (s->x != NULL) {
		assert_int_equal(SSL_use_certificate(t.ssl, s->x), 1);
		assert_int_equal(SSL_use_PrivateKey(t.ssl, s->key), 1);
	}
	assert_int_equal(conn_start_tls_asking(t.conn, f->ctx, s->ask), ERR_OK);
	p = conn_tls_proof(t.conn);
	assert_true(p.names.n == 0 && p.prints.n == 0);
	up = shake(&t);
	if (up) {
		p = conn_tls_proof(t.conn);
		assert_true(slice_eq(p.names, s->is_named ? SLICE_LIT("alice@a.example\0") :
		    SLICE_NONE));
		assert_int_equal(p.prints.n > 0, s->has_prints);
		assert_true(p.prints.n == 0 || has_prints_of(p.prints, s->x));
		echoes(&t);
	}
	close_side(&t);
	return up;
}

static void
client_certificate(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct fixture *f = *state;
	EVP_PKEY *key = make_key("EC"), *rsa = make_key("RSA"),
	    *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	X509 *x = self_signed(key), *y = self_signed(rsa), *z = self_signed(weak);

	for (size_t i = 0; i < 2; i++) {
		int v = versions[i];

		assert_int_equal(tls_ctx_set_client_ca(f->ctx, SLICE_NONE), ERR_OK);
		assert_true(shows(f, &(struct shown){ x, key, v, TLS_ASK_NOT, false, false }));
		assert_true(shows(f, &(struct shown){ x, key, v, TLS_ASK_VERIFIED, false, false }));
		assert_true(shows(f, &(struct shown){ x, key, v, TLS_ASK_ANY, false, true }));
		assert_true(shows(f, &(struct shown){ NULL, NULL, v, TLS_ASK_ANY, false, false }));
		/* RFC 8446 s4.2.4: the name of an authority keeps no other one away. */
		trust(f, x);
		assert_true(shows(f, &(struct shown){ x, key, v, TLS_ASK_VERIFIED, true, false }));
		assert_true(shows(f, &(struct shown){ x, key, v, TLS_ASK_ANY, true, true }));
		assert_true(shows(f, &(struct shown){ y, rsa, v, TLS_ASK_VERIFIED, false, false }));
		assert_true(shows(f, &(struct shown){ y, rsa, v, TLS_ASK_ANY, false, true }));
		/* Of a key that others can compute there is none, however far it came. */
		(void)shows(f, &(struct shown){ z, weak, v, TLS_ASK_ANY, false, false });
	}
	X509_free(x);
	X509_free(y);
	X509_free(z);
	EVP_PKEY_free(key);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(weak);
}

/* RSA in TLS 1.2 with PKCS #1 v1.5, for old clients. */
static void
rsa_pkcs1(void **state)
{
	struct fixture *f = *state;
	struct side t;

	make_certificate(f, "RSA");
	assert_int_equal(tls_ctx_set(f->ctx, 1, buf_slice(&f->pem), SLICE_NONE,
	    SLICE_NONE), ERR_OK);
	open_side(&t, f);
	SSL_set_max_proto_version(t.ssl, TLS1_2_VERSION);
	assert_int_equal(SSL_set1_sigalgs_list(t.ssl, "RSA+SHA256"), 1);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	assert_int_equal(f->scheme, 0x0401);
	close_side(&t);
}

static void
in_threads(void **state)
{
	struct fixture *f = *state;
	struct side t;

	tls_ctx_use_threads(f->ctx);
	f->answer = ANSWER_AT_ONCE;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	echoes(&t);
	close_side(&t);
	/* Gone while a thread waits for its signature. */
	f->answer = ANSWER_LATER;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	for (int i = 0; i < 100 && f->waiting == 0; i++)
		turn(f->loop);
	assert_int_equal(f->waiting, 1);
	conn_abort(t.conn, "gone");
	turn(f->loop);
	assert_string_equal(t.closed, "gone");
	answer_all(f);
	for (int i = 0; i < 100 && tls_ctx_handshakes(f->ctx) > 0; i++)
		turn(f->loop);
	close_side(&t);
}

static void
bulk(void **state)
{
	static char out[1 << 20], in[1 << 20];
	struct fixture *f = *state;
	struct side t;
	size_t sent = 0, got = 0, i;
	int n;

	for (i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	SSL_set_mode(t.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	t.echo = true;
	for (i = 0; i < 2000 && got < sizeof(in); i++) {
		if (sent < sizeof(out) && (n = SSL_write(t.ssl, out + sent,
		    (int)(sizeof(out) - sent))) > 0)
			sent += (size_t)n;
		while (got < sizeof(in) && (n = SSL_read(t.ssl, in + got,
		    (int)(sizeof(in) - got))) > 0)
			got += (size_t)n;
		turn(f->loop);
	}
	assert_int_equal(got, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	/* In order: close_notify, then the end. */
	conn_close(t.conn, "done");
	turn(f->loop);
	assert_int_equal(SSL_read(t.ssl, in, 1), 0);
	assert_int_equal(SSL_get_error(t.ssl, 0), SSL_ERROR_ZERO_RETURN);
	close(t.client);
	t.client = -1;
	turn(f->loop);
	assert_string_equal(t.closed, "done");
	close_side(&t);
}

/* Input that TLS has already taken from the socket is not lost by a pause. */
static void
pause_inside_records(void **state)
{
	static char text[40000];
	struct fixture *f = *state;
	struct side t;
	int i;

	memset(text, 'z', sizeof(text));
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	t.use_max = 100;
	assert_int_equal(SSL_write(t.ssl, text, sizeof(text)), sizeof(text));
	conn_pause(t.conn);
	for (i = 0; i < 5; i++)
		turn(f->loop);
	assert_int_equal(t.got.n, 0);
	conn_resume(t.conn);
	turn(f->loop);
	conn_pause(t.conn);
	turn(f->loop);
	assert_in_range(t.got.n, 1, sizeof(text) - 1);
	t.use_max = SIZE_MAX;
	conn_resume(t.conn);
	for (i = 0; i < 5; i++)
		turn(f->loop);
	assert_int_equal(t.got.n, sizeof(text));
	close_side(&t);
}

static void
starttls(void **state)
{
	struct fixture *f = *state;
	struct side t;
	char b[16];

	open_side(&t, f);
	t.starttls = true;
	assert_int_equal(write(t.client, "STARTTLS\r\n", 10), 10);
	turn(f->loop);
	assert_int_equal(read(t.client, b, sizeof(b)), 8);
	assert_memory_equal(b, "220 go\r\n", 8);
	assert_null(conn_tls(t.conn));
	assert_true(shake(&t));
	assert_int_equal(conn_tls_injected(t.conn), 0);
	echoes(&t);
	assert_slice(buf_slice(&t.got), "STARTTLS\r\nhello");
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_STATE);
	close_side(&t);
}

/* Plaintext behind the command is never handed over, but told. */
static void
starttls_injection(void **state)
{
	struct fixture *f = *state;
	struct side t;
	char b[16];

	open_side(&t, f);
	t.starttls = true;
	t.use_max = 10;
	assert_int_equal(write(t.client, "STARTTLS\r\nRSET\r\n", 16), 16);
	turn(f->loop);
	assert_int_equal(read(t.client, b, sizeof(b)), 8);
	assert_int_equal(conn_tls_injected(t.conn), 6);
	t.use_max = SIZE_MAX;
	assert_true(shake(&t));
	assert_int_equal(conn_tls_injected(t.conn), 6);
	echoes(&t);
	assert_slice(buf_slice(&t.got), "STARTTLS\r\nhello");
	close_side(&t);
	/* In a later segment: it meets the TLS parser. */
	open_side(&t, f);
	t.starttls = true;
	assert_int_equal(write(t.client, "STARTTLS\r\n", 10), 10);
	turn(f->loop);
	assert_int_equal(write(t.client, "RSET\r\nNOOP\r\nNOOP\r\n", 18), 18);
	turn(f->loop);
	assert_int_equal(t.tls_calls, 1);
	assert_int_equal(t.tls_result, ERR_CRYPTO);
	turn(f->loop);
	assert_string_equal(t.closed, "tls");
	close_side(&t);
}

static void
closed_while_paused(void **state)
{
	struct fixture *f = *state;
	struct side t;

	f->answer = ANSWER_LATER;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	turn(f->loop);
	assert_int_equal(f->waiting, 1);
	conn_abort(t.conn, "gone");
	turn(f->loop);
	assert_string_equal(t.closed, "gone");
	/* Its place is taken until the signature comes. */
	assert_int_equal(tls_ctx_handshakes(f->ctx), 1);
	answer_all(f);
	turn(f->loop);
	assert_int_equal(tls_ctx_handshakes(f->ctx), 0);
	close_side(&t);
	/* Answered, and gone before the handshake went on. */
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	turn(f->loop);
	answer_all(f);
	conn_abort(t.conn, "gone");
	turn(f->loop);
	turn(f->loop);
	assert_int_equal(tls_ctx_handshakes(f->ctx), 0);
	close_side(&t);
}

/* The client goes while its signature is being made. */
static void
client_gone_while_paused(void **state)
{
	struct fixture *f = *state;
	struct side t;

	f->answer = ANSWER_LATER;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	turn(f->loop);
	close(t.client);
	t.client = -1;
	turn(f->loop);
	assert_null(t.closed);
	answer_all(f);
	turn(f->loop);
	turn(f->loop);
	assert_non_null(t.closed);
	assert_int_equal(tls_ctx_handshakes(f->ctx), 0);
	close_side(&t);
}

static void
signer_fails(void **state)
{
	static const enum answer answers[] = { ANSWER_ERROR, ANSWER_GARBAGE };
	struct fixture *f = *state;
	struct side t;
	size_t i;

	for (i = 0; i < lengthof(answers); i++) {
		f->answer = answers[i];
		open_side(&t, f);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_false(shake(&t));
		turn(f->loop);
		turn(f->loop);
		assert_non_null(t.closed);
		close_side(&t);
	}
	f->answer = ANSWER_AT_ONCE;	/* and the next one is served */
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	close_side(&t);
}

static void
signer_never_answers(void **state)
{
	struct fixture *f = *state;
	struct side t;

	f->answer = ANSWER_LATER;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	turn(f->loop);
	loop_advance(f->loop, CONN_HANDSHAKE_MS + 1);
	turn(f->loop);
	assert_int_equal(t.tls_result, ERR_TIMEOUT);
	assert_string_equal(t.closed, "timeout");
	answer_all(f);
	turn(f->loop);
	close_side(&t);
}

/* Silent clients take all places; one more is refused, at limit + 1. */
static void
handshake_limit(void **state)
{
	struct fixture *f = *state;
	struct side t[MAX_HANDSHAKES + 1];
	unsigned i;

	for (i = 0; i <= MAX_HANDSHAKES; i++) {
		open_side(&t[i], f);
		assert_int_equal(conn_start_tls(t[i].conn, f->ctx),
		    i < MAX_HANDSHAKES ? ERR_OK : ERR_BUSY);
	}
	assert_int_equal(tls_ctx_handshakes(f->ctx), MAX_HANDSHAKES);
	conn_abort(t[0].conn, "x");
	turn(f->loop);
	assert_int_equal(conn_start_tls(t[i - 1].conn, f->ctx), ERR_OK);
	for (i = 0; i <= MAX_HANDSHAKES; i++)
		close_side(&t[i]);
}

static void
certificate_changes(void **state)
{
	struct fixture *f = *state;
	struct tls_ctx *empty;
	struct side t;

	/* A bad one leaves the good one. */
	assert_int_equal(tls_ctx_set(f->ctx, 1, SLICE_LIT("rubbish"),
	    SLICE_NONE, SLICE_NONE), ERR_SYNTAX);
	assert_int_equal(tls_ctx_set(f->ctx, 1, SLICE_NONE,
	    SLICE_NONE, SLICE_NONE), ERR_SYNTAX);
	/* Changed while a handshake is waiting: that one ends with the old. */
	f->answer = ANSWER_LATER;
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	(void)SSL_do_handshake(t.ssl);
	turn(f->loop);
	assert_int_equal(f->key_number, 17);
	make_certificate(f, "EC");
	assert_int_equal(tls_ctx_set(f->ctx, 18, buf_slice(&f->pem),
	    ticket_keys('b'), SLICE_NONE), ERR_OK);
	answer_all(f);
	assert_true(shake(&t));
	echoes(&t);
	close_side(&t);
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	assert_int_equal(f->key_number, 18);
	close_side(&t);
	empty = tls_ctx_new(f->loop, sign, f, 1);
	open_side(&t, f);
	assert_int_equal(conn_start_tls(t.conn, empty), ERR_STATE);
	close_side(&t);
	tls_ctx_free(&empty);
}

/* Tickets of this and the last generation resume, older ones do not. */
static void
tickets(void **state)
{
	struct fixture *f = *state;
	SSL_SESSION *session;
	struct side t;
	unsigned asked;
	int i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(tls_ctx_set(f->ctx, 17, buf_slice(&f->pem),
		    ticket_keys('a'), SLICE_NONE), ERR_OK);
		open_side(&t, f);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_true(shake(&t));
		echoes(&t);		/* reads the ticket on its way */
		session = SSL_get1_session(t.ssl);
		assert_true(SSL_SESSION_is_resumable(session) == 1);
		SSL_shutdown(t.ssl);
		close_side(&t);
		if (i > 0)
			assert_int_equal(tls_ctx_set(f->ctx, 17,
			    buf_slice(&f->pem), ticket_keys('b'), i == 1 ?
			    ticket_keys('a') : ticket_keys('c')), ERR_OK);
		asked = f->asked;
		open_side(&t, f);
		SSL_set_session(t.ssl, session);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_true(shake(&t));
		assert_int_equal(SSL_session_reused(t.ssl), i < 2);
		assert_int_equal(conn_tls(t.conn)->is_resumed, i < 2);
		assert_int_equal(f->asked, i < 2 ? asked : asked + 1);
		SSL_SESSION_free(session);
		close_side(&t);
	}
}

/* One session, or another after it; whether that brought a ticket of its own. */
static bool
brings_ticket(struct fixture *f, int version, SSL_SESSION **session)
{
	SSL_SESSION *before = *session;
	struct side t;
	bool is_new;

	open_side(&t, f);
	assert_int_equal(SSL_set_max_proto_version(t.ssl, version), 1);
	if (before != NULL)
		assert_int_equal(SSL_set_session(t.ssl, before), 1);
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	echoes(&t);
	assert_int_equal(SSL_session_reused(t.ssl), before != NULL);
	*session = SSL_get1_session(t.ssl);
	is_new = *session != before && SSL_SESSION_has_ticket(*session) == 1;
	SSL_shutdown(t.ssl);
	close_side(&t);
	SSL_SESSION_free(before);
	return is_new;
}

/* RFC 8446 C.4: a client of TLS 1.3 uses a ticket once; each connection brings one. */
static void
tickets_anew(void **state)
{
	struct fixture *f = *state;
	SSL_SESSION *session = NULL;

	assert_int_equal(tls_ctx_set(f->ctx, 17, buf_slice(&f->pem), ticket_keys('a'),
	    SLICE_NONE), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_true(brings_ticket(f, TLS1_3_VERSION, &session));
	SSL_SESSION_free(session);
	session = NULL;
	assert_true(brings_ticket(f, TLS1_2_VERSION, &session));
	assert_false(brings_ticket(f, TLS1_2_VERSION, &session));
	assert_false(brings_ticket(f, TLS1_2_VERSION, &session));
	SSL_SESSION_free(session);
}

/* The cipher that costs least of what the client has, unless it asks for ChaCha20 first. */
static void
ciphers(void **state)
{
	static const struct { const char *offer, *agreed; } rows[] = {
		{ "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		  "TLS_AES_128_GCM_SHA256" },
		{ "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
		  "TLS_AES_256_GCM_SHA384" },
		{ "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		  "TLS_CHACHA20_POLY1305_SHA256" },
	};
	struct fixture *f = *state;
	struct side t;

	for (size_t i = 0; i < lengthof(rows); i++) {
		open_side(&t, f);
		assert_int_equal(SSL_set_ciphersuites(t.ssl, rows[i].offer), 1);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_true(shake(&t));
		assert_string_equal(conn_tls(t.conn)->cipher, rows[i].agreed);
		echoes(&t);
		close_side(&t);
	}
}

/* Both groups in both versions: the server's share comes from the group the client has. */
static void
groups(void **state)
{
	static const struct { int version; const char *offer, *type; } rows[] = {
		{ TLS1_3_VERSION, "X25519:P-256", "X25519" },
		{ TLS1_3_VERSION, "P-256:X25519", "EC" },	/* the share it brings */
		{ TLS1_3_VERSION, "P-384:X25519", "X25519" },	/* asked for a second one */
		{ TLS1_3_VERSION, "P-256", "EC" },
		{ TLS1_2_VERSION, "P-256:X25519", "X25519" },
		{ TLS1_2_VERSION, "P-256", "EC" },
	};
	struct fixture *f = *state;
	EVP_PKEY *share;
	struct side t;

	for (size_t i = 0; i < lengthof(rows); i++) {
		open_side(&t, f);
		assert_int_equal(SSL_set_max_proto_version(t.ssl, rows[i].version), 1);
		assert_int_equal(SSL_set1_groups_list(t.ssl, rows[i].offer), 1);
		assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
		assert_true(shake(&t));
		assert_int_equal(SSL_get_peer_tmp_key(t.ssl, &share), 1);
		assert_true(EVP_PKEY_is_a(share, rows[i].type));
		EVP_PKEY_free(share);
		echoes(&t);
		close_side(&t);
	}
}

/* A packet for each send: the last reply, close_notify with it, and no more. */
static void
last_words(void **state)
{
	struct fixture *f = *state;
	char b[4096];
	ssize_t n;
	struct side t;

	open_side_over(&t, f, SOCK_SEQPACKET);
	SSL_set_read_ahead(t.ssl, 1);		/* whole packets */
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	echoes(&t);
	conn_write_str(t.conn, "* BYE\r\n");
	conn_close(t.conn, "bye");
	turn(f->loop);
	n = recv(t.client, b, sizeof(b), MSG_DONTWAIT);
	/* Two records of TLS 1.3: 5 in front, 1 and 16 behind each. */
	assert_int_equal(n, 7 + 22 + 2 + 22);
	assert_int_equal(recv(t.client, b, sizeof(b), MSG_DONTWAIT), 0);
	SSL_free(t.ssl);
	t.ssl = NULL;
	close(t.client);
	t.client = -1;
	turn(f->loop);
	close_side(&t);
}

/* What OpenSSL allocates: the cost of its lookups, without the noise of a clock. */
static unsigned long	allocations;

static void *
counted_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	allocations++;
	return malloc(n);
}

static void *
counted_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	allocations++;
	return realloc(p, n);
}

static void
counted_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static unsigned long
allocations_of_handshake(struct fixture *f)
{
	unsigned long before;
	struct side t;

	open_side(&t, f);
	before = allocations;
	assert_int_equal(conn_start_tls(t.conn, f->ctx), ERR_OK);
	assert_true(shake(&t));
	before = allocations - before;
	close_side(&t);
	return before;
}

/* 2,556 with our key schedule and HMAC, 2,947 with those of OpenSSL (3.0). */
static void
cheap_handshake(void **state)
{
	unsigned long n;

	(void)allocations_of_handshake(*state);		/* its caches are warm */
	n = allocations_of_handshake(*state);
	print_message("# a handshake, both ends: %lu allocations\n", n);
	assert_in_range(n, 1, 2750);
}

#ifndef GODWIT_SAN
#define MANY	40
/* DESIGN.md section 11: SSL 16 KiB, connection and slack 5. */
static void
idle_memory(void **state)
{
	static struct side t[MANY];
	struct fixture *f = *state;
	size_t before = 0, after;
	int i;

	for (i = 0; i < MANY; i++) {
		if (i == 4)		/* pools are warm */
			before = mallinfo2().uordblks;
		open_side(&t[i], f);
		assert_int_equal(conn_start_tls(t[i].conn, f->ctx), ERR_OK);
		assert_true(shake(&t[i]));
		echoes(&t[i]);
		buf_release(&t[i].got);
		SSL_free(t[i].ssl);	/* the client's half does not count */
		t[i].ssl = NULL;
		turn(f->loop);
	}
	after = mallinfo2().uordblks;
	print_message("# idle TLS connection: %zu bytes\n", (after - before) / (MANY - 4));
	assert_in_range((after - before) / (MANY - 4), 1000, 21 * 1024);
	for (i = 0; i < MANY; i++)
		close_side(&t[i]);
}
#endif

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_key_and_version),
		T(binding),
		T(client_certificate),
		T(rsa_pkcs1),
		T(in_threads),
		T(bulk),
		T(pause_inside_records),
		T(starttls),
		T(starttls_injection),
		T(closed_while_paused),
		T(client_gone_while_paused),
		T(signer_fails),
		T(signer_never_answers),
		T(handshake_limit),
		T(certificate_changes),
		T(tickets),
		T(tickets_anew),
		T(ciphers),
		T(groups),
		T(last_words),
		T(cheap_handshake),
#ifndef GODWIT_SAN
		T(idle_memory),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1)
		return 1;
	return cmocka_run_group_tests_name("io/tls", tests, NULL, NULL);
}
