/* SPDX-License-Identifier: ISC */
/*
 * Goes through a mailbox for SEARCH, SORT and THREAD and gives the
 * messages that a search program matches.  Each message is judged by its row;
 * when that leaves a doubt by its summary; then by its header; and at last by
 * its text as it streams by.
 *
 * Owned by one command, which it resumes; it yields to the loop every few
 * messages.
 */
#ifndef IMAP_SCAN_H
#define IMAP_SCAN_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_judge.h"

struct imap_scan;
/* A match; valid during the call only. */
typedef void imap_scan_fn(void *arg, const struct imap_search_facts *);

/* When imapd.message_limit leaves some out; ALL: for what no client asked for. */
enum imap_scan_limit { IMAP_SCAN_ALL, IMAP_SCAN_HIGHEST, IMAP_SCAN_REFUSED };

struct imap_scan_want {
	const struct imap_search *program;
	const struct imap_view	*view;		/* NULL: of the selected mailbox */
	bool			 cold;		/* facts of a match have these too: */
	bool			 entry;		/* an empty one where none can be had */
	/* Only messages whose modseq is above; 0: all. */
	uint64_t		 changed_since;
	/* Also look at those outside of a set that all matches lie in. */
	bool			 whole;
	enum imap_scan_limit	 limit;
	imap_scan_fn		*on_match;	/* in no particular order */
	imap_scan_fn		*on_miss;	/* looked at and no match; NULL: not wanted */
	void			*arg;
};
/* on_match that gathers in a struct imap_found, the arg. */
imap_scan_fn		 imap_scan_into_found;
void			 imap_scan_free(struct imap_scan **);

/*
 * A command that is one scan, or one after the other: this stands first in its
 * private part, and its fini calls imap_scan_free.  done is called at the end,
 * unless the command was answered.
 */
struct imap_scan_run {
	struct imap_scan	*scan;
	void			(*done)(struct imap_cmd *);
	struct imap_scan_want	 want;
};
void			 imap_scan_run(struct imap_cmd *, const struct imap_scan_want *,
			    void (*done)(struct imap_cmd *));

#endif
