/* SPDX-License-Identifier: ISC */
/*
 * The compactor.  A segment that is over compact_percent dead, or has had
 * something dead for seven days, is emptied and removed:
 *
 *  1 Its records are walked, in slices of COMPACT_SLICE_US.  What the index
 *    names (content and epoch records; column blocks by a scan of their account)
 *    is put again, with its checksum, in the current segment, and a transaction
 *    changes the place in the index if it is still the old one.
 *  2 Behind the last record the segment is noted as empty, in a batch not
 *    before those transactions'.
 *  3 When that is durable, a checkpoint unlinks the file.
 *
 * So until the new copy is on disk and named, the old one is there.  A read
 * looks up the place each time and so goes on in the new copy.  What cannot
 * be walked or understood leaves the whole segment where it is (logged).
 */
#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store_core.h"

#define COMPACT_SLICE_US	2000
#define COMPACT_SLICE_BYTES	(256u << 10)	/* copied in one slice; or one large body */

void	 compact_start(struct store *);
void	 compact_stop(struct store *);

/* All segments with anything dead, now.  False: that is under way already. */
bool	 compact_force(struct store *);

struct compact_progress {
	bool		 is_forced;	/* compact_force is not through yet */
	uint64_t	 segments;	/* emptied since it began */
	uint64_t	 moved_bytes;
	uint64_t	 freed_bytes;
	uint64_t	 damaged;	/* segments left alone */
};
void	 compact_progress(const struct store *, struct compact_progress *);

#endif
