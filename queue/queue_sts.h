/* SPDX-License-Identifier: ISC */
/*
 * The MTA-STS policies (RFC 8461) that relay processes fetched, kept for them
 * over restarts: without them the first delivery after one could be led
 * astray.  What a policy says is relay's business; here it is text.
 *
 * In memory, at most QUEUE_STS_DOMAINS_MAX and QUEUE_STS_BYTES_MAX, those that
 * were not asked for longest go first, expired ones are no more.  On disk one
 * file, QUEUE_STS_FILE: written whole beside the old one, synced and renamed,
 * QUEUE_STS_SAVE_MS after the first change, in the pool.  A damaged file is
 * set aside: what it held is fetched again.
 */
#ifndef QUEUE_STS_H
#define QUEUE_STS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"

#define QUEUE_STS_FILE		"sts-policies"
#define QUEUE_STS_DOMAINS_MAX	10000u
#define QUEUE_STS_BYTES_MAX	(4u << 20)
#define QUEUE_STS_DOMAIN_MAX	255u
#define QUEUE_STS_ID_MAX	32u
#define QUEUE_STS_BODY_MAX	18000u
#define QUEUE_STS_AGE_MAX_S	31557600u
#define QUEUE_STS_SAVE_MS	2000u
#define QUEUE_STS_RETRY_MS	60000u	/* when it could not be written */

/* Slices are borrowed: by put for the call, from find until the next call. */
struct queue_sts_policy {
	struct slice	 domain, id, body;
	uint64_t	 fetched_s;	/* real time */
	uint32_t	 max_age_s;
};

struct queue_sts;

/* make: reads the file; dir is borrowed. Never fails: it begins empty. */
struct queue_sts *queue_sts_new(struct loop *, int dir);
void		 queue_sts_free(struct queue_sts **);	/* not while is_writing */

/* use */
bool		 queue_sts_find(struct queue_sts *, struct slice domain,
		    struct queue_sts_policy *);
/* ERR_VIOLATION: that is none. */
enum err	 queue_sts_put(struct queue_sts *, const struct queue_sts_policy *) MUST_USE;
unsigned	 queue_sts_count(const struct queue_sts *);

/* the end: what is not on disk is written now, unless a write is under way */
bool		 queue_sts_is_writing(const struct queue_sts *);
void		 queue_sts_save(struct queue_sts *);

#endif
