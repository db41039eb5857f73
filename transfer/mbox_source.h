/* SPDX-License-Identifier: ISC */
/*
 * An mbox file, or a directory of them as gwuser export makes it
 * ("Work/2026.mbox"), as the source.  A message begins at a line "From " with
 * a date, at the start or behind an empty line; Content-Length is not
 * believed.  Flags come from Status, X-Status and X-Keywords, which do not
 * become part of the message.
 */
#ifndef MBOX_SOURCE_H
#define MBOX_SOURCE_H

#include "transfer/mail_source.h"

#define MBOX_DEPTH_MAX	20	/* directories in directories */

/* file: an mbox, which is the folder INBOX. Both stay the caller's. */
struct mail_source *mbox_source_new(struct mail_report *, int file);
struct mail_source *mbox_source_new_dir(struct mail_report *, int dir);
/* Is there an mbox of that kind in it, and no Maildir? */
bool		 mbox_source_has(int dir);

#endif
