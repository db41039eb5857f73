/* SPDX-License-Identifier: ISC */
/*
 * The text of a delivery status notification (RFC 3461 s6, 3464, 6522; RFC
 * 6533 where an address or a header is not ASCII): recipients of one message
 * that failed, are late, or were reached, with the message's header; with all
 * of it when the sender asked for that (RET=FULL), it failed and is not too
 * large.  Pure.
 *
 * The words are built in or those of an operator's template, of which there is
 * none for a key that changed; text that is not
 * ASCII is then sent quoted-printable, so that no host need take 8 bits for it.
 *
 * Nobody is told of a message with a null sender (RFC 5321 s4.5.5).
 */
#ifndef QUEUE_BOUNCE_H
#define QUEUE_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/dsn_template.h"
#include "queue/queue_envelope.h"

#define QUEUE_BOUNCE_HEADER_MAX	(32u << 10)	/* of the message, at most */
#define QUEUE_BOUNCE_FULL_MAX	(64u << 10)	/* larger ones are not returned whole */
#define QUEUE_BOUNCE_RCPTS_MAX	75u		/* in one notification */
#define QUEUE_BOUNCE_MAX	(256u << 10)

enum queue_notice {
	QUEUE_NOTICE_FAILURE,
	QUEUE_NOTICE_DELAY,
	QUEUE_NOTICE_SUCCESS,
	QUEUE_NOTICE_BROKEN	/* late, since a key changed: told at once, and once */
};

struct queue_bounce {
	const struct queue_envelope *env;
	enum queue_notice kind;
	const char	*hostname;
	uint64_t	 now_ms;	/* real time */
	uint64_t	 expiry_ms;	/* DELAY, BROKEN: it is tried until then */
	uint64_t	 id;		/* queue id of the notification */
	uint64_t	 random;	/* for the boundary */
	struct slice	 header;	/* header lines of the message */
	struct slice	 full;		/* all of it, or empty: the header is returned */
	const struct dsn_template_set *words;	/* NULL: the built-in ones */
	struct dsn_template_facts facts;	/* for them */
};

/* Somebody wants to be told this of the recipient, and nobody was. */
bool		 queue_bounce_is_wanted(const struct queue_envelope *,
		    const struct queue_rcpt *, enum queue_notice);
/* The sender asked for the whole message, and may have it. */
bool		 queue_bounce_wants_full(const struct queue_envelope *, enum queue_notice);
/* Choose the recipients of a notification; how many. */
uint32_t	 queue_bounce_choose(struct queue_envelope *, enum queue_notice);
/* The chosen ones, as text. */
void		 queue_bounce_put(struct buf *, const struct queue_bounce *);
/* The notification needs SMTPUTF8; 8BITMIME. */
bool		 queue_bounce_is_utf8(const struct queue_bounce *);
bool		 queue_bounce_is_8bit(const struct queue_bounce *);
/* The chosen ones were told, or not: nobody is chosen any more. */
void		 queue_bounce_told(struct queue_envelope *, enum queue_notice, bool was_told);
/* The header lines of a message's start, at most max bytes, whole lines. */
struct slice	 queue_bounce_header(struct slice start, size_t max);

#endif
