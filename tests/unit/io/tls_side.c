/* SPDX-License-Identifier: ISC */
#include "tests/unit/io/tls_side.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* ---- certificates ---- */

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
struct entity
make_entity(const struct recipe *r, const struct entity *issuer)
{
	static long serial = 1;
	struct entity e = { .x = X509_new(), .key = r->rsa_bits > 0 ?
	    EVP_RSA_gen(r->rsa_bits) : EVP_EC_gen("P-256") };
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

void
free_entity(struct entity *e)
{
	X509_free(e->x);
	EVP_PKEY_free(e->key);
	*e = (struct entity){ NULL, NULL };
}

void
show_entity(struct fixture *f, const struct recipe *r, const struct entity *issuer)
{
	free_entity(&f->shown);
	f->shown = make_entity(r, issuer);
}

void
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

int
tls_setup(void **state)
{
	static const struct recipe ca = { "Test CA", NULL, -DAY, DAY, true, 0 };
	static const struct recipe leaf = { "x", "DNS:mx.example", -DAY, DAY, false, 0 };
	static const struct recipe own = { "own", "DNS:mx.example", -DAY, DAY, false, 0 };
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

int
tls_teardown(void **state)
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

const struct conn_ops side_ops = {
	.on_data = on_data, .on_tls = on_tls, .on_closed = on_closed,
};
const struct conn_limits side_limits = {
	.in_max = 65536, .out_low = 1000, .out_high = 100000, .out_max = 1 << 20,
};

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* What can happen without waiting. */
void
side_turn(struct loop *l)
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

SSL_CTX *
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

void
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
	t->conn = conn_new(f->loop, fds[0], &nobody, &side_ops, t, &side_limits, NULL);
	t->server_ctx = make_server(f);
	t->server = SSL_new(t->server_ctx);
	SSL_set_bio(t->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(t->server);
}

void
side_hang_up(struct side *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void
close_side(struct side *t)
{
	SSL_free(t->server);
	SSL_CTX_free(t->server_ctx);
	ERR_clear_error();
	side_hang_up(t);
	if (t->conn != NULL)
		conn_abort(t->conn, "test");
	side_turn(t->f->loop);
	assert_non_null(t->closed);
	buf_fini(&t->got);
	buf_fini(&t->wire);
}

enum err
side_start(struct side *t)
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
			side_turn(t->f->loop);
	}
}

void
side_pump(struct side *t)
{
	char b[65536];
	ssize_t n;
	int k;

	side_turn(t->f->loop);
	while (t->fd >= 0 && (n = recv(t->fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		BIO_write(SSL_get_rbio(t->server), b, (int)n);
	if (!SSL_is_init_finished(t->server))
		(void)SSL_do_handshake(t->server);
	ERR_clear_error();
	while ((k = BIO_read(SSL_get_wbio(t->server), b, sizeof(b))) > 0)
		buf_put(&t->wire, b, (size_t)k);
	deliver(t);
	side_turn(t->f->loop);
}

/* true: both ends say that it went well */
bool
side_shake(struct side *t)
{
	int i;

	for (i = 0; i < 12 && t->closed == NULL; i++) {
		side_pump(t);
		if (t->tls_calls == 1 && SSL_is_init_finished(t->server))
			break;
	}
	assert_in_range(t->tls_calls, 0, 1);
	return t->tls_calls == 1 && t->tls_result == ERR_OK &&
	    SSL_is_init_finished(t->server);
}

void
side_echoes(struct side *t)
{
	char b[16] = "";
	size_t before = t->got.n;

	conn_write_str(t->conn, "EHLO\r\n");
	side_pump(t);
	assert_int_equal(SSL_read(t->server, b, sizeof(b)), 6);
	assert_memory_equal(b, "EHLO\r\n", 6);
	assert_int_equal(SSL_write(t->server, "250 ok\r\n", 8), 8);
	side_pump(t);
	assert_int_equal(t->got.n, before + 8);
}

void
side_expect_refused(struct side *t, enum tls_failure failure, const char *reason)
{
	assert_false(side_shake(t));
	assert_int_equal(t->tls_calls, 1);
	assert_int_not_equal(t->tls_result, ERR_OK);
	if (reason != NULL)
		assert_string_equal(t->reason, reason);
	assert_string_equal(t->peer.reason, t->reason);
	assert_string_equal(tls_failure_text(t->peer.failure), tls_failure_text(failure));
	assert_string_equal(t->closed, "tls");
}

/* A connection under that demand, to the end; says how it went. */
struct tls_peer
expect_refusal(struct fixture *f, const struct tls_demand *d, enum tls_failure failure,
    const char *reason)
{
	struct side t;

	open_side(&t, f, d->mode);
	t.demand = *d;
	assert_int_equal(side_start(&t), ERR_OK);
	side_expect_refused(&t, failure, reason);
	close_side(&t);
	return t.peer;
}

struct tls_peer
expect_success(struct fixture *f, const struct tls_demand *d)
{
	struct side t;

	open_side(&t, f, d->mode);
	t.demand = *d;
	assert_int_equal(side_start(&t), ERR_OK);
	assert_true(side_shake(&t));
	assert_string_equal(conn_tls_reason(t.conn), "");
	side_echoes(&t);
	close_side(&t);
	return t.peer;
}

enum err
expect_no_start(struct fixture *f, const struct tls_demand *d)
{
	struct side t;
	enum err e;

	open_side(&t, f, d->mode);
	t.demand = *d;
	e = side_start(&t);
	assert_int_not_equal(e, ERR_OK);
	/* The connection is as it was. */
	conn_write_str(t.conn, "NOOP\r\n");
	side_turn(f->loop);
	assert_int_equal(recv(t.fd, (char [8]){ 0 }, 8, MSG_DONTWAIT), 6);
	close_side(&t);
	return e;
}

struct tls_demand
demand_names(enum tls_mode mode, const struct slice *names, size_t n)
{
	return (struct tls_demand){ .mode = mode, .names = names, .name_count = n };
}
