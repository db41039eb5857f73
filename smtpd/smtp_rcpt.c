/* SPDX-License-Identifier: ISC */
/* RCPT (RFC 5321 s4.1.1.3); prototypes in smtp_verbs.h. */
#include "smtpd/smtp_verbs.h"

#include "lib/ipc/queue_proto.h"
#include "smtpd/smtp_params.h"

static enum smtp_reply_id
parse_rcpt(const struct smtp_session *s, struct slice args, struct addr *rcpt)
{
	struct smtp_param p;
	enum err e;

	if (!slice_istarts(args, "TO:"))
		return REPLY_BAD_ARGS;
	args = slice_trim(slice_from(args, 3));
	e = addr_parse_path(&args, ADDR_UTF8 | ADDR_POSTMASTER_OK, rcpt);
	if (e != ERR_OK)
		return e == ERR_LIMIT ? REPLY_LONG_RCPT : REPLY_BAD_RCPT;
	e = smtp_params_next(&args, &p);
	if (e == ERR_SYNTAX)
		return REPLY_BAD_ARGS;
	/* No extension with a RCPT parameter is announced (RFC 5321 s4.1.1.11). */
	if (e != ERR_END)
		return REPLY_PARAMETER;
	/* RFC 6531 s3.2 */
	return rcpt->is_utf8 && !(s->txn->flags & QUEUE_SMTPUTF8) ? REPLY_UTF8_RCPT : REPLY_NONE;
}

struct smtp_step
smtp_rcpt(struct smtp_session *s, struct slice args)
{
	char text[ADDR_TEXT_MAX + 1];
	struct smtp_txn *t = s->txn;
	struct addr rcpt;
	enum smtp_reply_id no;
	enum err e;

	/* RFC 5321 s4.5.3.1.10 */
	if (t->rcpt_count >= s->service->limits->recipients)
		no = REPLY_TOO_MANY_RCPTS;
	else
		no = parse_rcpt(s, args, &rcpt);
	if (no != REPLY_NONE) {
		smtp_reply(s, no);
		return smtp_session_stay(s);
	}
	t->rcpt = rcpt;
	e = t->is_dead ? ERR_GONE : s->env->rcpt(s->arg, t->msg, addr_text(&rcpt, text));
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
