/* SPDX-License-Identifier: ISC */
/*
 * A Maildir as the source: the folder itself is INBOX, those below it are
 * Maildir++ (".Work.2026") or lie in each other (mbsync's Verbatim, neomutt).
 * A directory that is no Maildir but has some in it gives those.  UIDs come
 * from dovecot-uidlist when every message is in it; keywords from
 * dovecot-keywords; the time of arrival is the file's.
 */
#ifndef MAILDIR_SOURCE_H
#define MAILDIR_SOURCE_H

#include "transfer/mail_source.h"

#define MAILDIR_DEPTH_MAX	20	/* folders in folders */

/* dir stays the caller's. */
struct mail_source *maildir_source_new(struct mail_report *, int dir);
bool		 maildir_source_is(int dir, const char *path);	/* has it a cur? */

#endif
