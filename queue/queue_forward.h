/* SPDX-License-Identifier: ISC */
/*
 * Mail that goes to another host by an alias of ours (queue_srs.h): under
 * which sender, and the way back for what is sent to that.  Keys come from
 * keyd and are asked for again when their period is over.
 */
#ifndef QUEUE_FORWARD_H
#define QUEUE_FORWARD_H

#include "queue/queue_core.h"

/*
 * As queue_resolve_rcpt, but a rewritten address of ours is resolved as the
 * sender it stands for, whoever writes; one that is forged or old is refused.
 */
enum err	 queue_forward_resolve(struct queue *, struct slice rcpt, bool may_relay,
		    queue_resolve_fn *, void *arg, struct queue_refusal *) MUST_USE;
/*
 * The sender of the message's forwarded recipients: env.forward_sender is
 * made when it is to be another one.  ERR_AGAIN: no keys yet.
 */
enum err	 queue_forward_rewrite(struct queue *, struct queue_envelope *) MUST_USE;

/* keyd came: ask it for the keys. */
void		 queue_forward_ask(struct queue *);

#endif
