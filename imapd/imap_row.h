/* SPDX-License-Identifier: ISC */
/*
 * How a message's row is told: the parts of a FETCH response that come from
 * the row alone, in the form that the client switched on (RFC 7162 s3.2.4).
 */
#ifndef IMAP_ROW_H
#define IMAP_ROW_H

#include "imapd/imap_session.h"
#include "lib/base/buf.h"

enum imap_row_part { IMAP_ROW_UID = 1, IMAP_ROW_FLAGS = 2, IMAP_ROW_MODSEQ = 4 };

/* "* 5 FETCH (", or "* 17 UIDFETCH (" for who wants UIDs only (RFC 9586 s3.2): items, separated by spaces, and ")" CRLF must follow. */
void		 imap_row_begin(const struct imap_session *, struct buf *, const struct ipc_row *);
/* These parts, each after a space when any was there before; true: any is there now. */
bool		 imap_row_put(struct imap_session *, struct buf *, const struct ipc_row *,
		    unsigned parts, bool any);
/* One whole response. */
void		 imap_row_tell(struct imap_session *, const struct ipc_row *, unsigned parts);
/* What a response that the client did not ask for must have besides FLAGS. */
unsigned	 imap_row_due(const struct imap_session *);

#endif
