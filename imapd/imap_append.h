/* SPDX-License-Identifier: ISC */
/*
 * Messages that a client brings: APPEND (RFC 3501 s6.3.11) of one or several
 * (RFC 3502), put together (RFC 4469), REPLACE (RFC 8508).  Each is said
 * as imap_append_text.h has it, and never in memory whole.  All of a command come, or none; what is replaced
 * goes in the same transaction of the store.
 */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "imapd/imap_cmd.h"

/* replace: a message number comes first. */
void	 imap_append_parse(struct imap_cmd *, struct imap_parser *, bool replace);
void	 imap_append_run(struct imap_cmd *);

#endif
