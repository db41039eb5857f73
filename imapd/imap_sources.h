/* SPDX-License-Identifier: ISC */
/*
 * Source options of ESEARCH (RFC 7377 s2.2) and the mailboxes that they mean:
 * the names of the account are read once, then the mailboxes come one after the
 * other, each with a view of its own, the selected one with the session's.
 * Mailboxes of other users are meant where they are named.
 * Mailboxes that the user may not read, that vanish meanwhile or cannot be
 * selected are left out; so are, where not named, those that LIST would not
 * tell.  At most IMAP_SOURCES_MAX filters, and IMAP_SOURCES_MAILBOXES of what
 * they mean: beyond that the command is refused.
 *
 * Level-triggered: call imap_sources_next() from the command's resume until it
 * says something else than ERR_AGAIN.
 */
#ifndef IMAP_SOURCES_H
#define IMAP_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_filter.h"
#include "imapd/imap_guest.h"

#define IMAP_SOURCES_MAX	16
#define IMAP_SOURCES_MAILBOXES	1000

struct imap_source_box {
	struct slice		 name;		/* as the user has it; empty: the selected one */
	struct imap_guest	*guest;		/* NULL: his own */
	uint64_t		 mailbox;
};

struct imap_sources {
	struct imap_cmd		*c;
	struct imap_filter	 filters[IMAP_SOURCES_MAX];
	unsigned		 count;
	/* Whose names are read: the user's own, then of others whom he named. */
	struct imap_guest	*guests[1 + IMAP_GUESTS_MAX];
	unsigned		 guest_count, guest;
	struct slice		 after;		/* last name of the page before */
	struct imap_source_box	*boxes;		/* in the arena */
	uint32_t		 box_count, box_cap;
	uint32_t		 next;
	bool			 listed, asked;
	bool			 is_ready;	/* the mailbox before next can be searched */

	/* the current mailbox */
	struct slice		 name;
	const struct imap_view	*view;
	bool			 is_selected;
	struct imap_view	 own;
};

/* ["IN" SP "(" filter-mailboxes *(SP filter-mailboxes) ")" SP] */
void		 imap_sources_parse(struct imap_parser *, struct imap_sources *);
bool		 imap_sources_has(const struct imap_sources *, enum imap_filter_kind);

void		 imap_sources_start(struct imap_sources *, struct imap_cmd *);
void		 imap_sources_fini(struct imap_sources *);	/* started or zeroed */
/*
 * ERR_OK: name and view are the next mailbox's, until the next call.  ERR_END:
 * no more.  ERR_AGAIN: wait.  Else: answered.
 */
enum err	 imap_sources_next(struct imap_sources *) MUST_USE;

#endif
