/* SPDX-License-Identifier: ISC */
/* CHECK (RFC 3501 s6.4.1): no arguments; every change is durable already. */
#include "imapd/imap_cmd.h"

void
cmd_check_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

void
cmd_check_run(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Check completed");
}
