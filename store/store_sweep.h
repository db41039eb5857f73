/* SPDX-License-Identifier: ISC */
/*
 * Work that waits for a quiet moment, in slices of SWEEP_ROWS records and a
 * transaction each: the pages of removed mailboxes, the mail of removed
 * accounts, delivered records that queue forgot to release, vanished rows
 * past the undelete window and contents that no row names any more (the mark
 * pass, store_mark.h).
 */
#ifndef STORE_SWEEP_H
#define STORE_SWEEP_H

#include "store/store_core.h"

#define SWEEP_ROWS		512	/* records looked at in one turn */
#define SWEEP_DELIVERED_DAYS	40	/* longer than any message is queued */

void	 sweep_start(struct store *);
void	 sweep_stop(struct store *);
void	 sweep_wanted(struct store *);		/* there is something to remove */
bool	 sweep_is_through(const struct store *);	/* all was done since sweep_wanted */
/* A row with this content was made: a mark pass under way must know. */
void	 sweep_saw(struct store *, uint64_t account, uint64_t content);

#endif
