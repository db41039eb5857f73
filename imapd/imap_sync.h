/* SPDX-License-Identifier: ISC */
/*
 * Telling a client what changed in its mailbox: store_sync, and from the
 * answer EXPUNGE or VANISHED, EXISTS, RECENT, FLAGS and FETCH, in this order, and the
 * session's view moved on accordingly (RFC 3501 s5.2, s7.3, s7.4); then what
 * changed in searches that the client follows (imap_update.h).
 */
#ifndef IMAP_SYNC_H
#define IMAP_SYNC_H

#include "imapd/imap_session.h"
#include "lib/base/cc.h"

/*
 * One at a time per session; done comes when all was told, with the error if
 * the store could not be asked to the end.  expunges false: RFC 3501 s7.4.1
 * forbids EXPUNGE now.
 */
enum err	 imap_sync_start(struct imap_session *, bool expunges, imap_done_fn *) MUST_USE;
/* Could it tell anything?  Not while the account's pulse stands where it stood before
 * the store was asked for all that the view has. */
bool		 imap_sync_is_due(const struct imap_session *);
/* sync.first, if it is still to be said: now. */
void		 imap_sync_say_first(struct imap_session *);
/* Take over a mailbox's keywords; true when they changed. */
bool		 imap_sync_keywords(struct imap_session *, struct slice);
/* All changes up to this modseq were told (RFC 7162 s3.1.2.1). */
uint64_t	 imap_sync_highest(const struct imap_session *);
void		 imap_sync_put_highest(struct imap_session *);
/*
 * At the end of a command: a client takes the highest MODSEQ that it was told
 * for what it knows of the mailbox; when older changes still wait it must hear
 * less (RFC 7162 s3.2).
 */
void		 imap_sync_bound_highest(struct imap_session *);
struct slice	 imap_sync_names(const struct imap_session *);

#endif
