/* SPDX-License-Identifier: ISC */
/*
 * An entry is one message for one site: what is tried at once, as one
 * delivery.  The caller embeds struct queue_entry in its own (obj_of), at a
 * fixed place from put to drop, and reads only the fields marked so.
 *
 *	put ----> DEFERRED <--> READY --pick--> BUSY --done--> IDLE
 *	   \         ^  \         |                             |
 *	    HELD ----'   '-> DOOMED --pick--> BUSY              +--> retry, or
 *	                                                        '--> drop
 *
 * Whose turn it is: the sender with the fewest deliveries under way goes
 * first, then the one that was served longest ago.  A sender never gets more
 * than seven times what is left free, so there is always room for another.
 * A site serves the senders that wait for it in turn, those that had nothing
 * waiting there alternating with those that had.
 *
 * An entry whose message is past its lifetime is picked to be given up
 * (*is_expired), whatever its site.  Time that is handed out is real ms.
 * Every call takes O(log n) steps; pick does at most QUEUE_PICK_CHORES pieces
 * of the work that time brings along (entries that are due, sites that wake).
 */
#ifndef QUEUE_ENTRY_H
#define QUEUE_ENTRY_H

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "queue/queue_site.h"

#define QUEUE_PICK_CHORES	16u

struct queue_lane;
struct queue_sender;

enum queue_entry_state {
	QUEUE_ENTRY_OUT,	/* zeroed: not put, or dropped */
	QUEUE_ENTRY_DEFERRED,	/* until its time */
	QUEUE_ENTRY_READY,	/* for its turn */
	QUEUE_ENTRY_HELD,	/* until it is released; does not expire */
	QUEUE_ENTRY_DOOMED,	/* to be picked and given up */
	QUEUE_ENTRY_BUSY,	/* picked */
	QUEUE_ENTRY_IDLE	/* done; retry or drop follows */
};

struct queue_entry {
	struct list	 link;		/* lane, site->deferred, doomed */
	struct list	 of_site;
	struct heap_node due;		/* DEFERRED */
	struct heap_node age;		/* all but held, busy and idle */
	struct queue_site *site;
	struct queue_sender *sender;
	struct queue_lane *lane;	/* READY */
	uint32_t	 rcpts;		/* caller's to read; to write when busy or idle */
	uint32_t	 attempts;	/* caller's to read: ended ones */
	uint8_t		 state;		/* caller's to read */
	uint8_t		 mail;		/* enum queue_mail */
	bool		 is_doomed;	/* past its life, or told so */
	bool		 is_probe;	/* of a dead site */
	bool		 wants_hold;	/* when it is idle */
};

struct queue_entry_put {
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

/* The entry is OUT (zeroed or dropped). */
void	 queue_entry_put(struct queue_sites *, struct queue_entry *,
	    const struct queue_entry_put *, uint64_t now_ms);

/*
 * The next entry, now BUSY; NULL: none can go.  Deliver it, or give it up if
 * *is_expired (that takes no place of its site or of given_max).  Call again
 * until NULL, then when something is put or done, and at queue_entry_next.
 */
struct queue_entry *queue_entry_pick(struct queue_sites *, uint64_t now_ms, bool *is_expired);
/*
 * When pick may have something with no other call in between; <= now: at
 * once, QUEUE_SITES_NEVER.  Look again at least once a minute: the real clock
 * may be set.
 */
uint64_t queue_entry_next(const struct queue_sites *, uint64_t now_ms);

/* BUSY to IDLE.  For one to be given up, feedback is RELAY_UNKNOWN. */
void	 queue_entry_done(struct queue_sites *, struct queue_entry *, enum relay_feedback,
	    uint64_t now_ms);
/*
 * IDLE to DEFERRED (HELD, DOOMED if that was asked for meanwhile).  Retry
 * counts an attempt and waits for the backoff; again waits until at_ms and
 * counts none: the message was not tried, or not to blame.
 */
void	 queue_entry_retry(struct queue_sites *, struct queue_entry *, uint64_t now_ms);
void	 queue_entry_again(struct queue_sites *, struct queue_entry *, uint64_t at_ms,
	    uint64_t now_ms);
/*
 * When it would be tried again if the attempt that is under way fails
 * (relay_job's retry_ms); 0: not at all, it would expire before.
 */
uint64_t queue_entry_retry_ms(const struct queue_sites *, const struct queue_entry *,
	    uint64_t now_ms);
/* In any state, OUT too.  Dropping a busy one frees its place. */
void	 queue_entry_drop(struct queue_sites *, struct queue_entry *, uint64_t now_ms);

/*
 * What operators ask for; legal in any state but OUT.  A busy or idle entry
 * is held or given up once retry or again is called.  A held one that is
 * flushed stays held; one that is told to expire is no longer held.
 */
void	 queue_entry_hold(struct queue_sites *, struct queue_entry *, uint64_t now_ms);
void	 queue_entry_release(struct queue_sites *, struct queue_entry *, uint64_t now_ms);
void	 queue_entry_flush(struct queue_sites *, struct queue_entry *, uint64_t now_ms);
void	 queue_entry_expire(struct queue_sites *, struct queue_entry *, uint64_t now_ms);

/* For listings: when it is tried next, at the earliest; 0: busy, held or now. */
uint64_t queue_entry_due_ms(const struct queue_sites *, const struct queue_entry *,
	    uint64_t now_ms);
uint64_t queue_entry_arrival_ms(const struct queue_sites *, const struct queue_entry *);

#endif
