/* SPDX-License-Identifier: ISC */
#include "lib/io/link.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/must.h"
#include "lib/io/conn.h"
#include "lib/io/dial.h"

/* One piece of input at a time, and what of the last one was not used. */
#define IN_MAX		(1u << 20)

static const struct conn_limits limits = {
	.in_max = 65536, .out_low = 131072, .out_high = 1u << 20, .out_max = 8u << 20,
};

struct link {
	struct loop	*loop;
	struct conn	*conn;		/* NULL: closed */
	struct buf	 in;
	const char	*reason;
	enum err	 tls;		/* AGAIN: under way */
	bool		 drained;
	bool		 wants;		/* input; else it stays where it is */
};

static size_t
on_data(void *arg, struct slice bytes)
{
	struct link *l = arg;

	if (!l->wants) {
		conn_pause(l->conn);
		return 0;
	}
	loop_stop(l->loop);
	buf_put_slice(&l->in, bytes);
	return bytes.n;
}

static void
on_drained(void *arg)
{
	struct link *l = arg;

	l->drained = true;
	loop_stop(l->loop);
}

static void
on_tls(void *arg, enum err e)
{
	struct link *l = arg;

	l->tls = e;
	if (e != ERR_OK)
		l->reason = conn_tls_reason(l->conn);
	loop_stop(l->loop);
}

static void
on_closed(void *arg, const char *reason)
{
	struct link *l = arg;

	l->conn = NULL;
	if (l->reason == NULL)
		l->reason = reason;
	loop_stop(l->loop);
}

static const struct conn_ops ops = {
	.on_data = on_data, .on_drained = on_drained, .on_tls = on_tls, .on_closed = on_closed,
};

struct link *
link_new(struct loop *loop, int take_fd)
{
	const struct conn_addr nobody = { .is_inet = false };
	struct link *l = must_alloc(1, sizeof(*l));

	l->loop = loop;
	buf_init(&l->in, IN_MAX);
	l->conn = conn_new(loop, take_fd, &nobody, &ops, l, &limits, NULL);
	return l;
}

void
link_free(struct link **lp)
{
	struct link *l = *lp;

	if (l == NULL)
		return;
	if (l->conn != NULL)
		conn_close(l->conn, "done");
	while (l->conn != NULL)
		loop_run(l->loop);
	buf_fini(&l->in);
	free(l);
	*lp = NULL;
}

/* One event, or silence for too long. */
static void
turn(struct link *l)
{
	conn_set_deadline(l->conn, loop_now(l->loop) + LINK_WAIT_MS);
	loop_run(l->loop);
	/* While another link is waited for, this one may be silent. */
	if (l->conn != NULL)
		conn_set_deadline(l->conn, 0);
}

enum err
link_tls(struct link *l, struct tls_client_ctx *ctx, const struct tls_demand *d)
{
	enum err e;

	if (l->conn == NULL)
		return ERR_GONE;
	/* What was said before TLS counts for nothing (RFC 3501 s6.2.1). */
	buf_reset(&l->in);
	l->tls = ERR_AGAIN;
	if ((e = conn_start_tls_client(l->conn, ctx, d)) != ERR_OK)
		return e;
	while (l->tls == ERR_AGAIN && l->conn != NULL)
		turn(l);
	return l->tls == ERR_OK ? ERR_OK : ERR_CRYPTO;
}

const struct tls_peer *
link_peer(const struct link *l)
{
	return l->conn != NULL ? conn_tls_peer(l->conn) : NULL;
}

struct slice
link_input(const struct link *l)
{
	return buf_slice(&l->in);
}

void
link_used(struct link *l, size_t n)
{
	buf_consume(&l->in, n);
}

enum err
link_fill(struct link *l)
{
	size_t before = l->in.n;

	l->wants = true;
	if (l->conn != NULL)
		conn_resume(l->conn);
	while (l->conn != NULL && l->in.n == before)
		turn(l);
	l->wants = false;
	return l->in.n > before ? ERR_OK : ERR_GONE;
}

enum err
link_write(struct link *l, struct slice s)
{
	if (l->conn == NULL)
		return ERR_GONE;
	conn_write(l->conn, s);
	l->drained = false;
	while (l->conn != NULL && conn_is_clogged(l->conn) && !l->drained)
		turn(l);
	return l->conn != NULL ? ERR_OK : ERR_GONE;
}

const char *
link_reason(const struct link *l)
{
	return l->reason != NULL ? l->reason : "no reason given";
}

/* ---- the way to a host ---- */

struct dialled {
	struct loop	*loop;
	int		 fd;
	const char	*text;
};

static void
on_dialled(void *arg, const struct dial_result *r)
{
	struct dialled *d = arg;

	d->fd = r->fd;
	d->text = r->text;
	loop_stop(d->loop);
}

enum err
link_dial(struct loop *loop, const char *host, const char *port, uint64_t wait_ms, int *fd,
    const char **why)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	struct conn_addr addrs[LINK_ADDRS_MAX];
	struct dialled d = { loop, -1, NULL };
	struct dial_params params = { .addrs = addrs, .deadline_ms = loop_now(loop) + wait_ms };
	int rc = getaddrinfo(host, port, &hints, &all);

	*fd = -1;
	if (rc != 0) {
		*why = gai_strerror(rc);
		return ERR_NOTFOUND;
	}
	for (struct addrinfo *a = all; a != NULL && params.addr_count < LINK_ADDRS_MAX;
	    a = a->ai_next)
		conn_addr_from(&addrs[params.addr_count++], a->ai_addr);
	freeaddrinfo(all);
	(void)dial_new(loop, &params, on_dialled, &d);
	loop_run(loop);
	*fd = d.fd;
	*why = d.text;
	return d.fd >= 0 ? ERR_OK : ERR_GONE;
}
