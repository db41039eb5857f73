/* SPDX-License-Identifier: ISC */
/* CAPABILITY (RFC 3501 s6.1.1, s7.2.1): no arguments. */
#include "imapd/imap_cmd.h"

void
cmd_capability_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_capability_run(struct imap_cmd *c)
{
	struct buf *out = imap_session_out(c->s);

	buf_put_str(out, "* CAPABILITY ");
	imap_session_put_capabilities(c->s, out);
	buf_put_str(out, "\r\n");
	imap_cmd_ok(c, "Capability completed");
}
