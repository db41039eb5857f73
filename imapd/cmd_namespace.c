/* SPDX-License-Identifier: ISC */
/*
 * NAMESPACE (RFC 2342 s5): no arguments; one personal namespace, and one of
 * other users' mailboxes.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"

void
cmd_namespace_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_namespace_run(struct imap_cmd *c)
{
	buf_put_str(imap_session_out(c->s), "* NAMESPACE ((\"\" \"/\")) "
	    "((\"" IMAP_OTHERS_PREFIX "\" \"/\")) NIL\r\n");
	imap_cmd_ok(c, "Namespace completed");
}
