/* SPDX-License-Identifier: ISC */
/*
 * A parcel is one message for one site: what is tried at once, as one
 * delivery.  The caller embeds struct queue_parcel in its own (obj_of), at a
 * fixed place from put to drop, and reads only the fields marked so.  There is
 * one for each (message, site), or more where it has very many recipients.
 *
 *	put ----> DEFERRED <--> READY --pick--> BUSY --done--> IDLE
 *	   \         ^  \         |                             |
 *	    HELD ----'   '-> DOOMED --pick--> BUSY              +--> retry, or
 *	                                                        '--> drop
 *
 * Whose turn it is: the sender with the fewest deliveries under way goes
 * first, then the one that was served longest ago; three turns of four are
 * for senders that had nothing ready or under way, so that a list waits for
 * them and they never stop it.  A sender never gets more than seven times
 * what is left free, so there is always room for another.  A site serves the
 * senders that wait for it in turn, those that had nothing waiting there
 * alternating with those that had.
 *
 * A parcel whose message is past its lifetime is picked to be given up
 * (*is_expired), whatever its site.  Time that is handed out is real ms.
 * Every call takes O(log n) steps; pick does at most QUEUE_PICK_CHORES pieces
 * of the work that time brings along (parcels that are due, sites that wake).
 */
#ifndef QUEUE_PARCEL_H
#define QUEUE_PARCEL_H

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "queue/queue_site.h"

#define QUEUE_PICK_CHORES	16u

struct queue_lane;
struct queue_sender;

enum queue_parcel_state {
	QUEUE_PARCEL_OUT,	/* zeroed: not put, or dropped */
	QUEUE_PARCEL_DEFERRED,	/* until its time */
	QUEUE_PARCEL_READY,	/* for its turn */
	QUEUE_PARCEL_HELD,	/* until it is released; does not expire */
	QUEUE_PARCEL_DOOMED,	/* to be picked and given up */
	QUEUE_PARCEL_BUSY,	/* picked */
	QUEUE_PARCEL_IDLE	/* done; retry or drop follows */
};

struct queue_parcel {
	struct list	 link;		/* lane, site->deferred, doomed */
	struct list	 of_site;
	struct heap_node due;		/* DEFERRED */
	struct heap_node age;		/* deferred or ready; the key, arrival, stays */
	struct queue_site *site;
	struct queue_sender *sender;
	struct queue_lane *lane;	/* READY */
	uint32_t	 rcpts;		/* caller's to read; to write when busy or idle */
	uint32_t	 attempts;	/* caller's to read: ended ones */
	uint8_t		 state;		/* caller's to read */
	uint8_t		 mail;		/* enum queue_mail */
	bool		 is_given;	/* busy or idle: as a delivery, not to be given up */
	bool		 is_doomed;	/* past its life, or told so */
	bool		 is_probe;	/* of a dead site */
	bool		 wants_hold;	/* once it is not busy */
};

struct queue_parcel_put {
	struct slice	 site;		/* next hop */
	struct slice	 route;		/* title, or empty */
	const struct queue_site_limits *limits;	/* NULL: none; set anew each time */
	uint64_t	 sender;	/* hash of login, else of the envelope sender;
					   what differs per message (VERP) left out */
	uint64_t	 arrival_ms;
	uint64_t	 next_ms;	/* in the past, or 0: ready; capped at maximal backoff */
	uint32_t	 attempts;	/* that it had before */
	uint32_t	 rcpts;
	enum queue_mail	 mail;
	bool		 is_held;
};

/* The parcel is OUT (zeroed or dropped). */
void	 queue_parcel_put(struct queue_sites *, struct queue_parcel *,
	    const struct queue_parcel_put *, uint64_t now_ms);

/*
 * The next parcel, now BUSY; NULL: none can go.  Deliver it, or give it up if
 * *is_expired (that takes no place of its site or of given_max).  Call again
 * until NULL, then when something is put or done, and at queue_parcel_next.
 */
struct queue_parcel *queue_parcel_pick(struct queue_sites *, uint64_t now_ms,
	    bool *is_expired);
/*
 * When pick may have something with no other call in between; <= now: at
 * once, QUEUE_SITES_NEVER.  Look again at least once a minute: the real clock
 * may be set.
 */
uint64_t queue_parcel_next(struct queue_sites *, uint64_t now_ms);

/* BUSY to IDLE.  For one to be given up, feedback is RELAY_UNKNOWN. */
void	 queue_parcel_done(struct queue_sites *, struct queue_parcel *,
	    enum relay_feedback, uint64_t now_ms);
/*
 * IDLE to DEFERRED (HELD, DOOMED if that was asked for meanwhile).  Retry
 * counts an attempt and waits for the backoff; again waits until at_ms (not
 * longer than the maximal backoff) and counts none: the message was not tried,
 * or not to blame.
 */
void	 queue_parcel_retry(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);
void	 queue_parcel_again(struct queue_sites *, struct queue_parcel *, uint64_t at_ms,
	    uint64_t now_ms);
/*
 * When it would be tried again if the attempt that is under way fails
 * (relay_job's retry_ms); 0: not at all, it would expire before.
 */
uint64_t queue_parcel_retry_ms(const struct queue_sites *, const struct queue_parcel *,
	    uint64_t now_ms);
/* In any state, OUT too.  Dropping a busy one frees its place. */
void	 queue_parcel_drop(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);

/*
 * What operators ask for; legal in any state but OUT.  A busy or idle parcel
 * is held or given up once retry or again is called.  A held one that is
 * flushed stays held; one that is told to expire is no longer held.
 */
void	 queue_parcel_hold(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);
void	 queue_parcel_release(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);
void	 queue_parcel_flush(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);
void	 queue_parcel_expire(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);

/* For listings: when it is tried next, at the earliest; 0: busy, held or now. */
uint64_t queue_parcel_due_ms(const struct queue_sites *, const struct queue_parcel *,
	    uint64_t now_ms);
uint64_t queue_parcel_arrival_ms(const struct queue_sites *, const struct queue_parcel *);

#endif
