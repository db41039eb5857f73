/* SPDX-License-Identifier: ISC */
/*
 * advance() starts what may be started, end_attempt() takes note of a failure
 * and finish() is the only place that ends a dial.  A connection that came
 * about a moment after another one is closed, as RFC 8305 s5 wants it.
 */
#include "lib/io/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/must.h"

struct attempt {
	struct dial		*dial;
	struct loop_poll	*poll;		/* NULL: not in use */
	struct timer		 timer;
	int			 fd;
	size_t			 idx;		/* of its address */
};

struct dial {
	struct loop		*loop;
	dial_fn			*fn;
	dial_fn			*on_failed;
	void			*arg;
	struct timer		 stagger;
	struct timer		 deadline;
	struct loop_idle	 turn;
	struct attempt		 attempts[DIAL_PARALLEL_MAX];
	unsigned		 under_way;
	bool			 has_v4;	/* source addresses */
	bool			 has_v6;
	struct conn_addr	 source_v4;
	struct conn_addr	 source_v6;
	uint64_t		 attempt_ms;
	struct dial_result	 result;
	size_t			 next;		/* address to try */
	size_t			 addr_count;
	struct conn_addr	 addrs[];
};

/* What operators know these errors as. */
static const struct {
	int		 code;
	enum err	 e;
	const char	*text;
} errors[] = {
	{ ECONNREFUSED,	 ERR_GONE,    "Connection refused" },
	{ ETIMEDOUT,	 ERR_TIMEOUT, "Connection timed out" },
	{ EHOSTUNREACH,	 ERR_GONE,    "No route to host" },
	{ ENETUNREACH,	 ERR_GONE,    "Network is unreachable" },
	{ ECONNRESET,	 ERR_GONE,    "Connection reset by peer" },
	{ ECONNABORTED,	 ERR_GONE,    "Connection aborted" },
	{ EHOSTDOWN,	 ERR_GONE,    "Host is down" },
	{ ENETDOWN,	 ERR_GONE,    "Network is down" },
	{ EADDRNOTAVAIL, ERR_SYS,     "Cannot assign requested address" },
	{ EADDRINUSE,	 ERR_SYS,     "Address already in use" },
	{ EAFNOSUPPORT,	 ERR_SYS,     "Address family not supported" },
	{ EACCES,	 ERR_SYS,     "Permission denied" },
	{ EPERM,	 ERR_SYS,     "Operation not permitted" },
	{ EMFILE,	 ERR_SYS,     "Too many open files" },
	{ ENFILE,	 ERR_SYS,     "Too many open files in system" },
	{ ENOBUFS,	 ERR_SYS,     "No buffer space available" },
	{ ENOMEM,	 ERR_SYS,     "Out of memory" },
};

static void
note_failure(struct dial *d, size_t idx, int code)
{
	size_t i;

	d->result = (struct dial_result){
		.e = ERR_GONE, .fd = -1, .text = "Connection failed",
		.addr = d->addrs[idx],
	};
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].code == code) {
			d->result.e = errors[i].e;
			d->result.text = errors[i].text;
		}
	}
	if (d->on_failed != NULL)
		d->on_failed(d->arg, &d->result);
}

/* ---- the end ---- */

static void
stop_attempt(struct attempt *a)
{
	timer_stop(&a->timer);
	loop_poll_free(&a->poll);
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
	a->dial->under_way--;
}

static void
destroy(struct dial *d)
{
	unsigned i;

	for (i = 0; i < DIAL_PARALLEL_MAX; i++)
		if (d->attempts[i].poll != NULL)
			stop_attempt(&d->attempts[i]);
	timer_stop(&d->stagger);
	timer_stop(&d->deadline);
	loop_idle_cancel(&d->turn);
	free(d);
}

static void
finish(struct dial *d)
{
	struct dial_result result = d->result;
	dial_fn *fn = d->fn;
	void *arg = d->arg;

	destroy(d);
	fn(arg, &result);
}

void
dial_cancel(struct dial **dp)
{
	struct dial *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	destroy(d);
}

/* ---- one address ---- */

static int
bind_source(const struct dial *d, int fd, const struct conn_addr *to)
{
	const struct conn_addr *from = to->is_v4 ? &d->source_v4 : &d->source_v6;
	struct sockaddr_storage ss;
	struct conn_addr any_port = *from;
	socklen_t n;
	int one = 1;

	if (to->is_v4 ? !d->has_v4 : !d->has_v6)
		return 0;
	any_port.port = 0;
	n = conn_addr_sockaddr(&any_port, &ss);
	/* Else the port is taken for all destinations, also in TIME_WAIT. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	return bind(fd, (const struct sockaddr *)&ss, n);
}

/* A socket on its way to addrs[idx]; -1 with errno. */
static int
begin_connect(const struct dial *d, size_t idx)
{
	struct sockaddr_storage ss;
	socklen_t n = conn_addr_sockaddr(&d->addrs[idx], &ss);
	int fd, code, one = 1;

	if (n == 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind_source(d, fd, &d->addrs[idx]) == 0 &&
	    (connect(fd, (const struct sockaddr *)&ss, n) == 0 ||
	    errno == EINPROGRESS || errno == EINTR))
		return fd;
	code = errno;
	(void)close(fd);
	errno = code;
	return -1;
}

static void advance(struct dial *);

static void
end_attempt(struct attempt *a, int code)
{
	struct dial *d = a->dial;

	stop_attempt(a);
	note_failure(d, a->idx, code);
	advance(d);
}

static void
connected(struct attempt *a)
{
	struct dial *d = a->dial;
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	d->result = (struct dial_result){
		.e = ERR_OK, .fd = a->fd, .text = "", .addr = d->addrs[a->idx],
	};
	if (getsockname(a->fd, (struct sockaddr *)&ss, &n) == 0)
		conn_addr_from(&d->result.local, (const struct sockaddr *)&ss);
	a->fd = -1;			/* the caller's */
	finish(d);
}

static void
on_attempt_event(void *arg, int events)
{
	struct attempt *a = arg;
	socklen_t n = sizeof(int);
	int code = 0;

	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &code, &n) != 0)
		code = errno;
	if (code == 0 && events < 0)
		code = ECONNRESET;
	if (code == 0)
		connected(a);
	else
		end_attempt(a, code);
}

static void
on_attempt_timeout(void *arg)
{
	end_attempt(arg, ETIMEDOUT);
}

static struct attempt *
free_attempt(struct dial *d)
{
	unsigned i;

	for (i = 0; i < DIAL_PARALLEL_MAX; i++)
		if (d->attempts[i].poll == NULL)
			return &d->attempts[i];
	return NULL;
}

static void
watch_attempt(struct attempt *a, size_t idx, int fd)
{
	struct dial *d = a->dial;

	a->idx = idx;
	a->fd = fd;
	a->poll = loop_poll_new(d->loop, fd, on_attempt_event, a);
	loop_poll_set(a->poll, LOOP_WRITE);
	d->under_way++;
	if (d->attempt_ms > 0)
		timer_set(&a->timer, loop_now(d->loop) + d->attempt_ms);
}

/* ---- all of them ---- */

static void
advance(struct dial *d)
{
	struct attempt *a;
	size_t idx;
	int fd;

	while (d->next < d->addr_count && (a = free_attempt(d)) != NULL) {
		idx = d->next++;
		fd = begin_connect(d, idx);
		if (fd >= 0) {
			watch_attempt(a, idx, fd);
			timer_set(&d->stagger, loop_now(d->loop) + DIAL_STAGGER_MS);
			return;
		}
		note_failure(d, idx, errno);
	}
	if (d->under_way == 0)
		finish(d);
}

static void
on_stagger(void *arg)
{
	advance(arg);
}

static void
on_dial_deadline(void *arg)
{
	struct dial *d = arg;
	unsigned i;

	d->next = d->addr_count;
	if (d->under_way == 0 && d->addr_count > 0)
		note_failure(d, 0, ETIMEDOUT);
	for (i = 0; i < DIAL_PARALLEL_MAX; i++) {
		if (d->attempts[i].poll != NULL) {
			stop_attempt(&d->attempts[i]);
			note_failure(d, d->attempts[i].idx, ETIMEDOUT);
		}
	}
	finish(d);
}

static void
on_first_turn(void *arg)
{
	advance(arg);
}

struct dial *
dial_new(struct loop *l, const struct dial_params *p, dial_fn *fn, void *arg)
{
	size_t i, count = p->addr_count < DIAL_ADDRS_MAX ?
	    p->addr_count : DIAL_ADDRS_MAX;
	struct dial *d = must_alloc(1, sizeof(*d) + count * sizeof(d->addrs[0]));

	d->loop = l;
	d->fn = fn;
	d->arg = arg;
	d->on_failed = p->on_failed;
	d->attempt_ms = p->attempt_ms;
	d->has_v4 = p->source_v4 != NULL;
	d->has_v6 = p->source_v6 != NULL;
	if (d->has_v4)
		d->source_v4 = *p->source_v4;
	if (d->has_v6)
		d->source_v6 = *p->source_v6;
	d->result = (struct dial_result){
		.e = ERR_NOTFOUND, .fd = -1, .text = "No address to connect to",
	};
	d->addr_count = count;
	for (i = 0; i < count; i++)
		d->addrs[i] = p->addrs[i];
	for (i = 0; i < DIAL_PARALLEL_MAX; i++) {
		d->attempts[i].dial = d;
		d->attempts[i].fd = -1;
		timer_init(&d->attempts[i].timer, l, on_attempt_timeout, &d->attempts[i]);
	}
	timer_init(&d->stagger, l, on_stagger, d);
	timer_init(&d->deadline, l, on_dial_deadline, d);
	if (p->deadline_ms > 0)
		timer_set(&d->deadline, p->deadline_ms);
	loop_idle_init(&d->turn, on_first_turn, d);
	loop_defer(l, &d->turn);
	return d;
}
