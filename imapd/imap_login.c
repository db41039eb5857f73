/* SPDX-License-Identifier: ISC */
#include "imapd/imap_login.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_arrivals.h"
#include "imapd/imap_caps.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

void
imap_login_forget(struct imap_session *s)
{
	free(s->user);
	s->user = NULL;
	imap_session_drop_token(s);
}

void
imap_login_refuse(struct imap_cmd *c, const struct imap_login *w, const char *reason)
{
	struct imap_session *s = c->s;

	log_event(LOG_auth_failed, log_session(s->sid), log_str("sasl_method", w->mechanism),
	    log_text("sasl_username", w->user), log_str("client", s->client),
	    log_str("reason", reason));
	imap_cmd_no(c, "AUTHENTICATIONFAILED", "Authentication failed");
	if (++s->login_failures >= IMAP_LOGIN_TRIES)
		imap_cmd_then_bye(c, "Too many failed logins");
}

static void
unavailable(struct imap_cmd *c)
{
	imap_cmd_no(c, "UNAVAILABLE", "Logins are not possible at the moment, try again");
}

/* RFC 3501 s6.2.3: the capabilities changed, so say them. */
static void
welcome(struct imap_cmd *c)
{
	struct buf b;

	buf_init(&b, IMAP_CAPABILITIES_MAX);
	buf_put_str(&b, "CAPABILITY ");
	imap_session_put_capabilities(c->s, &b);
	imap_cmd_ok_code(c, imap_cmd_text(c, &b), "Logged in");
	buf_fini(&b);
}

static void
on_opened(struct imap_session *s)
{
	welcome(s->cmd);
}

static void
on_session(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct imap_login *w = arg;
	const struct ipc_store_session *m = r->m;
	struct imap_cmd *c = s->cmd;

	if (r->error != ERR_OK || r->type != IPC_MSG_store_session ||
	    m->public_key.n != sizeof(s->public_key) || m->account != s->account) {
		imap_login_forget(s);
		unavailable(c);
		return;
	}
	s->handle = m->handle;
	s->handle_serial++;
	s->pulse = w->pulse;
	s->host->set_handle(s->host_arg, m->handle);
	s->sealing = m->sealing;
	s->opens_nothing = strcmp(w->mechanism, "EXTERNAL") == 0;
	s->key_generation = m->key_generation;
	memcpy(s->public_key, m->public_key.p, sizeof(s->public_key));
	if (m->thread_salt.n == sizeof(s->thread_salt))
		memcpy(s->thread_salt, m->thread_salt.p, sizeof(s->thread_salt));
	s->state = IMAP_AUTH;
	s->login_failures = 0;
	log_event(LOG_auth, log_session(s->sid), log_str("sasl_method", w->mechanism),
	    log_str("sasl_username", s->user),
	    log_str("tls", s->tls_version != NULL ? s->tls_version : "none"));
	/* What waits is there for the client's first look. */
	if (m->arrivals && !s->opens_nothing)
		imap_arrivals_run(imap_session_push(s, NULL, on_opened), IMAP_ARRIVALS_LOGIN);
	else
		welcome(c);
}

/* keyd counts: the sessions of a user are spread over processes. */
static void
too_many(struct imap_cmd *c, const struct imap_login *w)
{
	log_event(LOG_limit, log_session(c->s->sid), log_str("client", c->s->client),
	    log_str("name", "user_connection_limit"), log_text("reason", w->user));
	imap_cmd_no(c, "LIMIT", "Too many connections of this user");
	imap_cmd_then_bye(c, "Too many connections of this user");
}

void
imap_login_take(struct imap_session *s, const struct ipc_login_ok *m)
{
	imap_login_forget(s);
	s->user = must_alloc(m->address.n + 1, 1);
	if (m->address.n > 0)
		memcpy(s->user, m->address.p, m->address.n);
	s->account = m->account;
	s->token_bytes = m->token.n <= sizeof(s->token) ? m->token.n : 0;
	if (s->token_bytes > 0)
		memcpy(s->token, m->token.p, s->token_bytes);
}

const void *
imap_login_expect(struct imap_cmd *c, const struct imap_login *w, const struct imap_reply *r,
    enum ipc_type type)
{
	const struct ipc_key_fail *f = r->m;

	if (r->error == ERR_OK && r->type == type)
		return r->m;
	if (r->error != ERR_OK || r->type != IPC_MSG_key_fail)
		unavailable(c);
	else if (f->error == ERR_LIMIT)
		too_many(c, w);
	else if (err_class(f->error) == ERR_CLASS_TEMP)
		unavailable(c);
	else
		imap_login_refuse(c, w, err_text(f->error));
	return NULL;
}

void
imap_login_finish(struct imap_cmd *c, struct imap_login *w)
{
	struct imap_session *s = c->s;
	const struct ipc_store_login m = { .token = slice_of(s->token, s->token_bytes) };

	w->pulse = imap_session_pulse(s);
	if (!imap_cmd_call(c, IPC_STORE, IPC_MSG_store_login, &m, on_session, w))
		imap_login_forget(s);
}

static void
on_login(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_login_ok *m = imap_login_expect(s->cmd, arg, r, IPC_MSG_login_ok);

	if (m == NULL)
		return;
	imap_login_take(s, m);
	imap_login_finish(s->cmd, arg);
}

struct imap_login *
imap_login_new(struct imap_cmd *c, const char *mechanism, struct slice user)
{
	struct imap_login *w = imap_cmd_alloc(c, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->mechanism = mechanism;
	w->user = arena_dup(&c->arena, slice_head(user, IMAP_USER_MAX));
	return w;
}

void
imap_login_start(struct imap_cmd *c, const char *mechanism, struct slice user,
    struct slice password)
{
	struct imap_session *s = c->s;
	struct imap_login *w = imap_login_new(c, mechanism, user);
	struct ipc_login m = {
		.session = s->sid, .scope = TOKEN_MAIL, .tls = s->tls,
		.session_max = s->shared->user_limit,
		.client = slice_str(s->client), .mechanism = slice_str(mechanism),
		.user = user, .password = password,
	};

	if (w == NULL)
		return;
	if (user.n == 0 || user.n > IMAP_USER_MAX || password.n > IMAP_PASSWORD_MAX ||
	    slice_find(user, '\0') < user.n || !utf8_ok(user)) {
		imap_login_refuse(c, w, "malformed");
		return;
	}
	(void)imap_cmd_call(c, IPC_KEYD, IPC_MSG_login, &m, on_login, w);
}

/* RFC 4422 app. A */
void
imap_login_external(struct imap_cmd *c, struct slice user)
{
	struct imap_session *s = c->s;
	struct imap_login *w = imap_login_new(c, "EXTERNAL", user);
	const struct imap_proof proof = s->host->certificate(s->host_arg);
	struct ipc_login_external m = {
		.session = s->sid, .tls = s->tls, .session_max = s->shared->user_limit,
		.client = slice_str(s->client), .user = user,
		.names = proof.names, .prints = proof.prints,
	};

	if (w == NULL)
		return;
	if (user.n > IMAP_USER_MAX || slice_find(user, '\0') < user.n || !utf8_ok(user)) {
		imap_login_refuse(c, w, "malformed");
		return;
	}
	(void)imap_cmd_call(c, IPC_KEYD, IPC_MSG_login_external, &m, on_login, w);
}
