/* SPDX-License-Identifier: ISC */
#include "lib/io/conn_listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/must.h"

struct conn_listener {
	struct loop		*loop;
	struct loop_poll	*poll;
	struct timer		 rest;
	conn_accept_fn		*fn;
	void			*arg;
	int			 fd;
	unsigned		 max_conns;
	unsigned		 count;
	bool			 is_paused;
	bool			 is_accepting;
	bool			 is_freed;	/* waits for its connections */
};

static void
free_if_unused(struct conn_listener *l)
{
	if (l->is_freed && l->count == 0 && !l->is_accepting)
		free(l);
}

static void
update(struct conn_listener *l)
{
	bool on = !l->is_paused && l->count < l->max_conns &&
	    !timer_is_set(&l->rest);

	if (!l->is_freed)
		loop_poll_set(l->poll, on ? LOOP_READ : 0);
}

static void
on_rested(void *arg)
{
	update(arg);
}

/* False when the loop should come back later. */
static bool
accept_one(struct conn_listener *l)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_storage	storage;
	} from;
	socklen_t n = sizeof(from);
	struct conn_addr peer;
	int fd;

	from.sa.sa_family = AF_UNSPEC;
	fd = accept4(l->fd, &from.sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		conn_addr_from(&peer, &from.sa);
		l->fn(l->arg, l, fd, &peer);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		timer_set(&l->rest, loop_now(l->loop) + CONN_LISTENER_REST_MS);
		update(l);
		return false;
	default:	/* the client has gone, or EINTR: next */
		return true;
	}
}

static void
on_ready(void *arg, int events)
{
	struct conn_listener *l = arg;
	int i;

	(void)events;
	l->is_accepting = true;
	for (i = 0; i < CONN_LISTENER_BURST; i++)
		if (l->is_freed || l->is_paused || l->count >= l->max_conns ||
		    !accept_one(l))
			break;
	l->is_accepting = false;
	update(l);
	free_if_unused(l);
}

struct conn_listener *
conn_listener_new(struct loop *loop, int fd, unsigned max_conns,
    conn_accept_fn *fn, void *arg)
{
	struct conn_listener *l = must_alloc(1, sizeof(*l));
	int on = 1;

	l->loop = loop;
	l->fd = fd;
	l->fn = fn;
	l->arg = arg;
	l->max_conns = max_conns;
	/* Inherited by what is accepted; fails on UNIX sockets, no matter. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	timer_init(&l->rest, loop, on_rested, l);
	l->poll = loop_poll_new(loop, fd, on_ready, l);
	update(l);
	return l;
}

void
conn_listener_pause(struct conn_listener *l)
{
	l->is_paused = true;
	update(l);
}

void
conn_listener_resume(struct conn_listener *l)
{
	l->is_paused = false;
	update(l);
}

void
conn_listener_set_max(struct conn_listener *l, unsigned max_conns)
{
	l->max_conns = max_conns;
	update(l);
}

unsigned
conn_listener_count(const struct conn_listener *l)
{
	return l->count;
}

void
conn_listener_join(struct conn_listener *l)
{
	l->count++;
}

void
conn_listener_leave(struct conn_listener *l)
{
	must(l->count > 0);
	l->count--;
	update(l);
	free_if_unused(l);
}

void
conn_listener_free(struct conn_listener **lp)
{
	struct conn_listener *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	timer_stop(&l->rest);
	loop_poll_free(&l->poll);
	l->is_freed = true;
	free_if_unused(l);
}
