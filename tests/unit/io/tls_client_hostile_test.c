/* SPDX-License-Identifier: ISC */
/*
 * A client against servers that send too much, too little, nonsense or
 * nothing at all.
 */
#include "tests/unit/io/tls_side.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/test.h"

/* ---- limits ---- */

static void
handshake_limit(void **state)
{
	struct fixture *f = *state;
	struct side t[MAX_HANDSHAKES + 1];
	unsigned i;

	for (i = 0; i <= MAX_HANDSHAKES; i++) {
		open_side(&t[i], f, TLS_CHAIN);
		assert_int_equal(side_start(&t[i]), i < MAX_HANDSHAKES ? ERR_OK : ERR_BUSY);
	}
	assert_int_equal(tls_client_ctx_handshakes(f->ctx), MAX_HANDSHAKES);
	conn_abort(t[0].conn, "x");
	assert_int_equal(side_start(&t[MAX_HANDSHAKES]), ERR_OK);
	assert_true(side_shake(&t[1]));
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
	assert_int_equal(expect_success(f, &any).trust, TLS_TRUSTED);
	X509_up_ref(f->own.x);
	sk_X509_push(f->chain, f->own.x);
	expect_refusal(f, &any, TLS_FAILURE_VALIDATION, "excessive message size");
	f->max_version = TLS1_2_VERSION;	/* a bit less around each */
	X509_up_ref(f->own.x);
	sk_X509_push(f->chain, f->own.x);
	expect_refusal(f, &any, TLS_FAILURE_VALIDATION, "excessive message size");
}

static void
deep_chain(void **state)
{
	static const struct recipe leaf = { "x", "DNS:mx.example", -DAY, DAY, false, 0 };
	static const struct slice mx[] = { { "mx.example", 10 } };
	struct tls_demand d = demand_names(TLS_CHAIN, mx, 1);
	struct fixture *f = *state;
	struct entity by = f->ca, next;
	char cn[32];
	int i;

	for (i = 1; i <= TLS_CLIENT_DEPTH_MAX + 1; i++) {
		const struct recipe r = { cn, NULL, -DAY, DAY, true, 0 };

		snprintf(cn, sizeof(cn), "CA %d", i);
		next = make_entity(&r, &by);
		if (i > 1)
			free_entity(&by);
		by = next;
		X509_up_ref(by.x);
		sk_X509_push(f->chain, by.x);
		show_entity(f, &leaf, &by);
		if (i <= TLS_CLIENT_DEPTH_MAX)
			expect_success(f, &d);
		else
			expect_refusal(f, &d, TLS_FAILURE_NOT_TRUSTED, "certificate chain too long");
	}
	free_entity(&by);
}

static void
versions(void **state)
{
	struct tls_demand any = { .mode = TLS_OPPORTUNISTIC };
	struct fixture *f = *state;

	f->max_version = TLS1_1_VERSION;
	expect_refusal(f, &any, TLS_FAILURE_VALIDATION, NULL);
	f->max_version = TLS1_2_VERSION;
	expect_success(f, &any);
	any.min = TLS_MIN_1_3;
	expect_refusal(f, &any, TLS_FAILURE_VALIDATION, NULL);
	f->max_version = TLS1_3_VERSION;
	expect_success(f, &any);
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
		assert_int_equal(side_start(&t), ERR_OK);
		side_turn(f->loop);
		assert_int_equal(send(t.fd, lines[i].text, lines[i].n, 0), lines[i].n);
		side_turn(f->loop);
		side_hang_up(&t);
		side_turn(f->loop);
		side_turn(f->loop);
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
			assert_int_equal(side_start(&t), ERR_OK);
			t.may_send = 0;
			side_pump(&t);
			total = t.wire.n;
			assert_true(total > 500);
			buf_data(&t.wire)[at] ^= 0x55;
			t.may_send = NO_LIMIT;
			if (side_shake(&t))
				side_echoes(&t);
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
		assert_int_equal(side_start(&t), ERR_OK);
		assert_true(side_shake(&t));
		side_echoes(&t);
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
	assert_int_equal(side_start(&t), ERR_OK);
	side_pump(&t);
	while (t.tls_calls == 0)
		side_pump(&t);
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
			assert_int_equal(side_start(&t), ERR_OK);
			for (i = 0; i < 3; i++)
				side_pump(&t);
			if (t.tls_calls == 0) {
				side_hang_up(&t);
				side_turn(f->loop);
				side_turn(f->loop);
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
			assert_int_equal(side_start(&t), ERR_OK);
			for (i = 0; i < 3; i++)
				side_pump(&t);
			loop_advance(f->loop, (n & 1) != 0 ? 4000 : CONN_HANDSHAKE_MS - 1000);
			side_turn(f->loop);
			assert_int_equal(t.tls_calls, 0);
			loop_advance(f->loop, 1000);
			side_turn(f->loop);
			assert_int_equal(t.tls_calls, 1);
			assert_int_equal(t.tls_result, ERR_TIMEOUT);
			assert_string_equal(t.reason, "handshake timed out");
			assert_string_equal(t.closed, "timeout");
			close_side(&t);
		}
	}
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* How much one turn of the loop takes from the socket. */
static uint64_t
taken_in_a_turn(struct side *t)
{
	uint64_t before = conn_in_total(t->conn);
	struct timer timer;

	timer_init(&timer, t->f->loop, stop, t->f->loop);
	timer_set(&timer, loop_now(t->f->loop));
	loop_run(t->f->loop);
	return conn_in_total(t->conn) - before;
}

/* Messages that are no data keep nobody busy for long: others have their turn. */
static void
flood_without_data(void **state)
{
	struct fixture *f = *state;
	struct side t;
	char b[65536];
	uint64_t n, all = 0, most = 0;
	int i, k, size = 1 << 20;
	ssize_t sent;

	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(setsockopt(t.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(side_start(&t), ERR_OK);
	assert_true(side_shake(&t));
	side_pump(&t);
	for (i = 0; i < 12000; i++) {
		assert_int_equal(SSL_key_update(t.server, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		(void)SSL_do_handshake(t.server);
	}
	while ((k = BIO_read(SSL_get_wbio(t.server), b, sizeof(b))) > 0)
		buf_put(&t.wire, b, (size_t)k);
	assert_true(t.wire.n > 250000);
	sent = send(t.fd, buf_data(&t.wire), t.wire.n, MSG_NOSIGNAL);
	assert_true(sent > 250000);
	buf_consume(&t.wire, (size_t)sent);
	for (i = 0; i < 100 && all < (uint64_t)sent; i++) {
		n = taken_in_a_turn(&t);
		most = n > most ? n : most;
		all += n;
	}
	assert_int_equal(all, sent);
	assert_in_range(most, 1, 170000);	/* it may turn twice */
	side_pump(&t);
	side_echoes(&t);
	close_side(&t);
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
	assert_int_equal(side_start(&t), ERR_OK);
	assert_true(side_shake(&t));
	for (i = 0; i < 200; i++) {
		SSL_key_update(t.server, SSL_KEY_UPDATE_REQUESTED);
		(void)SSL_do_handshake(t.server);
		(void)SSL_read(t.server, b, sizeof(b));
		side_pump(&t);
	}
	side_echoes(&t);
	close_side(&t);
	f->max_version = TLS1_2_VERSION;
	open_side(&t, f, TLS_CHAIN);
	assert_int_equal(side_start(&t), ERR_OK);
	assert_true(side_shake(&t));
	assert_int_equal(SSL_renegotiate(t.server), 1);
	(void)SSL_do_handshake(t.server);
	for (i = 0; i < 4; i++)
		side_pump(&t);
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
	expect_success(f, &d);
	f->max_version = TLS1_2_VERSION;
	expect_success(f, &d);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, tls_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		T(handshake_limit),
		T(huge_chain),
		T(deep_chain),
		T(versions),
		T(garbage),
		T(flipped_bytes),
		T(byte_by_byte),
		T(ends_at_each_byte),
		T(stalls),
		T(flood_without_data),
		T(after_the_handshake),
		T(client_certificate_wanted),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests_name("io/tls_client_hostile", tests, NULL, NULL);
}
