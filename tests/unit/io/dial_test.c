/* SPDX-License-Identifier: ISC */
/*
 * Dialling on loopback.  A host that does not answer is a listener whose
 * queue is full: the kernel drops what else knocks.  Time is moved.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io/conn.h"
#include "lib/io/dial.h"
#include "tests/unit/test.h"

#define LONG_MS		600000

struct fixture {
	struct loop		*loop;
	struct dial		*dial;
	struct dial_result	 result;
	unsigned		 results;
	unsigned		 failures;	/* of single addresses */
	const char		*failed_texts[DIAL_ADDRS_MAX + 1];
	struct dial		**cancel;	/* by the callback */
	int			 listener;
	struct conn_addr	 open;		/* accepts */
	struct conn_addr	 closed;	/* refuses */
	struct conn_addr	 silent;	/* says nothing */
	int			 silent_fds[8];
	int			 silent_fd_count;
	unsigned		 fds;
};

static unsigned
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int
make_listener(int backlog, struct conn_addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, n), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	conn_addr_from(a, (struct sockaddr *)&in);
	return fd;
}

/* Knocks until one more gets no answer. */
static void
make_silent(struct fixture *f)
{
	struct sockaddr_storage ss;
	socklen_t n;
	int i;

	f->silent_fds[0] = make_listener(0, &f->silent);
	n = conn_addr_sockaddr(&f->silent, &ss);
	for (i = 1; i < 5; i++) {
		f->silent_fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(f->silent_fds[i], (struct sockaddr *)&ss, n);
	}
	f->silent_fd_count = i;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	f->loop = loop_new();
	f->listener = make_listener(16, &f->open);
	fd = make_listener(1, &f->closed);
	close(fd);
	make_silent(f);
	f->fds = count_fds();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int i;

	assert_int_equal(count_fds(), f->fds);
	close(f->listener);
	for (i = 0; i < f->silent_fd_count; i++)
		close(f->silent_fds[i]);
	loop_free(&f->loop);
	free(f);
	return 0;
}

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
on_result(void *arg, const struct dial_result *r)
{
	struct fixture *f = arg;

	f->result = *r;
	f->results++;
	f->dial = NULL;
	if (f->cancel != NULL)
		dial_cancel(f->cancel);
}

static void
on_failed(void *arg, const struct dial_result *r)
{
	struct fixture *f = arg;

	assert_int_equal(r->fd, -1);
	assert_int_equal(f->results, 0);
	f->failed_texts[f->failures++] = r->text;
}

static void
dial(struct fixture *f, struct dial_params *p, const struct conn_addr *addrs, size_t n)
{
	p->addrs = addrs;
	p->addr_count = n;
	p->on_failed = on_failed;
	f->failures = f->results = 0;
	f->result.fd = -1;
	f->dial = dial_new(f->loop, p, on_result, f);
	assert_int_equal(f->results, 0);	/* never from inside */
}

static void
expect_failure(struct fixture *f, enum err e, const char *text)
{
	assert_int_equal(f->results, 1);
	assert_int_equal(f->result.e, e);
	assert_int_equal(f->result.fd, -1);
	assert_string_equal(f->result.text, text);
}

/* The other end of the result, which is closed. */
static struct conn_addr
accept_one(struct fixture *f)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);
	struct conn_addr peer;
	int fd;

	assert_int_equal(f->results, 1);
	assert_int_equal(f->result.e, ERR_OK);
	assert_true((fcntl(f->result.fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(f->result.fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(f->result.addr.port, f->open.port);
	fd = accept(f->listener, (struct sockaddr *)&ss, &n);
	assert_true(fd >= 0);
	conn_addr_from(&peer, (struct sockaddr *)&ss);
	assert_true(conn_addr_same_ip(&peer, &f->result.local));
	assert_int_equal(peer.port, f->result.local.port);
	close(fd);
	close(f->result.fd);
	return peer;
}

/* ---- tests ---- */

static void
connects(void **state)
{
	struct fixture *f = *state;
	struct dial_params p = { .attempt_ms = 1000, .deadline_ms = loop_now(f->loop) + 5000 };

	dial(f, &p, &f->open, 1);
	turn(f->loop);
	accept_one(f);
	assert_int_equal(f->failures, 0);
	/* Nothing of it is left that could ring. */
	loop_advance(f->loop, 10000);
	turn(f->loop);
	assert_int_equal(f->results, 1);
}

static void
refused(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[3] = { f->closed, f->closed, f->open };
	struct dial_params p = { 0 };

	dial(f, &p, addrs, 2);
	turn(f->loop);
	expect_failure(f, ERR_GONE, "Connection refused");
	assert_int_equal(f->result.addr.port, f->closed.port);
	assert_int_equal(f->failures, 2);
	/* The next one at once: no time has passed. */
	dial(f, &p, addrs, 3);
	turn(f->loop);
	accept_one(f);
	assert_int_equal(f->failures, 2);
	assert_string_equal(f->failed_texts[1], "Connection refused");
}

static void
nothing_to_dial(void **state)
{
	struct fixture *f = *state;
	struct conn_addr local = { 0 };
	struct dial_params p = { .deadline_ms = loop_now(f->loop) + 5000 };

	dial(f, &p, NULL, 0);
	turn(f->loop);
	expect_failure(f, ERR_NOTFOUND, "No address to connect to");
	dial(f, &p, &local, 1);
	turn(f->loop);
	expect_failure(f, ERR_SYS, "Address family not supported");
}

/* RFC 8305 s5: 250 ms after the one before. */
static void
happy_eyeballs(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[2] = { f->silent, f->open };
	struct dial_params p = { .attempt_ms = LONG_MS };

	dial(f, &p, addrs, 2);
	turn(f->loop);
	assert_int_equal(count_fds(), f->fds + 1);
	loop_advance(f->loop, DIAL_STAGGER_MS - 100);
	turn(f->loop);
	assert_int_equal(count_fds(), f->fds + 1);
	assert_int_equal(f->results, 0);
	loop_advance(f->loop, 100);
	turn(f->loop);
	accept_one(f);
	assert_int_equal(f->failures, 0);	/* the first was given up, not failed */
}

/* One of those under way fails: the next starts without waiting. */
static void
failure_starts_next(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[3] = { f->silent, f->closed, f->open };
	struct dial_params p = { .attempt_ms = LONG_MS };

	dial(f, &p, addrs, 3);
	turn(f->loop);
	loop_advance(f->loop, DIAL_STAGGER_MS);
	turn(f->loop);
	accept_one(f);
	assert_int_equal(f->failures, 1);
}

static void
at_most_some_under_way(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[DIAL_PARALLEL_MAX + 1];
	struct dial_params p = { .attempt_ms = 5000 };
	unsigned i;

	for (i = 0; i < DIAL_PARALLEL_MAX; i++)
		addrs[i] = f->silent;
	addrs[i] = f->open;
	dial(f, &p, addrs, DIAL_PARALLEL_MAX + 1);
	for (i = 1; i <= DIAL_PARALLEL_MAX + 2; i++) {
		turn(f->loop);
		assert_int_equal(count_fds(), f->fds +
		    (i < DIAL_PARALLEL_MAX ? i : DIAL_PARALLEL_MAX));
		loop_advance(f->loop, DIAL_STAGGER_MS);
	}
	assert_int_equal(f->results, 0);
	loop_advance(f->loop, 5000 - 5 * DIAL_STAGGER_MS);
	turn(f->loop);
	assert_true(f->failures >= 1);
	assert_string_equal(f->failed_texts[0], "Connection timed out");
	accept_one(f);
}

static void
attempt_times_out(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[2] = { f->silent, f->silent };
	struct dial_params p = { .attempt_ms = 1000, .deadline_ms = loop_now(f->loop) + LONG_MS };

	dial(f, &p, addrs, 2);
	turn(f->loop);
	loop_advance(f->loop, 900);	/* the second begins late */
	turn(f->loop);
	loop_advance(f->loop, 200);
	turn(f->loop);
	assert_int_equal(f->failures, 1);
	assert_int_equal(f->results, 0);
	loop_advance(f->loop, 900);
	turn(f->loop);
	expect_failure(f, ERR_TIMEOUT, "Connection timed out");
	assert_int_equal(f->failures, 2);
}

static void
deadline_passes(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[5] = { f->silent, f->silent, f->silent, f->silent, f->open };
	struct dial_params p = { .attempt_ms = LONG_MS, .deadline_ms = loop_now(f->loop) + 2000 };
	unsigned i;

	dial(f, &p, addrs, 5);
	for (i = 0; i < 4; i++) {
		turn(f->loop);
		loop_advance(f->loop, DIAL_STAGGER_MS);
	}
	assert_int_equal(f->results, 0);
	loop_advance(f->loop, 2000);
	expect_failure(f, ERR_TIMEOUT, "Connection timed out");
	assert_int_equal(f->failures, DIAL_PARALLEL_MAX);
	assert_int_equal(f->result.addr.port, f->silent.port);
	/* Already past when it begins. */
	p.deadline_ms = loop_now(f->loop) - 1;
	dial(f, &p, addrs, 1);
	turn(f->loop);
	expect_failure(f, ERR_TIMEOUT, "Connection timed out");
}

static void
cancels(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[4] = { f->silent, f->silent, f->silent, f->open };
	struct dial_params p = { .attempt_ms = LONG_MS, .deadline_ms = loop_now(f->loop) + LONG_MS };
	struct fixture other = { .loop = f->loop };
	unsigned i, k;

	dial_cancel(&f->dial);		/* NULL is legal */
	for (i = 0; i <= DIAL_PARALLEL_MAX; i++) {
		dial(f, &p, addrs, 4);
		for (k = 0; k < i; k++) {
			turn(f->loop);
			loop_advance(f->loop, DIAL_STAGGER_MS);
		}
		dial_cancel(&f->dial);
		assert_null(f->dial);
		assert_int_equal(count_fds(), f->fds);
		turn(f->loop);
		loop_advance(f->loop, 2 * DIAL_STAGGER_MS);
		assert_int_equal(f->results, 0);
	}
	/* Inside another's callback, with an event due as well. */
	dial(f, &p, &f->open, 1);
	dial(&other, &p, &f->open, 1);
	f->cancel = &other.dial;
	other.cancel = &f->dial;
	turn(f->loop);
	assert_int_equal(f->results + other.results, 1);
	f->cancel = NULL;
	close(f->results == 1 ? f->result.fd : other.result.fd);
}

static void
source_address(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[2] = { f->silent, f->open };
	struct conn_addr source, v6, peer;
	struct dial_params p = { .source_v4 = &source, .source_v6 = &v6 };
	int i;

	assert_int_equal(conn_addr_parse(&source, SLICE_LIT("127.0.0.2"), 4711), ERR_OK);
	assert_int_equal(conn_addr_parse(&v6, SLICE_LIT("2001:db8::1"), 0), ERR_OK);
	for (i = 0; i < 3; i++) {	/* the port is not kept */
		dial(f, &p, &f->open, 1);
		turn(f->loop);
		peer = accept_one(f);
		assert_true(conn_addr_same_ip(&peer, &source));
		assert_int_not_equal(peer.port, 4711);
	}
	dial(f, &p, addrs, 2);
	turn(f->loop);
	loop_advance(f->loop, DIAL_STAGGER_MS);
	turn(f->loop);
	peer = accept_one(f);
	assert_true(conn_addr_same_ip(&peer, &source));
	/* Not ours. */
	assert_int_equal(conn_addr_parse(&source, SLICE_LIT("192.0.2.1"), 0), ERR_OK);
	dial(f, &p, &f->open, 1);
	turn(f->loop);
	expect_failure(f, ERR_SYS, "Cannot assign requested address");
	/* Each family has its own. */
	p.source_v4 = NULL;
	dial(f, &p, &f->open, 1);
	turn(f->loop);
	accept_one(f);
}

static void
ipv6(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct dial_params p = { 0 };
	struct conn_addr a;
	socklen_t n = sizeof(in6);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in6, n) != 0 || listen(fd, 5) != 0) {
		if (fd >= 0)
			close(fd);
		skip();		/* the host has none */
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in6, &n), 0);
	conn_addr_from(&a, (struct sockaddr *)&in6);
	dial(f, &p, &a, 1);
	turn(f->loop);
	assert_int_equal(f->result.e, ERR_OK);
	assert_false(f->result.local.is_v4);
	close(f->result.fd);
	close(fd);
}

static void
address_limit(void **state)
{
	struct fixture *f = *state;
	struct conn_addr addrs[DIAL_ADDRS_MAX + 1];
	struct dial_params p = { 0 };
	size_t i;

	for (i = 0; i < DIAL_ADDRS_MAX; i++)
		addrs[i] = f->closed;
	addrs[i] = f->open;
	dial(f, &p, addrs, DIAL_ADDRS_MAX + 1);
	for (i = 0; i < 20 && f->results == 0; i++)
		turn(f->loop);
	expect_failure(f, ERR_GONE, "Connection refused");
	assert_int_equal(f->failures, DIAL_ADDRS_MAX);
	addrs[DIAL_ADDRS_MAX - 1] = f->open;
	dial(f, &p, addrs, DIAL_ADDRS_MAX);
	for (i = 0; i < 20 && f->results == 0; i++)
		turn(f->loop);
	accept_one(f);
}

/* ---- into a connection ---- */

static size_t
on_data(void *arg, struct slice s)
{
	*(size_t *)arg += s.n;
	return s.n;
}

static void
on_closed(void *arg, const char *reason)
{
	(void)arg;
	assert_string_equal(reason, "eof");
}

static void
becomes_a_conn(void **state)
{
	static const struct conn_ops ops = { .on_data = on_data, .on_closed = on_closed };
	static const struct conn_limits limits = {
		.in_max = 1000, .out_low = 100, .out_high = 200, .out_max = 1000,
	};
	struct fixture *f = *state;
	struct dial_params p = { 0 };
	struct conn *c;
	size_t got = 0;
	char b[8];
	int fd;

	dial(f, &p, &f->open, 1);
	turn(f->loop);
	fd = accept(f->listener, NULL, NULL);
	c = conn_new(f->loop, f->result.fd, &f->result.addr, &ops, &got, &limits, NULL);
	conn_write_str(c, "EHLO x\r\n");
	turn(f->loop);
	assert_int_equal(recv(fd, b, 8, MSG_DONTWAIT), 8);
	assert_int_equal(send(fd, "250 ok\r\n", 8, 0), 8);
	turn(f->loop);
	assert_int_equal(got, 8);
	close(fd);
	turn(f->loop);
	turn(f->loop);
}

static void
parses_addresses(void **state)
{
	static const char *const bad[] = {
		"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "::1%lo", "::g", "host",
		"1.2.3.4 ", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001",
	};
	static const char *const good[] = { "192.0.2.1", "::1", "2001:db8::25" };
	struct sockaddr_storage ss;
	struct conn_addr a, b;
	char text[CONN_ADDR_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(bad); i++)
		assert_int_equal(conn_addr_parse(&a, slice_str(bad[i]), 25), ERR_SYNTAX);
	assert_int_equal(conn_addr_parse(&a, SLICE_LIT("1.2.3.4\0"), 25), ERR_SYNTAX);
	for (i = 0; i < lengthof(good); i++) {
		assert_int_equal(conn_addr_parse(&a, slice_str(good[i]), 25), ERR_OK);
		conn_addr_ip_str(text, &a);
		assert_string_equal(text, good[i]);
		assert_true(conn_addr_sockaddr(&a, &ss) > 0);
		conn_addr_from(&b, (struct sockaddr *)&ss);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	/* Mapped is IPv4. */
	assert_int_equal(conn_addr_parse(&a, SLICE_LIT("::ffff:192.0.2.1"), 25), ERR_OK);
	assert_true(conn_addr_sockaddr(&a, &ss) > 0);
	assert_int_equal(ss.ss_family, AF_INET);
	memset(&a, 0, sizeof(a));
	assert_int_equal(conn_addr_sockaddr(&a, &ss), 0);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(connects),
		T(refused),
		T(nothing_to_dial),
		T(happy_eyeballs),
		T(failure_starts_next),
		T(at_most_some_under_way),
		T(attempt_times_out),
		T(deadline_passes),
		T(cancels),
		T(source_address),
		T(ipv6),
		T(address_limit),
		T(becomes_a_conn),
		T(parses_addresses),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(60);
	return cmocka_run_group_tests_name("io/dial", tests, NULL, NULL);
}
