/* SPDX-License-Identifier: ISC */
/*
 * COPY (RFC 3501 s6.4.7) and MOVE (RFC 6851): one transaction of the store,
 * answered with COPYUID (RFC 4315 s3).
 */
#ifndef IMAP_COPY_H
#define IMAP_COPY_H

#include "imapd/imap_cmd.h"

void	 imap_copy_parse(struct imap_cmd *, struct imap_parser *);
void	 imap_copy_run(struct imap_cmd *, bool move);
/* OK with COPYUID; from and to are sets, none when no message was there. */
void	 imap_copy_answer(struct imap_cmd *, bool move, uint32_t uidvalidity, struct slice from,
	    struct slice to);

#endif
