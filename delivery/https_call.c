/* SPDX-License-Identifier: ISC */
/*
 * Addresses, dial, handshake, request, reply: each step's callback starts the
 * next.  The memory goes with the connection when there is one.
 */
#include "delivery/https_call.h"

#include <stdlib.h>

#include "delivery/dlv_mx.h"
#include "delivery/http_reply.h"
#include "lib/base/must.h"
#include "lib/io/conn.h"
#include "lib/io/dial.h"

#define ATTEMPT_MS	20000u	/* of one address */
#define HTTPS_PORT	443u
#define REQUEST_MAX	(HTTPS_CALL_BODY_MAX + 4096u)

struct https_call {
	struct loop		*loop;
	struct tls_client_ctx	*tls;
	https_call_fn		*fn;		/* NULL: told, or cancelled */
	void			*arg;
	char			 host[CONF_HOP_NAME_MAX + 1];
	uint16_t		 port;
	struct dns_pair		*pair;
	struct dial		*dial;
	struct conn		*conn;
	struct timer		 deadline;
	struct loop_idle	 turn;
	struct buf		 request;
	struct http_reply	 reply;
	enum err		 early;		/* told in the next turn */
};

static const struct conn_limits	limits = {
	.in_max = 16384, .out_low = 1024, .out_high = REQUEST_MAX,
	.out_max = REQUEST_MAX
};

/* ---- the end ---- */

static void
destroy(struct https_call *f)
{
	dns_pair_cancel(&f->pair);
	dial_cancel(&f->dial);
	timer_stop(&f->deadline);
	loop_idle_cancel(&f->turn);
	http_reply_fini(&f->reply);
	buf_fini(&f->request);
	free(f);
}

static void
leave(struct https_call *f)
{
	f->fn = NULL;
	if (f->conn != NULL)
		conn_abort(f->conn, "done");	/* on_closed frees */
	else
		destroy(f);
}

void
https_call_cancel(struct https_call **fp)
{
	struct https_call *f = *fp;

	*fp = NULL;
	if (f != NULL)
		leave(f);
}

static void
tell(struct https_call *f, const struct https_call_result *r)
{
	https_call_fn *fn = f->fn;

	f->fn = NULL;
	if (fn != NULL)
		fn(f->arg, r);
}

static void
fail(struct https_call *f, enum err e, const char *why)
{
	struct https_call_result r = { .e = e, .why = why };

	tell(f, &r);
	leave(f);
}

static void
succeed(struct https_call *f)
{
	struct https_call_result r = { .e = ERR_OK, .body = http_reply_body(&f->reply) };

	tell(f, &r);
	leave(f);
}

static void
on_deadline(void *arg)
{
	fail(arg, ERR_TIMEOUT, "timed out");
}

/* ---- request and reply ---- */

static void
ask(struct https_call *f)
{
	struct buf *out = conn_out(f->conn);

	buf_put_slice(out, buf_slice(&f->request));
	buf_release(&f->request);
}

static void
put_request(struct https_call *f, const struct https_call_params *p)
{
	struct buf *out = &f->request;

	buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s", p->type != NULL ? "POST" : "GET", p->path,
	    f->host);
	if (f->port != HTTPS_PORT)
		buf_printf(out, ":%u", f->port);
	if (p->type != NULL)
		buf_printf(out, "\r\nContent-Type: %s\r\nContent-Length: %zu", p->type, p->body.n);
	else
		buf_put_str(out, "\r\nAccept: text/plain");
	buf_put_str(out, "\r\nConnection: close\r\n\r\n");
	buf_put_slice(out, p->body);
}

static void
judge(struct https_call *f, enum err e)
{
	if (e == ERR_SHORT)
		return;
	if (e == ERR_OK)
		succeed(f);
	else
		fail(f, e, f->reply.why);
}

static size_t
on_data(void *arg, struct slice bytes)
{
	struct https_call *f = arg;

	if (f->fn != NULL)
		judge(f, http_reply_feed(&f->reply, bytes));
	return bytes.n;
}

static void
on_eof(void *arg)
{
	struct https_call *f = arg;

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
	struct https_call *f = arg;
	const struct tls_peer *peer = conn_tls_peer(f->conn);
	struct https_call_result r = { .e = e, .why = conn_tls_reason(f->conn) };

	if (f->fn == NULL)
		return;
	if (e == ERR_OK) {
		ask(f);
		return;
	}
	r.is_webpki = is_webpki(peer) && peer->reason[0] != '\0';
	if (r.is_webpki)
		r.why = peer->reason;
	tell(f, &r);
	leave(f);
}

static void
on_closed(void *arg, const char *reason)
{
	struct https_call *f = arg;
	struct https_call_result r = { .e = ERR_GONE, .why = reason };

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
	struct https_call *f = arg;
	struct slice host = slice_str(f->host);
	struct tls_demand demand = { .mode = TLS_CHAIN, .min = TLS_MIN_1_2, .sni = host,
	    .names = &host, .name_count = 1 };

	f->dial = NULL;
	if (r->e != ERR_OK) {
		fail(f, r->e, r->text);
		return;
	}
	f->conn = conn_new(f->loop, r->fd, &r->addr, &ops, f, &limits, NULL);
	if (conn_start_tls_client(f->conn, f->tls, &demand) != ERR_OK)
		fail(f, ERR_BUSY, "TLS cannot begin");
}

static void
on_pair(void *arg, const struct dns_answer *a, const struct dns_answer *aaaa)
{
	struct https_call *f = arg;
	struct dial_params d = { .attempt_ms = ATTEMPT_MS };
	struct dlv_addrs addrs;
	struct dlv_verdict v;

	if (dlv_addrs_read(&addrs, f->host, f->port, a, aaaa, RELAY_PREFER_ANY,
	    loop_now(f->loop), &v) != ERR_OK) {
		fail(f, v.error, v.text);
		return;
	}
	d.addrs = addrs.v;
	d.addr_count = addrs.count;
	f->dial = dial_new(f->loop, &d, on_dialled, f);
}

static void
on_turn(void *arg)
{
	struct https_call *f = arg;

	fail(f, f->early, err_text(f->early));
}

struct https_call *
https_call_new(const struct https_call_params *p, https_call_fn *fn, void *arg)
{
	struct https_call *f = must_alloc(1, sizeof(*f));
	uint64_t until = loop_now(p->loop) + HTTPS_CALL_MS;

	f->loop = p->loop;
	f->tls = p->tls;
	f->port = p->port;
	f->fn = fn;
	f->arg = arg;
	if (p->type != NULL)
		http_reply_init_post(&f->reply);
	else
		http_reply_init(&f->reply, p->reply_max);
	buf_init(&f->request, REQUEST_MAX);
	loop_idle_init(&f->turn, on_turn, f);
	timer_init(&f->deadline, p->loop, on_deadline, f);
	timer_set(&f->deadline, until);
	if (!slice_to_cstr(slice_str(p->host), f->host, sizeof(f->host)))
		f->early = ERR_SYNTAX;
	else
		put_request(f, p);
	if (f->early == ERR_OK && buf_err(&f->request) != ERR_OK)
		f->early = ERR_TOOBIG;
	if (f->early == ERR_OK)
		f->early = dns_pair_ask(p->dns, slice_str(f->host), until, on_pair, f, &f->pair);
	if (f->early != ERR_OK)
		loop_defer(p->loop, &f->turn);
	return f;
}
