/* SPDX-License-Identifier: ISC */
/*
 * VANISHED (EARLIER): the UIDs of a set that left the selected mailbox while
 * the client was away, asked of the store page by page (RFC 7162 s3.2.10.1).
 *
 * Level-triggered: call imap_vanished_next() from the command's resume until
 * it says something else than ERR_AGAIN.
 */
#ifndef IMAP_VANISHED_H
#define IMAP_VANISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"

struct imap_vanished {
	struct imap_cmd	*c;
	/* to be set before the first call */
	uint64_t	 since;		/* what the client knows: a modseq */
	struct slice	 set;		/* of UIDs; empty: all */
	bool		 exact_only;	/* end with ERR_STATE when the store forgot */
	uint32_t	 resume;
	bool		 asked, ended, forgot;
};

/* ERR_OK: all is told.  ERR_AGAIN: wait.  ERR_STATE: see exact_only.  Else: answered. */
enum err	 imap_vanished_next(struct imap_vanished *) MUST_USE;

#endif
