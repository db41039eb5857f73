/* SPDX-License-Identifier: ISC */
/* LOGIN (RFC 3501 s6.2.3): "LOGIN" SP userid SP password, both astring. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_login.h"
#include "lib/base/secret.h"

struct args { struct slice user, password; };

void
cmd_login_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->user = imap_parser_astring(p);
	imap_parser_sp(p);
	a->password = imap_parser_astring(p);
}

void
cmd_login_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;

	/* RFC 3501 s6.2.3: LOGINDISABLED */
	if (!imap_session_takes_logins(c->s)) {
		imap_cmd_no(c, "PRIVACYREQUIRED", "Use STARTTLS first");
		return;
	}
	imap_login_start(c, "LOGIN", a->user, a->password);
	/* It may be an unescaped copy; the text itself is the lexer's to wipe. */
	if (a->password.n > 0)
		secret_wipe((void *)(uintptr_t)a->password.p, a->password.n);
}
