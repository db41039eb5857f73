/* SPDX-License-Identifier: ISC */
/*
 * Which mailboxes a client means: filter-mailboxes of NOTIFY (RFC 5465 s6) and
 * of ESEARCH (RFC 7377 s2.2), which adds SUBTREE-ONE.  Pure.  Names lie in the
 * parser's arena, at most IMAP_FILTER_NAMES_MAX of one filter; names that
 * cannot be fit nothing.  Wildcards mean themselves (RFC 5465 s6.6).
 *
 * SELECTED and SELECTED-DELAYED fit no name: who asks knows what is selected.
 */
#ifndef IMAP_FILTER_H
#define IMAP_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "imapd/imap_parser.h"
#include "lib/base/slice.h"

#define IMAP_FILTER_NAMES_MAX	100

enum imap_filter_kind {
	IMAP_FILTER_SELECTED, IMAP_FILTER_SELECTED_DELAYED, IMAP_FILTER_INBOXES,
	IMAP_FILTER_PERSONAL, IMAP_FILTER_SUBSCRIBED, IMAP_FILTER_SUBTREE,
	IMAP_FILTER_SUBTREE_ONE, IMAP_FILTER_MAILBOXES
};

struct imap_filter {
	enum imap_filter_kind	 kind;
	struct slice		*names;		/* as the store has them */
	size_t			 count;
};

/* filter-mailboxes */
void	 imap_filter_parse(struct imap_parser *, struct imap_filter *);
/*
 * Does it mean a mailbox of this name?  is_personal: of the user's own
 * namespace.
 */
bool	 imap_filter_fits(const struct imap_filter *, struct slice name, bool is_subscribed,
	    bool is_personal);

#endif
