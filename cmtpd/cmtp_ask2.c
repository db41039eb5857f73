/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_ask2.h"

#include "cmtpd/cmtp_ask.h"
#include "lib/cmtp/cmtp2_keys.h"

static struct cmtp2_keys_request
request(const struct cmtp_session *s)
{
	return (struct cmtp2_keys_request){ .user = s->parser.param[0],
	    .domain = s->parser.param[1], .nonce = s->parser.nonce, .known = s->parser.known };
}

/* "alice@domain", or of the server "@domain", "@". */
void
cmtp_ask2_begin(struct cmtp_session *s)
{
	const struct cmtp2_keys_request q = request(s);
	struct buf user;
	enum err e;

	buf_init(&user, CMTP_USER_MAX);
	buf_put_slice(&user, q.user);
	buf_put_char(&user, '@');
	if (q.user.n > 0 && q.domain.n == 0)
		buf_put_slice(&user, slice_str(s->service->domain));
	buf_put_slice(&user, q.domain);
	s->mode = CMTP_WAIT_KEYS;
	if ((e = s->env->keys(s->arg, buf_slice(&user), q.known)) != ERR_OK)
		cmtp_ask2_keys(s, e, NULL);
	buf_fini(&user);
}

/* keyd has nothing: has another domain? */
static bool
is_far(const struct cmtp_session *s, const struct cmtp_keys *k)
{
	return s->mode == CMTP_WAIT_KEYS && k->count == 0 && cmtp_ask_is_far(s);
}

void
cmtp_ask2_keys(struct cmtp_session *s, enum err e, const struct cmtp_keys *k)
{
	const struct cmtp2_keys_request q = request(s);
	struct cmtp_sign sign;

	if (e == ERR_OK && is_far(s, k)) {
		s->mode = CMTP_WAIT_FAR_KEYS;
		e = s->env->far_keys(s->arg, q.user, q.domain, q.known);
		if (e == ERR_OK)
			return;
	}
	buf_init(&s->content, CMTP2_KEYS_CONTENT_MAX);
	if (e == ERR_OK)
		cmtp2_keys_content(&s->content, k->status, k->count, k->records);
	else
		cmtp2_keys_content(&s->content, CMTP2_LATER, 0, SLICE_NONE);
	sign = cmtp2_keys_sign(&q, buf_slice(&s->content));
	s->mode = CMTP_WAIT_SIGN;
	if ((e = s->env->sign(s->arg, CMTP2_KEY_REPLY, &sign)) != ERR_OK)
		cmtp_ask2_signed(s, e, NULL);
}

void
cmtp_ask2_signed(struct cmtp_session *s, enum err e, const unsigned char *sig)
{
	s->mode = CMTP_READING;
	if (e == ERR_OK)
		cmtp2_keys_put(&s->out, buf_slice(&s->content), sig);
	else
		cmtp_session_fail(s);
	buf_fini(&s->content);
}
