/* SPDX-License-Identifier: ISC */
/*
 * Other users' mailboxes for LIST and LSUB: asks the store who shares with the
 * user, opens the account of each whose mailboxes a pattern may match, and
 * adds what it may see to the listing.  Level-triggered, like imap_walk.
 */
#ifndef IMAP_OTHERS_H
#define IMAP_OTHERS_H

#include <stdbool.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_listing.h"

struct imap_others {
	struct imap_cmd		*c;
	struct imap_listing	*listing;
	struct slice		 owners;	/* addresses, NUL-terminated; those to come */
	struct slice		 last;		/* taken of them */
	struct slice		 address;	/* whose mailboxes are asked for; empty: nobody's */
	struct slice		 after;		/* last name of the page before */
	bool			 more;		/* owners are to be asked for */
	bool			 waiting;
	bool			 any;		/* there was one */
	enum err		 error;
};

/* The patterns of the listing are set. */
void		 imap_others_start(struct imap_others *, struct imap_cmd *,
		    struct imap_listing *);
/* ERR_AGAIN: later; ERR_END: all are in the listing; else it failed. */
enum err	 imap_others_step(struct imap_others *) MUST_USE;

#endif
