/* SPDX-License-Identifier: ISC */
/*
 * LIST and LSUB (RFC 9051 s6.3.9, RFC 3501 s6.3.9) with LIST-EXTENDED (RFC
 * 5258), LIST-STATUS (RFC 5819), LIST-METADATA (RFC 9590) and SPECIAL-USE (RFC
 * 6154): the store's list of mailboxes is read page by page, what is to be told
 * is kept (the arena bounds it) and told with pauses.  No mailbox is remote.
 */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "imapd/imap_cmd.h"

void	 imap_list_parse(struct imap_cmd *, struct imap_parser *, bool lsub);
void	 imap_list_run(struct imap_cmd *);

#endif
