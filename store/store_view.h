/* SPDX-License-Identifier: ISC */
/*
 * Sets and views: pure code (lib/ipc/store.msg tells what a view is).
 *
 * A set is made of ranges, ascending and not touching, of UIDs or sequence
 * numbers.  A view adds the pending UIDs: sorted, each with its vanished row.
 */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_page.h"

struct view_range {
	uint32_t	 first;
	uint32_t	 last;
};
struct view_set {
	struct view_range	*ranges;
	unsigned		 n;
};

/*
 * From the wire: pairs of u32.  star is what "*" stands for (0: nothing is
 * there, the set becomes empty).  ERR_VIOLATION for what the interface forbids.
 */
enum err	 view_set_read(struct view_set *, struct slice, uint32_t star) MUST_USE;
void		 view_set_all(struct view_set *);	/* 1 to the highest UID there can be */
void		 view_set_fini(struct view_set *);
bool		 view_set_has(const struct view_set *, uint32_t);

/* Ranges for the wire: numbers are added in ascending order. */
void		 view_range_put(struct buf *, const struct view_range *);
struct view_ranges {
	struct view_range	*v;
	unsigned		 n;
	unsigned		 cap;
};
void		 view_ranges_add(struct view_ranges *, uint32_t);
void		 view_ranges_fini(struct view_ranges *);

struct view_pending {
	uint64_t		 modseq;	/* of its removal */
	uint32_t		 more;		/* keywords from 24 on; see view_more */
	struct page_gone_row	 row;
};
struct view {
	uint32_t		 uidnext;
	struct view_pending	*pending;	/* by UID */
	unsigned		 pending_n;
	unsigned		 pending_cap;
	struct page_gone_more	*more;		/* of those that have some */
	unsigned		 more_n;
	unsigned		 more_cap;
};

void		 view_init(struct view *, uint32_t uidnext);
void		 view_fini(struct view *);
void		 view_add(struct view *, const struct page_gone_row *, struct slice more,
		    uint64_t modseq);
void		 view_sort(struct view *);	/* after the last view_add */
/* Pending UIDs below uid. */
unsigned	 view_below(const struct view *, uint32_t uid);
/* Keywords from 24 on of a pending row. */
struct slice	 view_more(const struct view *, const struct view_pending *);
/* The pending row of exactly this UID, or NULL. */
const struct view_pending *view_find(const struct view *, uint32_t uid);

#endif
