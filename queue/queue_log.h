/* SPDX-License-Identifier: ISC */
/* The log's line about a recipient, where queue itself has something to tell. */
#ifndef QUEUE_LOG_H
#define QUEUE_LOG_H

#include "lib/base/log.h"
#include "queue/queue_envelope.h"

struct queue_tale {
	enum log_event	 event;
	struct slice	 relay;		/* those that are empty are left out */
	struct slice	 dsn;
	struct slice	 reason;
	struct slice	 next;
};

/* With session, queue id, address, and orig_to where that is another. */
void	 queue_log_rcpt(const struct queue_envelope *, const struct queue_rcpt *,
	    const struct queue_tale *);

#endif
