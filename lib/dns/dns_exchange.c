/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/dns/dns_wire.h"

#define PORT_LOWEST	1024
#define PORT_TRIES	10	/* then the kernel chooses */
#define LENGTH_BYTES	2
#define UDP_BYTES_MAX	4096	/* what is longer than EDNS said is cut here */

uint16_t
dns_exchange_random(void)
{
	uint16_t v;

	if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
		log_fatal("getrandom failed");
	return v;
}

void
dns_exchange_init(struct dns_exchange *x, struct loop *loop,
    const struct dns_exchange_ops *ops, void *arg)
{
	*x = (struct dns_exchange){
		.loop = loop, .ops = ops, .arg = arg, .fd = -1,
	};
	buf_init(&x->out, LENGTH_BYTES + DNS_WIRE_QUERY_MAX);
	buf_init(&x->in, LENGTH_BYTES + DNS_WIRE_MAX);
}

void
dns_exchange_stop(struct dns_exchange *x)
{
	loop_poll_free(&x->poll);
	if (x->fd >= 0)
		(void)close(x->fd);
	x->fd = -1;
	buf_release(&x->out);
	buf_release(&x->in);
}

/* ---- what arrives ---- */

static void
fail(struct dns_exchange *x, const char *reason)
{
	dns_exchange_stop(x);
	x->ops->on_failed(x->arg, reason);
}

static void
fail_unreachable(struct dns_exchange *x)
{
	fail(x, x->is_tcp ? "the server cannot be reached over TCP" :
	    "the server cannot be reached");
}

static bool
is_passing(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void
on_udp(struct dns_exchange *x)
{
	char bytes[UDP_BYTES_MAX];
	ssize_t n = recv(x->fd, bytes, sizeof(bytes), 0);

	if (n >= 0)
		x->ops->on_message(x->arg, slice_of(bytes, (size_t)n));
	else if (!is_passing(errno))
		fail_unreachable(x);	/* ICMP said so */
}

static void
tcp_write(struct dns_exchange *x)
{
	ssize_t n = send(x->fd, buf_data(&x->out), x->out.n, MSG_NOSIGNAL);

	if (n < 0) {
		if (!is_passing(errno))
			fail_unreachable(x);
		return;
	}
	buf_consume(&x->out, (size_t)n);
	if (x->out.n == 0)
		loop_poll_set(x->poll, LOOP_READ);
}

/* What is missing of the length, or of the message that it announced. */
static size_t
tcp_missing(const struct dns_exchange *x)
{
	const unsigned char *p = (const unsigned char *)buf_data(&x->in);

	if (x->in.n < LENGTH_BYTES)
		return LENGTH_BYTES - x->in.n;
	return LENGTH_BYTES + (size_t)(p[0] << 8 | p[1]) - x->in.n;
}

/* Never reads beyond the message: one of them is all that was asked for. */
static void
tcp_read(struct dns_exchange *x)
{
	size_t missing;
	ssize_t n;

	while ((missing = tcp_missing(x)) > 0) {
		char *to = buf_reserve(&x->in, missing);

		must(to != NULL);	/* max is the largest length there is */
		n = recv(x->fd, to, missing, 0);
		if (n < 0 && is_passing(errno))
			return;
		if (n <= 0) {
			fail(x, "the server closed the connection");
			return;
		}
		buf_commit(&x->in, (size_t)n);
	}
	loop_poll_set(x->poll, 0);
	x->ops->on_message(x->arg, slice_from(buf_slice(&x->in), LENGTH_BYTES));
}

static void
on_ready(void *arg, int events)
{
	struct dns_exchange *x = arg;

	if (events < 0)
		fail_unreachable(x);
	else if (!x->is_tcp)
		on_udp(x);
	else if (x->out.n > 0)
		tcp_write(x);
	else
		tcp_read(x);
}

/* ---- beginning ---- */

/* The kernel's own choice is from fewer ports, and the same for a while. */
static void
bind_random(int fd, bool is_v4)
{
	struct conn_addr any = { .is_inet = true, .is_v4 = is_v4 };
	struct sockaddr_storage ss;
	unsigned n;

	if (is_v4)
		any.ip[10] = any.ip[11] = 0xff;
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		any.port = (uint16_t)(PORT_LOWEST + dns_exchange_random() %
		    (65536 - PORT_LOWEST));
		n = conn_addr_sockaddr(&any, &ss);
		if (bind(fd, (struct sockaddr *)&ss, n) == 0)
			return;
	}
}

static enum err
begin_udp(struct dns_exchange *x, struct slice query)
{
	loop_poll_set(x->poll, LOOP_READ);
	if (send(x->fd, query.p, query.n, MSG_NOSIGNAL) < 0 &&
	    !is_passing(errno))
		return ERR_GONE;
	return ERR_OK;		/* one that was not sent is as one lost */
}

static enum err
begin_tcp(struct dns_exchange *x, struct slice query)
{
	buf_put_char(&x->out, (char)(query.n >> 8));
	buf_put_char(&x->out, (char)query.n);
	buf_put_slice(&x->out, query);
	loop_poll_set(x->poll, LOOP_WRITE);
	return buf_err(&x->out);
}

enum err
dns_exchange_start(struct dns_exchange *x, const struct conn_addr *server,
    bool is_tcp, struct slice query)
{
	struct sockaddr_storage ss;
	unsigned n = conn_addr_sockaddr(server, &ss);
	enum err e;

	dns_exchange_stop(x);
	x->fd = socket(ss.ss_family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) |
	    SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->fd < 0)
		return ERR_SYS;
	if (!is_tcp)
		bind_random(x->fd, server->is_v4);
	if (connect(x->fd, (struct sockaddr *)&ss, n) != 0 &&
	    errno != EINPROGRESS) {
		dns_exchange_stop(x);
		return ERR_GONE;
	}
	x->is_tcp = is_tcp;
	x->poll = loop_poll_new(x->loop, x->fd, on_ready, x);
	e = is_tcp ? begin_tcp(x, query) : begin_udp(x, query);
	if (e != ERR_OK)
		dns_exchange_stop(x);
	return e;
}
