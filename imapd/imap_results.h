/* SPDX-License-Identifier: ISC */
/*
 * Which messages a client has in the result of a search that it follows
 * (imap_context.h): runs of UIDs, 8 bytes each, never an entry a message.
 * Pure.  Its owner bounds the runs.
 *
 * In the order of the mailbox a run may span UIDs that the view has not, which
 * changes nothing: they never come.  In another order (SORT) places count, so a
 * run is of UIDs one after the other, up or down: by arrival or date, either
 * way round, a mailbox is a few.
 */
#ifndef IMAP_RESULTS_H
#define IMAP_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imapd/imap_found.h"

struct imap_results {
	uint32_t	*v;		/* first and last UID of each run */
	uint32_t	 count, cap;	/* runs */
	bool		 sorted;	/* in an order of its own */
};

/* make */
void		 imap_results_init(struct imap_results *, bool sorted);
void		 imap_results_fini(struct imap_results *);
/* One more behind all others. */
void		 imap_results_append(struct imap_results *, uint32_t uid);
/* In place of all: the answer as it was found, in its order. */
void		 imap_results_fill(struct imap_results *, const struct imap_found *);

/* use */
bool		 imap_results_has(const struct imap_results *, uint32_t uid);
/* One more, not sorted. */
void		 imap_results_add(struct imap_results *, uint32_t uid);
/* Remove it if it is there: *place is its place from 1; 0 when not sorted. */
bool		 imap_results_take(struct imap_results *, uint32_t uid, uint32_t *place);
size_t		 imap_results_bytes(const struct imap_results *);

/* One after the other, of a sorted one; 0: no more. */
struct imap_results_at { uint32_t run, step; };
uint32_t	 imap_results_next(const struct imap_results *, struct imap_results_at *);

#endif
