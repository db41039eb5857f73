/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the queue daemon share: one struct queue per process, one
 * queue_msg for each message that is in hand (a transaction, on the direct
 * path, being spooled or being tried).  A message that only waits is a
 * queue_item (queue_table.h).
 *
 *	queue_txn	smtpd's transactions make a message
 *	queue_forward	senders of what aliases send elsewhere (SRS)
 *	queue_rate	how much one account, one client address may send
 *	queue_msg	its life: direct, spooled, tried, done
 *	queue_job	jobs to deliver and their results
 *	queue_line	remote recipients wait in the lines of their sites
 *	queue_relay	jobs to relay and their results
 *	queue_spool	its records, through the writer thread
 *	queue_run	messages that are due come back from the spool
 *	queue_notify	bounces
 *	queue_texts	their words, as operators write them
 *	queue_forget	the store may forget completed messages
 *	queue_quota	who has no room for mail
 *	queue_compact	segments that have little left
 *	queue_recover	the start
 *	queue_tool	what operators' tools ask: a table of verbs
 *	queue_list	the listing of gwqueue
 *	queue_cat	one message, for the eyes of an operator
 *	queue_map	lookup tables; queue_map_tool makes them for gwmap
 *	queue_again	recipients are looked up once more
 *	queue_super	messages are deleted, held, released, ...
 *
 * All of it runs in the loop; times are real ms unless named mono.
 */
#ifndef QUEUE_CORE_H
#define QUEUE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/rate.h"
#include "lib/crypto/token.h"
#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"
#include "queue/queue_envelope.h"
#include "queue/queue_flush.h"
#include "queue/queue_line.h"
#include "queue/queue_map.h"
#include "queue/queue_quota.h"
#include "queue/queue_resolve.h"
#include "queue/queue_route.h"
#include "queue/queue_sched.h"
#include "queue/queue_seal.h"
#include "queue/queue_srs.h"
#include "queue/queue_state.h"
#include "queue/queue_table.h"
#include "queue/queue_texts.h"

#define QUEUE_PEERS_MAX		256u	/* deliver, and relay processes */
#define QUEUE_ACTIVE_MAX	64u	/* messages from the spool in hand, but for relay */

/* The options that the core reads; defaults as in queue.opt. */
struct queue_limits {
	uint64_t	 minfree_bytes;
	uint64_t	 message_limit;
	uint64_t	 direct_ms;
	uint64_t	 spool_memory;
	uint64_t	 warning_ms;	/* 0: never */
	uint32_t	 concurrency;	/* of one destination */
	bool		 srs;		/* rewrite senders */
	struct rate	 user_rcpts;	/* named by one account */
	struct rate	 client_msgs;	/* begun by one client address */
	struct rate	 client_rcpts;	/* named by one client address */
};

struct queue_forget {
	uint64_t	*ready;		/* ids to be told */
	size_t		 ready_count;
	size_t		 ready_cap;
	struct list	 later;		/* struct later, by time */
	size_t		 later_count;
	struct timer	 timer;
	bool		 has_work;
};

struct queue {
	struct loop		*loop;
	int			 dir;
	const char		*hostname;
	struct queue_limits	 limits;

	struct list		 keeps;		/* struct queue_keep: files that need a key */
	struct queue_resolver	 resolver;
	struct queue_maps	*maps;		/* lookup tables */
	struct list		 map_builds;	/* being made: queue_map_tool */
	uint64_t		 map_number;	/* of the last one */
	struct token_gate	 tokens;
	struct queue_keys	 keys;
	struct queue_srs	 srs;
	struct queue_texts	*texts;		/* words of notifications; NULL: built in */
	const char		*srs_domain;	/* of rewritten senders; empty: none */
	uint64_t		 srs_until_s;	/* its keys are the newest */
	uint64_t		 srs_ask_mono_ms;	/* keyd is not asked for them before */

	struct queue_table	 table;
	struct queue_sched	 sched;
	struct queue_routes	 routes;
	uint32_t		 route_generation;	/* routes were read so often */
	struct queue_sites	*sites;
	bool			 is_going;	/* queue_line_go is under way */
	struct queue_flush	*flush;
	struct loop_wake	*wake;
	struct queue_seg	*current;	/* segment written to */
	struct list		 stuck;		/* writes that found no room */
	struct list		 cats;		/* messages that operators read: queue_cat */
	struct list		 requests;	/* of operators, to be answered: queue_super */

	struct ipc_peer		*delivers[QUEUE_PEERS_MAX];
	unsigned		 deliver_count;
	unsigned		 deliver_next;
	struct ipc_peer		*relays[QUEUE_PEERS_MAX];
	unsigned		 relay_count;
	struct ipc_peer		*store;
	struct ipc_peer		*keyd;

	struct rate_table	 user_rcpts;	/* by account */
	struct rate_table	 client_msgs;	/* by a hash of the address */
	struct rate_table	 client_rcpts;
	struct list		 clients;	/* struct queue_client */
	struct map		 txns;		/* by id */
	struct map		 msgs;		/* in hand, by id */
	struct list		 direct;	/* msgs by deadline */
	unsigned		 active;	/* msgs from the spool, and loads */
	uint64_t		 memory_bytes;	/* of memfds in hand */

	struct queue_forget	 forget;
	struct queue_quota	 quota;		/* who is over it */
	struct timer		 direct_timer;
	struct timer		 run_timer;
	struct timer		 line_timer;
	struct timer		 house_timer;
	struct timer		 key_timer;
	struct queue_seg	*compacting;
	unsigned		 copies;	/* writes of the compaction under way */
	bool			 copy_failed;
	unsigned		 works;		/* in the pool */
	unsigned		 notices;	/* notifications on their way */
	uint64_t		 random;	/* see queue_core_make_id */
	uint64_t		 free_bytes;
	uint64_t		 free_checked_mono_ms;
	bool			 is_draining;
};

/*
 * Zeroed storage; limits are defaults until the options come.  dir: the spool;
 * path: the same, for LMDB.
 */
void	 queue_core_init(struct queue *, struct loop *, int dir, const char *path);
void	 queue_core_fini(struct queue *);
/* The id of a new message that arrives now. */
uint64_t queue_core_make_id(struct queue *, uint64_t now_ms);

/* Durable or delivered (ERR_OK), or refused: called once for each message. */
typedef void queue_accepted_fn(void *arg, enum err);

struct queue_msg {
	struct queue		*q;
	struct map_node		 by_id;
	struct list		 direct;
	struct queue_envelope	 env;
	enum queue_state	 state;
	struct queue_item	*item;		/* NULL: not in the spool */
	int			 fd;
	uint64_t		 memory_bytes;	/* counted for fd */
	unsigned char		 key[CRY_KEY_BYTES];	/* of its records */
	uint64_t		 direct_until_ms;	/* mono */
	queue_accepted_fn	*accepted;	/* NULL once called */
	enum err		 spool_error;	/* it could not be written: is_dropped */
	void			*accepted_arg;
	unsigned		 jobs;		/* with deliver */
	unsigned		 relay_jobs;
	unsigned		 lost_jobs;	/* since the attempt began */
	uint64_t		 retry_ms;	/* of local recipients; 0: none waits */
	uint64_t		 due_ms;	/* what its RESULT said of the next attempt */
	bool			 is_away;	/* store or deliver could not be reached */
	bool			 is_unclean;	/* a copy may still be on its way */
	bool			 has_changed;	/* something for a RESULT record */
	bool			 is_notifying;	/* a bounce is on its way */
	bool			 notify_failed;
	bool			 was_tried;	/* jobs were given in this attempt */
	bool			 was_warned;	/* of the delay */
	bool			 is_fetching;	/* its body is being loaded */
	bool			 is_dropped;	/* not in the spool: settled when the jobs end */
	bool			 is_deleted;	/* by the operator: done when the jobs end */
	bool			 is_busy;	/* more is about to start: do not settle */
	bool			 is_round;	/* local recipients are being tried */
	bool			 wants_local;	/* they are to be, once the body is there */
	bool			 no_body;	/* it cannot be loaded */
	bool			 is_corrupt;	/* to be set aside */
	bool			 is_known;	/* in q->msgs */
	bool			 looks_again;	/* recipients are looked up: queue_again */
	bool			 is_active;	/* counted in q->active */
};

#endif
