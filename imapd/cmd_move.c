/* SPDX-License-Identifier: ISC */
/* MOVE: "MOVE" SP sequence-set SP mailbox; see imap_copy.c. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_copy.h"

void
cmd_move_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_copy_parse(c, p);
}

void
cmd_move_run(struct imap_cmd *c)
{
	imap_copy_run(c, true);
}
