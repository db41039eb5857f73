/* SPDX-License-Identifier: ISC */
/*
 * The session's questions (struct smtp_env): each that asks another process
 * has its on_ function for the answer.
 */
#include "smtpd/smtp_conn_priv.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/daemon/daemon_sasl.h"
#include "lib/daemon/daemon_tls.h"

#define LOGIN_MS	60000		/* Argon2id runs queue up in keyd */

/* keyd */
static enum err
ask(struct smtp_conn *c, enum ipc_type type, const void *m, ipc_reply_fn *fn)
{
	struct ipc_peer *p = daemon_peer(c->server->app, IPC_KEYD, 0);
	enum err e;

	if (p == NULL)
		return ERR_GONE;
	e = ipc_call(p, type, m, NULL, 0, loop_now(c->server->loop) + LOGIN_MS, fn, c, NULL);
	if (e == ERR_OK)
		c->calls++;
	return e;
}

/* False: nobody waits for this answer any more. */
static bool
answered(struct smtp_conn *c)
{
	c->calls--;
	if (!c->is_gone)
		return true;
	smtp_conn_check_gone(c);
	return false;
}

/* ---- queue ---- */

static void
on_opened(void *arg, uint64_t msg)
{
	struct smtp_conn *c = arg;

	smtp_session_on_opened(&c->session, msg);
	smtp_conn_settle(c);
}

static void
on_rcpt_ok(void *arg, const struct ipc_queue_rcpt_ok *m)
{
	struct smtp_conn *c = arg;

	(void)m;
	smtp_session_on_rcpt_ok(&c->session);
	smtp_conn_settle(c);
}

static void
on_resume(void *arg)
{
	struct smtp_conn *c = arg;

	smtp_session_resume(&c->session);
	smtp_conn_settle(c);
}

static void
on_committed(void *arg)
{
	struct smtp_conn *c = arg;

	smtp_session_on_committed(&c->session);
	smtp_conn_settle(c);
}

static void
on_refused(void *arg, const struct intake_refusal *why)
{
	const struct smtp_refusal r = { why->error, why->dsn, why->text };
	struct smtp_conn *c = arg;

	smtp_session_on_refused(&c->session, &r);
	smtp_conn_settle(c);
}

const struct intake_ops smtp_ask_intake = {
	.opened = on_opened, .rcpt_ok = on_rcpt_ok, .resume = on_resume,
	.committed = on_committed, .refused = on_refused,
};

static enum err
env_open(void *arg, const struct smtp_open *o)
{
	struct smtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_queue_open q = {
		.session = c->session.id, .flags = (uint8_t)o->flags, .size = o->size,
		.sender = o->sender, .helo = o->helo, .envid = o->envid,
		.may_relay = c->is_trusted,
	};

	conn_addr_ip_str(client, &c->peer);
	q.client = slice_str(client);
	if (c->has_token)
		q.token = slice_of(c->token, sizeof(c->token));
	return intake_open(c->intake, &q, SLICE_NONE);
}

static enum err
env_rcpt(void *arg, const struct smtp_rcpt_to *to)
{
	struct smtp_conn *c = arg;
	struct ipc_queue_rcpt q = { .msg = to->msg, .rcpt = to->rcpt, .orcpt = to->orcpt,
	    .notify = to->notify };

	return intake_rcpt(c->intake, &q);
}

static void
env_abort(void *arg, uint64_t msg)
{
	struct smtp_conn *c = arg;

	intake_abort(c->intake, msg);
}

static enum err
env_body(void *arg, struct slice s)
{
	struct smtp_conn *c = arg;

	return intake_body(c->intake, c->session.txn->msg, s);
}

static enum err
env_commit(void *arg, const struct smtp_commit *m)
{
	struct smtp_conn *c = arg;
	const struct intake_commit q = { .msg = m->msg, .flags = (uint8_t)m->flags,
	    .message_id = m->message_id };

	return intake_commit(c->intake, &q);
}

/* ---- keyd ---- */

void
smtp_ask_logout(struct smtp_conn *c)
{
	struct ipc_logout m = { .token = slice_of(c->token, sizeof(c->token)) };
	struct ipc_peer *p = daemon_peer(c->server->app, IPC_KEYD, 0);

	/* A keyd that is gone has forgotten the token already. */
	if (c->has_token && p != NULL && ipc_send_late(p, IPC_MSG_logout, &m) != ERR_OK)
		ipc_peer_violation(p, "does not read");
	secret_wipe(c->token, sizeof(c->token));
	c->has_token = false;
}

void
smtp_ask_on_late_login(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_login_ok *ok = m;
	const struct ipc_logout out = { .token = ok->token };

	(void)in;
	if (ipc_send(p, IPC_MSG_logout, &out, NULL, 0) != ERR_OK)
		return;		/* going, and what it counts with it */
}

static void
login_answer(struct smtp_conn *c, enum err e, struct slice address)
{
	smtp_session_on_login(&c->session, e, address);
	smtp_conn_settle(c);
}

void
smtp_ask_auth_timer(void *arg)
{
	struct smtp_conn *c = arg;

	login_answer(c, c->auth_result, SLICE_NONE);
}

static void
login_refused(struct smtp_conn *c, enum err e, uint16_t type, const void *m)
{
	const struct ipc_key_fail *no = m;

	if (e == ERR_OK)
		e = type == IPC_MSG_key_fail && no->error != ERR_OK ? no->error : ERR_GONE;
	log_event(LOG_auth_failed, log_session(c->session.id),
	    log_str("sasl_method", c->session.mechanism), log_str("client", c->session.peer),
	    log_str("reason", err_text(e)));
	if (err_class(e) != ERR_CLASS_PERM || c->server->auth_delay_ms == 0) {
		login_answer(c, e, SLICE_NONE);
		return;
	}
	/* Guessing is slow: the client hears of it later, keyd counts it too. */
	c->auth_result = e;
	timer_set(&c->auth_timer, loop_now(c->server->loop) + c->server->auth_delay_ms);
}

static void
on_login(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct smtp_conn *c = arg;
	const struct ipc_login_ok *ok = m;

	(void)in;
	if (e == ERR_OK && type == IPC_MSG_login_ok && ok->token.n == TOKEN_BYTES) {
		smtp_ask_logout(c);	/* of a SCRAM that was broken off at its end */
		memcpy(c->token, ok->token.p, TOKEN_BYTES);
		c->has_token = true;
		if (c->is_gone)
			smtp_ask_logout(c);
	}
	if (!answered(c))
		return;
	if (e == ERR_OK && type == IPC_MSG_login_ok && c->session.scram != NULL) {
		smtp_session_on_proof(&c->session, ok->address, ok->signature);
		smtp_conn_settle(c);
	} else if (e == ERR_OK && type == IPC_MSG_login_ok)
		login_answer(c, ERR_OK, ok->address);
	else
		login_refused(c, e, type, m);
}

static void
on_challenge(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct smtp_conn *c = arg;
	const struct ipc_scram_challenge *ch = m;

	(void)in;
	if (!answered(c))
		return;
	if (e != ERR_OK || type != IPC_MSG_scram_challenge) {
		login_refused(c, e, type, m);
		return;
	}
	smtp_session_on_challenge(&c->session, ch->exchange, ch->server_first);
	smtp_conn_settle(c);
}

static enum err
env_scram_start(void *arg, const char *mechanism, const struct scram_server *x)
{
	struct smtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_scram_start m = {
		.session = c->session.id, .scope = TOKEN_SUBMIT,
		.tls = c->session.tls_version != NULL, .mechanism = slice_str(mechanism),
		.user = x->user, .nonce = x->nonce, .bare = x->bare,
	};

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return ask(c, IPC_MSG_scram_start, &m, on_challenge);
}

static enum err
env_scram_finish(void *arg, uint64_t exchange, const struct scram_final *f)
{
	struct smtp_conn *c = arg;
	struct ipc_scram_finish m = {
		.exchange = exchange, .without_proof = f->without_proof,
		.proof = slice_of(f->proof, sizeof(f->proof)),
	};

	return ask(c, IPC_MSG_scram_finish, &m, on_login);
}

static bool
env_binding(void *arg, struct slice name, struct scram_binding *out)
{
	struct smtp_conn *c = arg;

	return daemon_sasl_binding(c->conn, name, out);
}

static bool
env_has_certificate(void *arg)
{
	struct smtp_conn *c = arg;

	const struct tls_proof p = conn_tls_proof(c->conn);

	return p.names.n > 0 || p.prints.n > 0;
}

static enum err
login_external(struct smtp_conn *c, const struct smtp_login *l)
{
	char client[CONN_ADDR_TEXT_BYTES];
	const struct tls_proof proof = conn_tls_proof(c->conn);
	struct ipc_login_external m = {
		.session = c->session.id, .tls = c->session.tls_version != NULL,
		.user = l->user, .names = proof.names, .prints = proof.prints,
	};

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return ask(c, IPC_MSG_login_external, &m, on_login);
}

static enum err
env_login(void *arg, const struct smtp_login *l)
{
	struct smtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_login m = {
		.session = c->session.id, .scope = TOKEN_SUBMIT,
		.tls = c->session.tls_version != NULL, .mechanism = slice_str(l->mechanism),
		.user = l->user, .password = l->password,
	};

	if (!smtp_conn_takes(c, CLIENT_RATE_AUTH))
		return ERR_BUSY;
	if (strcmp(l->mechanism, "EXTERNAL") == 0)
		return login_external(c, l);
	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return ask(c, IPC_MSG_login, &m, on_login);
}

/* ---- TLS, time ---- */

static enum err
env_start_tls(void *arg)
{
	struct smtp_conn *c = arg;

	if (!daemon_tls_is_ready(c->server->app))
		return ERR_STATE;
	if (!smtp_conn_may(c, CLIENT_RATE_TLS))
		return ERR_BUSY;
	c->wants_tls = true;
	return ERR_OK;
}

static uint64_t
env_real_s(void *arg)
{
	struct smtp_conn *c = arg;

	return loop_real_ms(c->server->loop) / 1000;
}

const struct smtp_env smtp_ask_env = {
	.open = env_open, .rcpt = env_rcpt, .body = env_body, .commit = env_commit,
	.abort = env_abort, .login = env_login, .scram_start = env_scram_start,
	.scram_finish = env_scram_finish, .binding = env_binding,
	.has_certificate = env_has_certificate, .start_tls = env_start_tls,
	.real_s = env_real_s,
};
