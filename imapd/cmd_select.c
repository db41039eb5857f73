/* SPDX-License-Identifier: ISC */
/* SELECT: "SELECT" SP mailbox; see imap_select.c. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_select.h"

void
cmd_select_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_select_parse(c, p);
}

void
cmd_select_run(struct imap_cmd *c)
{
	imap_select_run(c, false);
}
