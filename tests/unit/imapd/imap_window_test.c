/* SPDX-License-Identifier: ISC */
#include "imapd/imap_window.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "lib/sys/window.h"
#include "tests/unit/test.h"

#define INSTANCE	7
#define MS		20000

/* A store in the same loop: it answers with the content's number in each byte. */
struct world {
	struct loop		*loop;
	struct ipc_peer		*near;		/* imapd's end */
	struct ipc_peer		*far;
	unsigned char		*mem;		/* the store's mapping */
	int			 fd;
	struct list		 windows;
	struct imap_window	*w;
	unsigned		 slots, plain;	/* requests with a slot, and without */
	unsigned		 heard, gone, odd;
	unsigned		 want;
	uint32_t		 more;		/* bytes that the store claims too much */
};

/* One request. */
struct ask {
	struct world		*world;
	uint64_t		 content;
	struct imap_ticket	 ticket;
};

static void
on_read(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct world *t = ipc_peer_arg(p);
	const struct ipc_store_read *m = msg;
	const struct ipc_store_data_at at = { .bytes = m->bytes + t->more };
	unsigned char bytes[100];
	struct ipc_store_data d = { .data = slice_of(bytes, m->bytes) };

	assert_true(m->slot <= STORE_WINDOW_SLOTS && m->bytes <= sizeof(bytes));
	if (m->slot == 0) {
		t->plain++;
		memset(bytes, (int)m->content, m->bytes);
		ipc_reply(p, in->id, IPC_MSG_store_data, &d);
		return;
	}
	t->slots++;
	memset(t->mem + (m->slot - 1) * (size_t)STORE_WINDOW_SLOT_BYTES, (int)m->content,
	    m->bytes);
	ipc_reply(p, in->id, IPC_MSG_store_data_at, &at);
}

static const struct ipc_handler far_handlers[] = {
	{ IPC_MSG_store_read, on_read }, { 0, NULL }
};
static const struct ipc_handler near_handlers[] = { { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p;
	(void)arg;
	fail();
}

static int
setup(void **state)
{
	struct world *t = calloc(1, sizeof(*t));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t->loop = loop_new();
	t->near = ipc_peer_new(t->loop, fds[0], IPC_STORE, INSTANCE, near_handlers,
	    on_gone, t);
	t->far = ipc_peer_new(t->loop, fds[1], IPC_IMAPD, 2, far_handlers, on_gone, t);
	list_init(&t->windows);
	assert_int_equal(window_make("test", STORE_WINDOW_BYTES, &t->fd, &t->mem), ERR_OK);
	assert_int_equal(imap_window_add(&t->windows, t->near, t->fd), ERR_OK);
	t->w = imap_window_find(&t->windows, INSTANCE);
	assert_non_null(t->w);
	*state = t;
	return 0;
}

/* That no slot is left behind is for imap_window_free to say. */
static int
teardown(void **state)
{
	struct world *t = *state;
	const unsigned char *mem = t->mem;

	ipc_peer_free(&t->near);
	ipc_peer_free(&t->far);
	imap_window_free(&t->w);
	assert_null(imap_window_find(&t->windows, INSTANCE));
	window_close(&mem, STORE_WINDOW_BYTES);
	fd_close(&t->fd);
	loop_free(&t->loop);
	free(t);
	return 0;
}

static void
on_data(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct ask *a = arg;
	struct world *t = a->world;
	const struct ipc_store_data *m = msg;

	(void)in;
	if (e != ERR_OK) {
		assert_int_equal(e, ERR_GONE);
		t->gone++;
		return;
	}
	if (type != IPC_MSG_store_data) {
		t->odd++;
	} else {
		assert_int_equal(m->data.n, 100);
		for (size_t i = 0; i < m->data.n; i++)
			assert_int_equal((unsigned char)m->data.p[i], a->content);
	}
	if (++t->heard == t->want)
		loop_stop(t->loop);
}

static void
ask(struct world *t, struct ask *a, uint64_t content)
{
	struct ipc_store_read m = { .handle = 1, .content = content, .bytes = 100 };

	a->world = t;
	a->content = content;
	assert_int_equal(imap_window_read(imap_window_find(&t->windows, INSTANCE), t->near, &m,
	    loop_now(t->loop) + MS, on_data, a, &a->ticket), ERR_OK);
}

/* More than there are slots: those come through the wire. */
static void
all_are_answered(void **state)
{
	struct world *t = *state;
	struct ask asks[STORE_WINDOW_SLOTS + 2];

	for (unsigned round = 1; round <= 3; round++) {
		for (unsigned i = 0; i < lengthof(asks); i++)
			ask(t, &asks[i], i + round);
		t->want += lengthof(asks);
		loop_run(t->loop);
		assert_int_equal(t->heard, t->want);
		assert_int_equal(t->slots, round * STORE_WINDOW_SLOTS);
		assert_int_equal(t->plain, round * 2);
	}
	assert_int_equal(t->odd, 0);
}

/* Of one that was cancelled the store still writes the answer, but before the next. */
static void
cancelled(void **state)
{
	struct world *t = *state;
	struct ask first, second;

	ask(t, &first, 1);
	ipc_cancel(t->near, first.ticket.id);
	imap_window_cancel(t->w, &first.ticket);
	ask(t, &second, 2);
	assert_int_equal(second.ticket.slot, first.ticket.slot);
	t->want = 1;
	loop_run(t->loop);
	assert_int_equal(t->heard, 1);
	assert_int_equal(t->slots, 2);
}

/* The process ends with requests under way; teardown finds no slot taken. */
static void
gone(void **state)
{
	struct world *t = *state;
	struct ask asks[STORE_WINDOW_SLOTS];

	for (unsigned i = 0; i < lengthof(asks); i++)
		ask(t, &asks[i], i);
	ipc_peer_free(&t->near);
	assert_int_equal(t->gone, lengthof(asks));
}

/* An answer of more than was asked for is none. */
static void
too_long(void **state)
{
	struct world *t = *state;
	struct ask a;

	t->more = 1;
	t->want = 1;
	ask(t, &a, 1);
	loop_run(t->loop);
	assert_int_equal(t->odd, 1);
}

static void
without(void **state)
{
	struct world *t = *state;
	struct ipc_store_read m = { .handle = 1, .content = 3, .bytes = 100 };
	struct ask a = { .world = t, .content = 3 };

	assert_null(imap_window_find(&t->windows, INSTANCE + 1));
	assert_int_equal(imap_window_read(NULL, t->near, &m, loop_now(t->loop) + MS, on_data,
	    &a, &a.ticket), ERR_OK);
	assert_int_equal(a.ticket.slot, 0);
	imap_window_cancel(NULL, &a.ticket);
	t->want = 1;
	loop_run(t->loop);
	assert_int_equal(t->plain, 1);
}

/* The second of a wire, and what can be resized. */
static void
refused(void **state)
{
	struct world *t = *state;
	struct list none;
	int fd;

	assert_int_equal(imap_window_add(&t->windows, t->near, t->fd), ERR_VIOLATION);
	list_init(&none);
	assert_int_equal(fd_memfd_make("test", &fd), ERR_OK);
	assert_int_equal(imap_window_add(&none, t->near, fd), ERR_VIOLATION);
	assert_null(imap_window_find(&none, INSTANCE));
	fd_close(&fd);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_are_answered), T(cancelled), T(gone), T(too_long), T(without), T(refused),
	};
#undef T

	return cmocka_run_group_tests_name("imapd/imap_window", tests, NULL, NULL);
}
