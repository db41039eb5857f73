/* SPDX-License-Identifier: ISC */
/*
 * What a SEARCH, SORT or THREAD found: UID and sequence number of each
 * message, in the order of the answer.  Pure; 8 bytes a message, at most max
 * messages, beyond that is_full and the command is refused.
 */
#ifndef IMAP_FOUND_H
#define IMAP_FOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define IMAP_FOUND_MAX		(2u << 20)	/* messages of one answer */

struct imap_hit { uint32_t uid, seq; };

struct imap_found {
	struct imap_hit	*v;
	uint32_t	 count, cap, max;
	bool		 is_full;
	bool		 is_ordered;	/* by UID so far */
	uint64_t	 modseq;	/* highest of all */
	uint32_t	 first_uid, last_uid;
	uint64_t	 first_modseq, last_modseq;	/* of these two */
};

/* make */
void		 imap_found_init(struct imap_found *, uint32_t max);
void		 imap_found_fini(struct imap_found *);

/* use */
void		 imap_found_add(struct imap_found *, uint32_t uid, uint32_t seq, uint64_t modseq);
/* Messages came in several passes: bring them in order of UID. */
void		 imap_found_order(struct imap_found *);
/*
 * Appends UIDs [from, to) of an answer in UID order as pairs for the store.
 * Where two follow each other in the view they make one range, whatever UIDs
 * are missing between.
 */
void		 imap_found_put_pairs(const struct imap_found *, uint32_t from, uint32_t to,
		    struct buf *);

#endif
