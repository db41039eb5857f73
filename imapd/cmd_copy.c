/* SPDX-License-Identifier: ISC */
/* COPY: "COPY" SP sequence-set SP mailbox; see imap_copy.c. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_copy.h"

void
cmd_copy_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_copy_parse(c, p);
}

void
cmd_copy_run(struct imap_cmd *c)
{
	imap_copy_run(c, false);
}
