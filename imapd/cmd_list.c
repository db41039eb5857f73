/* SPDX-License-Identifier: ISC */
/* LIST: "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_list.h"

void
cmd_list_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_list_parse(c, p, false);
}

void
cmd_list_run(struct imap_cmd *c)
{
	imap_list_run(c);
}
