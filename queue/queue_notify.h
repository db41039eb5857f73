/* SPDX-License-Identifier: ISC */
/*
 * Notifications are messages like any other: made here, then delivered or
 * spooled, with a null sender, so nothing comes of their own failure but a
 * line in the log.  The message they are about waits until its notification
 * was taken, so none is lost; after a crash in between it is sent again.
 */
#ifndef QUEUE_NOTIFY_H
#define QUEUE_NOTIFY_H

#include "queue/queue_bounce.h"
#include "queue/queue_core.h"

bool	 queue_notify_is_wanted(const struct queue_msg *, enum queue_notice);
/* Tell the sender; the body is there if it can be.  Ends in queue_msg_settle. */
void	 queue_notify_start(struct queue_msg *, enum queue_notice);

#endif
