/* SPDX-License-Identifier: ISC */
/*
 * What a client demands of a server's certificate, and what it says of it.
 */
#include "tests/unit/io/tls_side.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/io/dial.h"
#include "lib/sys/sandbox_seccomp.h"
#include "tests/unit/test.h"

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
		assert_int_equal(side_start(&t), ERR_OK);
		assert_int_equal(side_start(&t), ERR_STATE);
		assert_true(side_shake(&t));
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
		side_echoes(&t);
		side_echoes(&t);
		assert_int_equal(side_start(&t), ERR_STATE);
		close_side(&t);
	}
}

/* The client's end tells the same bytes as the server's. */
static void
binding(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct fixture *f = *state;
	unsigned char want[EVP_MAX_MD_SIZE];
	struct tls_binding b;
	struct side t;
	unsigned n = 0;

	for (size_t i = 0; i < lengthof(versions); i++) {
		f->max_version = versions[i];
		open_side(&t, f, TLS_CHAIN);
		assert_int_equal(side_start(&t), ERR_OK);
		assert_true(side_shake(&t));
		assert_int_equal(SSL_export_keying_material(t.server, want, 32,
		    "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1), 1);
		assert_int_equal(conn_tls_binding(t.conn, TLS_BINDING_EXPORTER, &b), ERR_OK);
		assert_int_equal(b.n, 32);
		assert_memory_equal(b.bytes, want, 32);
		assert_int_equal(X509_digest(f->leaf.x, EVP_sha256(), want, &n), 1);
		assert_int_equal(conn_tls_binding(t.conn, TLS_BINDING_END_POINT, &b), ERR_OK);
		assert_int_equal(b.n, n);
		assert_memory_equal(b.bytes, want, n);
		assert_int_equal(conn_tls_binding_usual(t.conn, &b), ERR_OK);
		assert_string_equal(b.type, i == 0 ? "tls-server-end-point" : "tls-exporter");
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
		const struct recipe r = { "mx.example", cases[i].san, -DAY, DAY, false, 0 };
		const struct slice want[] = { SLICE_LIT("first.test"), slice_str(cases[i].want) };
		struct tls_demand d = demand_names(TLS_CHAIN, want, 2);

		show_entity(f, &r, &f->ca);
		if (cases[i].ok) {
			assert_int_equal(expect_success(f, &d).trust, TLS_VERIFIED);
			continue;
		}
		p = expect_refusal(f, &d, TLS_FAILURE_HOST_MISMATCH, "hostname mismatch");
		assert_int_equal(p.trust, TLS_TRUSTED);
		d.is_advisory = true;
		p = expect_success(f, &d);
		assert_int_equal(p.failure, TLS_FAILURE_HOST_MISMATCH);
		assert_int_equal(p.trust, TLS_TRUSTED);
	}
}

static void
dates(void **state)
{
	static const struct recipe past = { "x", "DNS:mx.example", -2 * DAY, -DAY, false, 0 };
	static const struct recipe future = { "x", "DNS:mx.example", DAY, 2 * DAY, false, 0 };
	static const struct slice mx[] = { { "mx.example", 10 }, { "no.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct fixture *f = *state;
	struct tls_peer p;

	show_entity(f, &past, &f->ca);
	p = expect_refusal(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	/* With a wrong name as well: the worse one is told. */
	d.names++;
	p = expect_refusal(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
	show_entity(f, &future, &f->ca);
	expect_refusal(f, &d, TLS_FAILURE_VALIDATION, "certificate is not yet valid");
}

static void
unknown_ca(void **state)
{
	static const struct recipe r = { "x", "DNS:mx.example", -DAY, DAY, false, 0 };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;
	struct tls_peer p;

	show_entity(f, &r, &f->own);
	expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, NULL);
	show_entity(f, &r, NULL);
	expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, "self-signed certificate");
	d.is_advisory = true;
	p = expect_success(f, &d);
	assert_int_equal(p.failure, TLS_FAILURE_NOT_TRUSTED);
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	/* Against listeners only; what it is worth is told. */
	p = expect_success(f, &any);
	assert_int_equal(p.trust, TLS_UNTRUSTED);
	assert_string_equal(tls_trust_text(p.trust), "Untrusted");
	assert_int_equal(p.failure, TLS_FAILURE_NOT_TRUSTED);
	assert_string_equal(p.reason, "self-signed certificate");
	assert_string_equal(p.name, "mx.example");
	free_entity(&f->shown);
	p = expect_success(f, &any);
	assert_int_equal(p.trust, TLS_TRUSTED);
	assert_string_equal(tls_trust_text(p.trust), "Trusted");
	assert_int_equal(p.failure, TLS_FAILURE_NONE);
}

/* RFC 7435 s3: better than cleartext, but it proves nothing. */
static void
weak_key(void **state)
{
	static const struct recipe r = { "x", "DNS:mx.example", -DAY, DAY, false, 768 };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;

	show_entity(f, &r, &f->ca);
	expect_success(f, &any);
	expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, "EE certificate key too weak");
}

static void
strange_names(void **state)
{
	const struct recipe r = { "a\nb\x1b[2J\xc3\xa4 c", NULL, -DAY, DAY, true, 0 };
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;
	struct tls_peer p;

	show_entity(f, &r, NULL);
	p = expect_success(f, &any);
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
	static const struct recipe r = { "x", "DNS:wrong.example", -2 * DAY, -DAY, false, 0 };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_DANE, mx, 1);
	struct fixture *f = *state;
	struct record o;
	struct tls_peer p;
	uint8_t i;

	show_entity(f, &r, NULL);
	d.tlsa_count = 1;
	for (i = 0; i < 6; i++) {
		d.tlsa = make_record(&o, 3, i / 3, i % 3, f->shown.x);
		assert_true(tls_tlsa_is_usable(d.tlsa));
		d.name_count = i & 1;
		p = expect_success(f, &d);
		assert_int_equal(p.trust, TLS_VERIFIED);
		assert_int_equal(p.failure, TLS_FAILURE_NONE);
		d.tlsa = make_record(&o, 3, i / 3, i % 3, f->own.x);
		p = expect_refusal(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
		assert_int_equal(p.trust, TLS_UNTRUSTED);
	}
	d.is_advisory = true;
	p = expect_success(f, &d);
	assert_int_equal(p.failure, TLS_FAILURE_VALIDATION);
	/* A chain that a CA of ours vouches for does not help. */
	d.is_advisory = false;
	free_entity(&f->shown);
	expect_refusal(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
}

static void
dane_ta(void **state)
{
	static const struct recipe ca = { "Other CA", NULL, -DAY, DAY, true, 0 };
	static const struct recipe good = { "x", "DNS:mx.example", -DAY, DAY, false, 0 };
	static const struct recipe by_cn = { "mx.example", NULL, -DAY, DAY, false, 0 };
	static const struct recipe wrong = { "x", "DNS:wrong.example", -DAY, DAY, false, 0 };
	static const struct recipe old = { "x", "DNS:mx.example", -2 * DAY, -DAY, false, 0 };
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
		show_entity(f, &good, &other);
		d.tlsa = make_record(&o, 2, i / 3, i % 3, other.x);
		assert_int_equal(expect_success(f, &d).trust, TLS_VERIFIED);
		show_entity(f, &wrong, &other);
		expect_refusal(f, &d, TLS_FAILURE_HOST_MISMATCH, "hostname mismatch");
		show_entity(f, &old, &other);
		expect_refusal(f, &d, TLS_FAILURE_EXPIRED, "certificate has expired");
		show_entity(f, &good, &f->ca);
		expect_refusal(f, &d, TLS_FAILURE_VALIDATION, "no TLSA record matches");
	}
	show_entity(f, &by_cn, &other);
	assert_int_equal(expect_success(f, &d).trust, TLS_VERIFIED);
	/* Without a name it would be good for each of the CA's customers. */
	d.name_count = 0;
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
	/* The anchor is in the record, not in the chain. */
	d.name_count = 2;
	show_entity(f, &good, &other);
	X509_free(sk_X509_pop(f->chain));
	d.tlsa = make_record(&o, 2, 0, 0, other.x);
	expect_success(f, &d);
	d.tlsa = make_record(&o, 2, 0, 1, other.x);
	expect_refusal(f, &d, TLS_FAILURE_VALIDATION, NULL);
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
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
	bad.usage = 1;
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
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
		assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
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
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
	many[TLS_TLSA_MAX - 1] = o.r;
	expect_success(f, &d);
	d.tlsa_count = 0;
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
}

static void
fingerprints(void **state)
{
	static const struct recipe r = { "x", NULL, -2 * DAY, -DAY, false, 0 };
	uint8_t list[TLS_FINGERPRINTS_MAX + 1][TLS_FINGERPRINT_BYTES] = { { 1 }, { 2 } };
	struct tls_demand d = { .mode = TLS_FINGERPRINT, .fingerprints = list };
	struct fixture *f = *state;
	struct tls_peer p;
	struct record o;

	show_entity(f, &r, NULL);
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
	d.fingerprint_count = TLS_FINGERPRINTS_MAX + 1;
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	d.fingerprint_count = TLS_FINGERPRINTS_MAX;
	p = expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, "no fingerprint matches");
	make_record(&o, 3, 0, 1, f->shown.x);
	assert_true(p.has_digests);
	assert_memory_equal(p.cert_sha256, o.data, 32);
	memcpy(list[TLS_FINGERPRINTS_MAX - 1], o.data, 32);
	assert_int_equal(expect_success(f, &d).trust, TLS_VERIFIED);
	make_record(&o, 3, 1, 1, f->shown.x);
	assert_memory_equal(p.key_sha256, o.data, 32);
	memcpy(list[TLS_FINGERPRINTS_MAX - 1], o.data, 32);
	assert_int_equal(expect_success(f, &d).trust, TLS_VERIFIED);
	list[TLS_FINGERPRINTS_MAX - 1][31] ^= 1;
	expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, "no fingerprint matches");
}

static void
bad_demands(void **state)
{
	static char longest[TLS_SNI_MAX + 1];
	struct slice many[TLS_NAMES_MAX + 1] = { { NULL, 0 } };
	struct tls_demand d = demand_names(TLS_CHAIN, many, 0);
	struct fixture *f = *state;
	size_t i;

	memset(longest, 'a', sizeof(longest));
	assert_int_equal(expect_no_start(f, &d), ERR_UNSUPPORTED);
	for (i = 0; i <= TLS_NAMES_MAX; i++)
		many[i] = SLICE_LIT("mx.example");
	d.name_count = TLS_NAMES_MAX + 1;
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	d.name_count = TLS_NAMES_MAX;
	expect_success(f, &d);
	d.name_count = 1;
	many[0] = SLICE_LIT("");
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT(".");
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example\0.test");
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example\0");	/* OpenSSL would let it pass */
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	many[0] = slice_of(longest, TLS_SNI_MAX + 1);
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	many[0] = SLICE_LIT("mx.example");
	d.sni = slice_of(longest, TLS_SNI_MAX + 1);
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	d.sni = SLICE_LIT("mx\0x");
	assert_int_equal(expect_no_start(f, &d), ERR_SYNTAX);
	d.sni = slice_of(longest, TLS_SNI_MAX);
	expect_success(f, &d);
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
	side_turn(f->loop);
	assert_int_equal(recv(t.fd, b, sizeof(b), MSG_DONTWAIT), 10);
	assert_int_equal(send(t.fd, "220 go\r\n", 8, 0), 8);
	assert_true(side_shake(&t));
	assert_int_equal(conn_tls_injected(t.conn), 0);
	side_echoes(&t);
	close_side(&t);
	/* RFC 3207 s4.2: nothing of what came before counts after. */
	open_side(&t, f, TLS_CHAIN);
	t.starttls = true;
	assert_int_equal(send(t.fd, "220 go\r\n250 evil\r\n", 18, 0), 18);
	side_turn(f->loop);
	assert_int_equal(conn_tls_injected(t.conn), 10);
	assert_true(side_shake(&t));
	side_echoes(&t);
	assert_slice(buf_slice(&t.got), "250 ok\r\n");
	close_side(&t);
	/* Closed while it waits to begin. */
	open_side(&t, f, TLS_CHAIN);
	conn_write_str(t.conn, "STARTTLS\r\n");
	assert_int_equal(side_start(&t), ERR_OK);
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), 1);
	conn_abort(t.conn, "gone");
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), 0);
	close_side(&t);
	open_side(&t, f, TLS_CHAIN);
	conn_write_str(t.conn, "STARTTLS\r\n");
	assert_int_equal(side_start(&t), ERR_OK);
	conn_close(t.conn, "done");
	side_turn(f->loop);
	assert_int_equal(recv(t.fd, b, sizeof(b), MSG_DONTWAIT), 10);
	side_hang_up(&t);
	side_turn(f->loop);
	assert_string_equal(t.closed, "done");
	close_side(&t);
}

static void
context_goes_first(void **state)
{
	struct fixture *f = *state;
	struct side t;

	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(side_start(&t), ERR_OK);
	tls_client_ctx_free(&f->ctx);
	tls_client_ctx_free(&f->ctx);
	assert_true(side_shake(&t));
	side_echoes(&t);
	/* In order: close_notify, then the end. */
	conn_close(t.conn, "done");
	side_pump(&t);
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
	const struct recipe r = { "Many", NULL, -DAY, DAY, true, 0 };
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
	c->side.conn = conn_new(c->loop, r->fd, &r->addr, &side_ops, &c->side, &side_limits, NULL);
	if (side_start(&c->side) != ERR_OK)
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
		side_turn(c.loop);
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
#define T(f)	cmocka_unit_test_setup_teardown(f, tls_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		T(chain_ok),
		T(binding),
		T(names),
		T(dates),
		T(unknown_ca),
		T(weak_key),
		T(strange_names),
		T(dane_ee),
		T(dane_ta),
		T(dane_unusable),
		T(fingerprints),
		T(bad_demands),
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
