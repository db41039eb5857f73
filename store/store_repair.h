/* SPDX-License-Identifier: ISC */
/*
 * The second part of gwstore repair, over a store that nobody else uses: what
 * the index lacks or contradicts is made again, account by account, from what
 * of it is sound and from the segments, whose records say what they are.  A
 * sound account is left as it is, so that a second repair changes nothing.
 *
 * An account is made again when gwstore check finds faults in it, when what it
 * says of a content is not what the segments say, when a content has no row,
 * or when the index file of its shard had to be made again (store_salvage.h):
 *
 *  - Mailboxes, rows, flags, UIDs, rights and metadata that can be read stay.
 *  - A message without a row goes where its note says that it was put first:
 *    the mailbox of that number, or of that name.  Where the note is of before
 *    there were notes, that is "Recovered"; so INBOX gets nothing that nobody
 *    can say was ever there.
 *  - Only what an index file lost is looked for in the segments: what a whole
 *    file does not name was removed.  From a lost one, mail comes back that was
 *    expunged and not compacted yet: too much rather than too little.
 *  - A row whose body is nowhere, or has no key, is removed and counted.
 *
 * Nothing in a segment is changed.  Memory: REPAIR_ITEM_BYTES for each record.
 */
#ifndef STORE_REPAIR_H
#define STORE_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "store/blob_walk.h"
#include "store/store_core.h"

#define REPAIR_ITEMS_MAX	(256u << 20)	/* records in the segments */
#define REPAIR_ITEM_BYTES	56

/* A record of the segments. */
struct repair_item {
	uint64_t	 account;
	uint64_t	 content;
	struct blob_ref	 ref;
	enum blob_kind	 kind;
};

struct repair {
	struct store	*store;
	/* Makes all that was submitted durable before it returns. */
	void		(*settle)(void *arg);
	void		*settle_arg;
	struct buf	*out;		/* lines for the operator */
	/* what was done */
	uint64_t	 accounts;	/* looked at */
	uint64_t	 made;		/* made again */
	uint64_t	 messages;	/* that got a row again */
	uint64_t	 lost;		/* rows without a body, or without its key */
	uint64_t	 damaged;	/* places in segments that say nothing */
	bool		 has_changed;
	/* the segments, by account, kind and content */
	struct repair_item *items;
	size_t		 item_n;
	size_t		 item_cap;
};

/* Counts, and lines in out; ERR_LIMIT, ERR_IO and the like end it early. */
enum err	 repair_run(struct repair *) MUST_USE;
void		 repair_fini(struct repair *);

#endif
