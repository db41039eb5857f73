/* SPDX-License-Identifier: ISC */
/*
 * The answer to LIST and LSUB while it is made: which names match, and which
 * are told only because of names below them (RFC 5258 s3.5).  Rows and names
 * lie in the arena, which bounds them.  Pure.
 */
#ifndef IMAP_LISTING_H
#define IMAP_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct ipc_mailbox;

#define IMAP_LIST_PATTERNS_MAX	32
#define IMAP_LIST_PATTERN_BYTES	2048	/* of all of them */

struct imap_listing_row {
	struct slice	 name;
	uint32_t	 special;
	uint32_t	 rights;	/* enum store_right bits */
	bool		 exists;	/* can be selected */
	bool		 children;	/* mailboxes are below it */
	bool		 subscribed;
	bool		 selected;	/* fits what was asked */
	bool		 below;		/* names below it do */
	bool		 hidden;	/* and of them one that is not told itself */
};

struct imap_listing {
	/* what is asked */
	struct slice		 patterns[IMAP_LIST_PATTERNS_MAX];
	size_t			 pattern_count;
	bool			 only_subscribed;
	bool			 only_special;
	bool			 parents;	/* of what fits, too: RECURSIVEMATCH, LSUB */
	/* what is told */
	struct imap_listing_row	*rows;
	size_t			 count, cap;
	struct slice		 before[2];	/* the last whose parents were taken */
	struct arena		*arena;
};

/* A name of the account, in order.  ERR_LIMIT: no more room. */
enum err	 imap_listing_add(struct imap_listing *, const struct ipc_mailbox *) MUST_USE;
/* All are there: each name once, in order, and only what is to be told. */
void		 imap_listing_end(struct imap_listing *);

#endif
