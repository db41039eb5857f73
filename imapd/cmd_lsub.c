/* SPDX-License-Identifier: ISC */
/* LSUB: "LSUB" SP mailbox SP list-mailbox; see imap_list.c. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_list.h"

void
cmd_lsub_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_list_parse(c, p, true);
}

void
cmd_lsub_run(struct imap_cmd *c)
{
	imap_list_run(c);
}
