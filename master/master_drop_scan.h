/* SPDX-License-Identifier: ISC */
/*
 * The names of the drop directory, each once in a round: the directory stays
 * open and is read on where it was left, MASTER_DROP_NAMES names at a time,
 * hidden ones included, so that no number of names stands before others for
 * good.  What was read comes in order of names, which is that of arrival.
 */
#ifndef MASTER_DROP_SCAN_H
#define MASTER_DROP_SCAN_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

#define MASTER_DROP_NAMES	1000u

struct master_drop_scan {
	DIR		*dir;		/* NULL: between rounds */
	struct buf	 text;		/* names, NUL-terminated each */
	const char	*names[MASTER_DROP_NAMES];
	size_t		 count;
	size_t		 next;
};

void		 master_drop_scan_init(struct master_drop_scan *);
void		 master_drop_scan_fini(struct master_drop_scan *);
/* A round over this directory, from its first name. */
enum err	 master_drop_scan_begin(struct master_drop_scan *, int dir) MUST_USE;
/* Read on; false: all were read, and the round is over. */
bool		 master_drop_scan_more(struct master_drop_scan *);
/* Of those read; NULL when there are no more. */
const char	*master_drop_scan_next(struct master_drop_scan *);

#endif
