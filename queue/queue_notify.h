/* SPDX-License-Identifier: ISC */
/*
 * Bounces are messages like any other: made here, then delivered or spooled.
 * The message that bounced waits until its notification was taken, so none is
 * lost; after a crash in between it is sent again.
 */
#ifndef QUEUE_NOTIFY_H
#define QUEUE_NOTIFY_H

#include "queue/queue_core.h"

/* Tell the sender of the failed recipients; ends in queue_msg_settle. */
void	 queue_notify_start(struct queue_msg *);

#endif
