/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_conn.h"

#include <stdlib.h>

#include "cmtpd/cmtp_conn2.h"
#include "cmtpd/cmtp_conn_ask.h"
#include "cmtpd/cmtp_conn_enter.h"
#include "cmtpd/cmtp_conn_priv.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/conf/opt_net.h"
#include "lib/daemon/daemon_domain.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/daemon/intake.h"

static const struct conn_limits conn_caps = {
	.in_max = 65536,
	.out_low = 16384,
	.out_high = 65536,
	.out_max = 262144,
};

void
cmtp_conn_check_gone(struct cmtp_conn *c)
{
	if (c->conn == NULL && !c->is_asking)
		free(c);
}

static void
settle(struct cmtp_conn *c)
{
	struct cmtp_session *s = &c->session;

	if (c->conn == NULL || conn_is_closing(c->conn) || !c->is_started)
		return;
	if (s->txn == NULL && s->txn2 == NULL)
		intake_forget(c->intake);
	if (s->out.n > 0) {
		conn_write(c->conn, buf_slice(&s->out));
		buf_release(&s->out);
	}
	if (s->mode == CMTP_CLOSED) {
		if (s->fault != NULL)
			log_event(LOG_garbled, log_session(s->id), log_str("client", c->session.peer),
			    log_str("reason", s->fault));
		conn_close(c->conn, s->end);
		return;
	}
	if (!cmtp_session_can_read(s)) {
		conn_set_deadline(c->conn, 0);
		c->seen_progress = UINT64_MAX;
		conn_pause(c->conn);
		return;
	}
	if (s->progress != c->seen_progress) {
		c->seen_progress = s->progress;
		conn_set_deadline(c->conn, loop_now(c->server->loop) + c->server->idle_ms);
	}
	conn_resume(c->conn);
}

static size_t
on_data(void *arg, struct slice bytes)
{
	struct cmtp_conn *c = arg;
	size_t used;

	if (!c->is_started) {
		conn_pause(c->conn);	/* settle() resumes: it is given again */
		return 0;
	}
	used = cmtp_session_feed(&c->session, bytes);
	settle(c);
	return used;
}

static void
start(struct cmtp_conn *c)
{
	bool is_before_tls = c->is_tls && conn_tls(c->conn) == NULL;

	if (c->is_started || !c->server->self.is_known || is_before_tls ||
	    conn_is_closing(c->conn))
		return;
	c->is_started = true;
	cmtp_session_start(&c->session);
	settle(c);
}

static void
tls_failed(const struct cmtp_conn *c, enum err e)
{
	log_event(LOG_tls_failed, log_session(c->session.id), log_str("client", c->session.peer),
	    log_str("reason", err_text(e)));
}

/* Counts one more full handshake. */
static bool
takes_tls(struct cmtp_conn *c)
{
	struct client_rates *r = &c->server->rates;

	if (c->is_trusted || client_rates_take(r, CLIENT_RATE_TLS, &c->peer,
	    loop_now(c->server->loop)))
		return true;
	client_rates_log(r, CLIENT_RATE_TLS, c->session.id, c->session.peer);
	return false;
}

static void
begin_tls(struct cmtp_conn *c)
{
	struct client_rates *r = &c->server->rates;
	enum err e;

	if (!c->is_trusted && client_rates_is_spent(r, CLIENT_RATE_TLS, &c->peer,
	    loop_now(c->server->loop))) {
		client_rates_log(r, CLIENT_RATE_TLS, c->session.id, c->session.peer);
		conn_abort(c->conn, "limit");
		return;
	}
	e = conn_start_tls(c->conn, daemon_tls(c->server->app));
	if (e == ERR_OK)
		return;
	tls_failed(c, e);
	conn_abort(c->conn, "tls");
}

static void
on_tls(void *arg, enum err e)
{
	struct cmtp_conn *c = arg;
	const struct tls_facts *f = conn_tls(c->conn);

	if (e != ERR_OK || f == NULL) {
		tls_failed(c, e);
		return;
	}
	c->session.tls_version = f->version;
	c->session.tls_cipher = f->cipher;
	log_event(LOG_tls, log_session(c->session.id), log_str("tls", f->version),
	    log_str("cipher", f->cipher), log_str("sni", f->sni));
	/* What is resumed costs little; whether it is, is known only now. */
	if (!f->is_resumed && !takes_tls(c)) {
		conn_abort(c->conn, "limit");
		return;
	}
	start(c);
}

static void
on_deadline(void *arg)
{
	struct cmtp_conn *c = arg;

	if (c->is_started)
		cmtp_session_idle(&c->session);
	else
		conn_abort(c->conn, "timeout");
	settle(c);
}

static void
on_closed(void *arg, const char *reason)
{
	struct cmtp_conn *c = arg;
	struct cmtp_server *srv = c->server;

	log_event(LOG_disconnect, log_session(c->session.id), log_str("client", c->session.peer),
	    log_str("reason", reason), log_ms("duration", loop_now(srv->loop) - c->began_ms),
	    log_num("in", conn_in_total(c->conn)), log_num("out", conn_out_total(c->conn)),
	    log_num("commands", c->session.command_count), log_num("messages", c->session.message_count));
	c->conn = NULL;
	list_remove(&c->link);
	if (c->is_started)
		cmtp_session_fini(&c->session);
	intake_free(&c->intake);
	conn_clients_leave(&srv->clients, &c->peer);
	cmtp_conn_check_gone(c);
	cmtp_server_left(srv);
}

static const struct conn_ops ops = {
	.on_data = on_data, .on_tls = on_tls, .on_deadline = on_deadline, .on_closed = on_closed,
};

void
cmtp_conn_go_on(struct cmtp_conn *c)
{
	(void)cmtp_session_feed(&c->session, SLICE_NONE);
	settle(c);
}

/* ---- keyd */

enum err
cmtp_conn_call(struct cmtp_conn *c, enum ipc_role role, uint64_t ms, uint16_t type,
    const void *msg, ipc_reply_fn *on_reply)
{
	struct ipc_peer *p = daemon_peer(c->server->app, role, 0);
	enum err e = ERR_GONE;

	if (p != NULL)
		e = ipc_call(p, type, msg, NULL, 0, loop_now(c->server->loop) + ms, on_reply, c, NULL);
	c->is_asking = e == ERR_OK;
	return e;
}

bool
cmtp_conn_is_answered(struct cmtp_conn *c)
{
	c->is_asking = false;
	if (c->conn != NULL)
		return true;
	cmtp_conn_check_gone(c);
	return false;
}

static bool
env_is_ours(void *arg, struct slice domain)
{
	struct cmtp_conn *c = arg;

	return daemon_domain_is_ours(c->server->app, domain);
}

/* ---- queue */

static void
on_opened(void *arg, uint64_t msg)
{
	struct cmtp_conn *c = arg;

	cmtp_session_on_opened(&c->session, msg);
	cmtp_conn_go_on(c);
}

static void
on_rcpt_ok(void *arg, const struct ipc_queue_rcpt_ok *m)
{
	const struct cmtp_rcpt_key k = { (uint8_t)m->key_generation,
		(const unsigned char *)m->public_key.p };
	struct cmtp_conn *c = arg;

	cmtp_session_on_rcpt_ok(&c->session, m->public_key.n == CRY_KEY_BYTES ? &k : NULL);
	cmtp_conn_go_on(c);
}

static void
on_resume(void *arg)
{
	struct cmtp_conn *c = arg;

	cmtp_session_resume(&c->session);
	cmtp_conn_go_on(c);
}

static void
on_committed(void *arg)
{
	struct cmtp_conn *c = arg;

	daemon_crash_at("cmtpd.committed");
	cmtp_session_on_committed(&c->session);
	cmtp_conn_go_on(c);
}

static void
on_refused(void *arg, const struct intake_refusal *why)
{
	const struct cmtp_refusal r = { why->error, why->dsn, why->text };
	struct cmtp_conn *c = arg;

	cmtp_session_on_refused(&c->session, &r);
	cmtp_conn_go_on(c);
}

static const struct intake_ops intake_ops = {
	.opened = on_opened, .rcpt_ok = on_rcpt_ok, .resume = on_resume,
	.committed = on_committed, .refused = on_refused,
};

static enum err
env_open(void *arg, const struct cmtp_open *o)
{
	struct cmtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_queue_open q = { .session = c->session.id, .kind = o->kind, .size = o->size,
	    .sender = o->sender, .may_relay = c->is_trusted };

	conn_addr_ip_str(client, &c->peer);
	q.client = slice_str(client);
	return intake_open(c->intake, &q, o->first);
}

static enum err
env_rcpt(void *arg, uint64_t msg, struct slice rcpt)
{
	struct cmtp_conn *c = arg;
	const struct ipc_queue_rcpt q = { .msg = msg, .rcpt = rcpt };

	return intake_rcpt(c->intake, &q);
}

static enum err
env_body(void *arg, uint64_t msg, struct slice bytes)
{
	struct cmtp_conn *c = arg;

	return intake_body(c->intake, msg, bytes);
}

static enum err
env_commit(void *arg, uint64_t msg)
{
	struct cmtp_conn *c = arg;

	daemon_crash_at("cmtpd.commit");
	return intake_commit(c->intake, &(struct intake_commit){ .msg = msg });
}

static void
env_abort(void *arg, uint64_t msg)
{
	struct cmtp_conn *c = arg;

	intake_abort(c->intake, msg);
}

static uint64_t
env_real_s(void *arg)
{
	struct cmtp_conn *c = arg;

	return loop_real_ms(c->server->loop) / 1000;
}

static const struct cmtp_env env = {
	.user_key = cmtp_conn_ask_user, .far_key = cmtp_conn_ask_far, .is_ours = env_is_ours,
	.open = env_open, .rcpt = env_rcpt, .body = env_body, .commit = env_commit,
	.abort = env_abort, .real_s = env_real_s,
	.keys = cmtp_conn2_keys, .far_keys = cmtp_conn2_far_keys,
	.sign = cmtp_conn2_sign, .find = cmtp_conn2_find,
	.weigh = cmtp_conn2_weigh, .xzibit = cmtp_conn_enter_xzibit, .enter = cmtp_conn_enter,
};

/* ---- for the server */

/* What smtpd knows of it. */
static void
take_over(struct cmtp_conn *c, const struct cmtp_arrival *a)
{
	struct cmtp_session *s = &c->session;

	s->id = a->session;
	s->is_handed = true;
	if (a->tls.n > 0 && slice_to_cstr(a->tls, c->tls, sizeof(c->tls)) &&
	    slice_to_cstr(a->cipher, c->cipher, sizeof(c->cipher))) {
		s->tls_version = c->tls;
		s->tls_cipher = c->cipher;
	}
	conn_preload(c->conn, a->early);
}

bool
cmtp_conn_is_trusted(const struct cmtp_server *srv, const struct conn_addr *peer)
{
	const struct godwit_options *g = daemon_options(srv->app, "godwit", NULL);

	return peer->is_inet && opt_net_list_has(&g->mynetworks, peer->ip);
}

static struct cmtp_conn *
make(struct cmtp_server *srv, const struct conn_addr *peer)
{
	struct cmtp_conn *c = must_alloc(1, sizeof(*c));

	c->server = srv;
	c->peer = *peer;
	c->began_ms = loop_now(srv->loop);
	c->seen_progress = UINT64_MAX;
	c->session.service = &srv->service;
	c->session.env = &env;
	c->session.arg = c;
	conn_addr_str(c->session.peer, peer);
	conn_addr_literal(c->session.client, peer);
	c->is_trusted = cmtp_conn_is_trusted(srv, peer);
	c->intake = intake_new(srv->app, &srv->pool, &intake_ops, c);
	list_push(&srv->sessions, &c->link);
	conn_clients_enter(&srv->clients, peer);
	return c;
}

void
cmtp_conn_new(struct cmtp_server *srv, struct conn_listener *cl, const struct cmtp_arrival *a)
{
	struct cmtp_conn *c = make(srv, &a->peer);

	c->is_tls = a->is_tls;
	c->conn = conn_new(srv->loop, a->fd, &a->peer, &ops, c, &conn_caps, cl);
	if (a->is_handed)
		take_over(c, a);
	else
		c->session.id = enc_session_id(daemon_instance(srv->app), ++srv->session_serial);
	conn_set_deadline(c->conn, c->began_ms + srv->idle_ms);
	log_event(LOG_connect, log_session(c->session.id), log_text("listener", a->listener),
	    log_str("client", c->session.peer));
	if (a->is_tls)
		begin_tls(c);
	start(c);
}

void
cmtp_conn_start_all(struct cmtp_server *srv)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &srv->sessions)
		start(obj_of(n, struct cmtp_conn, link));
}

void
cmtp_conn_drain_all(struct cmtp_server *srv)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &srv->sessions) {
		struct cmtp_conn *c = obj_of(n, struct cmtp_conn, link);

		if (c->is_started)
			cmtp_session_drain(&c->session);
		else
			conn_abort(c->conn, "drain");
		settle(c);
	}
}

void
cmtp_conn_lost_queue(struct cmtp_server *srv, const struct ipc_peer *p)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &srv->sessions) {
		struct cmtp_conn *c = obj_of(n, struct cmtp_conn, link);

		if (intake_lose(c->intake, p))
			cmtp_session_lost_queue(&c->session);
	}
}
