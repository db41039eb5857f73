/* SPDX-License-Identifier: ISC */
/*
 * Figures of the scheduler: walks over its sites and their parcels, counts,
 * the age table that gwshape prints, memory.
 */
#ifndef QUEUE_SHAPE_H
#define QUEUE_SHAPE_H

#include "lib/base/list.h"
#include "queue/queue_ages.h"
#include "queue/queue_parcel.h"
#include "queue/queue_site.h"

/*
 * A walk over all sites in the order in which they were made.  It may be left
 * open over other calls: a site that goes is skipped, one that is made
 * meanwhile is found.
 */
struct queue_walk {
	struct list	 link;
	struct list	*next;
};
void		 queue_walk_start(struct queue_sites *, struct queue_walk *);
struct queue_site *queue_walk_step(struct queue_sites *, struct queue_walk *);	/* or NULL */
void		 queue_walk_stop(struct queue_walk *);

/* All parcels of a site, in any state; do not put or drop meanwhile. */
struct queue_parcel *queue_site_parcel(const struct queue_site *,
		    const struct queue_parcel *prev);	/* NULL: the first; NULL at the end */

/* As Postfix's queues: waits for its turn, under way (or given up), for time, held. */
enum queue_shape_state { QUEUE_SHAPE_INCOMING = 1, QUEUE_SHAPE_ACTIVE = 2,
	QUEUE_SHAPE_DEFERRED = 4, QUEUE_SHAPE_HOLD = 8, QUEUE_SHAPE_ALL = 15 };
struct queue_shape {
	uint64_t	 oldest_ms;	/* arrival; QUEUE_SITES_NEVER: no parcels */
	uint64_t	 rcpts[QUEUE_AGES_MAX];
	uint32_t	 parcels[QUEUE_AGES_MAX];
};
enum queue_shape_state queue_shape_state_of(const struct queue_parcel *);
/* Those in the states, by age; O(parcels of the site). */
void		 queue_shape_fill(const struct queue_sites *, const struct queue_site *,
		    uint64_t now_ms, const struct queue_ages *, unsigned states,
		    struct queue_shape *);

struct queue_site_counts {
	uint32_t	 ready;
	uint32_t	 deferred;
	uint32_t	 held;
	uint32_t	 doomed;
	uint32_t	 busy;		/* idle ones too */
	uint32_t	 window;	/* concurrency now */
	bool		 is_dead;
	uint64_t	 until_ms;	/* dead or resting until then; 0: not */
	uint64_t	 dead_since_ms;	/* 0: not dead */
};
void		 queue_site_count(const struct queue_sites *, const struct queue_site *,
		    struct queue_site_counts *);

struct queue_sites_counts {
	uint64_t	 parcels;
	uint64_t	 sites;
	uint64_t	 idle_sites;
	uint64_t	 dead_sites;
	uint64_t	 senders;
	uint64_t	 lanes;
	uint64_t	 given;
	uint64_t	 memory_bytes;	/* without the parcels: they are the caller's */
	uint64_t	 steps;		/* elementary ones so far: list walks, heap moves */
};
void		 queue_sites_count(const struct queue_sites *, struct queue_sites_counts *);

#endif
