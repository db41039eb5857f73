/* SPDX-License-Identifier: ISC */
/*
 * Where mail for another host goes: the route sections in the order of the
 * configuration, the first that matches wins.  Pure.
 *
 * A pattern is "example.com", ".example.com" (every domain below it, not
 * itself), "user@example.com", "*" (all) or "<>" (the null sender).  They are
 * compared in canonical form; an empty list matches all.  What is not a
 * pattern matches nothing.
 *
 * The site of a recipient is the next hop and the title of the route: the
 * relay of the route, or the domain of the recipient.  Strings are borrowed
 * from the routes and the address.
 */
#ifndef QUEUE_ROUTE_H
#define QUEUE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/conf/opt.h"

struct route_options;

struct queue_pattern {
	char		*text;		/* canonical */
	size_t		 n;
	uint8_t		 kind;		/* see queue_route.c */
};

struct queue_route {
	char		*title;
	char		*relay;		/* empty: the MX of the domain */
	struct queue_pattern *to;
	struct queue_pattern *from;
	uint32_t	 to_count;
	uint32_t	 from_count;
	uint32_t	 concurrency;	/* 0: that of queue */
	struct opt_rate	 rate;
};

struct queue_routes {
	struct queue_route *all;
	uint32_t	 count;
	uint32_t	 cap;
};

void	 queue_route_init(struct queue_routes *);
void	 queue_route_fini(struct queue_routes *);
/* Copies; routes are matched in the order in which they are added. */
void	 queue_route_add(struct queue_routes *, const char *title,
	    const struct route_options *);

/* Addresses without <>, empty: the null sender.  NULL: no route matches. */
const struct queue_route *queue_route_find(const struct queue_routes *, struct slice sender,
	    struct slice rcpt);
const struct queue_route *queue_route_titled(const struct queue_routes *, struct slice title);

/* The domain of an address: what follows its last @. */
struct slice queue_route_domain(struct slice address);
/* The next hop of a recipient by its route (or NULL). */
struct slice queue_route_hop(const struct queue_route *, struct slice rcpt);

#endif
