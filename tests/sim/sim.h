/* SPDX-License-Identifier: ISC */
/*
 * The real scheduler of remote mail on a virtual clock, before a virtual
 * network: each site takes mail as its kind and a seed say.  Time jumps from
 * event to event, so a virtual day costs what happens in it.  Each call of
 * the scheduler is measured in its own elementary steps, never in time.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/heap.h"
#include "queue/queue_parcel.h"
#include "queue/queue_shape.h"
#include "queue/queue_site.h"

#define SIM_SECOND	1000ull
#define SIM_MINUTE	(60 * SIM_SECOND)
#define SIM_HOUR	(60 * SIM_MINUTE)
#define SIM_DAY		(24 * SIM_HOUR)
#define SIM_T0		1790000000000ull

enum sim_kind {
	SIM_GOOD,		/* 50 to 500 ms; a few refusals */
	SIM_SLOW,		/* five minutes */
	SIM_DEAD,		/* half a minute, then no connection */
	SIM_THROTTLING		/* takes three at a time, else 421 */
};
enum sim_fate { SIM_WAITS, SIM_SENT, SIM_BOUNCED, SIM_EXPIRED };

struct sim_site {
	uint32_t	 busy;
	uint8_t		 kind;
};

struct sim_msg {
	struct queue_parcel parcel;
	struct heap_node over;		/* when the attempt ends */
	uint64_t	 arrival_ms;
	uint32_t	 wait_ms;	/* from put to the first attempt */
	uint32_t	 site;
	uint32_t	 sender;
	uint8_t		 fate;
	uint8_t		 feedback;	/* how the attempt will end */
	bool		 was_tried;
	bool		 is_single;
};

enum sim_call { SIM_PUT, SIM_PICK, SIM_DONE, SIM_RETRY, SIM_DROP, SIM_CALLS };

struct sim {
	struct queue_sites *s;
	struct queue_sites_limits limits;
	struct sim_msg	*msgs;
	struct sim_site	*sites;
	struct heap	 events;
	uint64_t	 now;		/* true time since SIM_T0 */
	int64_t		 ahead_ms;	/* of the host's clock */
	uint64_t	 random;
	uint32_t	 msg_count;
	uint32_t	 site_count;
	uint32_t	 fates[SIM_EXPIRED + 1];
	uint32_t	 attempts;
	uint64_t	 last_late_ms;	/* by which an expiry was late, at most */
	uint64_t	 steps[SIM_CALLS];	/* of the longest call of each kind */
	uint64_t	 memory_bytes;	/* peak, with the parcels */
	uint64_t	 memory_parcels;
	bool		 has_failed;	/* something happened twice, or early */
};

void	 sim_init(struct sim *, uint32_t msgs, uint32_t sites, uint64_t seed);
void	 sim_fini(struct sim *);
uint32_t sim_random(struct sim *, uint32_t below);
uint64_t sim_clock(const struct sim *);		/* the host's */

void	 sim_put(struct sim *, uint32_t msg, uint32_t site, uint32_t sender);
/* Until that time, or until nothing is left to happen before. */
void	 sim_run(struct sim *, uint64_t until);
/* All that is not under way is lost from memory and put again, as recorded. */
void	 sim_restart(struct sim *);
void	 sim_measure_memory(struct sim *);

#endif
