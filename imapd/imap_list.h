/* SPDX-License-Identifier: ISC */
/*
 * LIST and LSUB (RFC 3501 s6.3.8, s6.3.9): both walk the store's list of
 * mailboxes, page by page, and answer as they go.
 */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "imapd/imap_cmd.h"

void	 imap_list_parse(struct imap_cmd *, struct imap_parser *);
void	 imap_list_run(struct imap_cmd *, bool subscribed);

#endif
