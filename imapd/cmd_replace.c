/* SPDX-License-Identifier: ISC */
/* REPLACE: "REPLACE" SP seq-number SP mailbox append-message (RFC 8508); see imap_append.c. */
#include "imapd/imap_append.h"
#include "imapd/imap_cmd.h"

void
cmd_replace_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_append_parse(c, p, true);
}

void
cmd_replace_run(struct imap_cmd *c)
{
	imap_append_run(c);
}
