/* SPDX-License-Identifier: ISC */
/*
 * Goes through the selected mailbox for SEARCH, SORT and THREAD and gives the
 * messages that a search program matches.  Each message is judged by its row;
 * when that leaves a doubt by its summary; then by its header; and at last by
 * its text as it streams by.
 *
 * Owned by one command; level-triggered like imap_walk: call imap_scan_step
 * from the command's resume.  It yields to the loop every few messages.
 */
#ifndef IMAP_SCAN_H
#define IMAP_SCAN_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_judge.h"

struct imap_scan;
/* A match; valid during the call only. */
typedef void imap_scan_fn(void *arg, const struct imap_search_facts *);

struct imap_scan_want {
	const struct imap_search *program;
	bool			 cold;		/* facts of a match have these too: */
	bool			 entry;		/* an empty one where none can be had */
	imap_scan_fn		*on_match;	/* in no particular order */
	void			*arg;
};
struct imap_scan	*imap_scan_new(struct imap_cmd *, const struct imap_scan_want *);
						/* NULL: answered */
void			 imap_scan_free(struct imap_scan **);
/* ERR_END: all matches were given.  ERR_AGAIN: wait.  Else: answered. */
enum err		 imap_scan_step(struct imap_scan *) MUST_USE;

#endif
