/* SPDX-License-Identifier: ISC */
/*
 * The requests of a session that are under way, and how the session outlives
 * the store: with its token it logs in at the new process, and nobody need
 * notice.  imap_session_call, _on_store_left, _on_store_joined and _retry of
 * imap_session.h are here.
 */
#ifndef IMAP_CALL_H
#define IMAP_CALL_H

#include "imapd/imap_session.h"

/* Nobody waits any more: for those of the command, or for all. */
void	 imap_call_cancel(struct imap_session *, bool all);

#endif
