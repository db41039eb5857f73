/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_enter2.h"

#include "lib/base/log.h"
#include "lib/cmtp/cmtp2_login.h"

#define STATE_MAX	200	/* as in cmtp2_entering */

void
cmtp_enter2_init(struct cmtp_session *s)
{
	buf_init(&s->enter_state, STATE_MAX);
	buf_init(&s->enter_user, CMTP_USER_MAX);
}

void
cmtp_enter2_fini(struct cmtp_session *s)
{
	buf_fini(&s->enter_state);
	buf_fini(&s->enter_user);
}

/* It begins something; else it ends what another began. */
static bool
is_first(enum cmtp_verb v)
{
	return v == CMTP_LOGIN2 || v == CMTP_REGISTER2;
}

static enum cmtp_verb
first_of(enum cmtp_verb v)
{
	return v == CMTP_PROOF2 ? CMTP_LOGIN2 : CMTP_REGISTER2;
}

static void
note_user(struct cmtp_session *s)
{
	buf_reset(&s->enter_user);
	buf_put_slice(&s->enter_user, s->parser.param[0]);
	buf_put_char(&s->enter_user, '@');
	if (s->parser.param[1].n > 0)
		buf_put_slice(&s->enter_user, s->parser.param[1]);
	else
		buf_put_str(&s->enter_user, s->service->domain);
}

void
cmtp_enter2_begin(struct cmtp_session *s)
{
	const struct cmtp_parser *p = &s->parser;
	struct cmtp_enter q = { .verb = p->verb, .fixed = p->fixed };
	enum err e = ERR_OK;

	if (is_first(p->verb)) {
		buf_reset(&s->enter_state);
		note_user(s);
		q.user = p->param[0];
		q.domain = p->param[1];
		if (p->verb == CMTP_REGISTER2)
			q.password = p->param[2];
		s->entering = p->verb;
	} else {
		if (p->verb == CMTP_RECORD2)
			q.bundle = p->bundle;
		q.state = buf_slice(&s->enter_state);
		if (q.state.n == 0 || s->entering != first_of(p->verb))
			e = ERR_AUTH;
	}
	s->mode = CMTP_WAIT_ENTER;
	if (e == ERR_OK)
		e = s->env->enter(s->arg, &q);
	if (e != ERR_OK)
		cmtp_enter2_done(s, e, SLICE_NONE, SLICE_NONE);
}

static enum cmtp2_login_status
status_of(enum err e)
{
	if (e == ERR_OK)
		return CMTP2_LOGIN_OK;
	if (e == ERR_AUTH)
		return CMTP2_LOGIN_NO;
	return e == ERR_DENIED ? CMTP2_LOGIN_MAIL : CMTP2_LOGIN_LATER;
}

static void
tell(const struct cmtp_session *s, enum err e)
{
	const char *method = s->entering == CMTP_LOGIN2 ? "LOGIN2" : "REGISTER2";
	struct slice user = buf_slice(&s->enter_user);

	if (e == ERR_OK)
		log_event(LOG_auth, log_session(s->id), log_str("sasl_method", method),
		    log_text("sasl_username", user), log_str("tls", s->tls_version));
	else
		log_event(LOG_auth_failed, log_session(s->id), log_str("sasl_method", method),
		    log_text("sasl_username", user), log_str("client", s->peer),
		    log_str("reason", err_text(e)));
}

void
cmtp_enter2_done(struct cmtp_session *s, enum err e, struct slice content, struct slice state)
{
	bool is_last = !is_first(s->parser.verb);

	s->mode = CMTP_READING;
	buf_reset(&s->enter_state);
	if (e == ERR_OK && !is_last)
		buf_put_slice(&s->enter_state, state);
	if (e != ERR_OK || is_last)
		tell(s, e);
	if (e == ERR_OK && s->parser.verb == CMTP_PROOF2)
		s->is_user = true;
	cmtp_parser_forget(&s->parser);
	cmtp2_login_put(&s->out, status_of(e), e == ERR_OK ? content : SLICE_NONE);
}
