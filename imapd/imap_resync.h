/* SPDX-License-Identifier: ISC */
/*
 * The QRESYNC parameter of SELECT (RFC 7162 s3.2.5): what changed since the
 * client was here last, told once the mailbox is selected: VANISHED (EARLIER),
 * then FETCH of rows above its modseq.
 *
 * The sequence match data (s3.2.5.2) counts only when the store forgot what
 * vanished since: up to the last pair that still holds, nothing did.
 */
#ifndef IMAP_RESYNC_H
#define IMAP_RESYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_parser.h"

/* Lives in the arena of its command. */
struct imap_resync;

/* "(" uidvalidity SP modseq [SP known-uids] [SP seq-match-data] ")" */
struct imap_resync	*imap_resync_parse(struct imap_cmd *, struct imap_parser *);
/*
 * The mailbox is selected: tells, and calls done at the end.  On an error the
 * command is answered.
 */
void			 imap_resync_start(struct imap_resync *, void (*done)(struct imap_cmd *));

#endif
