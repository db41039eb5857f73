/* SPDX-License-Identifier: ISC */
/*
 * A client connection against OpenSSL as the server, both in this process.
 * The server's bytes pass through pump(), which can cut, split or keep them.
 */
#include "lib/io/openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/io/conn.h"
#include "lib/io/dial.h"
#include "lib/io/tls_client.h"
#include "lib/sys/sandbox_seccomp.h"
#include "tests/unit/test.h"

#define MAX_HANDSHAKES	3
#define NO_LIMIT	SIZE_MAX
#define DAY		86400L

struct entity {			/* a certificate and its key */
	X509		*x;
	EVP_PKEY	*key;
};

struct fixture {
	struct loop		*loop;
	struct tls_client_ctx	*ctx;
	struct entity		 ca;
	struct entity		 leaf;		/* mx.example, by ca */
	struct entity		 own;		/* self-signed */
	struct entity		 shown;		/* what the server has, if not leaf */
	STACK_OF(X509)		*chain;		/* sent behind it */
	int			 max_version;
	bool			 asks_client;
};

struct side {			/* one connection, both ends */
	struct fixture	*f;
	struct conn	*conn;
	int		 fd;		/* the server's end */
	SSL_CTX		*server_ctx;
	SSL		*server;
	struct buf	 wire;		/* from the server, not yet sent */
	size_t		 may_send;	/* of it */
	size_t		 sent;
	bool		 one_by_one;
	bool		 starttls;
	struct tls_demand demand;
	struct buf	 got;
	const char	*closed;
	enum err	 tls_result;
	unsigned	 tls_calls;
	char		 reason[100];	/* as on_tls saw it */
	struct tls_peer	 peer;
};

/* ---- certificates ---- */

struct recipe {
	const char	*cn;
	const char	*san;		/* "DNS:mx.example"; NULL: none */
	long		 from;		/* seconds from now */
	long		 until;
	bool		 is_ca;
};

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Signed by issuer, or by itself. */
static struct entity
make_entity(const struct recipe *r, const struct entity *issuer)
{
	static long serial = 1;
	struct entity e = { .x = X509_new(), .key = EVP_EC_gen("P-256") };
	const struct entity *by = issuer != NULL ? issuer : &e;

	X509_set_version(e.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(e.x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(e.x), r->from);
	X509_gmtime_adj(X509_getm_notAfter(e.x), r->until);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(e.x), "CN",
	    MBSTRING_UTF8, (const unsigned char *)r->cn, -1, -1, 0);
	X509_set_issuer_name(e.x, X509_get_subject_name(by->x));
	X509_set_pubkey(e.x, e.key);
	add_extension(e.x, NID_basic_constraints, r->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (r->san != NULL)
		add_extension(e.x, NID_subject_alt_name, r->san);
	assert_true(X509_sign(e.x, by->key, EVP_sha256()) > 0);
	return e;
}

static void
free_entity(struct entity *e)
{
	X509_free(e->x);
	EVP_PKEY_free(e->key);
	*e = (struct entity){ NULL, NULL };
}

static void
show(struct fixture *f, const struct recipe *r, const struct entity *issuer)
{
	free_entity(&f->shown);
	f->shown = make_entity(r, issuer);
}

static void
put_pem(struct buf *b, X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_X509(out, x);
	n = BIO_get_mem_data(out, &p);
	buf_put(b, p, (size_t)n);
	BIO_free(out);
}

static void
trust(struct tls_client_ctx *ctx, X509 *x)
{
	struct buf pem;
	unsigned n;

	buf_init(&pem, 100000);
	put_pem(&pem, x);
	assert_int_equal(tls_client_ctx_add_ca(ctx, buf_slice(&pem), &n), ERR_OK);
	assert_int_equal(n, 1);
	buf_fini(&pem);
}

static int
setup(void **state)
{
	static const struct recipe ca = { "Test CA", NULL, -DAY, DAY, true };
	static const struct recipe leaf = { "x", "DNS:mx.example", -DAY, DAY, false };
	static const struct recipe own = { "own", "DNS:mx.example", -DAY, DAY, false };
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	f->ctx = tls_client_ctx_new(f->loop, MAX_HANDSHAKES);
	f->ca = make_entity(&ca, NULL);
	f->leaf = make_entity(&leaf, &f->ca);
	f->own = make_entity(&own, NULL);
	f->chain = sk_X509_new_null();
	f->max_version = TLS1_3_VERSION;
	trust(f->ctx, f->ca.x);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->ctx != NULL)
		assert_int_equal(tls_client_ctx_handshakes(f->ctx), 0);
	tls_client_ctx_free(&f->ctx);
	free_entity(&f->ca);
	free_entity(&f->leaf);
	free_entity(&f->own);
	free_entity(&f->shown);
	sk_X509_pop_free(f->chain, X509_free);
	loop_free(&f->loop);
	free(f);
	return 0;
}

/* ---- the session ---- */

static size_t
on_data(void *arg, struct slice s)
{
	struct side *t = arg;

	if (t->starttls) {
		t->starttls = false;
		assert_true(slice_starts(s, "220 go\r\n"));
		assert_int_equal(conn_start_tls_client(t->conn, t->f->ctx, &t->demand), ERR_OK);
		return 8;
	}
	buf_put_slice(&t->got, s);
	return s.n;
}

static void
on_tls(void *arg, enum err e)
{
	struct side *t = arg;

	t->tls_result = e;
	t->tls_calls++;
	t->peer = *conn_tls_peer(t->conn);
	assert_int_equal(conn_tls(t->conn) != NULL, e == ERR_OK);
	strncat(t->reason, conn_tls_reason(t->conn), sizeof(t->reason) - 1);
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
	.in_max = 65536, .out_low = 1000, .out_high = 100000, .out_max = 1 << 20,
};

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* What can happen without waiting. */
static void
turn(struct loop *l)
{
	struct timer t;
	int i;

	timer_init(&t, l, stop, l);
	for (i = 0; i < 2; i++) {
		timer_set(&t, loop_now(l));
		loop_run(l);
	}
	timer_stop(&t);
}

static SSL_CTX *
make_server(struct fixture *f)
{
	const struct entity *e = f->shown.x != NULL ? &f->shown : &f->leaf;
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	int i;

	SSL_CTX_set_security_level(c, 0);
	SSL_CTX_set_min_proto_version(c, 0);
	SSL_CTX_set_max_proto_version(c, f->max_version);
	SSL_CTX_set_max_cert_list(c, 1 << 20);
	assert_int_equal(SSL_CTX_use_certificate(c, e->x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(c, e->key), 1);
	for (i = 0; i < sk_X509_num(f->chain); i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(c, sk_X509_value(f->chain, i)), 1);
	SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);
	if (f->asks_client)
		SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	return c;
}

static void
open_side(struct side *t, struct fixture *f, enum tls_mode mode)
{
	static const struct conn_addr nobody;
	static const struct slice mx[] = { { "mx.example", 10 } };
	int fds[2];

	memset(t, 0, sizeof(*t));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	t->f = f;
	t->fd = fds[1];
	t->may_send = NO_LIMIT;
	t->demand = (struct tls_demand){
		.mode = mode, .sni = SLICE_LIT("mx.example"),
		.names = mx, .name_count = 1,
	};
	buf_init(&t->got, 1 << 20);
	buf_init(&t->wire, 1 << 20);
	t->conn = conn_new(f->loop, fds[0], &nobody, &ops, t, &limits, NULL);
	t->server_ctx = make_server(f);
	t->server = SSL_new(t->server_ctx);
	SSL_set_bio(t->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(t->server);
}

static void
hang_up(struct side *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void
close_side(struct side *t)
{
	SSL_free(t->server);
	SSL_CTX_free(t->server_ctx);
	ERR_clear_error();
	hang_up(t);
	if (t->conn != NULL)
		conn_abort(t->conn, "test");
	turn(t->f->loop);
	assert_non_null(t->closed);
	buf_fini(&t->got);
	buf_fini(&t->wire);
}

static enum err
start(struct side *t)
{
	return conn_start_tls_client(t->conn, t->f->ctx, &t->demand);
}

/* The server's bytes to the client, as far as they may go. */
static void
deliver(struct side *t)
{
	size_t n;

	while (t->fd >= 0 && t->wire.n > 0 && t->sent < t->may_send) {
		n = t->one_by_one ? 1 : t->wire.n;
		if (n > t->may_send - t->sent)
			n = t->may_send - t->sent;
		n = (size_t)send(t->fd, buf_data(&t->wire), n, MSG_NOSIGNAL);
		if (n == SIZE_MAX) {
			buf_reset(&t->wire);
			return;
		}
		buf_consume(&t->wire, n);
		t->sent += n;
		if (t->one_by_one)
			turn(t->f->loop);
	}
}

static void
pump(struct side *t)
{
	char b[65536];
	ssize_t n;
	int k;

	turn(t->f->loop);
	while (t->fd >= 0 && (n = recv(t->fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		BIO_write(SSL_get_rbio(t->server), b, (int)n);
	if (!SSL_is_init_finished(t->server))
		(void)SSL_do_handshake(t->server);
	ERR_clear_error();
	while ((k = BIO_read(SSL_get_wbio(t->server), b, sizeof(b))) > 0)
		buf_put(&t->wire, b, (size_t)k);
	deliver(t);
	turn(t->f->loop);
}

/* true: both ends say that it went well */
static bool
shake(struct side *t)
{
	int i;

	for (i = 0; i < 12 && t->closed == NULL; i++) {
		pump(t);
		if (t->tls_calls == 1 && SSL_is_init_finished(t->server))
			break;
	}
	assert_in_range(t->tls_calls, 0, 1);
	return t->tls_calls == 1 && t->tls_result == ERR_OK &&
	    SSL_is_init_finished(t->server);
}

static void
echoes(struct side *t)
{
	char b[16] = "";
	size_t before = t->got.n;

	conn_write_str(t->conn, "EHLO\r\n");
	pump(t);
	assert_int_equal(SSL_read(t->server, b, sizeof(b)), 6);
	assert_memory_equal(b, "EHLO\r\n", 6);
	assert_int_equal(SSL_write(t->server, "250 ok\r\n", 8), 8);
	pump(t);
	assert_int_equal(t->got.n, before + 8);
}

static void
expect_refused(struct side *t, enum tls_failure failure, const char *reason)
{
	assert_false(shake(t));
	assert_int_equal(t->tls_calls, 1);
	assert_int_not_equal(t->tls_result, ERR_OK);
	if (reason != NULL)
		assert_string_equal(t->reason, reason);
	assert_string_equal(t->peer.reason, t->reason);
	assert_string_equal(tls_failure_text(t->peer.failure), tls_failure_text(failure));
	assert_string_equal(t->closed, "tls");
}

/* A connection under that demand, to the end; says how it went. */
static struct tls_peer
refused(struct fixture *f, const struct tls_demand *d, enum tls_failure failure,
    const char *reason)
{
	struct side t;

	open_side(&t, f, d->mode);
	t.demand = *d;
	assert_int_equal(start(&t), ERR_OK);
	expect_refused(&t, failure, reason);
	close_side(&t);
	return t.peer;
}

static struct tls_peer
accepted(struct fixture *f, const struct tls_demand *d)
{
	struct side t;

	open_side(&t, f, d->mode);
	t.demand = *d;
	assert_int_equal(start(&t), ERR_OK);
	assert_true(shake(&t));
	assert_string_equal(conn_tls_reason(t.conn), "");
	echoes(&t);
	close_side(&t);
	return t.peer;
}

static enum err
not_started(struct fixture *f, const struct tls_demand *d)
{
	struct side t;
	enum err e;

	open_side(&t, f, d->mode);
	t.demand = *d;
	e = start(&t);
	assert_int_not_equal(e, ERR_OK);
	/* The connection is as it was. */
	conn_write_str(t.conn, "NOOP\r\n");
	turn(f->loop);
	assert_int_equal(recv(t.fd, (char [8]){ 0 }, 8, MSG_DONTWAIT), 6);
	close_side(&t);
	return e;
}

static struct tls_demand
demand_names(enum tls_mode mode, const struct slice *names, size_t n)
{
	return (struct tls_demand){ .mode = mode, .names = names, .name_count = n };
}

/* ---- chains and names ---- */

static void
chain_ok(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct fixture *f = *state;
	struct side t;
	size_t i;

	for (i = 0; i < lengthof(versions); i++) {
		f->max_version = versions[i];
		open_side(&t, f, TLS_CHAIN);
		assert_null(conn_tls_peer(t.conn));
		assert_int_equal(start(&t), ERR_OK);
		assert_int_equal(start(&t), ERR_STATE);
		assert_true(shake(&t));
		assert_string_equal(conn_tls(t.conn)->version, i == 0 ? "TLSv1.2" : "TLSv1.3");
		assert_true(conn_tls(t.conn)->bits >= 128);
		assert_false(conn_tls(t.conn)->is_resumed);
		assert_string_equal(conn_tls(t.conn)->sni, "mx.example");
		assert_string_equal(SSL_get_servername(t.server, TLSEXT_NAMETYPE_host_name),
		    "mx.example");
		assert_int_equal(t.peer.trust, TLS_VERIFIED);
		assert_string_equal(tls_trust_text(t.peer.trust), "Verified");
		assert_int_equal(t.peer.failure, TLS_FAILURE_NONE);
		assert_string_equal(t.peer.reason, "");
		assert_string_equal(t.peer.name, "mx.example");
		assert_string_equal(t.peer.issuer, "Test CA");
		echoes(&t);
		echoes(&t);
		assert_int_equal(start(&t), ERR_STATE);
		close_side(&t);
	}
}

static void
names(void **state)
{
	static const struct {
		const char	*san;
		const char	*want;
		bool		 ok;
	} cases[] = {
		{ "DNS:mx.example", "MX.Example", true },
		{ "DNS:other.example,DNS:mx.example", "mx.example", true },
		{ "DNS:other.example", "mx.example", false },
		{ "DNS:*.example.com", "mx.example.com", true },
		{ "DNS:*.example.com", "a.mx.example.com", false },
		{ "DNS:*.example.com", "example.com", false },
		{ "DNS:m*.example.com", "mx.example.com", false },
		{ "DNS:*", "example", false },
		{ "DNS:mx.example.com", ".example.com", true },
		{ "DNS:a.mx.example.com", ".example.com", true },
		{ "DNS:*.example.com", ".example.com", true },
		{ "DNS:example.com", ".example.com", false },
		{ "DNS:notexample.com", ".example.com", false },
		{ "email:mx.example@x", "mx.example", false },
		{ NULL, "mx.example", false },	/* RFC 9525: no common name */
	};
	struct fixture *f = *state;
	struct tls_peer p;
	size_t i;

	for (i = 0; i < lengthof(cases); i++) {
		const struct recipe r = { "mx.example", cases[i].san, -DAY, DAY, false };
		const struct slice want[] = { SLICE_LIT("first.test"), slice_str(cases[i].want) };
		struct tls_demand d = demand_names(TLS_CHAIN, want, 2);

		show(f, &r, &f->ca);
		if (cases[i].ok) {
			assert_int_equal(accepted(f, &d).trust, TLS_VERIFIED);
			continue;
		}
		p = refused(f, &d, TLS_FAILURE_HOST_MISMATCH, "hostname mismatch");
		assert_int_equal(p.trust, TLS_TRUSTED);
		d.is_advisory = true;
		p = accepted(f, &d);
		assert_int_equal(p.failure, TLS_FAILURE_HOST_MISMATCH);
		assert_int_equal(p.trust, TLS_TRUSTED);
	}
}

static void
dates(void **state)
{
	static const struct recipe past = { "x", "DNS:mx.example", -2 * DAY, -DAY, false };
	static const struct recipe future = { "x", "DNS:mx.example", DAY, 2 * DAY, false };
	static const struct slice mx[] = { { "mx.example", 10 }, { "no.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct fixture *f = *state;
	struct tls_peer p;

	show(f, &past, &f->ca);
	p = refused(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	/* With a wrong name as well: the worse one is told. */
	d.names++;
	p = refused(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
	show(f, &future, &f->ca);
	refused(f, &d, TLS_FAILURE_VALIDATION, "certificate is not yet valid");
}

static void
unknown_ca(void **state)
{
	static const struct recipe r = { "x", "DNS:mx.example", -DAY, DAY, false };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;
	struct tls_peer p;

	show(f, &r, &f->own);
	refused(f, &d, TLS_FAILURE_NOT_TRUSTED, NULL);
	show(f, &r, NULL);
	refused(f, &d, TLS_FAILURE_NOT_TRUSTED, "self-signed certificate");
	d.is_advisory = true;
	p = accepted(f, &d);
	assert_int_equal(p.failure, TLS_FAILURE_NOT_TRUSTED);
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	/* Against listeners only; what it is worth is told. */
	p = accepted(f, &any);
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	assert_string_equal(tls_trust_text(p.trust), "Untrusted");
	assert_int_equal(p.failure, TLS_FAILURE_NOT_TRUSTED);
	assert_string_equal(p.reason, "self-signed certificate");
	assert_string_equal(p.name, "mx.example");
	free_entity(&f->shown);
	p = accepted(f, &any);
	assert_int_equal(p.trust, TLS_TRUSTED);
	assert_string_equal(tls_trust_text(p.trust), "Trusted");
	assert_int_equal(p.failure, TLS_FAILURE_NONE);
}

static void
strange_names(void **state)
{
	const struct recipe r = { "a\nb\x1b[2J\xc3\xa4 c", NULL, -DAY, DAY, true };
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;
	struct tls_peer p;

	show(f, &r, NULL);
	p = accepted(f, &any);
	assert_string_equal(p.name, "a?b?[2J?? c");
	assert_string_equal(p.issuer, "a?b?[2J?? c");
}

/* ---- DANE: RFC 7672 s3.1 ---- */

struct record {
	struct tls_tlsa	 r;
	unsigned char	 data[2048];
};

static const struct tls_tlsa *
make_record(struct record *o, uint8_t usage, uint8_t selector, uint8_t matching, X509 *x)
{
	unsigned char der[2048], *p = der;
	int n = selector == 0 ? i2d_X509(x, &p) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &p);
	unsigned m = (unsigned)n;

	assert_in_range(n, 1, sizeof(der));
	if (matching == 0)
		memcpy(o->data, der, m);
	else
		EVP_Digest(der, m, o->data, &m, matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
	o->r = (struct tls_tlsa){ usage, selector, matching, slice_of(o->data, m) };
	return &o->r;
}

static void
dane_ee(void **state)
{
	/* Neither date nor name nor issuer count: RFC 7672 s3.1.1. */
	static const struct recipe r = { "x", "DNS:wrong.example", -2 * DAY, -DAY, false };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_DANE, mx, 1);
	struct fixture *f = *state;
	struct record o;
	struct tls_peer p;
	uint8_t i;

	show(f, &r, NULL);
	d.tlsa_count = 1;
	for (i = 0; i < 6; i++) {
		d.tlsa = make_record(&o, 3, i / 3, i % 3, f->shown.x);
		assert_true(tls_tlsa_is_usable(d.tlsa));
		d.name_count = i & 1;
		p = accepted(f, &d);
		assert_int_equal(p.trust, TLS_VERIFIED);
		assert_int_equal(p.failure, TLS_FAILURE_NONE);
		d.tlsa = make_record(&o, 3, i / 3, i % 3, f->own.x);
		p = refused(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
		assert_int_equal(p.trust, TLS_UNTRUSTED);
	}
	d.is_advisory = true;
	p = accepted(f, &d);
	assert_int_equal(p.failure, TLS_FAILURE_VALIDATION);
	/* A chain that a CA of ours vouches for does not help. */
	d.is_advisory = false;
	free_entity(&f->shown);
	refused(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
}

static void
dane_ta(void **state)
{
	static const struct recipe ca = { "Other CA", NULL, -DAY, DAY, true };
	static const struct recipe good = { "x", "DNS:mx.example", -DAY, DAY, false };
	static const struct recipe by_cn = { "mx.example", NULL, -DAY, DAY, false };
	static const struct recipe wrong = { "x", "DNS:wrong.example", -DAY, DAY, false };
	static const struct recipe old = { "x", "DNS:mx.example", -2 * DAY, -DAY, false };
	static const struct slice mx[] = { { "next.example", 12 }, { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_DANE, mx, 2);
	struct fixture *f = *state;
	struct entity other = make_entity(&ca, NULL);	/* not in our store */
	struct record o;
	uint8_t i;

	d.tlsa_count = 1;
	X509_up_ref(other.x);
	sk_X509_push(f->chain, other.x);
	for (i = 0; i < 6; i++) {
		show(f, &good, &other);
		d.tlsa = make_record(&o, 2, i / 3, i % 3, other.x);
		assert_int_equal(accepted(f, &d).trust, TLS_VERIFIED);
		show(f, &wrong, &other);
		refused(f, &d, TLS_FAILURE_HOST_MISMATCH, "hostname mismatch");
		show(f, &old, &other);
		refused(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
		show(f, &good, &f->ca);
		refused(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
	}
	show(f, &by_cn, &other);
	assert_int_equal(accepted(f, &d).trust, TLS_VERIFIED);
	/* Without a name it would be good for each of the CA's customers. */
	d.name_count = 0;
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	/* The anchor is in the record, not in the chain. */
	d.name_count = 2;
	show(f, &good, &other);
	X509_free(sk_X509_pop(f->chain));
	d.tlsa = make_record(&o, 2, 0, 0, other.x);
	accepted(f, &d);
	d.tlsa = make_record(&o, 2, 0, 1, other.x);
	refused(f, &d, TLS_FAILURE_VALIDATION, NULL);
	free_entity(&other);
}

static void
dane_unusable(void **state)
{
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_DANE, mx, 1);
	struct fixture *f = *state;
	struct tls_tlsa many[TLS_TLSA_MAX + 1], bad;
	struct record o;
	size_t i;

	d.tlsa_count = 1;
	d.tlsa = &bad;
	bad = *make_record(&o, 0, 0, 1, f->leaf.x);
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	bad.usage = 1;
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	bad.usage = 4;
	assert_false(tls_tlsa_is_usable(&bad));
	bad.usage = 3;
	assert_true(tls_tlsa_is_usable(&bad));
	bad.selector = 2;
	assert_false(tls_tlsa_is_usable(&bad));
	bad.selector = 0;
	bad.matching = 3;
	assert_false(tls_tlsa_is_usable(&bad));
	bad.matching = 2;		/* 32 bytes */
	assert_false(tls_tlsa_is_usable(&bad));
	bad.matching = 1;
	bad.data.n--;
	assert_false(tls_tlsa_is_usable(&bad));
	bad.data = SLICE_NONE;
	for (i = 0; i < 6; i++) {
		bad.selector = (uint8_t)(i / 3);
		bad.matching = (uint8_t)(i % 3);
		assert_false(tls_tlsa_is_usable(&bad));
		assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	}
	for (i = 0; i < 2; i++) {	/* one byte too many, one missing */
		bad = *make_record(&o, 3, (uint8_t)i, 0, f->leaf.x);
		bad.data.n++;
		assert_false(tls_tlsa_is_usable(&bad));
		bad.data.n -= 2;
		assert_false(tls_tlsa_is_usable(&bad));
	}
	/* Among others it does no harm; behind the limit it is not seen. */
	for (i = 0; i <= TLS_TLSA_MAX; i++)
		many[i] = bad;
	d.tlsa = many;
	d.tlsa_count = TLS_TLSA_MAX + 1;
	many[TLS_TLSA_MAX] = *make_record(&o, 3, 1, 1, f->leaf.x);
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	many[TLS_TLSA_MAX - 1] = o.r;
	accepted(f, &d);
	d.tlsa_count = 0;
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
}

static void
fingerprints(void **state)
{
	static const struct recipe r = { "x", NULL, -2 * DAY, -DAY, false };
	uint8_t list[TLS_FINGERPRINTS_MAX + 1][TLS_FINGERPRINT_BYTES] = { { 1 }, { 2 } };
	struct tls_demand d = { .mode = TLS_FINGERPRINT, .fingerprints = list };
	struct fixture *f = *state;
	struct tls_peer p;
	struct record o;

	show(f, &r, NULL);
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	d.fingerprint_count = TLS_FINGERPRINTS_MAX + 1;
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	d.fingerprint_count = TLS_FINGERPRINTS_MAX;
	p = refused(f, &d, TLS_FAILURE_NOT_TRUSTED, "no fingerprint matches");
	make_record(&o, 3, 0, 1, f->shown.x);
	assert_true(p.has_digests);
	assert_memory_equal(p.cert_sha256, o.data, 32);
	memcpy(list[TLS_FINGERPRINTS_MAX - 1], o.data, 32);
	assert_int_equal(accepted(f, &d).trust, TLS_VERIFIED);
	make_record(&o, 3, 1, 1, f->shown.x);
	assert_memory_equal(p.key_sha256, o.data, 32);
	memcpy(list[TLS_FINGERPRINTS_MAX - 1], o.data, 32);
	assert_int_equal(accepted(f, &d).trust, TLS_VERIFIED);
	list[TLS_FINGERPRINTS_MAX - 1][31] ^= 1;
	refused(f, &d, TLS_FAILURE_NOT_TRUSTED, "no fingerprint matches");
}

/* ---- limits ---- */

static void
bad_demands(void **state)
{
	static char longest[TLS_SNI_MAX + 1];
	struct slice many[TLS_NAMES_MAX + 1];
	struct tls_demand d = demand_names(TLS_CHAIN, many, 0);
	struct fixture *f = *state;
	size_t i;

	memset(longest, 'a', sizeof(longest));
	assert_int_equal(not_started(f, &d), ERR_UNSUPPORTED);
	for (i = 0; i <= TLS_NAMES_MAX; i++)
		many[i] = SLICE_LIT("mx.example");
	d.name_count = TLS_NAMES_MAX + 1;
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	d.name_count = TLS_NAMES_MAX;
	accepted(f, &d);
	d.name_count = 1;
	many[0] = SLICE_LIT("");
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT(".");
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example\0.test");
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example\0");	/* OpenSSL would let it pass */
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	many[0] = slice_of(longest, TLS_SNI_MAX + 1);
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example");
	d.sni = slice_of(longest, TLS_SNI_MAX + 1);
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	d.sni = SLICE_LIT("mx\0x");
	assert_int_equal(not_started(f, &d), ERR_SYNTAX);
	d.sni = slice_of(longest, TLS_SNI_MAX);
	accepted(f, &d);
}

static void
handshake_limit(void **state)
{
	struct fixture *f = *state;
	struct side t[MAX_HANDSHAKES + 1];
	unsigned i;

	for (i = 0; i <= MAX_HANDSHAKES; i++) {
		open_side(&t[i], f, TLS_CHAIN);
		assert_int_equal(start(&t[i]), i < MAX_HANDSHAKES ? ERR_OK : ERR_BUSY);
	}
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), MAX_HANDSHAKES);
	conn_abort(t[0].conn, "x");
	assert_int_equal(start(&t[MAX_HANDSHAKES]), ERR_OK);
	assert_true(shake(&t[1]));
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), MAX_HANDSHAKES - 1);
	for (i = 0; i <= MAX_HANDSHAKES; i++)
		close_side(&t[i]);
}

/* Certificates nobody needs, until the message is just too big. */
static void
huge_chain(void **state)
{
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;
	size_t one = (size_t)i2d_X509(f->own.x, NULL) + 3 + 2;	/* length, no extensions */
	size_t n = 4 + (size_t)i2d_X509(f->leaf.x, NULL) + 5;

	while (n + one <= TLS_CLIENT_CHAIN_BYTES_MAX) {
		X509_up_ref(f->own.x);
		sk_X509_push(f->chain, f->own.x);
		n += one;
	}
	assert_int_equal(accepted(f, &any).trust, TLS_TRUSTED);
	X509_up_ref(f->own.x);
	sk_X509_push(f->chain, f->own.x);
	refused(f, &any, TLS_FAILURE_VALIDATION, "excessive message size");
	f->max_version = TLS1_2_VERSION;	/* a bit less around each */
	X509_up_ref(f->own.x);
	sk_X509_push(f->chain, f->own.x);
	refused(f, &any, TLS_FAILURE_VALIDATION, "excessive message size");
}

static void
deep_chain(void **state)
{
	static const struct recipe leaf = { "x", "DNS:mx.example", -DAY, DAY, false };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct fixture *f = *state;
	struct entity by = f->ca, next;
	char cn[32];
	int i;

	for (i = 1; i <= TLS_CLIENT_DEPTH_MAX + 1; i++) {
		const struct recipe r = { cn, NULL, -DAY, DAY, true };

		snprintf(cn, sizeof(cn), "CA %d", i);
		next = make_entity(&r, &by);
		if (i > 1)
			free_entity(&by);
		by = next;
		X509_up_ref(by.x);
		sk_X509_push(f->chain, by.x);
		show(f, &leaf, &by);
		if (i <= TLS_CLIENT_DEPTH_MAX)
			accepted(f, &d);
		else
			refused(f, &d, TLS_FAILURE_NOT_TRUSTED, "certificate chain too long");
	}
	free_entity(&by);
}

static void
versions(void **state)
{
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;

	f->max_version = TLS1_1_VERSION;
	refused(f, &any, TLS_FAILURE_VALIDATION, NULL);
	f->max_version = TLS1_2_VERSION;
	accepted(f, &any);
	any.min = TLS_MIN_1_3;
	refused(f, &any, TLS_FAILURE_VALIDATION, NULL);
	f->max_version = TLS1_3_VERSION;
	accepted(f, &any);
}

/* ---- hostile servers ---- */

static void
garbage(void **state)
{
	static const struct {
		const char	*text;
		size_t		 n;
	} lines[] = {
		{ "220 hello\r\n", 11 },
		{ "\x16\x03\x03\x00\x04\x02\xff\xff\xff", 9 },	/* 16 MiB ServerHello */
		{ "\x16\x03\x03\xff\xff", 5 },			/* record too long */
		{ "\x17\x03\x03\x00\x01x", 6 },			/* data first */
		{ "\x15\x03\x03\x00\x02\x02\x28", 7 },		/* alert */
		{ "\x14\x03\x03\x00\x01\x01", 6 },
		{ "\x16\x03\x03\x00\x00", 5 },			/* empty */
		{ "\0\0\0\0\0\0\0\0\0\0\0\0", 12 },
		{ "\x80\x2e\x01\x00\x02", 5 },			/* SSL 2 */
	};
	struct fixture *f = *state;
	struct side t;
	size_t i;

	for (i = 0; i < lengthof(lines); i++) {
		open_side(&t, f, TLS_OPPORTUNISTIC);
		assert_int_equal(start(&t), ERR_OK);
		turn(f->loop);
		assert_int_equal(send(t.fd, lines[i].text, lines[i].n, 0), lines[i].n);
		turn(f->loop);
		hang_up(&t);
		turn(f->loop);
		turn(f->loop);
		assert_int_equal(t.tls_calls, 1);
		assert_int_not_equal(t.tls_result, ERR_OK);
		assert_int_equal(t.peer.trust, TLS_ANONYMOUS);
		assert_int_equal(t.peer.failure, TLS_FAILURE_VALIDATION);
		assert_string_not_equal(t.reason, "");
		assert_non_null(t.closed);
		close_side(&t);
	}
}

/*
 * What a server sends, turned over here and there: an error, or nothing where
 * the byte means nothing, as in a record's version.
 */
static void
flipped_bytes(void **state)
{
	struct fixture *f = *state;
	struct side t;
	size_t at, total = 1;
	unsigned v;

	for (v = 0; v < 2; v++) {
		f->max_version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
		for (at = 0; at < total; at += 7) {
			open_side(&t, f, TLS_CHAIN);
			assert_int_equal(start(&t), ERR_OK);
			t.may_send = 0;
			pump(&t);
			total = t.wire.n;
			assert_true(total > 500);
			buf_data(&t.wire)[at] ^= 0x55;
			t.may_send = NO_LIMIT;
			if (shake(&t))
				echoes(&t);
			else
				assert_true(t.tls_calls == 0 || t.tls_result != ERR_OK);
			close_side(&t);
		}
	}
}

static void
byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct side t;
	unsigned v;

	for (v = 0; v < 2; v++) {
		f->max_version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
		open_side(&t, f, TLS_CHAIN);
		t.one_by_one = true;
		assert_int_equal(start(&t), ERR_OK);
		assert_true(shake(&t));
		echoes(&t);
		close_side(&t);
	}
}

/* How much a server sends until the client is content. */
static size_t
handshake_bytes(struct fixture *f)
{
	struct side t;
	size_t n;

	open_side(&t, f, TLS_CHAIN);
	t.one_by_one = true;
	assert_int_equal(start(&t), ERR_OK);
	pump(&t);
	while (t.tls_calls == 0)
		pump(&t);
	n = t.sent;
	close_side(&t);
	return n;
}

/* The server goes, or stands still, after each byte. */
static void
ends_at_each_byte(void **state)
{
	struct fixture *f = *state;
	struct side t;
	size_t n, total;
	unsigned v;
	int i;

	for (v = 0; v < 2; v++) {
		f->max_version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
		total = handshake_bytes(f);
		for (n = 0; n < total; n += n < 20 || n + 120 > total ? 1 : 5) {
			open_side(&t, f, TLS_CHAIN);
			t.may_send = n;
			assert_int_equal(start(&t), ERR_OK);
			for (i = 0; i < 3; i++)
				pump(&t);
			if (t.tls_calls == 0) {
				hang_up(&t);
				turn(f->loop);
				turn(f->loop);
			}
			assert_int_equal(t.tls_calls, 1);
			/* Signatures differ in length by some bytes. */
			if (n + 8 < total || t.tls_result != ERR_OK) {
				assert_int_equal(t.sent, n);
				assert_int_equal(t.tls_result, ERR_END);
				assert_string_equal(t.reason, "server went away");
				assert_int_equal(t.peer.failure, TLS_FAILURE_VALIDATION);
			}
			close_side(&t);
		}
	}
}

static void
stalls(void **state)
{
	struct fixture *f = *state;
	struct side t;
	size_t n, total;
	unsigned v;
	int i;

	for (v = 0; v < 2; v++) {
		f->max_version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
		total = handshake_bytes(f);
		for (n = 0; n < total; n += total / 9) {
			open_side(&t, f, TLS_CHAIN);
			t.may_send = n;
			conn_set_deadline(t.conn, loop_now(f->loop) + 1);
			if ((n & 1) != 0)
				t.demand.deadline_ms = loop_now(f->loop) + 5000;
			assert_int_equal(start(&t), ERR_OK);
			for (i = 0; i < 3; i++)
				pump(&t);
			loop_advance(f->loop, (n & 1) != 0 ? 4000 : CONN_HANDSHAKE_MS - 1000);
			turn(f->loop);
			assert_int_equal(t.tls_calls, 0);
			loop_advance(f->loop, 1000);
			turn(f->loop);
			assert_int_equal(t.tls_calls, 1);
			assert_int_equal(t.tls_result, ERR_TIMEOUT);
			assert_string_equal(t.reason, "handshake timed out");
			assert_string_equal(t.closed, "timeout");
			close_side(&t);
		}
	}
}

/* A flight of endless post-handshake messages, and a wish to renegotiate. */
static void
after_the_handshake(void **state)
{
	struct fixture *f = *state;
	struct side t;
	char b[8];
	int i;

	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(start(&t), ERR_OK);
	assert_true(shake(&t));
	for (i = 0; i < 200; i++) {
		SSL_key_update(t.server, SSL_KEY_UPDATE_REQUESTED);
		(void)SSL_do_handshake(t.server);
		(void)SSL_read(t.server, b, sizeof(b));
		pump(&t);
	}
	echoes(&t);
	close_side(&t);
	f->max_version = TLS1_2_VERSION;
	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(start(&t), ERR_OK);
	assert_true(shake(&t));
	assert_int_equal(SSL_renegotiate(t.server), 1);
	(void)SSL_do_handshake(t.server);
	for (i = 0; i < 4; i++)
		pump(&t);
	(void)SSL_read(t.server, b, sizeof(b));
	/* Refused: no new ClientHello came. */
	assert_true(t.closed != NULL || SSL_renegotiate_pending(t.server) == 1);
	close_side(&t);
}

static void
client_certificate_wanted(void **state)
{
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct fixture *f = *state;

	f->asks_client = true;
	accepted(f, &d);
	f->max_version = TLS1_2_VERSION;
	accepted(f, &d);
}

/* ---- STARTTLS and the end ---- */

static void
starttls(void **state)
{
	struct fixture *f = *state;
	struct side t;
	char b[16];

	open_side(&t, f, TLS_CHAIN);
	t.starttls = true;
	conn_write_str(t.conn, "STARTTLS\r\n");
	turn(f->loop);
	assert_int_equal(recv(t.fd, b, sizeof(b), MSG_DONTWAIT), 10);
	assert_int_equal(send(t.fd, "220 go\r\n", 8, 0), 8);
	assert_true(shake(&t));
	assert_int_equal(conn_tls_injected(t.conn), 0);
	echoes(&t);
	close_side(&t);
	/* RFC 3207 s4.2: nothing of what came before counts after. */
	open_side(&t, f, TLS_CHAIN);
	t.starttls = true;
	assert_int_equal(send(t.fd, "220 go\r\n250 evil\r\n", 18, 0), 18);
	turn(f->loop);
	assert_int_equal(conn_tls_injected(t.conn), 10);
	assert_true(shake(&t));
	echoes(&t);
	assert_slice(buf_slice(&t.got), "250 ok\r\n");
	close_side(&t);
	/* Closed while it waits to begin. */
	open_side(&t, f, TLS_CHAIN);
	conn_write_str(t.conn, "STARTTLS\r\n");
	assert_int_equal(start(&t), ERR_OK);
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), 1);
	conn_abort(t.conn, "gone");
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), 0);
	close_side(&t);
	open_side(&t, f, TLS_CHAIN);
	conn_write_str(t.conn, "STARTTLS\r\n");
	assert_int_equal(start(&t), ERR_OK);
	conn_close(t.conn, "done");
	turn(f->loop);
	assert_int_equal(recv(t.fd, b, sizeof(b), MSG_DONTWAIT), 10);
	hang_up(&t);
	turn(f->loop);
	assert_string_equal(t.closed, "done");
	close_side(&t);
}

static void
context_goes_first(void **state)
{
	struct fixture *f = *state;
	struct side t;

	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(start(&t), ERR_OK);
	tls_client_ctx_free(&f->ctx);
	tls_client_ctx_free(&f->ctx);
	assert_true(shake(&t));
	echoes(&t);
	/* In order: close_notify, then the end. */
	conn_close(t.conn, "done");
	pump(&t);
	assert_int_equal(SSL_read(t.server, (char [8]){ 0 }, 8), 0);
	assert_int_equal(SSL_get_error(t.server, 0), SSL_ERROR_ZERO_RETURN);
	close_side(&t);
}

/* ---- the CA file ---- */

static void
ca_text(void **state)
{
	struct fixture *f = *state;
	struct tls_client_ctx *c = tls_client_ctx_new(f->loop, 1);
	const struct recipe r = { "Many", NULL, -DAY, DAY, true };
	struct entity e;
	struct buf pem;
	unsigned n, i;

	buf_init(&pem, TLS_CA_BYTES_MAX + 1);
	assert_int_equal(tls_client_ctx_add_ca(c, SLICE_NONE, &n), ERR_SYNTAX);
	assert_int_equal(tls_client_ctx_add_ca(c, SLICE_LIT("# nothing\n"), &n), ERR_SYNTAX);
	assert_int_equal(tls_client_ctx_add_ca(c, SLICE_LIT(
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &n), ERR_SYNTAX);
	/* One of three is broken. */
	put_pem(&pem, f->ca.x);
	buf_put_str(&pem, "\n# text\n-----BEGIN CERTIFICATE-----\nMIIB!\n"
	    "-----END CERTIFICATE-----\n");
	put_pem(&pem, f->own.x);
	assert_int_equal(tls_client_ctx_add_ca(c, buf_slice(&pem), &n), ERR_OK);
	assert_int_equal(n, 2);
	buf_reset(&pem);
	for (i = 0; i < TLS_CA_COUNT_MAX - 1; i++) {
		e = make_entity(&r, NULL);
		put_pem(&pem, e.x);
		free_entity(&e);
	}
	assert_int_equal(tls_client_ctx_add_ca(c, buf_slice(&pem), &n), ERR_LIMIT);
	assert_int_equal(n, TLS_CA_COUNT_MAX - 2);
	assert_non_null(buf_reserve(&pem, TLS_CA_BYTES_MAX + 1 - pem.n));
	buf_commit(&pem, TLS_CA_BYTES_MAX + 1 - pem.n);
	assert_int_equal(tls_client_ctx_add_ca(c, buf_slice(&pem), &n), ERR_TOOBIG);
	buf_fini(&pem);
	tls_client_ctx_free(&c);
}

static void
ca_file(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/godwit-ca-XXXXXX";
	int fd = mkstemp(path);
	struct buf text, pem;

	buf_init(&text, TLS_CA_BYTES_MAX);
	buf_init(&pem, 100000);
	put_pem(&pem, f->ca.x);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf_data(&pem), pem.n), pem.n);
	assert_int_equal(tls_ca_read(&text, path), ERR_OK);
	assert_int_equal(text.n, pem.n);
	assert_memory_equal(buf_data(&text), buf_data(&pem), pem.n);
	buf_reset(&text);
	assert_int_equal(ftruncate(fd, TLS_CA_BYTES_MAX + 1), 0);
	assert_int_equal(tls_ca_read(&text, path), ERR_TOOBIG);
	buf_reset(&text);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(tls_ca_read(&text, path), ERR_NOTFOUND);
	/* The system's, where there is one. */
	if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) == 0)
		assert_int_equal(tls_ca_read(&text, ""), ERR_OK);
	close(fd);
	buf_fini(&text);
	buf_fini(&pem);
}

/* ---- under the filter ---- */

#ifndef GODWIT_SAN
struct child {
	struct loop	*loop;
	struct side	 side;
	struct fixture	 f;
};

static void
child_dialled(void *arg, const struct dial_result *r)
{
	struct child *c = arg;

	if (r->e != ERR_OK)
		_exit(10);
	c->side.conn = conn_new(c->loop, r->fd, &r->addr, &ops, &c->side, &limits, NULL);
	if (start(&c->side) != ERR_OK)
		_exit(11);
	loop_stop(c->loop);
}

/* Exits with 0 when it has read what the server wrote. */
static void
run_child(struct fixture *f, const struct conn_addr *server)
{
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct child c = { .loop = f->loop, .side.f = &c.f };
	struct conn_addr source;
	struct dial_params p = { .addrs = server, .addr_count = 1, .source_v4 = &source };
	int i;

	c.f.ctx = f->ctx;
	c.side.demand = demand_names(TLS_CHAIN, mx, 1);
	buf_init(&c.side.got, 100);
	if (conn_addr_parse(&source, SLICE_LIT("127.0.0.2"), 0) != ERR_OK ||
	    sandbox_seccomp(SANDBOX_IPC | SANDBOX_CONNECT | SANDBOX_MEMFD, false) != ERR_OK)
		_exit(12);
	(void)dial_new(c.loop, &p, child_dialled, &c);
	loop_run(c.loop);
	for (i = 0; i < 100000 && c.side.got.n == 0 && c.side.closed == NULL; i++)
		turn(c.loop);
	_exit(c.side.got.n == 8 && c.side.peer.trust == TLS_VERIFIED ? 0 : 13);
}

/* Dialling, binding and TLS need nothing beyond the list of relay. */
static void
under_seccomp(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t n = sizeof(in);
	struct conn_addr server;
	SSL_CTX *ctx = make_server(f);
	SSL *ssl = SSL_new(ctx);
	int fd, listener = socket(AF_INET, SOCK_STREAM, 0), status;
	pid_t pid;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &n), 0);
	conn_addr_from(&server, (struct sockaddr *)&in);
	pid = fork();
	if (pid == 0)
		run_child(f, &server);
	fd = accept(listener, NULL, NULL);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_accept(ssl), 1);
	assert_int_equal(SSL_write(ssl, "250 ok\r\n", 8), 8);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	close(listener);
}
#endif

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(chain_ok),
		T(names),
		T(dates),
		T(unknown_ca),
		T(strange_names),
		T(dane_ee),
		T(dane_ta),
		T(dane_unusable),
		T(fingerprints),
		T(bad_demands),
		T(handshake_limit),
		T(huge_chain),
		T(deep_chain),
		T(versions),
		T(garbage),
		T(flipped_bytes),
		T(byte_by_byte),
		T(ends_at_each_byte),
		T(stalls),
		T(after_the_handshake),
		T(client_certificate_wanted),
		T(starttls),
		T(context_goes_first),
		T(ca_text),
		T(ca_file),
#ifndef GODWIT_SAN
		T(under_seccomp),
#endif
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests_name("io/tls_client", tests, NULL, NULL);
}
