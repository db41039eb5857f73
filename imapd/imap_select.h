/* SPDX-License-Identifier: ISC */
/*
 * SELECT and EXAMINE (RFC 3501 s6.3.1, s6.3.2) with their parameters CONDSTORE
 * and QRESYNC (RFC 7162 s3.1.8, s3.2.5): the old mailbox is left, also when the
 * new one cannot be opened.
 */
#ifndef IMAP_SELECT_H
#define IMAP_SELECT_H

#include "imapd/imap_cmd.h"

void	 imap_select_parse(struct imap_cmd *, struct imap_parser *);
void	 imap_select_run(struct imap_cmd *, bool examine);

#endif
