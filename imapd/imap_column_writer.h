/* SPDX-License-Identifier: ISC */
/*
 * Makes column blocks of a mailbox from entries that a command had
 * to make, and gives them to the store: what the next SEARCH, SORT or THREAD
 * then need not look up.  Which blocks lack entries is told first
 * (imap_column_writer_lacks), then the entries in order of UID.
 *
 * A block is worth writing for IMAP_COLUMN_GAIN new entries, or when it does
 * not exist yet and no message can come to it any more.  Blocks that lack some
 * are kept to be completed, IMAP_COLUMN_KEPT of them; sealed blocks wait for
 * nothing but an epoch, IMAP_COLUMN_QUEUE at most.  A cache: what cannot be
 * written is not missed.
 */
#ifndef IMAP_COLUMN_WRITER_H
#define IMAP_COLUMN_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_column.h"
#include "imapd/imap_walk.h"

#define IMAP_COLUMN_GAIN	8u
#define IMAP_COLUMN_KEPT	16u
#define IMAP_COLUMN_QUEUE	64u
#define IMAP_COLUMN_UNANSWERED	8u

struct imap_column_lack {
	uint32_t	 block;
	struct slice	 old;		/* own memory; empty: there is no such block */
};

struct imap_column_writer {
	struct imap_cmd		*c;
	struct imap_walk_at	 at;
	enum imap_column_kind	 kind;
	struct imap_column_lack	*lacks;		/* blocks rise */
	uint32_t		 lack_count, lack_cap, lack_idx;
	unsigned		 kept;
	struct buf		 entries;	/* new ones of the block under way */
	uint32_t		 sizes[IMAP_COLUMN_UIDS];	/* by UID % 64; 0: none */
	unsigned		 gain;
	struct list		 queue;		/* plain blocks */
	unsigned		 queued, unanswered;
	struct sealer_message	 message;
	bool			 waits_epoch;
	bool			 is_broken;
};

void	 imap_column_writer_init(struct imap_column_writer *, struct imap_cmd *,
	    const struct imap_walk_at *, enum imap_column_kind);
void	 imap_column_writer_fini(struct imap_column_writer *);
/* The block of this UID lacks its entry; plain is what there is of the block. */
void	 imap_column_writer_lacks(struct imap_column_writer *, uint32_t uid, struct slice plain);
void	 imap_column_writer_add(struct imap_column_writer *, uint32_t uid, struct slice entry);
/* No more entries come; true when all was handed to the store. */
bool	 imap_column_writer_end(struct imap_column_writer *);

#endif
