/* SPDX-License-Identifier: ISC */
/*
 * SUBSCRIBE and UNSUBSCRIBE (RFC 3501 s6.3.6, s6.3.7): one command with a
 * switch.
 */
#ifndef IMAP_SUBSCRIBE_H
#define IMAP_SUBSCRIBE_H

#include "imapd/imap_cmd.h"

void	 imap_subscribe_parse(struct imap_cmd *, struct imap_parser *);
void	 imap_subscribe_run(struct imap_cmd *, bool on);

#endif
