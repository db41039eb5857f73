/* SPDX-License-Identifier: ISC */
/*
 * Mail that came sealed by CMTP 1 waits in a mailbox that no client sees (store.msg,
 * store_arrivals), each message in a carrier (delivery/dlv_carrier.h).  The first
 * session of the owner opens its boxes with keys that keyd makes, makes Internet mail
 * of them (lib/cmtp/letter_open.h) and appends that to INBOX in place of the carrier:
 * one transaction.  What does not open is moved to INBOX as it is; what needs a key
 * that is closed now waits.
 *
 * An inner command (imap_session_push): behind a login before its answer is sent,
 * IMAP_ARRIVALS_LOGIN of them at most, and whenever the store says that something
 * came, IMAP_ARRIVALS_TURN, between the client's commands or while it idles.  Of a
 * message never more than a few pieces are in memory.
 */
#ifndef IMAP_ARRIVALS_H
#define IMAP_ARRIVALS_H

#include <stdbool.h>

#include "imapd/imap_cmd.h"

#define IMAP_ARRIVALS_LOGIN	200
#define IMAP_ARRIVALS_TURN	20
#define IMAP_ARRIVALS_RETRY_MS	1000	/* what could not be done is tried no earlier */
#define IMAP_ARRIVALS_KEYS	9	/* generations of the account's key that are tried */

/* The command is new, and max is how many it handles. */
void	 imap_arrivals_run(struct imap_cmd *, unsigned max);
/* Something waits, and nothing stands against looking at it now. */
bool	 imap_arrivals_is_due(const struct imap_session *);
void	 imap_arrivals_turn(struct imap_session *);
/* The store says that something came. */
void	 imap_arrivals_on_news(struct imap_session *);

#endif
