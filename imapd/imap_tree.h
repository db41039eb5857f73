/* SPDX-License-Identifier: ISC */
/*
 * The THREAD response (RFC 5256 s4) of messages that know their parents.  A
 * node without a number is a place for siblings whose parent is not there;
 * such stand at the top only.  Siblings are put in order of their dates, those
 * of the same by UID; a dummy counts as its first child.  Pure; no recursion,
 * however deep the tree.
 */
#ifndef IMAP_TREE_H
#define IMAP_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define IMAP_TREE_TOP	0xffffffffu	/* parent of a thread's first message */
#define IMAP_TREE_GONE	0xfffffffeu	/* not in the tree (any more) */

struct imap_tree_node {
	uint32_t	parent;		/* index, or one of the above */
	uint32_t	number;		/* for the answer; 0: a dummy */
	uint32_t	uid;
	int64_t		date;		/* of dummies: imap_tree makes it */
};

/* Dummies get date and uid of their first child. */
void	 imap_tree_date_dummies(struct imap_tree_node *, uint32_t count);
/*
 * by_latest: threads stand in the order of their newest message, not of their
 * first.  Parents form no loop.  Appends "(1)(2 3)...".
 */
void	 imap_tree_put(struct buf *, struct imap_tree_node *, uint32_t count, bool by_latest);

#endif
