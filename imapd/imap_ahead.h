/* SPDX-License-Identifier: ISC */
/*
 * Mail that comes while a session of its owner idles: when the 64 UIDs of a
 * column block are there, the session makes the block (imap_scan.h does), so that
 * the next search need not open each of them.  An inner command
 * (imap_session_push) of at most IMAP_AHEAD_UIDS, by one session of a process at a
 * time; what nobody waited for is left to the search.  Blocks that another session
 * made are found, not made again.
 */
#ifndef IMAP_AHEAD_H
#define IMAP_AHEAD_H

#include <stdbool.h>

#include "imapd/imap_session.h"

#define IMAP_AHEAD_UIDS		1024u
#define IMAP_AHEAD_BEFORE	256u	/* of the mail that nobody waited for */

/* A mailbox was selected: what came before is not looked for. */
void	 imap_ahead_select(struct imap_session *);
/* A block is full, and nothing stands against making it now. */
bool	 imap_ahead_is_due(const struct imap_session *);
void	 imap_ahead_turn(struct imap_session *);

#endif
