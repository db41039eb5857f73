/* SPDX-License-Identifier: ISC */
/* LOGOUT (RFC 3501 s6.1.3): no arguments; BYE comes before the tagged OK. */
#include "imapd/imap_cmd.h"

void
cmd_logout_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_logout_run(struct imap_cmd *c)
{
	buf_put_str(imap_session_out(c->s), "* BYE Logging out\r\n");
	imap_cmd_ok(c, "Logout completed");
	c->logout = true;
}
