/* SPDX-License-Identifier: ISC */
/*
 * smtp_conn_settle sends the replies, starts TLS, closes, and sets deadline
 * and reading to what the session's mode wants.
 */
#include "smtpd/smtp_conn_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/opt_net.h"
#include "lib/daemon/daemon_sasl.h"
#include "lib/daemon/daemon_tls.h"

static const struct conn_limits conn_caps = {
	.in_max = 65536,
	.out_low = 16384,
	.out_high = 65536,
	.out_max = 262144,
};

void
smtp_conn_check_gone(struct smtp_conn *c)
{
	if (!c->is_gone || c->calls > 0 || c->inner != NULL)
		return;
	timer_stop(&c->auth_timer);
	free(c);
}

static bool
is_before_tls(const struct smtp_conn *c)
{
	return c->listener->service.tls == SMTP_TLS_IMPLICIT && c->session.tls_version == NULL;
}

/*
 * RFC 2920 s3.2 asks for the replies to a group in one piece: they wait while
 * more of the group is there to be read.
 */
static bool
may_hold(const struct smtp_conn *c)
{
	return c->has_more && c->session.mode != SMTP_CLOSED &&
	    c->session.mode != SMTP_HANDED && c->session.out.n < SMTP_OUT_HIGH;
}

static void
send_replies(struct smtp_conn *c)
{
	if (c->session.out.n == 0 || is_before_tls(c) || may_hold(c))
		return;
	conn_write(c->conn, buf_slice(&c->session.out));
	buf_release(&c->session.out);
}

static void
begin_tls(struct smtp_conn *c)
{
	enum err e;

	c->wants_tls = false;
	e = daemon_tls_start(c->server->app, c->conn, c->listener->asks);
	if (e == ERR_OK)
		return;
	log_event(LOG_tls_failed, log_session(c->session.id), log_str("client", c->session.peer),
	    log_str("reason", err_text(e)));
	conn_abort(c->conn, "tls");
}

static void
set_deadline(struct smtp_conn *c)
{
	struct smtp_session *s = &c->session;

	if (!smtp_session_can_read(s)) {
		conn_set_deadline(c->conn, 0);
		c->seen_progress = UINT64_MAX;
	} else if (s->progress != c->seen_progress) {
		c->seen_progress = s->progress;
		conn_set_deadline(c->conn, loop_now(c->server->loop) + c->server->idle_ms);
	}
}

void
smtp_conn_settle(struct smtp_conn *c)
{
	struct smtp_session *s = &c->session;

	if (c->conn == NULL || conn_is_closing(c->conn) || c->is_handed)
		return;
	(void)smtp_session_feed(s, SLICE_NONE);
	if (s->txn == NULL)
		intake_forget(c->intake);
	send_replies(c);
	if (s->mode == SMTP_CLOSED) {
		conn_close(c->conn, s->end);
		return;
	}
	if (c->wants_tls)
		begin_tls(c);
	set_deadline(c);
	if (smtp_session_can_read(s) || s->mode == SMTP_WAIT_TLS)
		conn_resume(c->conn);
	else
		conn_pause(c->conn);
}

static size_t
on_data(void *arg, struct slice bytes)
{
	struct smtp_conn *c = arg;
	size_t used = 0, n;

	if (c->is_handed)
		return smtp_hand_from_client(c, bytes);
	/* Replies go out between rounds, so a long group does not pile them up. */
	do {
		c->session.can_tls = daemon_tls_is_ready(c->server->app);
		c->session.can_cmtp = daemon_peer(c->server->app, IPC_CMTPD, 0) != NULL;
		n = smtp_session_feed(&c->session, slice_from(bytes, used));
		used += n;
		c->has_more = used < bytes.n;
		send_replies(c);
	} while (n > 0 && used < bytes.n && smtp_session_can_read(&c->session) &&
	    !conn_is_clogged(c->conn));
	if (c->session.mode == SMTP_HANDED)
		used = smtp_hand_begin(c, used, bytes);
	smtp_conn_settle(c);
	return used;
}

static void
on_drained(void *arg)
{
	smtp_hand_client_drained(arg);
}

static void
on_tls(void *arg, enum err e)
{
	struct smtp_conn *c = arg;
	const struct tls_facts *f = conn_tls(c->conn);

	if (e != ERR_OK || f == NULL) {
		log_event(LOG_tls_failed, log_session(c->session.id),
		    log_str("client", c->session.peer), log_str("reason", err_text(e)));
		return;
	}
	log_event(LOG_tls, log_session(c->session.id), log_str("tls", f->version),
	    log_str("cipher", f->cipher), log_str("sni", f->sni));
	/* What is resumed costs little; whether it is, is known only now. */
	if (!f->is_resumed && !smtp_conn_takes(c, CLIENT_RATE_TLS)) {
		conn_abort(c->conn, "limit");
		return;
	}
	smtp_session_on_tls(&c->session, f->version, f->cipher);
	smtp_conn_settle(c);
}

static void
on_deadline(void *arg)
{
	struct smtp_conn *c = arg;

	smtp_session_idle(&c->session);
	smtp_conn_settle(c);
}

static void
log_disconnect(const struct smtp_conn *c, const struct conn *conn, const char *reason)
{
	log_event(LOG_disconnect, log_session(c->session.id), log_str("client", c->session.peer),
	    log_str("reason", reason),
	    log_ms("duration", loop_now(c->server->loop) - c->began_ms),
	    log_num("in", conn_in_total(conn)), log_num("out", conn_out_total(conn)),
	    log_num("commands", c->session.command_count),
	    log_num("messages", c->session.message_count));
}

static void
on_closed(void *arg, const char *reason)
{
	struct smtp_conn *c = arg;
	struct smtp_server *srv = c->server;

	log_disconnect(c, c->conn, reason);
	c->conn = NULL;
	c->is_gone = true;
	list_remove(&c->link);
	timer_stop(&c->auth_timer);
	smtp_session_fini(&c->session);
	intake_free(&c->intake);
	if (c->inner != NULL)
		conn_close(c->inner, reason);
	smtp_ask_logout(c);
	conn_clients_leave(&srv->clients, &c->peer);
	smtp_conn_check_gone(c);
	smtp_server_left(srv);
}

static const struct conn_ops ops = {
	.on_data = on_data, .on_drained = on_drained, .on_tls = on_tls, .on_deadline = on_deadline,
	.on_closed = on_closed,
};

bool
smtp_conn_is_trusted(const struct smtp_listener *l, const struct conn_addr *peer)
{
	const struct godwit_options *g = daemon_options(l->server->app, "godwit", NULL);

	if (l->service.is_local)
		return true;
	return peer->is_inet && opt_net_list_has(&g->mynetworks, peer->ip);
}

bool
smtp_conn_takes(struct smtp_conn *c, enum client_rate what)
{
	if (c->is_trusted || client_rates_take(&c->server->rates, what, &c->peer,
	    loop_now(c->server->loop)))
		return true;
	client_rates_log(&c->server->rates, what, c->session.id, c->session.peer);
	return false;
}

bool
smtp_conn_may(const struct smtp_conn *c, enum client_rate what)
{
	if (c->is_trusted || !client_rates_is_spent(&c->server->rates, what, &c->peer,
	    loop_now(c->server->loop)))
		return true;
	client_rates_log(&c->server->rates, what, c->session.id, c->session.peer);
	return false;
}

static void
start_session(struct smtp_conn *c)
{
	struct smtp_session *s = &c->session;

	s->id = enc_session_id(daemon_instance(c->server->app), ++c->server->session_serial);
	s->service = &c->listener->service;
	s->env = &smtp_ask_env;
	s->arg = c;
	if (s->service->is_local) {
		s->uid = smtp_server_uid(&c->peer);
		(void)snprintf(s->peer, sizeof(s->peer), "uid:%u", s->uid);
	} else {
		conn_addr_literal(s->client, &c->peer);
		conn_addr_str(s->peer, &c->peer);
	}
	log_event(LOG_connect, log_session(s->id), log_str("listener", c->listener->title),
	    log_str("client", s->peer));
	smtp_session_start(s);
	if (s->service->tls == SMTP_TLS_IMPLICIT && smtp_conn_may(c, CLIENT_RATE_TLS))
		begin_tls(c);
	else if (s->service->tls == SMTP_TLS_IMPLICIT)
		conn_abort(c->conn, "limit");
	smtp_conn_settle(c);
}

void
smtp_conn_new(struct smtp_listener *l, struct conn_listener *cl, int take_fd,
    const struct conn_addr *peer)
{
	struct smtp_conn *c = must_alloc(1, sizeof(*c));
	struct smtp_server *srv = l->server;

	c->server = srv;
	c->listener = l;
	c->peer = *peer;
	c->began_ms = loop_now(srv->loop);
	c->seen_progress = UINT64_MAX;
	c->is_trusted = smtp_conn_is_trusted(l, peer);
	c->session.takes_cleartext = l->service.is_submission && l->service.tls != SMTP_TLS_IMPLICIT &&
	    daemon_sasl_takes_cleartext(srv->app, peer, take_fd);
	timer_init(&c->auth_timer, srv->loop, smtp_ask_auth_timer, c);
	c->intake = intake_new(srv->app, &srv->pool, &smtp_ask_intake, c);
	list_push(&srv->sessions, &c->link);
	conn_clients_enter(&srv->clients, peer);
	c->conn = conn_new(srv->loop, take_fd, peer, &ops, c, &conn_caps, cl);
	start_session(c);
}

/* ---- for the server ---- */

void
smtp_conn_drain_all(struct smtp_server *srv)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &srv->sessions) {
		struct smtp_conn *c = obj_of(n, struct smtp_conn, link);

		if (is_before_tls(c))
			conn_abort(c->conn, "drain");
		else
			smtp_session_drain(&c->session);
		smtp_conn_settle(c);
	}
}

void
smtp_conn_lost_queue(struct smtp_server *srv, struct ipc_peer *p)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &srv->sessions) {
		struct smtp_conn *c = obj_of(n, struct smtp_conn, link);

		if (intake_lose(c->intake, p))
			smtp_session_lost_queue(&c->session);
	}
}
