/* SPDX-License-Identifier: ISC */
/*
 * The text of a delivery status notification (RFC 3461, 3462, 3464; RFC 6533
 * for addresses that are not ASCII): failed recipients of one message, with
 * the header of the message and never its body.  Pure.
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "queue/queue_envelope.h"

#define QUEUE_BOUNCE_HEADER_MAX	(32u << 10)	/* of the message, at most */
#define QUEUE_BOUNCE_RCPTS_MAX	75u		/* in one notification */
#define QUEUE_BOUNCE_MAX	(256u << 10)

struct queue_bounce {
	const struct queue_envelope *env;
	const char	*hostname;
	uint64_t	 now_ms;	/* real time */
	uint64_t	 id;		/* queue id of the notification */
	uint64_t	 random;	/* for the boundary */
	struct slice	 header;	/* start of the message */
};

/* A failed recipient that nobody was told of, and somebody wants to be. */
bool		 queue_bounce_is_wanted(const struct queue_envelope *,
		    const struct queue_rcpt *);
void		 queue_bounce_put(struct buf *, const struct queue_bounce *);
/* Those that queue_bounce_put listed are told now. */
void		 queue_bounce_told(struct queue_envelope *);
/* The header lines of a message's start, at most max bytes, whole lines. */
struct slice	 queue_bounce_header(struct slice start, size_t max);

#endif
