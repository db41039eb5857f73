/* SPDX-License-Identifier: ISC */
#include "imapd/imap_pulse.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "lib/sys/pulse.h"
#include "lib/sys/window.h"
#include "tests/unit/test.h"

#define INSTANCE	7

struct world {
	struct loop	*loop;
	struct ipc_peer	*near;
	int		 far;		/* the store's end */
	unsigned char	*mem;
	int		 fd;
	struct list	 pulses;
};

static const struct ipc_handler handlers[] = { { 0, NULL } };

static void
on_gone(struct ipc_peer *p, void *arg)
{
	(void)p;
	(void)arg;
}

static int
setup(void **state)
{
	static struct world w;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w.loop = loop_new();
	w.near = ipc_peer_new(w.loop, fds[0], IPC_STORE, INSTANCE, handlers, on_gone, &w);
	w.far = fds[1];
	list_init(&w.pulses);
	assert_int_equal(window_make("test", PULSE_BYTES, &w.fd, &w.mem), ERR_OK);
	pulse_begin(w.mem, 100);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	const unsigned char *mem = w->mem;

	imap_pulse_left(&w->pulses, INSTANCE);
	imap_pulse_left(&w->pulses, INSTANCE);
	assert_true(list_is_empty(&w->pulses));
	ipc_peer_free(&w->near);
	window_close(&mem, PULSE_BYTES);
	fd_close(&w->fd);
	fd_close(&w->far);
	loop_free(&w->loop);
	return 0;
}

static void
is_told(void **state)
{
	struct world *w = *state;

	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 0);
	assert_int_equal(imap_pulse_add(&w->pulses, w->near, w->fd), ERR_OK);
	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 100);
	pulse_beat(w->mem, 1);
	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 101);
	assert_int_equal(imap_pulse_of(&w->pulses, NULL, 1), 0);
}

/* The loop has not run: nobody was told that the store is gone. */
static void
is_not_of_the_dead(void **state)
{
	struct world *w = *state;

	assert_int_equal(imap_pulse_add(&w->pulses, w->near, w->fd), ERR_OK);
	assert_int_equal(write(w->far, "x", 1), 1);
	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 100);
	fd_close(&w->far);
	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 0);
}

/* Nor of one that is being ended here. */
static void
is_not_of_the_lost(void **state)
{
	struct world *w = *state;

	assert_int_equal(imap_pulse_add(&w->pulses, w->near, w->fd), ERR_OK);
	ipc_peer_violation(w->near, "test");
	assert_int_equal(imap_pulse_of(&w->pulses, w->near, 1), 0);
}

/* The second of a wire, and what can be resized. */
static void
refused(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(fd_memfd_make("test", &fd), ERR_OK);
	assert_int_equal(imap_pulse_add(&w->pulses, w->near, fd), ERR_VIOLATION);
	fd_close(&fd);
	assert_int_equal(imap_pulse_add(&w->pulses, w->near, w->fd), ERR_OK);
	assert_int_equal(imap_pulse_add(&w->pulses, w->near, w->fd), ERR_VIOLATION);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(is_told), T(is_not_of_the_dead), T(is_not_of_the_lost), T(refused),
	};
#undef T

	return cmocka_run_group_tests_name("imapd/imap_pulse", tests, NULL, NULL);
}
