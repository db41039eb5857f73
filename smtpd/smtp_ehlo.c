/* SPDX-License-Identifier: ISC */
/* EHLO, HELO and STARTTLS; prototypes in smtp_verbs.h. */
#include "smtpd/smtp_verbs.h"

#include "lib/cmtp/cmtp_wire.h"

#include <string.h>

/*
 * Deviates from RFC 5321 s4.1.1.1: the name is not checked to be a domain or
 * literal, because many clients that log in have none; only bytes that could
 * not stand in Received are refused.
 */
static bool
helo_ok(struct slice name)
{
	if (name.n > SMTP_HELO_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && strchr(".-_:[]", name.p[i]) == NULL)
			return false;
	return true;
}

static bool
take_helo(struct smtp_session *s, struct slice name)
{
	if (!helo_ok(name) || !slice_to_cstr(name, s->helo, sizeof(s->helo))) {
		smtp_reply(s, REPLY_BAD_HELO);
		return false;
	}
	return true;
}

static void
put_keywords(const struct smtp_session *s, struct buf *b)
{
	buf_printf(b, "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n", s->service->hostname,
	    (unsigned long long)s->service->limits->message.message_bytes);
	if (s->tls_version == NULL && s->can_tls && s->service->tls != SMTP_TLS_NO)
		buf_put_str(b, "250-STARTTLS\r\n");
	/* RFC 4954 s4: no mechanism that shows a password without TLS, but where
	   auth_cleartext has it. */
	if (s->service->is_submission && smtp_session_takes_logins(s)) {
		buf_put_str(b, "250-AUTH");
		smtp_auth_put_mechanisms(s, b);
		buf_put_str(b, "\r\n");
	}
	/* RFC 5321 s4.1.1.1: X and a private agreement, with sendmail. */
	if (s->service->is_local)
		buf_printf(b, "250-XDOMAIN %s\r\n", s->service->domain);
	if (smtp_session_offers_cmtp(s))
		buf_printf(b, "250-CMTP %s\r\n", s->tls_version != NULL ? CMTP_VERSIONS_TLS :
		    CMTP_VERSIONS);
	/* RFC 8689 s2 */
	if (s->tls_version != NULL)
		buf_put_str(b, "250-REQUIRETLS\r\n");
	buf_put_str(b, "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-DSN\r\n250 CHUNKING\r\n");
}

/* RFC 5321 s4.1.1.1; a transaction that is open ends (s4.1.4). */
struct smtp_step
smtp_ehlo(struct smtp_session *s, struct slice args)
{
	if (!take_helo(s, args))
		return smtp_session_stay(s);
	s->is_esmtp = true;
	put_keywords(s, &s->out);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
}

struct smtp_step
smtp_ehlo_helo(struct smtp_session *s, struct slice args)
{
	if (!take_helo(s, args))
		return smtp_session_stay(s);
	s->is_esmtp = false;
	buf_printf(&s->out, "250 %s\r\n", s->service->hostname);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
}

/* RFC 3207 s4 */
struct smtp_step
smtp_starttls(struct smtp_session *s, struct slice args)
{
	enum err e;

	(void)args;
	if (s->tls_version != NULL)
		smtp_reply(s, REPLY_TLS_ALREADY);
	else if (s->service->tls == SMTP_TLS_NO)
		smtp_reply(s, REPLY_NOT_HERE);
	else if (!s->can_tls)
		smtp_reply(s, REPLY_NO_TLS);
	else {
		e = s->env->start_tls(s->arg);
		smtp_reply(s, e == ERR_OK ? REPLY_TLS_GO : REPLY_NO_TLS);
		if (e == ERR_OK)
			return (struct smtp_step){ SMTP_WAIT_TLS, s->state };
	}
	return smtp_session_stay(s);
}
