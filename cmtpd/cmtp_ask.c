/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_ask.h"

#include "lib/cmtp/cmtp_put.h"

bool
cmtp_ask_is_far(const struct cmtp_session *s)
{
	struct slice domain = s->parser.param[1];

	return s->is_user && domain.n > 0 && !s->env->is_ours(s->arg, domain);
}

void
cmtp_ask_begin(struct cmtp_session *s)
{
	const struct cmtp_self *self = s->service->self;
	struct buf user;

	if (s->parser.param[0].n == 0) {
		cmtp_put_key(&s->out, self->key, self->key_sig);
		return;
	}
	buf_init(&user, CMTP_USER_MAX);
	buf_put_slice(&user, s->parser.param[0]);
	if (s->parser.param[1].n > 0) {
		buf_put_char(&user, '@');
		buf_put_slice(&user, s->parser.param[1]);
	}
	s->mode = CMTP_WAIT_KEY;
	if (s->env->user_key(s->arg, buf_slice(&user)) != ERR_OK) {
		s->mode = CMTP_READING;
		cmtp_session_fail(s);
	}
	buf_fini(&user);
}

void
cmtp_ask_key(struct cmtp_session *s, enum err e, const unsigned char *key,
    const unsigned char *sig)
{
	/* Any other error is keyd's: the question was not counted. */
	if (s->mode == CMTP_WAIT_KEY && e == ERR_NOTFOUND && cmtp_ask_is_far(s)) {
		s->mode = CMTP_WAIT_FAR_KEY;
		e = s->env->far_key(s->arg, s->parser.param[0], s->parser.param[1]);
		if (e == ERR_OK)
			return;
	}
	s->mode = CMTP_READING;
	if (e == ERR_OK)
		cmtp_put_key(&s->out, key, sig);
	else
		cmtp_session_fail(s);
}
