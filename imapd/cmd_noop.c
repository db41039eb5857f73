/* SPDX-License-Identifier: ISC */
/* NOOP (RFC 3501 s6.1.2): no arguments; changes are told as always. */
#include "imapd/imap_cmd.h"

void
cmd_noop_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_noop_run(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Noop completed");
}
