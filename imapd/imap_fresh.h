/* SPDX-License-Identifier: ISC */
/*
 * What SEARCH, SORT, THREAD and lists will want of mail that a session appends:
 * it was parsed, so its entry (imap_entry.h) and its card (imap_card.h) are made
 * then, and when the 64 UIDs of column blocks came from one session in one go, the
 * blocks go to the store.  The first search and the first list of imported mail
 * then open blocks, not messages.  Blocks that came otherwise are left to these.
 *
 * Entries and cards wait for their blocks in the session: IMAP_FRESH_BYTES of each
 * kind, IMAP_FRESH_SHARED_MAX for all sessions of a process, IMAP_FRESH_MS from
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

#define IMAP_FRESH_KINDS	2u
#define IMAP_FRESH_BYTES	(128u << 10)
#define IMAP_FRESH_SHARED_MAX	(32u << 20)
#define IMAP_FRESH_MS		10000u

struct imap_fresh;

/*
 * A message was parsed that is on its way into a mailbox of the user's own.
 * alone: its name, when the command has no other message; then it is not kept
 * where the one before it tells that no block begins.
 */
void	 imap_fresh_add(struct imap_session *, const struct mime *, struct slice alone);
/*
 * All that were added since the last time are there, or none is.  NULL, or
 * IMAP_FRESH_KINDS writers in the command's arena, which have to end with it.
 */
struct imap_column_writer *imap_fresh_appended(struct imap_cmd *,
	    const struct ipc_store_appended *) MUST_USE;
void	 imap_fresh_failed(struct imap_session *);
void	 imap_fresh_free(struct imap_session *);

#endif
