/* SPDX-License-Identifier: ISC */
/*
 * Relay processes played by the test, beside fake_queue.h: what jobs came and
 * what they are answered.
 */
#ifndef FAKE_RELAY_H
#define FAKE_RELAY_H

#include "tests/unit/queue/fake_queue.h"

#define FAKE_RELAYS	3
#define FAKE_RELAY_JOBS	256	/* the last ones */

enum fake_relay_mode { RELAY_SAYS_SENT, RELAY_SAYS_TEMP, RELAY_SAYS_PERM, RELAY_SAYS_NOTHING,
	RELAY_SAYS_DSN, RELAY_SAYS_ODD, RELAY_SAYS_HALF, RELAY_SAYS_BROKEN };

struct fake_relay_job {
	uint64_t	 msg;
	uint64_t	 id;		/* request */
	uint64_t	 retry_ms;
	unsigned	 relay;
	unsigned	 rcpt_count;
	uint8_t		 flags;
	char		 site[64];
	char		 route[64];
	char		 sender[64];
	char		 rcpt[64];	/* the first */
	char		 orcpt[64];
	char		 original[64];
	uint8_t		 notify;
	char		 body[256];
	uint32_t	 idx[100];
};

struct fake_relays {
	struct fake	*f;
	struct ipc_peer	*at_queue[FAKE_RELAYS];
	struct ipc_peer	*outside[FAKE_RELAYS];
	enum fake_relay_mode mode;
	enum relay_feedback feedback;
	struct fake_relay_job jobs[FAKE_RELAY_JOBS];
	unsigned	 job_count;
};

void	 fake_relays_init(struct fake_relays *, struct fake *);
void	 fake_relay_join(struct fake_relays *, unsigned i, uint32_t instance);
void	 fake_relay_kill(struct fake_relays *, unsigned i);
/* Answer a job that was held (RELAY_SAYS_NOTHING). */
void	 fake_relay_answer(struct fake_relays *, unsigned job, enum fake_relay_mode);

#endif
