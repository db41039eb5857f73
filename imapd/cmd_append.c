/* SPDX-License-Identifier: ISC */
/* APPEND: "APPEND" SP mailbox 1*append-message; see imap_append.c. */
#include "imapd/imap_append.h"
#include "imapd/imap_cmd.h"

void
cmd_append_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_append_parse(c, p, false);
}

void
cmd_append_run(struct imap_cmd *c)
{
	imap_append_run(c);
}
