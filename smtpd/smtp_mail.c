/* SPDX-License-Identifier: ISC */
/* MAIL (RFC 5321 s4.1.1.2); prototypes in smtp_verbs.h. */
#include "smtpd/smtp_verbs.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/ipc/queue_proto.h"
#include "smtpd/smtp_params.h"

#define SMTP_ENVID_MAX	100	/* RFC 3461 s4.4, encoded */

struct mail_args {
	struct addr	 sender;
	uint64_t	 size;
	unsigned	 flags;		/* enum queue_flag */
	unsigned	 seen;		/* 1 << row of params[] */
	size_t		 envid_n;
	char		 envid[SMTP_ENVID_MAX];
};

/* ---- parameters ---- */

typedef enum smtp_reply_id param_fn(const struct smtp_session *, struct mail_args *,
    const struct smtp_param *);

/* RFC 1870 s3; the limit applies at once (s6.1). */
static enum smtp_reply_id
param_size(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	if (p->value.n > 20 || num_parse_u64(p->value, UINT64_MAX, &m->size) != ERR_OK)
		return REPLY_BAD_ARGS;
	return m->size > s->service->limits->message.message_bytes ? REPLY_TOO_BIG : REPLY_NONE;
}

/* RFC 6152 s2; BINARYMIME (RFC 3030 s3) is not announced. */
static enum smtp_reply_id
param_body(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	(void)s;
	if (slice_ieq_str(p->value, "8BITMIME"))
		m->flags |= QUEUE_8BITMIME;
	else if (!slice_ieq_str(p->value, "7BIT"))
		return REPLY_BAD_ARGS;
	return REPLY_NONE;
}

/* RFC 6531 s3.4 */
static enum smtp_reply_id
param_smtputf8(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	(void)s;
	if (p->has_value)
		return REPLY_BAD_ARGS;
	m->flags |= QUEUE_SMTPUTF8;
	return REPLY_NONE;
}

/* RFC 4954 s5: we trust nobody to vouch, so it is checked and dropped. */
static enum smtp_reply_id
param_auth(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t n;

	(void)m;
	if (!s->service->is_submission)
		return REPLY_PARAMETER;
	if (slice_eq_str(p->value, "<>"))
		return REPLY_NONE;
	if (smtp_params_xtext(p->value, text, sizeof(text), &n) != ERR_OK ||
	    addr_parse(slice_of(text, n), ADDR_UTF8, &a) != ERR_OK)
		return REPLY_BAD_ARGS;
	return REPLY_NONE;
}

/* RFC 3461 s4.3 */
static enum smtp_reply_id
param_ret(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	(void)s;
	if (slice_ieq_str(p->value, "FULL"))
		m->flags |= QUEUE_RET_FULL;
	else if (slice_ieq_str(p->value, "HDRS"))
		m->flags |= QUEUE_RET_HDRS;
	else
		return REPLY_BAD_ARGS;
	return REPLY_NONE;
}

/* RFC 3461 s4.4 */
static enum smtp_reply_id
param_envid(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	(void)s;
	if (p->value.n > SMTP_ENVID_MAX ||
	    smtp_params_xtext(p->value, m->envid, sizeof(m->envid), &m->envid_n) != ERR_OK)
		return REPLY_BAD_ARGS;
	return REPLY_NONE;
}

/* RFC 8689 s2: known inside of TLS only. */
static enum smtp_reply_id
param_requiretls(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	if (s->tls_version == NULL)
		return REPLY_PARAMETER;
	if (p->has_value)
		return REPLY_BAD_ARGS;
	m->flags |= QUEUE_REQUIRETLS;
	return REPLY_NONE;
}

static const struct {
	const char	*keyword;
	param_fn	*fn;
	bool		 wants_value;
} params[] = {
	{ "SIZE", param_size, true },
	{ "BODY", param_body, true },
	{ "SMTPUTF8", param_smtputf8, false },
	{ "AUTH", param_auth, true },
	{ "RET", param_ret, true },
	{ "ENVID", param_envid, true },
	{ "REQUIRETLS", param_requiretls, false },
};

static enum smtp_reply_id
take_param(const struct smtp_session *s, struct mail_args *m, const struct smtp_param *p)
{
	for (size_t i = 0; i < lengthof(params); i++) {
		if (!slice_ieq_str(p->keyword, params[i].keyword))
			continue;
		if ((m->seen & 1u << i) || (params[i].wants_value && !p->has_value))
			return REPLY_BAD_ARGS;
		m->seen |= 1u << i;
		return params[i].fn(s, m, p);
	}
	/* RFC 5321 s4.1.1.11 */
	return REPLY_PARAMETER;
}

static enum smtp_reply_id
path_error(enum err e)
{
	if (e == ERR_LIMIT)
		return REPLY_LONG_SENDER;
	return e == ERR_OK ? REPLY_NONE : REPLY_BAD_SENDER;
}

/* "FROM:" Reverse-path [ SP Mail-parameters ]; spaces before the path are common. */
static enum smtp_reply_id
parse_mail(const struct smtp_session *s, struct slice args, struct mail_args *m)
{
	enum smtp_reply_id no;
	struct smtp_param p;
	enum err e;

	memset(m, 0, sizeof(*m));
	if (!slice_istarts(args, "FROM:"))
		return REPLY_BAD_ARGS;
	args = slice_trim(slice_from(args, 5));
	if ((no = path_error(addr_parse_path(&args, ADDR_UTF8 | ADDR_NULL_OK, &m->sender))) != REPLY_NONE)
		return no;
	while ((e = smtp_params_next(&args, &p)) == ERR_OK)
		if ((no = take_param(s, m, &p)) != REPLY_NONE)
			return no;
	if (e != ERR_END)
		return REPLY_BAD_ARGS;
	/* RFC 6531 s3.2 */
	return m->sender.is_utf8 && !(m->flags & QUEUE_SMTPUTF8) ? REPLY_UTF8_SENDER : REPLY_NONE;
}

/* ---- the command ---- */

static void
make_txn(struct smtp_session *s, const struct mail_args *m)
{
	struct smtp_txn *t = must_alloc(1, sizeof(*t));

	t->sender = m->sender;
	t->flags = m->flags | (s->service->is_submission ? QUEUE_SUBMISSION : 0u);
	/* fini is legal on the zeroed message; smtp_data.c makes it */
	s->txn = t;
}

struct smtp_step
smtp_mail(struct smtp_session *s, struct slice args)
{
	char sender[ADDR_TEXT_MAX + 1];
	struct mail_args m;
	struct smtp_open o;
	enum smtp_reply_id no;
	enum err e;

	/* RFC 6409 s4.3 */
	if (s->service->is_submission && !smtp_session_is_logged_in(s)) {
		smtp_reply(s, REPLY_NEED_AUTH);
		return smtp_session_stay(s);
	}
	if ((no = parse_mail(s, args, &m)) != REPLY_NONE) {
		smtp_reply(s, no);
		return smtp_session_stay(s);
	}
	make_txn(s, &m);
	o = (struct smtp_open){ .sender = addr_text(&m.sender, sender),
	    .helo = slice_str(s->helo), .size = m.size, .flags = s->txn->flags,
	    .envid = slice_of(m.envid, m.envid_n) };
	if ((e = s->env->open(s->arg, &o)) != ERR_OK)
		return smtp_mail_refused(s, &(struct smtp_refusal){ .error = e });
	return (struct smtp_step){ SMTP_WAIT_OPEN, SMTP_HELO };
}

struct smtp_step
smtp_mail_opened(struct smtp_session *s, uint64_t msg)
{
	s->txn->msg = msg;
	smtp_reply(s, REPLY_SENDER_OK);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_MAIL };
}

struct smtp_step
smtp_mail_refused(struct smtp_session *s, const struct smtp_refusal *r)
{
	smtp_reply_refusal(s, r);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
}
