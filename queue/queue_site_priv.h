/* SPDX-License-Identifier: ISC */
/*
 * What the files of the scheduler share.  All times in here are of its own
 * clock (queue_clock), which is the real one plus what that was set back.
 *
 *	queue_site	sites are made, remembered, flushed
 *	queue_window	what feedback does to a site, its rate
 *	queue_lane	senders and lanes: whose turn it is
 *	queue_parcel	the states of a parcel
 *	queue_pick	what is next
 *	queue_shape	figures
 *
 * A lane is what one sender has ready for one site.  It is offered (in its
 * sender's list: pick may take it) or parked with the site, fresh if it was
 * not served since it was empty, else in the backlog.  When a site has room
 * it offers two lanes; when these are served, two more; and pick makes sites
 * that have room and parked lanes offer one more lane now and then, as the
 * offered may belong to senders that may not take more.  Offers are not
 * withdrawn when the room is gone: pick parks such lanes when it meets them.
 */
#ifndef QUEUE_SITE_PRIV_H
#define QUEUE_SITE_PRIV_H

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "queue/queue_parcel.h"
#include "queue/queue_shape.h"
#include "queue/queue_site.h"

#define QUEUE_OFFERS		2u	/* lanes at a time */
#define QUEUE_OFFERS_MAX	64u	/* new lanes are offered at once up to this */
#define QUEUE_STIRS		2u	/* sites that offer one more, in a pick */
#define QUEUE_PARKS		16u	/* lanes parked in a pick */
#define QUEUE_SENDER_SHARE	7u	/* times what is free */
#define QUEUE_OLD_TURN		4u	/* each such turn is for who was served */
#define QUEUE_RCPTS_MAX		1000000u	/* counted for a rate at once */
#define QUEUE_RATE_MS_MAX	(30 * 86400000ull)

struct queue_sender {
	struct map_node	 by_key;
	struct heap_node turn;		/* s->turns, when it has offered lanes */
	struct list	 lanes;		/* offered */
	uint64_t	 key;
	uint64_t	 served;	/* number of the pick that served it last */
	uint32_t	 given;
	uint32_t	 parcels;
	uint32_t	 ready;
	bool		 was_served;	/* since it had none ready or given */
};

enum queue_lane_place {
	QUEUE_LANE_NEW,		/* in no list */
	QUEUE_LANE_OFFERED, QUEUE_LANE_FRESH, QUEUE_LANE_OLD
};

struct queue_lane {
	struct map_node	 by_pair;
	struct list	 link;		/* sender->lanes, site->fresh or site->backlog */
	struct list	 parcels;
	struct queue_site *site;
	struct queue_sender *sender;
	uint8_t		 place;
	bool		 was_served;
};

struct queue_site {
	struct map_node	 by_name;
	struct list	 link;		/* all, as they were made */
	struct list	 parcels;
	struct list	 waits;		/* s->idle, or s->contended */
	struct list	 flush_link;	/* s->flushing */
	struct list	 deferred;
	struct list	 flushing;	/* deferred ones that were flushed */
	struct list	 fresh;
	struct list	 backlog;
	struct heap_node wake;		/* ready, but not before this time */
	struct queue_site_limits limits;
	uint64_t	 number;
	uint64_t	 pause_ms;	/* dead or resting until then */
	uint64_t	 dead_ms;	/* since */
	uint64_t	 rate_us;	/* the next may go at this time */
	uint32_t	 window;
	uint32_t	 given;
	uint32_t	 fails;		/* QUEUE_COHORT: one cohort of failures */
	uint32_t	 deaths;	/* in a row */
	uint32_t	 rests;		/* in a row */
	uint32_t	 offered;	/* lanes */
	uint32_t	 ready;		/* parcels, by state */
	uint32_t	 waiting;	/* deferred */
	uint32_t	 held;
	uint32_t	 doomed;
	uint32_t	 busy;		/* idle too */
	uint16_t	 name_n;
	uint16_t	 route_n;
	bool		 is_dead;
	bool		 is_probing;
	bool		 is_idle;	/* in s->idle */
	bool		 backlog_next;
	char		 text[];	/* name and route */
};

struct queue_sites {
	struct queue_sites_limits limits;
	struct map	 by_name;
	struct map	 senders;
	struct map	 lanes;
	struct list	 all;
	struct list	 idle;		/* the first is forgotten first */
	struct list	 contended;	/* room and parked lanes */
	struct list	 flushing;	/* sites */
	struct list	 doomed;	/* parcels */
	struct list	 walks;
	struct heap	 due;
	struct heap	 wakes;
	struct heap	 ages[QUEUE_MAIL_KINDS];
	struct heap	 turns[2];	/* of senders: fresh, and served before */
	struct queue_walk flush_all;
	uint64_t	 clock_ms;
	uint64_t	 skew_ms;	/* own clock minus the real one */
	uint64_t	 picks;		/* and senders so far: an order */
	uint64_t	 given_count;
	uint64_t	 numbers;
	uint64_t	 parcels;
	uint64_t	 site_count;
	uint64_t	 site_bytes;
	uint64_t	 idle_count;
	uint64_t	 dead_count;
	uint64_t	 sender_count;
	uint64_t	 lane_count;
	uint64_t	 steps;		/* without those of the heaps */
	uint32_t	 given;
	bool		 gives_up_next;
};

/* queue_site.c */
uint64_t	 queue_clock(struct queue_sites *, uint64_t real_ms);
uint64_t	 queue_clock_real(const struct queue_sites *, uint64_t own_ms);
struct queue_site *queue_site_get(struct queue_sites *, struct slice name,
		    struct slice route);
/* It may have become idle: remembered or forgotten. */
void		 queue_site_leave(struct queue_sites *, struct queue_site *);
void		 queue_site_flush(struct queue_sites *, struct queue_site *);
/* After anything that changes its room or its lanes: offers, wake. */
void		 queue_site_settle(struct queue_sites *, struct queue_site *);

/* queue_window.c: at the own clock's time */
uint32_t	 queue_window_room(const struct queue_sites *, const struct queue_site *);
uint64_t	 queue_window_open_ms(const struct queue_site *);	/* not before */
void		 queue_window_charge(struct queue_sites *, struct queue_site *,
		    uint32_t rcpts);
void		 queue_window_feed(struct queue_sites *, struct queue_site *, bool is_probe,
		    enum relay_feedback);
void		 queue_window_forget(struct queue_sites *, struct queue_site *);
bool		 queue_window_is_plain(const struct queue_sites *, const struct queue_site *);

/* queue_lane.c */
struct queue_sender *queue_sender_get(struct queue_sites *, uint64_t key);
void		 queue_sender_leave(struct queue_sites *, struct queue_sender *);
/* given, served or its offers have changed */
void		 queue_sender_turn(struct queue_sites *, struct queue_sender *);
void		 queue_sender_served(struct queue_sites *, struct queue_sender *,
		    bool was_served);
/* Nothing ready or under way is left, maybe: it is fresh again. */
void		 queue_sender_rest(struct queue_sites *, struct queue_sender *);
bool		 queue_sender_may(const struct queue_sites *, const struct queue_sender *);
void		 queue_lane_push(struct queue_sites *, struct queue_parcel *);
void		 queue_lane_pull(struct queue_sites *, struct queue_parcel *);
void		 queue_lane_park(struct queue_sites *, struct queue_lane *);	/* in front */
/* One more of those parked; whether there are still some. */
bool		 queue_lane_offer(struct queue_sites *, struct queue_site *);
bool		 queue_lane_is_parked(const struct queue_site *);	/* any */

/* queue_parcel.c */
void		 queue_parcel_ready(struct queue_sites *, struct queue_parcel *);	/* or doomed */
void		 queue_parcel_give(struct queue_sites *, struct queue_parcel *, bool as_delivery);

#endif
