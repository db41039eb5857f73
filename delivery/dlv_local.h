/* SPDX-License-Identifier: ISC */
/*
 * Local delivery: jobs from queue, each one message and up to
 * DELIVER_JOB_RCPTS recipients, to appends for the store and back to one
 * answer.  A job is parsed once, then compressed and sealed for each
 * recipient.  Work is done in slices, and messages that fit into a memfd go
 * in a lane of their own, so that a large one delays none of them.
 *
 * Memory: the buffers of two lanes, and a job's recipients for at most
 * job_limit jobs.  Whatever goes wrong with store or queue, or takes longer
 * than the job's deadline, is a temporary error for the recipients concerned;
 * the store knows duplicates by (queue id, rcpt_hash).
 */
#ifndef DLV_LOCAL_H
#define DLV_LOCAL_H

#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/mail/charset.h"
#include "lib/seal/seal.h"

struct dlv_limits {
	unsigned	job_limit;
	uint64_t	store_timeout_ms;
	bool		quota_full_defer;	/* mail for a full mailbox waits */
	enum seal_method method;		/* of what is sealed */
};

struct dlv_local;

/* make: charsets may be NULL and stays the caller's */
struct dlv_local *dlv_local_new(struct loop *, struct charset_set *,
		    const struct dlv_limits *);
void		 dlv_local_free(struct dlv_local **);
void		 dlv_local_set_limits(struct dlv_local *, const struct dlv_limits *);

/* peers: NULL when the store went; it forgets every epoch then */
void		 dlv_local_set_store(struct dlv_local *, struct ipc_peer *);
void		 dlv_local_queue_left(struct dlv_local *, struct ipc_peer *);

/* use: a deliver_job request of this peer; always answered, once */
void		 dlv_local_take(struct dlv_local *, struct ipc_peer *queue,
		    const struct ipc_deliver_job *, struct ipc_in *);
unsigned	 dlv_local_job_count(const struct dlv_local *);
/* Calls fn once when there are no jobs. */
void		 dlv_local_drain(struct dlv_local *, timer_fn *, void *arg);

#endif
