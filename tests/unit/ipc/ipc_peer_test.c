/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/ipc/ipc_frame.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/ipc/ipc_socket.h"

/* Two ends in one loop: a asks as imapd, b answers as store. */
struct pair {
	struct loop	*loop;
	struct ipc_peer	*a, *b;		/* a's peer is the store, b's is imapd */
	int		 replies, gone, fds, wrong;
	uint64_t	 last_modseq;
	enum err	 last_error;
	unsigned	 want;
	uint64_t	 held;		/* a request that b never answers */
	int		 late;
	int		 b_fd;		/* b's */
};

static void
on_status(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_status *m = msg;
	struct ipc_store_ok ok = { .modseq = m->handle };

	ipc_reply(p, in->id, IPC_MSG_store_ok, &ok);
}

static void
on_append(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct pair *pair = ipc_peer_arg(p);
	const struct ipc_store_append *m = msg;
	struct ipc_store_ok ok = { .modseq = m->handle };
	char c = 0;
	int fd = ipc_take_fd(in, 0);

	if (fd >= 0 && pread(fd, &c, 1, 0) == 1 && c == (char)m->handle)
		pair->fds++;
	else if (fd >= 0)
		pair->wrong++;
	if (fd >= 0)
		(void)close(fd);
	ipc_reply(p, in->id, IPC_MSG_store_ok, &ok);
}

static void
on_list(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct pair *pair = ipc_peer_arg(p);

	(void)msg;
	pair->held = in->id;
}

static void
on_logout(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	(void)p;
	(void)msg;
	(void)in;
}

static const struct ipc_handler handlers_b[] = {
	{ IPC_MSG_store_status, on_status },
	{ IPC_MSG_store_append, on_append },
	{ IPC_MSG_store_list, on_list },
	{ IPC_MSG_store_logout, on_logout },
	{ 0, NULL }
};

static void
on_late(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct pair *pair = ipc_peer_arg(p);
	const struct ipc_store_session *m = msg;

	(void)in;
	assert_int_equal(m->handle, 5);
	pair->late++;
	loop_stop(pair->loop);
}

static const struct ipc_handler handlers_a[] = {
	{ IPC_MSG_store_session, on_late }, { 0, NULL }
};

static void
on_gone(struct ipc_peer *p, void *arg)
{
	struct pair *pair = arg;

	pair->gone++;
	if (p == pair->a)
		ipc_peer_free(&pair->a);
	else
		ipc_peer_free(&pair->b);
	loop_stop(pair->loop);
}

static void
on_reply(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct pair *pair = arg;
	const struct ipc_store_ok *m = msg;

	(void)in;
	pair->replies++;
	pair->last_error = e;
	if (e == ERR_OK) {
		assert_int_equal(type, IPC_MSG_store_ok);
		pair->last_modseq = m->modseq;
	}
	if ((unsigned)pair->replies == pair->want)
		loop_stop(pair->loop);
}

static int
setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pair->loop = loop_new();
	pair->a = ipc_peer_new(pair->loop, fds[0], IPC_STORE, 1, handlers_a, on_gone, pair);
	pair->b_fd = fds[1];
	pair->b = ipc_peer_new(pair->loop, fds[1], IPC_IMAPD, 2, handlers_b, on_gone, pair);
	*state = pair;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *pair = *state;

	ipc_peer_free(&pair->a);
	ipc_peer_free(&pair->b);
	loop_free(&pair->loop);
	free(pair);
	return 0;
}

static void
ask(struct pair *pair, uint32_t handle, uint64_t deadline)
{
	struct ipc_store_status m = { .handle = handle, .name = SLICE_LIT("INBOX") };

	assert_int_equal(ipc_call(pair->a, IPC_MSG_store_status, &m, NULL, 0,
	    deadline, on_reply, pair, NULL), ERR_OK);
}

static void
test_many_requests(void **state)
{
	struct pair *pair = *state;

	pair->want = 5000;
	for (uint32_t i = 1; i <= 5000; i++)
		ask(pair, i, UINT64_MAX);
	loop_run(pair->loop);
	assert_int_equal(pair->replies, 5000);
	assert_int_equal(pair->last_modseq, 5000);
	assert_int_equal(ipc_peer_pending(pair->a), 0);
}

static bool
has_come(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* The other end begins while this one is still at work. */
static void
test_many_leave_before_the_turn_ends(void **state)
{
	struct pair *pair = *state;

	for (uint32_t i = 1; i < IPC_GATHER_MAX; i++)
		ask(pair, i, UINT64_MAX);
	assert_false(has_come(pair->b_fd));
	ask(pair, IPC_GATHER_MAX, UINT64_MAX);
	assert_true(has_come(pair->b_fd));
	pair->want = IPC_GATHER_MAX + 1;
	ask(pair, IPC_GATHER_MAX + 1, UINT64_MAX);
	loop_run(pair->loop);
	assert_int_equal(pair->last_modseq, IPC_GATHER_MAX + 1);
}

/* Frames with and without descriptors, mixed and beyond what the socket
 * holds: every descriptor reaches its own frame. */
static void
test_descriptors(void **state)
{
	struct pair *pair = *state;
	struct ipc_store_append m = { .mailbox = SLICE_LIT("INBOX") };
	char body[30000];
	int fd, sent = 0;
	char c;

	memset(body, 'x', sizeof(body));
	pair->want = 600;
	for (unsigned i = 0; i < 600; i++) {
		m.handle = i & 0x7f;
		m.body = slice_of(body, i % 3 == 0 ? sizeof(body) : 10);
		fd = -1;
		if (i % 2 == 0) {
			fd = memfd_create("t", 0);
			c = (char)(i & 0x7f);
			assert_int_equal(write(fd, &c, 1), 1);
			sent++;
		}
		assert_int_equal(ipc_call(pair->a, IPC_MSG_store_append, &m, &fd,
		    fd >= 0 ? 1 : 0, UINT64_MAX, on_reply, pair, NULL), ERR_OK);
		if (fd >= 0)
			(void)close(fd);
	}
	loop_run(pair->loop);
	assert_int_equal(pair->replies, 600);
	assert_int_equal(pair->fds, sent);
	assert_int_equal(pair->wrong, 0);
}

static void
test_deadline_cancel_and_late_reply(void **state)
{
	struct pair *pair = *state;
	struct ipc_store_list m = { .handle = 1 };
	struct ipc_store_ok ok = { .modseq = 1 };
	uint64_t id;

	pair->want = 1;
	assert_int_equal(ipc_call(pair->a, IPC_MSG_store_list, &m, NULL, 0,
	    loop_now(pair->loop) + 20, on_reply, pair, NULL), ERR_OK);
	loop_run(pair->loop);
	assert_int_equal(pair->last_error, ERR_TIMEOUT);
	/* now it answers: dropped, and the wire lives on */
	ipc_reply(pair->b, pair->held, IPC_MSG_store_ok, &ok);
	assert_int_equal(ipc_call(pair->a, IPC_MSG_store_list, &m, NULL, 0,
	    UINT64_MAX, on_reply, pair, &id), ERR_OK);
	ipc_cancel(pair->a, id);
	pair->want = 2;
	ask(pair, 77, UINT64_MAX);
	loop_run(pair->loop);
	assert_int_equal(pair->replies, 2);
	assert_int_equal(pair->last_modseq, 77);
}

static void
test_gone_ends_pending(void **state)
{
	struct pair *pair = *state;
	struct ipc_store_list m = { .handle = 1 };

	pair->want = 1000;
	for (int i = 0; i < 10; i++)
		assert_int_equal(ipc_call(pair->a, IPC_MSG_store_list, &m, NULL,
		    0, UINT64_MAX, on_reply, pair, NULL), ERR_OK);
	ipc_peer_free(&pair->b);
	loop_run(pair->loop);
	assert_int_equal(pair->gone, 1);
	assert_int_equal(pair->replies, 10);
	assert_int_equal(pair->last_error, ERR_GONE);
	assert_null(pair->a);
}

/* What a hostile neighbour may write: each ends that peer, and nothing else. */
static void
test_violations(void **state)
{
	static const struct { const char *bytes; size_t n; int fds; } rows[] = {
		{ "\xff\xff\xff\xff", 4, 0 },
		{ "\x0c\0\0\0\xff\xff\0\0\0\0\0\0\0\0\0\0", 16, 0 },	/* unknown type */
		{ "\x0c\0\0\0\x31\x05\0\0\0\0\0\0\0\0\0\0", 16, 0 },	/* store_rows from imapd */
		{ "\x0c\0\0\0\x26\x05\0\0\1\0\0\0\0\0\0\0", 16, 0 },	/* truncated body */
		{ "\x18\0\0\0\x2a\x05\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 28, 0 },	/* nobody handles */
		{ "\x10\0\0\0\x12\x05\1\0\0\0\0\0\0\0\0\0\1\0\0\0", 20, 0 },	/* fd announced */
		{ "\x10\0\0\0\x12\x05\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 20, 1 },	/* fd not announced */
	};
	struct pair *pair = *state;
	int fds[2], none = open("/dev/null", 0);

	ipc_peer_free(&pair->a);
	ipc_peer_free(&pair->b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		pair->b = ipc_peer_new(pair->loop, fds[1], IPC_IMAPD, 2,
		    handlers_b, on_gone, pair);
		pair->gone = 0;
		assert_int_equal(ipc_socket_send(fds[0], slice_of(rows[i].bytes,
		    rows[i].n), &none, (unsigned)rows[i].fds, 0), (ssize_t)rows[i].n);
		loop_run(pair->loop);
		assert_int_equal(pair->gone, 1);
		(void)close(fds[0]);
	}
	(void)close(none);
}

/* What nobody waits for any more can be given back. */
static void
test_late_reply_handler(void **state)
{
	struct pair *pair = *state;
	struct ipc_store_list m = { .handle = 1 };
	struct ipc_store_session late = { .handle = 5 };
	uint64_t id;

	assert_int_equal(ipc_call(pair->a, IPC_MSG_store_list, &m, NULL, 0, UINT64_MAX,
	    on_reply, pair, &id), ERR_OK);
	pair->want = 1;
	ask(pair, 1, UINT64_MAX);
	loop_run(pair->loop);
	ipc_cancel(pair->a, id);
	ipc_reply(pair->b, pair->held, IPC_MSG_store_session, &late);
	loop_run(pair->loop);
	assert_int_equal(pair->late, 1);
	assert_int_equal(pair->replies, 1);
	assert_int_equal(pair->gone, 0);
}

static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
one_turn(struct loop *l)
{
	struct loop_idle i;

	loop_idle_init(&i, stop, l);
	loop_defer(l, &i);
	loop_run(l);
}

/* What is sent late stays for a while, or goes with the next frame: one packet. */
static void
test_late_frames(void **state)
{
	struct pair *pair = *state;
	struct ipc_store_logout m = { .handle = 5 };
	struct ipc_peer *p;
	char b[1000];
	ssize_t one;
	uint64_t from;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	p = ipc_peer_new(pair->loop, fds[0], IPC_STORE, 1, handlers_a, on_gone, pair);
	for (int tries = 0; tries < 100; tries++) {
		from = clock_mono_ms();
		one_turn(pair->loop);
		assert_int_equal(ipc_send_late(p, IPC_MSG_store_logout, &m), ERR_OK);
		one_turn(pair->loop);
		/* A machine that stood still meanwhile says nothing. */
		if (clock_mono_ms() - from < IPC_LATE_MS)
			break;
		(void)recv(fds[1], b, sizeof(b), MSG_DONTWAIT);
	}
	assert_int_equal(recv(fds[1], b, sizeof(b), MSG_DONTWAIT), -1);
	assert_int_equal(ipc_send_late(p, IPC_MSG_store_logout, &m), ERR_OK);
	loop_advance(pair->loop, IPC_LATE_MS);
	one = recv(fds[1], b, sizeof(b), MSG_DONTWAIT) / 2;
	assert_int_equal(one, 20);
	assert_int_equal(ipc_send_late(p, IPC_MSG_store_logout, &m), ERR_OK);
	assert_int_equal(ipc_send(p, IPC_MSG_store_logout, &m, NULL, 0), ERR_OK);
	one_turn(pair->loop);
	assert_int_equal(recv(fds[1], b, sizeof(b), MSG_DONTWAIT), 2 * one);
	ipc_peer_free(&p);
	(void)close(fds[1]);
	one_turn(pair->loop);
}

static void
test_blocking_forms(void **state)
{
	struct ipc_store_login m = { .token = SLICE_LIT("t") };
	struct ipc_in in;
	union ipc_any got;
	struct buf store;
	uint16_t type;
	int fds[2], passed = open("/dev/null", 0);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	buf_init(&store, IPC_FRAME_MAX);
	assert_int_equal(ipc_write_blocking(fds[0], IPC_MSG_store_login, 3, &m,
	    NULL, 0), ERR_OK);
	assert_int_equal(ipc_read_blocking(fds[1], IPC_IMAPD, &store, &type,
	    &got, &in), ERR_OK);
	assert_int_equal(type, IPC_MSG_store_login);
	assert_int_equal(in.id, 3);
	assert_slice(got.store_login.token, "t");
	(void)close(fds[0]);
	assert_int_equal(ipc_read_blocking(fds[1], IPC_IMAPD, &store, &type,
	    &got, &in), ERR_GONE);
	(void)close(fds[1]);
	(void)close(passed);
	buf_fini(&store);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many_requests), T(test_many_leave_before_the_turn_ends), T(test_descriptors),
		T(test_deadline_cancel_and_late_reply), T(test_gone_ends_pending),
		T(test_violations), T(test_late_reply_handler), T(test_late_frames),
		T(test_blocking_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
