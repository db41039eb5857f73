/* SPDX-License-Identifier: ISC */
/*
 * Addresses, dial, handshake, request, reply: each step's callback starts the
 * next.  The memory goes with the connection when there is one.
 */
#include "delivery/sts_fetch.h"

#include <stdlib.h>

#include "delivery/dlv_mx.h"
#include "delivery/http_reply.h"
#include "lib/base/must.h"
#include "lib/io/conn.h"
#include "lib/io/dial.h"

#define ATTEMPT_MS	20000u	/* of one address */
#define HTTPS_PORT	443u

struct sts_fetch {
	struct loop		*loop;
	struct tls_client_ctx	*tls;
	sts_fetch_fn		*fn;		/* NULL: told, or cancelled */
	void			*arg;
	char			 host[CONF_HOP_NAME_MAX + 1];	/* mta-sts.DOMAIN */
	uint16_t		 port;
	struct dns_pair		*pair;
	struct dial		*dial;
	struct conn		*conn;
	struct timer		 deadline;
	struct loop_idle	 turn;
	struct http_reply	 reply;
	enum err		 early;		/* told in the next turn */
};

static const struct conn_limits	limits = {
	.in_max = 16384, .out_low = 1024, .out_high = 4096, .out_max = 16384
};

/* ---- the end ---- */

static void
destroy(struct sts_fetch *f)
{
	dns_pair_cancel(&f->pair);
	dial_cancel(&f->dial);
	timer_stop(&f->deadline);
	loop_idle_cancel(&f->turn);
	http_reply_fini(&f->reply);
	free(f);
}

static void
leave(struct sts_fetch *f)
{
	f->fn = NULL;
	if (f->conn != NULL)
		conn_abort(f->conn, "done");	/* on_closed frees */
	else
		destroy(f);
}

void
sts_fetch_cancel(struct sts_fetch **fp)
{
	struct sts_fetch *f = *fp;

	*fp = NULL;
	if (f != NULL)
		leave(f);
}

static void
tell(struct sts_fetch *f, const struct sts_fetch_result *r)
{
	sts_fetch_fn *fn = f->fn;

	f->fn = NULL;
	if (fn != NULL)
		fn(f->arg, r);
}

static void
fail(struct sts_fetch *f, enum err e, enum tls_failure failure, const char *why)
{
	struct sts_fetch_result r = { .e = e, .failure = failure, .why = why };

	tell(f, &r);
	leave(f);
}

static void
succeed(struct sts_fetch *f)
{
	struct sts_fetch_result r = { .failure = TLS_FAILURE_STS_INVALID };

	r.e = sts_policy_parse(&r.policy, http_reply_body(&f->reply), &r.why);
	tell(f, &r);
	sts_policy_unref(&r.policy);
	leave(f);
}

static void
on_deadline(void *arg)
{
	fail(arg, ERR_TIMEOUT, TLS_FAILURE_STS_FETCH, "timed out");
}

/* ---- request and reply ---- */

static void
ask(struct sts_fetch *f)
{
	struct buf *out = conn_out(f->conn);

	buf_put_str(out, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: ");
	buf_put_str(out, f->host);
	if (f->port != HTTPS_PORT)
		buf_printf(out, ":%u", f->port);
	buf_put_str(out, "\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
}

static void
judge(struct sts_fetch *f, enum err e)
{
	if (e == ERR_SHORT)
		return;
	if (e == ERR_OK)
		succeed(f);
	else
		fail(f, e, TLS_FAILURE_STS_FETCH, f->reply.why);
}

static size_t
on_data(void *arg, struct slice bytes)
{
	struct sts_fetch *f = arg;

	if (f->fn != NULL)
		judge(f, http_reply_feed(&f->reply, bytes));
	return bytes.n;
}

static void
on_eof(void *arg)
{
	struct sts_fetch *f = arg;

	if (f->fn != NULL)
		judge(f, http_reply_end(&f->reply));
}

/* RFC 8460 s4.3.2.2: there was a certificate, and it did not do. */
static bool
is_webpki(const struct tls_peer *p)
{
	return p != NULL && (p->failure == TLS_FAILURE_HOST_MISMATCH ||
	    p->failure == TLS_FAILURE_EXPIRED || p->failure == TLS_FAILURE_NOT_TRUSTED ||
	    (p->failure == TLS_FAILURE_VALIDATION && p->has_digests));
}

static void
on_tls(void *arg, enum err e)
{
	struct sts_fetch *f = arg;
	const struct tls_peer *peer = conn_tls_peer(f->conn);

	if (f->fn == NULL)
		return;
	if (e == ERR_OK)
		ask(f);
	else if (is_webpki(peer) && peer->reason[0] != '\0')
		fail(f, e, TLS_FAILURE_STS_WEBPKI, peer->reason);
	else
		fail(f, e, TLS_FAILURE_STS_FETCH, conn_tls_reason(f->conn));
}

static void
on_closed(void *arg, const char *reason)
{
	struct sts_fetch *f = arg;
	struct sts_fetch_result r = { .e = ERR_GONE, .failure = TLS_FAILURE_STS_FETCH,
	    .why = reason };

	f->conn = NULL;
	tell(f, &r);
	destroy(f);
}

static const struct conn_ops	ops = {
	.on_data = on_data, .on_eof = on_eof, .on_tls = on_tls, .on_closed = on_closed
};

/* ---- connection ---- */

static void
on_dialled(void *arg, const struct dial_result *r)
{
	struct sts_fetch *f = arg;
	struct slice host = slice_str(f->host);
	struct tls_demand demand = { .mode = TLS_CHAIN, .min = TLS_MIN_1_2, .sni = host,
	    .names = &host, .name_count = 1 };

	f->dial = NULL;
	if (r->e != ERR_OK) {
		fail(f, r->e, TLS_FAILURE_STS_FETCH, r->text);
		return;
	}
	f->conn = conn_new(f->loop, r->fd, &r->addr, &ops, f, &limits, NULL);
	if (conn_start_tls_client(f->conn, f->tls, &demand) != ERR_OK)
		fail(f, ERR_BUSY, TLS_FAILURE_STS_FETCH, "TLS cannot begin");
}

static void
on_pair(void *arg, const struct dns_answer *a, const struct dns_answer *aaaa)
{
	struct sts_fetch *f = arg;
	struct dial_params d = { .attempt_ms = ATTEMPT_MS };
	struct dlv_addrs addrs;
	struct dlv_verdict v;

	if (dlv_addrs_read(&addrs, f->host, f->port, a, aaaa, RELAY_PREFER_ANY,
	    loop_now(f->loop), &v) != ERR_OK) {
		fail(f, v.error, TLS_FAILURE_STS_FETCH, v.text);
		return;
	}
	d.addrs = addrs.v;
	d.addr_count = addrs.count;
	f->dial = dial_new(f->loop, &d, on_dialled, f);
}

static void
on_turn(void *arg)
{
	struct sts_fetch *f = arg;

	fail(f, f->early, TLS_FAILURE_STS_FETCH, err_text(f->early));
}

struct sts_fetch *
sts_fetch_new(const struct sts_fetch_params *p, sts_fetch_fn *fn, void *arg)
{
	struct sts_fetch *f = must_alloc(1, sizeof(*f));
	uint64_t until = loop_now(p->loop) + STS_FETCH_MS;
	struct buf host;

	f->loop = p->loop;
	f->tls = p->tls;
	f->port = p->port;
	f->fn = fn;
	f->arg = arg;
	http_reply_init(&f->reply, STS_BODY_MAX);
	loop_idle_init(&f->turn, on_turn, f);
	timer_init(&f->deadline, p->loop, on_deadline, f);
	timer_set(&f->deadline, until);
	buf_init(&host, CONF_HOP_NAME_MAX);
	buf_put_str(&host, "mta-sts.");
	buf_put_slice(&host, p->domain);
	if (buf_err(&host) != ERR_OK ||
	    !slice_to_cstr(buf_slice(&host), f->host, sizeof(f->host)))
		f->early = ERR_SYNTAX;
	else
		f->early = dns_pair_ask(p->dns, slice_str(f->host), until, on_pair, f, &f->pair);
	buf_fini(&host);
	if (f->early != ERR_OK)
		loop_defer(p->loop, &f->turn);
	return f;
}
