/* SPDX-License-Identifier: ISC */
/*
 * What SEARCH, SORT and THREAD will want of mail that a session appends: its
 * header was at hand, so its entry (imap_entry.h) is made then, and when the 64
 * UIDs of a column block came from one session in one go, the block goes to the
 * store.  The first search of imported mail then opens blocks, not messages.
 * Blocks that came otherwise are left to that search.
 *
 * Entries wait for their block in the session: IMAP_FRESH_BYTES each,
 * IMAP_FRESH_SHARED_MAX for all sessions of a process, IMAP_FRESH_MS from
 * APPEND to APPEND.  What comes behind that is not kept, and nothing is when the
 * session selects a mailbox or idles.  All is wiped.
 */
#ifndef IMAP_FRESH_H
#define IMAP_FRESH_H

#include <stddef.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_column_writer.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/mime.h"

#define IMAP_FRESH_BYTES	(128u << 10)
#define IMAP_FRESH_SHARED_MAX	(32u << 20)
#define IMAP_FRESH_MS		10000u

struct imap_fresh;

/* A message was parsed that is on its way into a mailbox of the user's own. */
void	 imap_fresh_add(struct imap_session *, const struct mime *);
/*
 * All that were added since the last time are there, or none is.  The writer is
 * the command's, zeroed: it has to end with it.
 */
void	 imap_fresh_appended(struct imap_cmd *, const struct ipc_store_appended *,
	    struct imap_column_writer *);
void	 imap_fresh_failed(struct imap_session *);
void	 imap_fresh_free(struct imap_session *);

#endif
