/* SPDX-License-Identifier: ISC */
/*
 * AUTH PLAIN (RFC 4616), LOGIN and EXTERNAL; prototypes in smtp_verbs.h.  Passwords
 * pass through here to keyd and are wiped on the way.
 */
#include "smtpd/smtp_scram.h"
#include "smtpd/smtp_verbs.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"

#define RESPONSE_MAX	(2 * ADDR_TEXT_MAX + SMTP_PASSWORD_MAX + 2)

static struct smtp_step
refuse(struct smtp_session *s, enum smtp_reply_id id)
{
	smtp_reply(s, id);
	buf_wipe(&s->auth);
	smtp_scram_end(s);
	return smtp_session_stay(s);
}

static struct smtp_step
ask(struct smtp_session *s, const char *challenge)
{
	buf_printf(&s->out, "334 %s\r\n", challenge);
	return (struct smtp_step){ SMTP_AUTH_LINE, s->state };
}

static struct smtp_step
login(struct smtp_session *s, struct slice user, struct slice password)
{
	struct smtp_login l = { s->mechanism, user, password };
	enum err e;

	if (user.n == 0 || password.n == 0 || user.n > ADDR_TEXT_MAX ||
	    password.n > SMTP_PASSWORD_MAX)
		return smtp_auth_done(s, ERR_AUTH, SLICE_NONE);
	e = s->env->login(s->arg, &l);
	if (e != ERR_OK)
		return smtp_auth_done(s, e, SLICE_NONE);
	return (struct smtp_step){ SMTP_WAIT_LOGIN, s->state };
}

/* authzid NUL authcid NUL passwd; nobody may act for somebody else. */
static struct smtp_step
take_plain(struct smtp_session *s, struct slice msg)
{
	struct slice authzid, user, password;

	password = slice_cut(slice_cut(msg, '\0', &authzid), '\0', &user);
	if (slice_find(password, '\0') < password.n || (authzid.n > 0 && !slice_ieq(authzid, user)))
		return smtp_auth_done(s, ERR_AUTH, SLICE_NONE);
	return login(s, user, password);
}

static struct smtp_step
take_login(struct smtp_session *s, struct slice msg)
{
	if (s->wants_login_user) {
		s->wants_login_user = false;
		buf_put_slice(&s->auth, msg);
		return ask(s, "UGFzc3dvcmQ6");
	}
	return login(s, buf_slice(&s->auth), msg);
}

/* authzid, or nothing (RFC 4422 app. A) */
static struct smtp_step
take_external(struct smtp_session *s, struct slice msg)
{
	const struct smtp_login l = { s->mechanism, msg, SLICE_NONE };
	enum err e = ERR_AUTH;

	if (msg.n <= ADDR_TEXT_MAX && slice_find(msg, '\0') == msg.n && utf8_ok(msg))
		e = s->env->login(s->arg, &l);
	if (e != ERR_OK)
		return smtp_auth_done(s, e, SLICE_NONE);
	return (struct smtp_step){ SMTP_WAIT_LOGIN, s->state };
}

static struct smtp_step
take_response(struct smtp_session *s, struct slice line)
{
	struct smtp_step step;
	struct buf msg;

	buf_init(&msg, RESPONSE_MAX);
	if (enc_get_base64(&msg, line) != ERR_OK)
		step = refuse(s, REPLY_BAD_BASE64);
	else if (s->scram != NULL)
		step = smtp_scram_take(s, buf_slice(&msg));
	else if (strcmp(s->mechanism, "EXTERNAL") == 0)
		step = take_external(s, buf_slice(&msg));
	else if (strcmp(s->mechanism, "PLAIN") == 0)
		step = take_plain(s, buf_slice(&msg));
	else
		step = take_login(s, buf_slice(&msg));
	buf_wipe(&msg);
	buf_fini(&msg);
	return step;
}

struct smtp_step
smtp_auth_take_line(struct smtp_session *s, struct slice line)
{
	/* RFC 4954 s4: the client gives up. */
	if (slice_eq_str(line, "*"))
		return refuse(s, REPLY_AUTH_CANCELLED);
	return take_response(s, line);
}

static enum smtp_reply_id
check_auth(const struct smtp_session *s)
{
	if (!s->service->is_submission)
		return REPLY_NOT_HERE;
	if (!smtp_session_takes_logins(s))
		return REPLY_AUTH_NEEDS_TLS;
	return smtp_session_is_logged_in(s) ? REPLY_AUTH_ALREADY : REPLY_NONE;
}

static const char *const mechanisms[] = {
	"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "EXTERNAL"
};

static bool
is_offered(const struct smtp_session *s, const char *name)
{
	if (strcmp(name, "EXTERNAL") == 0)
		return s->env->has_certificate != NULL && s->env->has_certificate(s->arg);
	if (!slice_starts(slice_str(name), "SCRAM"))
		return true;
	return s->service->limits->offers_scram &&
	    (smtp_scram_may_bind(s) || strcmp(name, "SCRAM-SHA-256-PLUS") != 0);
}

static const char *
find_mechanism(const struct smtp_session *s, struct slice name)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if (slice_ieq_str(name, mechanisms[i]) && is_offered(s, mechanisms[i]))
			return mechanisms[i];
	return NULL;
}

void
smtp_auth_put_mechanisms(const struct smtp_session *s, struct buf *b)
{
	for (size_t i = 0; i < lengthof(mechanisms); i++)
		if (is_offered(s, mechanisms[i]))
			buf_printf(b, " %s", mechanisms[i]);
}

/* RFC 4954 s4 */
struct smtp_step
smtp_auth(struct smtp_session *s, struct slice args)
{
	enum smtp_reply_id no = check_auth(s);
	struct slice name, initial = slice_trim(slice_cut(args, ' ', &name));

	if (no != REPLY_NONE) {
		smtp_reply(s, no);
		return smtp_session_stay(s);
	}
	buf_reset(&s->auth);
	s->mechanism = find_mechanism(s, name);
	if (s->mechanism == NULL)
		return refuse(s, REPLY_MECHANISM);
	if (slice_starts(slice_str(s->mechanism), "SCRAM"))
		smtp_scram_begin(s, strcmp(s->mechanism, "SCRAM-SHA-256-PLUS") == 0);
	s->wants_login_user = true;
	if (initial.n == 0)
		return ask(s, strcmp(s->mechanism, "LOGIN") == 0 ? "VXNlcm5hbWU6" : "");
	/* "=" is an initial response of no bytes. */
	return take_response(s, slice_eq_str(initial, "=") ? SLICE_NONE : initial);
}

struct smtp_step
smtp_auth_done(struct smtp_session *s, enum err e, struct slice address)
{
	buf_wipe(&s->auth);
	if (e != ERR_OK)
		smtp_scram_end(s);
	if (e == ERR_OK && address.n > 0 && slice_to_cstr(address, s->login, sizeof(s->login))) {
		log_event(LOG_auth, log_session(s->id), log_str("sasl_method", s->mechanism),
		    log_text("sasl_username", address), log_str("tls", s->tls_version != NULL ? s->tls_version : "none"));
		smtp_reply(s, REPLY_AUTH_OK);
	} else
		smtp_reply(s, err_class(e) == ERR_CLASS_PERM ? REPLY_AUTH_FAILED : REPLY_AUTH_LATER);
	return smtp_session_stay(s);
}
