/* SPDX-License-Identifier: ISC */
/*
 * A link begins with a dial and ends in on_conn_closed, where its memory goes;
 * without a connection, in the turn after it failed.  The client's host calls
 * stand in the middle.
 */
#include "delivery/dlv_link.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

#define NOWHERE_BYTES	65536u

static const struct conn_limits	limits = {
	.in_max = 16384, .out_low = 16384, .out_high = 2 * DLV_PIECE_BYTES,
	.out_max = 8 * DLV_PIECE_BYTES
};

void
dlv_link_put_host(char dst[DLV_HOST_BYTES], const char *name, const struct conn_addr *a)
{
	char text[CONN_ADDR_TEXT_BYTES];
	struct buf b;

	conn_addr_str(text, a);
	buf_init(&b, DLV_HOST_BYTES + CONN_ADDR_TEXT_BYTES);
	buf_put_str(&b, name);
	buf_put_str(&b, text);
	/* The longest names lose the end of the address. */
	(void)slice_to_cstr(slice_head(buf_slice(&b), DLV_HOST_BYTES - 1), dst,
	    DLV_HOST_BYTES);
	buf_fini(&b);
}

/* ---- the end */

static void
destroy(struct dlv_link *l)
{
	dlv_pool_forget(l->pool, l);
	smtp_client_fini(&l->client);
	dlv_tls_unref(&l->tls);
	dlv_route_unref(&l->route);
	buf_fini(&l->nowhere);
	cmtp2_pact_end(&l->kept.pact);
	free(l);
}

/* The user hears of it once; the memory goes with the connection. */
static void
down(struct dlv_link *l, enum dlv_down how, const struct smtp_result *why)
{
	const struct dlv_link_user *user = l->user;

	l->is_closed = true;
	dlv_pool_cancel_keyd(&l->secret_call);
	if (l->is_idle)
		dlv_pool_wake(l->pool, l);
	l->user = NULL;
	if (user != NULL)
		user->down(l->user_arg, how, why);
}

void
dlv_link_drop(struct dlv_link **lp)
{
	struct dlv_link *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	l->user = NULL;
	l->raw = NULL;
	l->is_closed = true;
	dlv_pool_cancel_keyd(&l->secret_call);
	dial_cancel(&l->dial);
	if (l->conn != NULL)
		conn_abort(l->conn, "dropped");
	else
		destroy(l);
}

/* As down(), for a link that was taken over. */
static void
raw_end(struct dlv_link *l, const char *why)
{
	const struct dlv_link_raw *r = l->raw;

	l->raw = NULL;
	l->is_closed = true;
	if (r != NULL)
		r->end(l->user_arg, why);
}

/* One that was kept ended while it was idle, or before it was taken over again. */
static void
kept_end(struct dlv_link *l, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_MAIL, "4.4.2", "%s: %s", l->host, why);
	down(l, DLV_DOWN_AFTER, &r);
}

static bool
is_kept(const struct dlv_link *l)
{
	return l->was_raw && l->raw == NULL && !l->is_closed;
}

/* ---- the client's host calls */

static struct buf *
on_out(void *arg)
{
	struct dlv_link *l = arg;

	return l->conn != NULL ? conn_out(l->conn) : &l->nowhere;
}

static bool
on_is_clogged(void *arg)
{
	struct dlv_link *l = arg;

	return l->conn != NULL && conn_is_clogged(l->conn);
}

static enum err
start_tls(struct dlv_link *l)
{
	return conn_start_tls_client(l->conn, dlv_pool_tls(l->pool), &l->tls->demand);
}

static enum err
on_start_tls(void *arg)
{
	return start_tls(arg);
}

_Static_assert((unsigned)SASL_BINDING_MAX >= TLS_BINDING_MAX, "a binding fits");

static bool
on_binding(void *arg, struct sasl_binding *to)
{
	const struct dlv_link *l = arg;
	struct tls_binding b;

	if (l->conn == NULL || conn_tls_binding_usual(l->conn, &b) != ERR_OK)
		return false;
	*to = (struct sasl_binding){ .type = b.type, .n = b.n };
	memcpy(to->bytes, b.bytes, b.n);
	return true;
}

static void
on_secret(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_link *l = arg;
	struct slice secret = SLICE_NONE;

	(void)in;
	l->secret_call.id = 0;
	if (e == ERR_OK && type == IPC_MSG_route_secret_reply)
		secret = ((const struct ipc_route_secret_reply *)msg)->secret;
	else if (e == ERR_OK)
		e = ERR_NOTFOUND;
	smtp_client_secret(&l->client, e, secret);
}

static void
on_want_secret(void *arg)
{
	struct dlv_link *l = arg;
	struct ipc_route_secret m = { .route = slice_str(l->route->title) };
	enum err e = dlv_pool_call_keyd(l->pool, IPC_MSG_route_secret, &m, &l->secret_call,
	    on_secret, l);

	if (e != ERR_OK)
		smtp_client_secret(&l->client, e, SLICE_NONE);
}

static void
on_want_body(void *arg)
{
	struct dlv_link *l = arg;

	if (l->user != NULL)
		l->user->want_body(l->user_arg);
	else
		smtp_client_body_failed(&l->client);
}

static void
on_phase(void *arg, enum smtp_client_phase phase)
{
	struct dlv_link *l = arg;

	l->phase = phase;
	if (l->conn == NULL)
		return;
	if (phase != SMTP_PHASE_NONE)
		conn_set_deadline(l->conn, loop_now(l->loop) +
		    dlv_pool_times(l->pool)->phase_ms[phase]);
	else
		conn_set_deadline(l->conn, l->is_idle ? l->idle_until_ms : 0);
}

static void
on_ready(void *arg)
{
	struct dlv_link *l = arg;

	l->is_up = true;
	if (l->user != NULL)
		l->user->up(l->user_arg);
}

static void
on_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	struct dlv_link *l = arg;

	if (l->user != NULL)
		l->user->rcpt(l->user_arg, idx, r);
}

static void
on_done(void *arg)
{
	struct dlv_link *l = arg;

	if (l->user != NULL)
		l->user->done(l->user_arg);
}

static void
on_closed(void *arg, enum smtp_client_end end, const struct smtp_result *why)
{
	struct dlv_link *l = arg;
	struct smtp_result tls;
	enum dlv_down how = l->is_up ? DLV_DOWN_AFTER : DLV_DOWN_BEFORE;

	if (end == SMTP_END_TLS && l->tls_reason != NULL) {
		smtp_result_own(&tls, SMTP_STAGE_STARTTLS, "4.7.5", "TLS with %s: %s", l->host,
		    l->tls_reason);
		why = &tls;
		how = DLV_DOWN_TLS;
	}
	if (l->conn != NULL)
		conn_close(l->conn, "done");
	down(l, how, why);
}

static const struct smtp_client_host	client_host = {
	.out = on_out, .is_clogged = on_is_clogged, .start_tls = on_start_tls,
	.binding = on_binding,
	.want_secret = on_want_secret, .want_body = on_want_body, .deadline = on_phase,
	.ready = on_ready, .rcpt = on_rcpt, .done = on_done, .closed = on_closed
};

/* ---- the connection's calls */

static size_t
on_conn_data(void *arg, struct slice bytes)
{
	struct dlv_link *l = arg;

	if (l->raw != NULL) {
		l->raw->data(l->user_arg, bytes);
	} else if (is_kept(l)) {
		kept_end(l, "it speaks unasked");
		conn_close(l->conn, "fault");
	} else if (!l->is_closed) {
		(void)smtp_client_on_data(&l->client, bytes);
	}
	return bytes.n;
}

static void
on_conn_eof(void *arg)
{
	struct dlv_link *l = arg;

	if (l->raw != NULL)
		raw_end(l, "it closed the connection");
	else if (is_kept(l))
		kept_end(l, "it closed the connection");
	else if (!l->is_closed)
		smtp_client_on_eof(&l->client);
	conn_close(l->conn, "eof");
}

static void
on_conn_drained(void *arg)
{
	struct dlv_link *l = arg;

	if (l->raw != NULL)
		l->raw->drained(l->user_arg);
	else if (!l->is_closed)
		smtp_client_on_drained(&l->client);
}

static void
note_tls(struct dlv_link *l, const struct tls_peer *peer)
{
	l->tls_text = dlv_tls_text(peer);
	l->tls_failure = peer != NULL ? peer->failure : TLS_FAILURE_VALIDATION;
	l->tls_lack = peer != NULL ? peer->reason : "";
}

static void
note_no_tls(struct dlv_link *l, const struct tls_peer *peer)
{
	bool is_told = peer != NULL && peer->failure != TLS_FAILURE_NONE;

	l->tls_reason = is_told && peer->reason[0] != '\0' ? peer->reason :
	    conn_tls_reason(l->conn);
	l->tls_failure = is_told ? peer->failure : TLS_FAILURE_VALIDATION;
	l->tls_lack = l->tls_reason;
}

static void
on_conn_tls(void *arg, enum err e)
{
	struct dlv_link *l = arg;
	const struct tls_peer *peer = conn_tls_peer(l->conn);

	if (e != ERR_OK)
		note_no_tls(l, peer);
	else
		note_tls(l, peer);
	if (l->is_closed)
		return;
	if (!l->is_implicit) {
		smtp_client_on_tls(&l->client, e == ERR_OK);
	} else if (e == ERR_OK) {
		smtp_client_start(&l->client);
	} else {
		struct smtp_result why;

		smtp_result_own(&why, SMTP_STAGE_STARTTLS, "4.7.5", "TLS with %s: %s", l->host,
		    l->tls_reason);
		down(l, DLV_DOWN_TLS, &why);
	}
}

static void
on_conn_deadline(void *arg)
{
	struct dlv_link *l = arg;

	if (l->raw != NULL)
		raw_end(l, "it does not answer");
	if (l->is_closed) {
		conn_abort(l->conn, "timeout");
	} else if (is_kept(l)) {
		kept_end(l, "idle");
		conn_close(l->conn, "left");
	} else if (l->is_idle) {
		dlv_pool_wake(l->pool, l);
		smtp_client_quit(&l->client);
	} else {
		smtp_client_on_deadline(&l->client);
	}
}

static void
on_conn_closed(void *arg, const char *reason)
{
	struct dlv_link *l = arg;

	(void)reason;
	l->conn = NULL;
	if (l->raw != NULL)
		raw_end(l, "the connection was lost");
	if (is_kept(l))
		kept_end(l, "the connection was lost");
	if (!l->is_closed && l->is_implicit && l->client.state == SMTP_CLIENT_NEW) {
		struct smtp_result why;

		smtp_result_own(&why, SMTP_STAGE_STARTTLS, "4.4.2",
		    "lost connection with %s while starting TLS", l->host);
		down(l, DLV_DOWN_BEFORE, &why);
	} else if (!l->is_closed) {
		smtp_client_on_eof(&l->client);
	}
	destroy(l);
}

static const struct conn_ops	conn_ops = {
	.on_data = on_conn_data, .on_eof = on_conn_eof, .on_drained = on_conn_drained,
	.on_tls = on_conn_tls, .on_deadline = on_conn_deadline, .on_closed = on_conn_closed
};

/* ---- the beginning */

static void
dial_failed(struct dlv_link *l, const struct dial_result *r)
{
	struct smtp_result why;

	dlv_link_put_host(l->host, l->name, &r->addr);
	/* RFC 3463 s3.5: no answer from host; or our own trouble. */
	smtp_result_own(&why, SMTP_STAGE_CONNECT, r->e == ERR_SYS ? "4.3.0" : "4.4.1",
	    "connect to %s: %s", l->host, r->text);
	down(l, DLV_DOWN_DIAL, &why);
	destroy(l);
}

static enum smtp_client_tls
tls_of(const struct dlv_link *l, bool in_clear)
{
	if (l->is_implicit)
		return SMTP_CLIENT_TLS_IMPLICIT;
	if (in_clear || l->tls->level == DLV_TLS_NONE)
		return SMTP_CLIENT_TLS_NONE;
	return l->tls->level == DLV_TLS_MAY ? SMTP_CLIENT_TLS_MAY : SMTP_CLIENT_TLS_MUST;
}

static void
on_dialled(void *arg, const struct dial_result *r)
{
	struct dlv_link *l = arg;
	const char *helo = r->addr.is_v4 ? l->helo_v4 : l->helo_v6;

	l->dial = NULL;
	if (r->e != ERR_OK) {
		dial_failed(l, r);
		return;
	}
	l->addr = r->addr;
	l->local = r->local;
	dlv_link_put_host(l->host, l->name, &r->addr);
	if (helo[0] != '\0')
		(void)slice_to_cstr(slice_str(helo), l->ehlo, sizeof(l->ehlo));
	l->conn = conn_new(l->loop, r->fd, &r->addr, &conn_ops, l, &limits, NULL);
	if (!l->is_implicit) {
		smtp_client_start(&l->client);
	} else if (start_tls(l) != ERR_OK) {
		struct smtp_result why;

		smtp_result_own(&why, SMTP_STAGE_STARTTLS, "4.7.5", "TLS with %s cannot begin",
		    l->host);
		conn_abort(l->conn, "tls");
		down(l, DLV_DOWN_TLS, &why);
	}
}

/* The own addresses of the route, each with its name. */
static void
set_origins(struct dlv_link *l, struct dial_params *d)
{
	const struct conf_origin *v4 = dlv_route_origin(l->route, true);
	const struct conf_origin *v6 = dlv_route_origin(l->route, false);

	if (v4 != NULL) {
		d->source_v4 = &v4->addr;
		(void)slice_to_cstr(slice_str(v4->helo), l->helo_v4, sizeof(l->helo_v4));
	}
	if (v6 != NULL) {
		d->source_v6 = &v6->addr;
		(void)slice_to_cstr(slice_str(v6->helo), l->helo_v6, sizeof(l->helo_v6));
	}
}

struct dlv_link *
dlv_link_open(struct dlv_pool *pool, struct loop *loop, const char *hostname,
    struct dlv_link_params *p, const struct dlv_link_user *user, void *arg)
{
	struct dlv_link *l = must_alloc(1, sizeof(*l));
	struct dial_params d = { .addrs = p->addrs.v, .addr_count = p->addrs.count,
	    .attempt_ms = dlv_pool_times(pool)->connect_ms };

	list_init(&l->all);
	list_init(&l->idle);
	buf_init(&l->nowhere, NOWHERE_BYTES);
	l->pool = pool;
	l->loop = loop;
	l->user = user;
	l->user_arg = arg;
	l->route = dlv_route_ref(p->route);
	l->tls = dlv_tls_ref(p->tls);
	l->tls_text = dlv_tls_text(NULL);
	l->tls_failure = TLS_FAILURE_STARTTLS_NOT_SUPPORTED;
	l->tls_lack = "no TLS";
	l->opened_ms = loop_now(loop);
	l->is_implicit = p->addrs.v[0].port == DLV_SMTPS_PORT && l->tls->level != DLV_TLS_NONE;
	(void)slice_to_cstr(slice_str(p->host), l->name, sizeof(l->name));
	(void)slice_to_cstr(slice_head(slice_str(hostname), CONF_HOP_NAME_MAX), l->ehlo,
	    sizeof(l->ehlo));
	set_origins(l, &d);
	l->config = (struct smtp_client_config){ .ehlo = l->ehlo, .host = l->host,
	    .is_lmtp = l->route->protocol == CONF_ROUTE_LMTP, .tls = tls_of(l, p->in_clear),
	    .user = slice_str(l->route->login) };
	smtp_client_init(&l->client, &l->config, &client_host, l);
	l->dial = dial_new(loop, &d, on_dialled, l);
	return l;
}

/* ---- use */

const char *
dlv_link_host(const struct dlv_link *l)
{
	return l->host;
}

const struct smtp_caps *
dlv_link_caps(const struct dlv_link *l)
{
	return &l->client.caps;
}

const char *
dlv_link_tls(const struct dlv_link *l)
{
	return l->tls_text;
}

enum tls_failure
dlv_link_tls_failure(const struct dlv_link *l, const char **why)
{
	*why = l->tls_lack;
	return l->tls_failure;
}

bool
dlv_link_is_esmtp(const struct dlv_link *l)
{
	return l->client.is_esmtp;
}

bool
dlv_link_was_used(const struct dlv_link *l)
{
	return l->was_used;
}

bool
dlv_link_can_next(const struct dlv_link *l)
{
	return !l->is_closed && smtp_client_can_next(&l->client);
}

bool
dlv_link_is_finishing(const struct dlv_link *l)
{
	return !l->is_closed && l->phase == SMTP_PHASE_DATA_DONE;
}

enum err
dlv_link_next(struct dlv_link *l, const struct smtp_client_message *m)
{
	return l->is_closed ? ERR_STATE : smtp_client_next(&l->client, m);
}

void
dlv_link_body(struct dlv_link *l, struct slice piece, bool is_last)
{
	smtp_client_body(&l->client, piece, is_last);
}

void
dlv_link_body_failed(struct dlv_link *l)
{
	smtp_client_body_failed(&l->client);
}

void
dlv_link_quit(struct dlv_link *l)
{
	l->user = NULL;
	if (is_kept(l))
		dlv_link_leave(&l);
	else if (!l->is_closed)
		smtp_client_quit(&l->client);
}

void
dlv_link_rest(struct dlv_link *l, uint64_t until_ms)
{
	l->user = NULL;
	l->is_idle = true;
	l->idle_until_ms = until_ms;
	conn_set_deadline(l->conn, until_ms);
}

/* ---- another protocol */

bool
dlv_link_is_inside_tls(const struct dlv_link *l)
{
	return l->conn != NULL && conn_tls_peer(l->conn) != NULL;
}

void
dlv_link_take_over(struct dlv_link *l, const struct dlv_link_raw *r, void *arg)
{
	must(dlv_link_can_next(l));
	l->user = NULL;
	l->user_arg = arg;
	l->raw = r;
	l->was_raw = true;
}

void
dlv_link_keep(struct dlv_link **lp, const struct dlv_link_kept *kept)
{
	struct dlv_link *l = *lp;

	*lp = NULL;
	l->raw = NULL;
	l->kept = *kept;
	l->raw_count++;
	dlv_pool_give_back(l->pool, l);
}

const struct dlv_link_kept *
dlv_link_kept(const struct dlv_link *l)
{
	return l->was_raw ? &l->kept : NULL;
}

void
dlv_link_write(struct dlv_link *l, struct slice bytes)
{
	conn_write(l->conn, bytes);
}

bool
dlv_link_is_clogged(const struct dlv_link *l)
{
	return conn_is_clogged(l->conn);
}

void
dlv_link_set_deadline(struct dlv_link *l, uint64_t at_ms)
{
	conn_set_deadline(l->conn, at_ms);
}

void
dlv_link_leave(struct dlv_link **lp)
{
	struct dlv_link *l = *lp;

	*lp = NULL;
	l->raw = NULL;
	l->is_closed = true;
	conn_close(l->conn, "left");
}
