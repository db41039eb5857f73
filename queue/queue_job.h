/* SPDX-License-Identifier: ISC */
/*
 * Jobs: up to 100 local recipients of one message, given to a deliver process
 * with the message's descriptor.  Results are noted in the envelope; a job
 * that ends without them (its process died, or said nothing in time) leaves
 * its recipients pending, and the store makes the repetition harmless.
 */
#ifndef QUEUE_JOB_H
#define QUEUE_JOB_H

#include "queue/queue_core.h"

#define QUEUE_JOB_MS	120000u	/* a job without a result by then is lost */

/*
 * Jobs for all pending local recipients that are not in one.  Recipients
 * whose account is gone fail at once.  ERR_GONE: no deliver process.
 */
enum err	 queue_job_start(struct queue_msg *) MUST_USE;

#endif
