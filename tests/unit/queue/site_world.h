/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the scheduler share: one scheduler with its parcels by
 * number, a clock, and calls that fail the test when something is not so.
 */
#ifndef SITE_WORLD_H
#define SITE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/queue_parcel.h"
#include "queue/queue_shape.h"
#include "queue/queue_site.h"

#define T0		1790000000000ull
#define MIN_MS		300000ull
#define MAX_MS		3600000ull
#define DAY_MS		86400000ull
#define PARCELS		2000u

struct world {
	struct queue_sites *s;
	struct queue_sites_limits limits;
	struct queue_parcel p[PARCELS];
	uint64_t now;
	bool	 is_expired;
};

int	 world_make(void **state);
int	 world_free(void **state);
void	 world_put_as(struct world *, unsigned i, const char *site, uint64_t sender,
	    struct queue_parcel_put);
void	 world_put(struct world *, unsigned i, const char *site, uint64_t sender);
void	 world_put_many(struct world *, unsigned from, unsigned n, const char *site,
	    uint64_t sender);
/* The number of the next parcel, -1: none.  Chores left are done first. */
int	 world_pick(struct world *);
unsigned world_pick_all(struct world *);
void	 world_done(struct world *, int i, enum relay_feedback);
void	 world_finish(struct world *, int i, enum relay_feedback);
void	 world_retry(struct world *, int i, enum relay_feedback);
struct queue_site_counts world_counts(struct world *, const char *site);
uint64_t world_next(struct world *);
/* Parcels 0 to 49 are put for a.example; 0 to 3 fail, 4 is busy: it is dead. */
void	 world_kill(struct world *);

#endif
