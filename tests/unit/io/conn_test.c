/* SPDX-License-Identifier: ISC */
#include "lib/io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io/conn_addr.h"
#include "tests/unit/test.h"

/* A session that records what it is told and uses input as the test wishes. */
struct session {
	struct loop	*loop;
	struct conn	*conn;
	int		 client;
	struct buf	 got;
	size_t		 use_max;	/* bytes used per call */
	bool		 by_line;	/* whole lines only */
	bool		 pause_after;
	unsigned	 calls;
	unsigned	 drained;
	size_t		 room_when_drained;
	unsigned	 deadlines;
	unsigned	 eofs;
	const char	*closed;	/* reason */
};

static size_t
on_data(void *arg, struct slice s)
{
	struct session *t = arg;
	size_t n = s.n;

	t->calls++;
	if (t->by_line) {
		n = slice_rfind(s, '\n');
		n = n == s.n ? 0 : n + 1;
	}
	if (n > t->use_max)
		n = t->use_max;
	buf_put(&t->got, s.p, n);
	if (t->pause_after)
		conn_pause(t->conn);
	return n;
}

static void
on_drained(void *arg)
{
	struct session *t = arg;

	t->drained++;
	t->room_when_drained = conn_out(t->conn)->cap;
}

static void
on_deadline(void *arg)
{
	((struct session *)arg)->deadlines++;
}

static void
on_closed(void *arg, const char *reason)
{
	struct session *t = arg;

	assert_null(t->closed);
	t->closed = reason;
	t->conn = NULL;
}

static void
on_eof(void *arg)
{
	((struct session *)arg)->eofs++;
}

static const struct conn_ops ops = {
	.on_data = on_data, .on_drained = on_drained,
	.on_deadline = on_deadline, .on_closed = on_closed,
};
static const struct conn_ops eof_ops = {
	.on_data = on_data, .on_eof = on_eof, .on_closed = on_closed,
};
static const struct conn_limits limits = {
	.in_max = 4096, .out_low = 1000, .out_high = 100000, .out_max = 1000000,
};

static void
stop(void *arg)
{
	loop_stop(arg);
}

/* A few turns of the loop. */
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
open_session(struct session *t, const struct conn_ops *o)
{
	static const struct conn_addr nobody;
	int fds[2];

	memset(t, 0, sizeof(*t));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	t->loop = loop_new();
	t->client = fds[1];
	t->use_max = SIZE_MAX;
	buf_init(&t->got, 10 << 20);
	t->conn = conn_new(t->loop, fds[0], &nobody, o, t, &limits, NULL);
}

static void
close_session(struct session *t)
{
	if (t->conn != NULL) {
		conn_abort(t->conn, "test");
		turn(t->loop);
	}
	assert_non_null(t->closed);
	if (t->client >= 0)
		close(t->client);
	buf_fini(&t->got);
	loop_free(&t->loop);
}

static void
say(struct session *t, const char *text)
{
	assert_int_equal(send(t->client, text, strlen(text), MSG_NOSIGNAL),
	    (ssize_t)strlen(text));
}

/* Everything the client can read now; -1 at the end of the stream. */
static ssize_t
listen_to(struct session *t, char *dst, size_t cap)
{
	ssize_t n = recv(t->client, dst, cap, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN ? 0 : -2;
	return n == 0 ? -1 : n;
}

static void
reads_and_writes(void **state)
{
	struct session t;
	char b[64];

	(void)state;
	open_session(&t, &ops);
	say(&t, "EHLO a\r\n");
	turn(t.loop);
	assert_slice(buf_slice(&t.got), "EHLO a\r\n");
	conn_write_str(t.conn, "250-one\r\n");
	buf_put_str(conn_out(t.conn), "250 two\r\n");
	assert_int_equal(listen_to(&t, b, sizeof(b)), 0);	/* not yet */
	turn(t.loop);
	assert_int_equal(listen_to(&t, b, sizeof(b)), 18);
	assert_memory_equal(b, "250-one\r\n250 two\r\n", 18);
	assert_int_equal(conn_in_total(t.conn), 8);
	assert_int_equal(conn_out_total(t.conn), 18);
	assert_string_equal(conn_peer_text(t.conn), "[local]:0");
	close_session(&t);
}

/* Unused bytes come again with what follows, in one piece. */
static void
keeps_what_is_not_used(void **state)
{
	static const char text[] = "first line\nsecond\nthird";
	struct session t;
	size_t i;

	(void)state;
	open_session(&t, &ops);
	t.by_line = true;
	for (i = 0; i + 1 < sizeof(text); i++) {
		assert_int_equal(send(t.client, text + i, 1, 0), 1);
		turn(t.loop);
	}
	assert_slice(buf_slice(&t.got), "first line\nsecond\n");
	say(&t, "!\n");
	turn(t.loop);
	assert_slice(buf_slice(&t.got), "first line\nsecond\nthird!\n");
	close_session(&t);
}

static void
pauses_and_resumes(void **state)
{
	struct session t;

	(void)state;
	open_session(&t, &ops);
	t.use_max = 3;
	t.pause_after = true;
	say(&t, "abcdefgh");
	turn(t.loop);
	say(&t, "ij");
	turn(t.loop);
	assert_slice(buf_slice(&t.got), "abc");
	conn_resume(t.conn);
	assert_slice(buf_slice(&t.got), "abc");	/* not from inside */
	turn(t.loop);
	assert_slice(buf_slice(&t.got), "abcdef");
	t.pause_after = false;
	t.use_max = SIZE_MAX;
	conn_resume(t.conn);
	turn(t.loop);
	assert_slice(buf_slice(&t.got), "abcdefghij");
	close_session(&t);
}

/* in_max unused bytes: no more is read; at in_max + 1 the kernel keeps it. */
static void
input_limit(void **state)
{
	static char big[4097];
	struct session t;
	int left = 0;

	(void)state;
	memset(big, 'x', sizeof(big));
	open_session(&t, &ops);
	t.use_max = 0;
	assert_int_equal(send(t.client, big, sizeof(big), 0), sizeof(big));
	turn(t.loop);
	left = (int)t.calls;
	turn(t.loop);
	assert_int_equal(t.calls, left);
	t.use_max = SIZE_MAX;
	conn_resume(t.conn);
	turn(t.loop);
	assert_int_equal(t.got.n, sizeof(big));
	close_session(&t);
}

/* A client that does not read its replies: queue grows to out_max + 1. */
static void
output_limit(void **state)
{
	static char big[250000];
	struct session t;
	int i;

	(void)state;
	memset(big, 'y', sizeof(big));
	open_session(&t, &ops);
	for (i = 0; i < 20 && t.closed == NULL; i++) {
		conn_write(t.conn, slice_of(big, sizeof(big)));
		turn(t.loop);
	}
	assert_string_equal(t.closed, "output limit");
	close_session(&t);
}

static void
back_pressure(void **state)
{
	static char big[400000], sink[65536];
	struct session t;
	ssize_t n;
	size_t total = 0;

	(void)state;
	memset(big, 'y', sizeof(big));
	open_session(&t, &ops);
	conn_write(t.conn, slice_of(big, sizeof(big)));
	assert_true(conn_is_clogged(t.conn));
	turn(t.loop);
	assert_true(conn_is_clogged(t.conn));
	say(&t, "more");
	turn(t.loop);
	assert_int_equal(t.got.n, 0);		/* not read meanwhile */
	assert_int_equal(t.drained, 0);
	while (total < sizeof(big)) {
		n = listen_to(&t, sink, sizeof(sink));
		assert_true(n >= 0);
		total += (size_t)n;
		turn(t.loop);
	}
	assert_int_equal(t.drained, 1);
	assert_false(conn_is_clogged(t.conn));
	assert_slice(buf_slice(&t.got), "more");
	assert_int_equal(conn_out_bytes(t.conn), 0);
	/* Memory for what comes now, and for nothing when nothing does. */
	assert_true(t.room_when_drained >= sizeof(big));
	turn(t.loop);
	assert_int_equal(conn_out(t.conn)->cap, 0);
	close_session(&t);
}

static void
closes_in_order(void **state)
{
	struct session t;
	char b[64];

	(void)state;
	open_session(&t, &ops);
	say(&t, "QUIT\r\nand this is never read");
	turn(t.loop);
	conn_write_str(t.conn, "221 bye\r\n");
	conn_close(t.conn, "quit");
	conn_write_str(t.conn, "too late");
	assert_null(t.closed);
	assert_true(conn_is_closing(t.conn));
	turn(t.loop);
	say(&t, "noise");			/* read and thrown away */
	turn(t.loop);
	assert_int_equal(listen_to(&t, b, sizeof(b)), 9);
	assert_int_equal(listen_to(&t, b, sizeof(b)), -1);
	assert_null(t.closed);
	close(t.client);
	t.client = -1;
	turn(t.loop);
	assert_string_equal(t.closed, "quit");
	close_session(&t);
}

/* The peer does not end after us. */
static void
lingers_for_a_while(void **state)
{
	struct session t;

	(void)state;
	open_session(&t, &ops);
	conn_close(t.conn, "bye");
	turn(t.loop);
	assert_null(t.closed);
	loop_advance(t.loop, CONN_LINGER_MS + 1);
	turn(t.loop);
	assert_string_equal(t.closed, "bye");
	close_session(&t);
}

/* Nor read our last words. */
static void
last_words_have_a_limit(void **state)
{
	static char big[900000];
	struct session t;

	(void)state;
	open_session(&t, &ops);
	conn_write(t.conn, slice_of(big, sizeof(big)));
	conn_close(t.conn, "bye");
	turn(t.loop);
	loop_advance(t.loop, CONN_FLUSH_MS + 1);
	turn(t.loop);
	assert_string_equal(t.closed, "bye");
	close_session(&t);
}

static void
abort_is_told_later(void **state)
{
	struct session t;

	(void)state;
	open_session(&t, &ops);
	conn_abort(t.conn, "limit");
	assert_null(t.closed);
	conn_abort(t.conn, "again");
	conn_close(t.conn, "again");
	turn(t.loop);
	assert_string_equal(t.closed, "limit");
	close_session(&t);
}

static void
end_of_input(void **state)
{
	struct session t;
	char b[8];

	(void)state;
	open_session(&t, &ops);		/* no on_eof: closes, replies sent */
	say(&t, "x");
	assert_int_equal(shutdown(t.client, SHUT_WR), 0);
	conn_write_str(t.conn, "y");
	turn(t.loop);
	assert_string_equal(t.closed, "eof");
	assert_slice(buf_slice(&t.got), "x");
	assert_int_equal(listen_to(&t, b, sizeof(b)), 1);
	close_session(&t);

	open_session(&t, &eof_ops);
	assert_int_equal(shutdown(t.client, SHUT_WR), 0);
	turn(t.loop);
	assert_int_equal(t.eofs, 1);
	assert_null(t.closed);
	conn_write_str(t.conn, "y");
	turn(t.loop);
	assert_int_equal(listen_to(&t, b, sizeof(b)), 1);
	conn_close(t.conn, "done");
	turn(t.loop);
	assert_string_equal(t.closed, "done");
	close_session(&t);
}

static void
deadlines(void **state)
{
	struct session t;

	(void)state;
	open_session(&t, &ops);
	conn_set_deadline(t.conn, loop_now(t.loop) + 1000);
	loop_advance(t.loop, 999);
	assert_int_equal(t.deadlines, 0);
	loop_advance(t.loop, 1);
	assert_int_equal(t.deadlines, 1);
	conn_set_deadline(t.conn, loop_now(t.loop) + 1000);
	conn_set_deadline(t.conn, 0);
	loop_advance(t.loop, 5000);
	assert_int_equal(t.deadlines, 1);
	close_session(&t);

	open_session(&t, &eof_ops);	/* no on_deadline: closes */
	conn_set_deadline(t.conn, loop_now(t.loop) + 1000);
	loop_advance(t.loop, 1001);
	turn(t.loop);
	close(t.client);
	t.client = -1;
	turn(t.loop);
	assert_string_equal(t.closed, "timeout");
	close_session(&t);
}

/* ---- listeners ---- */

struct server {
	struct loop	*loop;
	struct conn_listener *listener;
	struct session	 sessions[8];
	unsigned	 count;
};

static void
on_accept(void *arg, struct conn_listener *l, int fd, const struct conn_addr *peer)
{
	struct server *s = arg;
	struct session *t = &s->sessions[s->count++];

	memset(t, 0, sizeof(*t));
	t->use_max = SIZE_MAX;
	buf_init(&t->got, 1000);
	t->conn = conn_new(s->loop, fd, peer, &ops, t, &limits, l);
}

static int
bind_loopback(struct sockaddr_in *sa)
{
	socklen_t n = sizeof(*sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET };
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)sa, sizeof(*sa)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (void *)sa, &n), 0);
	return fd;
}

static void
accepts_up_to_the_limit(void **state)
{
	struct server s = { .loop = loop_new() };
	struct sockaddr_in sa;
	int fd = bind_loopback(&sa), clients[4], i;

	(void)state;
	s.listener = conn_listener_new(s.loop, fd, 3, on_accept, &s);
	for (i = 0; i < 4; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(clients[i], (void *)&sa, sizeof(sa)), 0);
	}
	turn(s.loop);
	assert_int_equal(s.count, 3);
	assert_int_equal(conn_listener_count(s.listener), 3);
	assert_memory_equal(conn_peer_text(s.sessions[0].conn), "[127.0.0.1]:", 12);
	assert_true(conn_addr_is_loopback(conn_peer(s.sessions[0].conn)));
	close(clients[0]);			/* room for the fourth */
	turn(s.loop);
	assert_int_equal(s.count, 4);
	assert_string_equal(s.sessions[0].closed, "eof");
	conn_listener_pause(s.listener);
	conn_listener_free(&s.listener);	/* connections live on */
	for (i = 1; i < 4; i++) {
		assert_int_equal(write(clients[i], "x", 1), 1);
		turn(s.loop);
		assert_int_equal(s.sessions[i].got.n, 1);
		close(clients[i]);
	}
	turn(s.loop);
	for (i = 0; i < 4; i++) {
		assert_non_null(s.sessions[i].closed);
		buf_fini(&s.sessions[i].got);
	}
	close(fd);
	loop_free(&s.loop);
}

/* Out of descriptors: rests, then goes on. */
static unsigned
segments_in(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n), 0);
	return info.tcpi_segs_in;
}

/* One packet for both; what is not the end is not kept back. */
static void
last_words_bring_the_end(void **state)
{
	struct server s = { .loop = loop_new() };
	struct session *t = &s.sessions[0];
	struct sockaddr_in sa;
	int fd = bind_loopback(&sa), client = socket(AF_INET, SOCK_STREAM, 0);
	unsigned before;
	char b[16];

	(void)state;
	s.listener = conn_listener_new(s.loop, fd, 3, on_accept, &s);
	assert_int_equal(connect(client, (void *)&sa, sizeof(sa)), 0);
	turn(s.loop);
	before = segments_in(client);
	conn_write_str(t->conn, "220 hello\r\n");
	turn(s.loop);
	assert_int_equal(recv(client, b, sizeof(b), MSG_DONTWAIT), 11);
	assert_int_equal(segments_in(client), before + 1);
	conn_write_str(t->conn, "221 bye\r\n");
	conn_close(t->conn, "quit");
	turn(s.loop);
	assert_int_equal(recv(client, b, sizeof(b), MSG_DONTWAIT), 9);
	assert_int_equal(recv(client, b, sizeof(b), MSG_DONTWAIT), 0);
	assert_int_equal(segments_in(client), before + 2);
	close(client);
	turn(s.loop);
	assert_string_equal(t->closed, "quit");
	buf_fini(&t->got);
	conn_listener_free(&s.listener);
	close(fd);
	loop_free(&s.loop);
}

static void
accepts_again_when_it_can(void **state)
{
	struct server s = { .loop = loop_new() };
	struct rlimit old, none;
	struct sockaddr_in sa;
	int fd = bind_loopback(&sa), client;

	(void)state;
	s.listener = conn_listener_new(s.loop, fd, 3, on_accept, &s);
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (void *)&sa, sizeof(sa)), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ (rlim_t)client + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(s.loop);
	assert_int_equal(s.count, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	turn(s.loop);
	assert_int_equal(s.count, 0);
	loop_advance(s.loop, CONN_LISTENER_REST_MS);
	turn(s.loop);
	assert_int_equal(s.count, 1);
	close(client);
	turn(s.loop);
	assert_string_equal(s.sessions[0].closed, "eof");
	buf_fini(&s.sessions[0].got);
	conn_listener_free(&s.listener);
	close(fd);
	loop_free(&s.loop);
}

/* ---- addresses ---- */

static void
addresses(void **state)
{
	static const struct {
		int		 family;
		const char	*ip, *text, *literal;
		bool		 loopback;
	} rows[] = {
		{ AF_INET, "192.0.2.44", "[192.0.2.44]:50214", "[192.0.2.44]", false },
		{ AF_INET, "127.9.9.9", "[127.9.9.9]:50214", "[127.9.9.9]", true },
		{ AF_INET6, "2001:db8::1", "[2001:db8::1]:50214", "[IPv6:2001:db8::1]", false },
		{ AF_INET6, "::ffff:192.0.2.44", "[192.0.2.44]:50214", "[192.0.2.44]", false },
		{ AF_INET6, "::1", "[::1]:50214", "[IPv6:::1]", true },
		{ AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666",
		  "[2001:db8:1111:2222:3333:4444:5555:6666]:50214",
		  "[IPv6:2001:db8:1111:2222:3333:4444:5555:6666]", false },
	};
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	struct conn_addr a, b;
	char text[CONN_ADDR_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(rows); i++) {
		memset(&in, 0, sizeof(in));
		memset(&in6, 0, sizeof(in6));
		in.sin_family = AF_INET;
		in6.sin6_family = AF_INET6;
		in.sin_port = in6.sin6_port = htons(50214);
		if (rows[i].family == AF_INET) {
			inet_pton(AF_INET, rows[i].ip, &in.sin_addr);
			conn_addr_from(&a, (void *)&in);
		} else {
			inet_pton(AF_INET6, rows[i].ip, &in6.sin6_addr);
			conn_addr_from(&a, (void *)&in6);
		}
		conn_addr_str(text, &a);
		assert_string_equal(text, rows[i].text);
		conn_addr_literal(text, &a);
		assert_string_equal(text, rows[i].literal);
		assert_int_equal(conn_addr_is_loopback(&a), rows[i].loopback);
		if (i == 0)
			b = a;
	}
	in.sin_family = AF_INET;
	inet_pton(AF_INET, "192.0.2.200", &in.sin_addr);
	conn_addr_from(&a, (void *)&in);
	assert_false(conn_addr_same_ip(&a, &b));
	assert_true(conn_addr_same_net(&a, &b));
	assert_true(conn_addr_net_hash(&a) == conn_addr_net_hash(&b));
}

/* A socket's own address, loopback or not; the kernel binds to what is nobody's. */
static void
peers_on_this_host(void **state)
{
	static const struct { const char *own, *peer; bool is_here; } rows[] = {
		{ "192.0.2.9", "192.0.2.9", true }, { "192.0.2.9", "192.0.2.10", false },
		{ "192.0.2.9", "127.0.0.3", true }, { "127.0.0.1", "192.0.2.10", false },
		{ "192.0.2.9", "::ffff:192.0.2.9", true }, { "192.0.2.9", "::1", true },
		{ "192.0.2.9", "2001:db8::1", false },
	};
	struct conn_addr own, peer;
	struct sockaddr_storage ss;
	int yes = 1;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(conn_addr_parse(&own, slice_str(rows[i].own), 0), ERR_OK);
		assert_int_equal(conn_addr_parse(&peer, slice_str(rows[i].peer), 1), ERR_OK);
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)), 0);
		assert_int_equal(bind(fd, (void *)&ss, conn_addr_sockaddr(&own, &ss)), 0);
		assert_int_equal(conn_addr_is_here(&peer, fd), rows[i].is_here);
		close(fd);
	}
	/* Nor is what cannot be told. */
	assert_false(conn_addr_is_here(&peer, -1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(peers_on_this_host),
		cmocka_unit_test(keeps_what_is_not_used),
		cmocka_unit_test(pauses_and_resumes),
		cmocka_unit_test(input_limit),
		cmocka_unit_test(output_limit),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(closes_in_order),
		cmocka_unit_test(lingers_for_a_while),
		cmocka_unit_test(last_words_have_a_limit),
		cmocka_unit_test(abort_is_told_later),
		cmocka_unit_test(end_of_input),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(accepts_up_to_the_limit),
		cmocka_unit_test(last_words_bring_the_end),
		cmocka_unit_test(accepts_again_when_it_can),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests_name("io/conn", tests, NULL, NULL);
}
