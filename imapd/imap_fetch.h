/* SPDX-License-Identifier: ISC */
/*
 * FETCH (RFC 3501 s6.4.5, s7.4.2): sets \Seen when asked for, walks the set,
 * and for each message tells the items in order.  Bodies stream from the
 * store through lib/seal to the client, at the client's speed: no message is
 * ever in memory whole.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_items.h"

/*
 * All memory behind items and sets is the command's arena.  vanished: of which
 * UIDs VANISHED tells, when items want that.
 */
void	 imap_fetch_start(struct imap_cmd *, const struct imap_items *, struct slice set,
	    struct slice vanished);

#endif
