/* SPDX-License-Identifier: ISC */
/*
 * The response that tells what changed in a result that a client follows
 * (RFC 5267 s4.3.3, s4.3.4):
 *
 *	* ESEARCH (TAG "x") UID REMOVEFROM (0 3:4) ADDTO (0 17)
 *
 * Nothing is put when nothing changed.  Pure.
 */
#ifndef IMAP_DELTA_H
#define IMAP_DELTA_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_seqset.h"
#include "lib/base/buf.h"
#include "lib/base/slice.h"

struct imap_delta {
	/* set by the caller, the rest zero */
	struct slice	 tag;
	struct slice	 where;		/* more correlators, behind a space */
	bool		 uid;		/* numbers are UIDs */
	struct buf	*out;

	struct imap_run	 run;
	uint32_t	 next;		/* the place that makes the set longer */
	bool		 began, adds, has_set;
};

/*
 * All removals, then all additions.  place: from 1 where the client has it at
 * that moment, or 0 in the order of the mailbox; there numbers ascend.
 */
void	 imap_delta_remove(struct imap_delta *, uint32_t place, uint32_t number);
void	 imap_delta_add(struct imap_delta *, uint32_t place, uint32_t number);
void	 imap_delta_end(struct imap_delta *);

#endif
