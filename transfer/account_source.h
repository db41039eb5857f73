/* SPDX-License-Identifier: ISC */
/*
 * An IMAP account as the source: of gwuser export our own, of import another
 * server's.  Folders are opened with EXAMINE, messages read with BODY.PEEK:
 * nothing there changes.
 */
#ifndef ACCOUNT_SOURCE_H
#define ACCOUNT_SOURCE_H

#include "lib/imap/imap_client.h"
#include "transfer/mail_source.h"

/* The client has logged in and stays the caller's. */
struct mail_source *account_source_new(struct mail_report *, struct imap_client *);

/* "* n FETCH" of a list; shared with imap_sink: the key of each message. */
#define ACCOUNT_SOURCE_KEYS	"BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM SUBJECT)]"

/* The sentence for what imap_client failed with. */
enum err	 account_source_fault(struct mail_report *, const struct imap_client *,
		    enum err, const char *what);

#endif
