/* SPDX-License-Identifier: ISC */
/* UNSELECT (RFC 3691 s2): no arguments; nothing is expunged. */
#include "imapd/imap_cmd.h"

void
cmd_unselect_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_unselect_run(struct imap_cmd *c)
{
	imap_session_unselect(c->s);
	imap_cmd_ok(c, "Unselect completed");
}
