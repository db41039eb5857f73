/* SPDX-License-Identifier: ISC */
/* RCPT (RFC 5321 s4.1.1.3); prototypes in smtp_verbs.h. */
#include "smtpd/smtp_verbs.h"

#include "lib/ipc/queue_proto.h"
#include "smtpd/smtp_params.h"

struct rcpt_args {
	struct addr	 rcpt;
	uint8_t		 notify;
	bool		 has_orcpt;
	size_t		 orcpt_n;
	char		 orcpt[SMTP_ORCPT_MAX];
};

/* RFC 3461 s4.1 and s4.2; each at most once. */
static enum smtp_reply_id
take_param(const struct smtp_session *s, struct rcpt_args *r, const struct smtp_param *p)
{
	bool is_notify = slice_ieq_str(p->keyword, "NOTIFY");

	/* RFC 5321 s4.1.1.11 */
	if (!is_notify && !slice_ieq_str(p->keyword, "ORCPT"))
		return REPLY_PARAMETER;
	if (!p->has_value || (is_notify ? r->notify != 0 : r->has_orcpt))
		return REPLY_BAD_ARGS;
	if (is_notify)
		return smtp_params_notify(p->value, &r->notify) == ERR_OK ? REPLY_NONE :
		    REPLY_BAD_ARGS;
	r->has_orcpt = true;
	return smtp_params_orcpt(p->value, s->txn->flags & QUEUE_SMTPUTF8, r->orcpt,
	    &r->orcpt_n) == ERR_OK ? REPLY_NONE : REPLY_BAD_ARGS;
}

/* "TO:" Forward-path [ SP Rcpt-parameters ] */
static enum smtp_reply_id
parse_rcpt(const struct smtp_session *s, struct slice args, struct rcpt_args *r)
{
	enum smtp_reply_id no;
	struct smtp_param p;
	enum err e;

	*r = (struct rcpt_args){ 0 };
	if (!slice_istarts(args, "TO:"))
		return REPLY_BAD_ARGS;
	args = slice_trim(slice_from(args, 3));
	e = addr_parse_path(&args, ADDR_UTF8 | ADDR_POSTMASTER_OK, &r->rcpt);
	if (e != ERR_OK)
		return e == ERR_LIMIT ? REPLY_LONG_RCPT : REPLY_BAD_RCPT;
	while ((e = smtp_params_next(&args, &p)) == ERR_OK)
		if ((no = take_param(s, r, &p)) != REPLY_NONE)
			return no;
	if (e != ERR_END)
		return REPLY_BAD_ARGS;
	/* RFC 6531 s3.2 */
	return r->rcpt.is_utf8 && !(s->txn->flags & QUEUE_SMTPUTF8) ? REPLY_UTF8_RCPT :
	    REPLY_NONE;
}

struct smtp_step
smtp_rcpt(struct smtp_session *s, struct slice args)
{
	char text[ADDR_TEXT_MAX + 1];
	struct smtp_txn *t = s->txn;
	struct smtp_rcpt_to to;
	struct rcpt_args r;
	enum smtp_reply_id no;
	enum err e;

	/* RFC 5321 s4.5.3.1.10 */
	if (t->rcpt_count >= s->service->limits->recipients)
		no = REPLY_TOO_MANY_RCPTS;
	else
		no = parse_rcpt(s, args, &r);
	if (no != REPLY_NONE) {
		smtp_reply(s, no);
		return smtp_session_stay(s);
	}
	t->rcpt = r.rcpt;
	to = (struct smtp_rcpt_to){ .msg = t->msg, .rcpt = addr_text(&r.rcpt, text),
	    .orcpt = slice_of(r.orcpt, r.orcpt_n), .notify = r.notify };
	e = t->is_dead ? ERR_GONE : s->env->rcpt(s->arg, &to);
	if (e != ERR_OK)
		return smtp_rcpt_refused(s, &(struct smtp_refusal){ .error = e });
	return (struct smtp_step){ SMTP_WAIT_RCPT, s->state };
}

struct smtp_step
smtp_rcpt_accepted(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;

	if (t->rcpt_count++ == 0)
		t->only_rcpt = t->rcpt;
	t->rcpt = (struct addr){ 0 };
	smtp_reply(s, REPLY_RCPT_OK);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_RCPT };
}

struct smtp_step
smtp_rcpt_refused(struct smtp_session *s, const struct smtp_refusal *r)
{
	smtp_reply_refusal(s, r);
	s->txn->rcpt = (struct addr){ 0 };
	return smtp_session_stay(s);
}
