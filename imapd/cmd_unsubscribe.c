/* SPDX-License-Identifier: ISC */
/* UNSUBSCRIBE (RFC 3501 s6.3.7): "UNSUBSCRIBE" SP mailbox. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_subscribe.h"

void
cmd_unsubscribe_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_subscribe_parse(c, p);
}

void
cmd_unsubscribe_run(struct imap_cmd *c)
{
	imap_subscribe_run(c, false);
}
