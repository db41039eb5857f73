/* SPDX-License-Identifier: ISC */
/*
 * Jobs to relay: the recipients of a part, given with the message's
 * descriptor to the process that serves the site.  Results are noted in the
 * envelope.  A job that ends without them (its process died, or said nothing
 * in time) leaves its recipients pending: a host may then get the message
 * twice, which SMTP cannot avoid (RFC 1047).
 */
#ifndef QUEUE_RELAY_H
#define QUEUE_RELAY_H

#include "queue/queue_core.h"

#define QUEUE_RELAY_MS	7200000u	/* a job without a result by then is lost */

/* A process is there, and gone (its jobs have ended by then). */
void	 queue_relay_join(struct queue *, struct ipc_peer *);
void	 queue_relay_leave(struct queue *, struct ipc_peer *);
/* The body is there.  Ends in queue_msg_settle when the job has ended. */
void	 queue_relay_start(struct queue_msg *, struct queue_bundle *);

#endif
