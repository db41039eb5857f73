/* SPDX-License-Identifier: ISC */
/*
 * STARTTLS (RFC 3501 s6.2.1): no arguments.  What the client sent behind it
 * in the clear is thrown away by lib/io/conn.
 */
#include "imapd/imap_cmd.h"

void
cmd_starttls_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_starttls_run(struct imap_cmd *c)
{
	if (c->s->tls || !c->s->may_tls) {
		imap_cmd_bad(c, c->s->tls ? "TLS is on already" : "TLS is not available");
		return;
	}
	c->start_tls = true;
	imap_cmd_ok(c, "Begin TLS negotiation now");
}
