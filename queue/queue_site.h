/* SPDX-License-Identifier: ISC */
/*
 * The sites that mail goes to and what is known of each: how many deliveries
 * at a time it takes, whether it is dead, how often it may be tried.  The
 * scheduler of remote mail is this, queue_parcel.h (what waits for a site and
 * whose turn it is) and queue_shape.h (figures).  It is pure: no I/O, and
 * every call is handed the time, real ms.  A clock that goes back stands
 * still here, so nothing waits longer for it; one that goes forward is
 * believed.
 *
 * A site is a next hop and the title of its route.  It is made by the first
 * parcel and lives while it has one; then up to idle_max sites are remembered
 * if there is something to remember.  A name is borrowed for the call.
 *
 * Feedback, as operators know it from Postfix: deliveries at a time start at
 * `initial`, one more for each that is taken, one less for each that failed.
 * When as many failed in a row as ran at a time the site is dead: nothing is
 * tried until a backoff (minimal, doubling to maximal) is over, then one
 * parcel.  One that is throttled down to nothing rests for a second, doubling
 * to the minimal backoff.
 */
#ifndef QUEUE_SITE_H
#define QUEUE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/ipc/queue_proto.h"

#define QUEUE_SITES_NEVER	UINT64_MAX

struct queue_site;
struct queue_sites;

/* Classes of mail, each with its lifetime. */
enum queue_mail { QUEUE_MAIL_NORMAL, QUEUE_MAIL_BOUNCE, QUEUE_MAIL_KINDS };

struct queue_sites_limits {
	uint32_t	 given_max;	/* deliveries under way, all sites; 0: none now */
	uint32_t	 concurrency;	/* of a site whose route says nothing */
	uint32_t	 initial;	/* concurrency that a site starts with */
	uint32_t	 idle_max;	/* sites without parcels that are remembered */
	uint64_t	 min_backoff_ms;
	uint64_t	 max_backoff_ms;
	uint64_t	 lifetime_ms[QUEUE_MAIL_KINDS];
};

/* What the route says. */
struct queue_site_limits {
	uint32_t	 concurrency;	/* 0: as queue_sites_limits */
	uint64_t	 rate_count;	/* recipients in rate_ms; 0: any number */
	uint64_t	 rate_ms;
};

/* make: limits are the defaults of queue.opt until they are set; on the heap */
struct queue_sites *queue_sites_new(void);
/* All of them count from now on.  A concurrency or backoff of 0 is taken as 1. */
void		 queue_sites_set_limits(struct queue_sites *,
		    const struct queue_sites_limits *);
/* For each site after a reload; a rate counts anew. */
void		 queue_site_set_limits(struct queue_sites *, struct queue_site *,
		    const struct queue_site_limits *, uint64_t now_ms);

/* use */
struct queue_site *queue_sites_find(const struct queue_sites *, struct slice name,
		    struct slice route);	/* NULL */
struct slice	 queue_site_name(const struct queue_site *);
struct slice	 queue_site_route(const struct queue_site *);
bool		 queue_site_is_dead(const struct queue_site *);

/*
 * Flush: what is known of a dead or resting site is forgotten and its
 * deferred parcels are due, in the order in which they were deferred.  By
 * name (with any route): how many sites there were.  Calls of
 * queue_parcel_pick do the work.
 */
unsigned	 queue_sites_flush(struct queue_sites *, struct slice name, uint64_t now_ms);
void		 queue_sites_flush_all(struct queue_sites *, uint64_t now_ms);

/* free: the parcels are the caller's, and forgotten */
void		 queue_sites_free(struct queue_sites **);

#endif
