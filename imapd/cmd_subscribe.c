/* SPDX-License-Identifier: ISC */
/* SUBSCRIBE (RFC 3501 s6.3.6): "SUBSCRIBE" SP mailbox. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_subscribe.h"

void
cmd_subscribe_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_subscribe_parse(c, p);
}

void
cmd_subscribe_run(struct imap_cmd *c)
{
	imap_subscribe_run(c, true);
}
