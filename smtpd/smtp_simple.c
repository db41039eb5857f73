/* SPDX-License-Identifier: ISC */
/* Commands without a file of their own; prototypes in smtp_verbs.h. */
#include "smtpd/smtp_verbs.h"

static enum smtp_state
base_state(const struct smtp_session *s)
{
	return s->state == SMTP_START ? SMTP_START : SMTP_HELO;
}

/* RFC 5321 s4.1.1.5 */
struct smtp_step
smtp_simple_rset(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_OK);
	return (struct smtp_step){ SMTP_COMMAND, base_state(s) };
}

/* RFC 5321 s4.1.1.9: an argument is ignored. */
struct smtp_step
smtp_simple_noop(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_OK);
	return smtp_session_stay(s);
}

/* RFC 5321 s4.1.1.10 */
struct smtp_step
smtp_simple_quit(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_BYE);
	return smtp_session_close(s, "quit");
}

/* RFC 5321 s3.5.3: who exists is told at RCPT only. */
struct smtp_step
smtp_simple_vrfy(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_VRFY);
	return smtp_session_stay(s);
}

/* RFC 5321 s4.1.1.8 */
struct smtp_step
smtp_simple_help(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_HELP);
	return smtp_session_stay(s);
}

struct smtp_step
smtp_simple_foreign(struct smtp_session *s, struct slice args)
{
	(void)args;
	smtp_reply(s, REPLY_FOREIGN);
	return smtp_session_close(s, "foreign protocol");
}
