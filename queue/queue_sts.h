/* SPDX-License-Identifier: ISC */
/*
 * The MTA-STS policies (RFC 8461) that relay processes fetched, kept for them
 * over restarts: without them the first delivery after one could be led
 * astray.  What a policy says is relay's business; here it is text.
 *
 * In memory, at most QUEUE_STS_DOMAINS_MAX and QUEUE_STS_BYTES_MAX, those that
 * were not asked for longest go first, expired ones are no more.  On disk one
 * sealed file (queue_keep.h); what is lost with a damaged one is fetched again.
 */
#ifndef QUEUE_STS_H
#define QUEUE_STS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"
#include "queue/queue_keep.h"

#define QUEUE_STS_FILE		"sts-policies"
#define QUEUE_STS_DOMAINS_MAX	10000u
#define QUEUE_STS_BYTES_MAX	(4u << 20)
#define QUEUE_STS_DOMAIN_MAX	255u
#define QUEUE_STS_ID_MAX	32u
#define QUEUE_STS_BODY_MAX	18000u
#define QUEUE_STS_AGE_MAX_S	31557600u
#define QUEUE_STS_SAVE_MS	2000u
#define QUEUE_STS_SEAL_ID	1u	/* no queue id is as small */

/* Slices are borrowed: by put for the call, from find until the next call. */
struct queue_sts_policy {
	struct slice	 domain, id, body;
	uint64_t	 fetched_s;	/* real time */
	uint32_t	 max_age_s;
};

struct queue_sts;

/* make: reads the file; dir and keys are borrowed. Never fails: it begins empty. */
struct queue_sts *queue_sts_new(struct loop *, int dir, const struct queue_keys *);
void		 queue_sts_free(struct queue_sts **);	/* not while it is written */

/* use */
bool		 queue_sts_find(struct queue_sts *, struct slice domain,
		    struct queue_sts_policy *);
/* ERR_VIOLATION: that is none. */
enum err	 queue_sts_put(struct queue_sts *, const struct queue_sts_policy *) MUST_USE;
unsigned	 queue_sts_count(const struct queue_sts *);
struct queue_keep *queue_sts_keep(struct queue_sts *);	/* its file */

#endif
