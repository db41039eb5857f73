/* SPDX-License-Identifier: ISC */
/*
 * What a NOTIFY session (RFC 5465) knows of the account's mailboxes: names,
 * and of those that it watches what the client was last told.  At most max
 * names; they lie in one buffer, so the whole costs some 100 bytes for each.
 * Filled page by page as the store lists them, then sorted by name.  Pure.
 */
#ifndef IMAP_BOXES_H
#define IMAP_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct ipc_mailbox;

struct imap_box {
	uint64_t	 mailbox;	/* id; 0: a subscribed name without a mailbox */
	uint32_t	 name_at, name_n;
	uint32_t	 special;
	bool		 exists;	/* can be selected */
	bool		 children;
	bool		 subscribed;
	bool		 readable;	/* RFC 4314: l and r */
	bool		 tell;		/* its name is told */
	bool		 known;		/* what follows was looked up */
	bool		 dirty;		/* look again */
	unsigned	 events;	/* enum imap_notify_event that are watched here */
	uint32_t	 uidvalidity, uidnext, messages, unseen;
	uint64_t	 modseq;
};

struct imap_boxes {
	struct imap_box	*v;
	size_t		 count, cap;
	size_t		 max;
	struct buf	 names;
};

void		 imap_boxes_init(struct imap_boxes *, size_t max);
void		 imap_boxes_fini(struct imap_boxes *);
/* ERR_LIMIT: there are more than max. */
enum err	 imap_boxes_add(struct imap_boxes *, const struct ipc_mailbox *) MUST_USE;
/* All are there. */
void		 imap_boxes_end(struct imap_boxes *);

/* Good until the next is added. */
struct slice	 imap_boxes_name(const struct imap_boxes *, const struct imap_box *);
/* NULL: none. */
struct imap_box	*imap_boxes_find(const struct imap_boxes *, struct slice name);
struct imap_box	*imap_boxes_find_id(const struct imap_boxes *, uint64_t mailbox);

#endif
