/* SPDX-License-Identifier: ISC */
/*
 * Numbers that queue.msg and delivery.msg speak in.
 */
#ifndef QUEUE_PROTO_H
#define QUEUE_PROTO_H

enum queue_flag {
	QUEUE_SUBMISSION = 1,	/* came to a submission listener, logged in */
	QUEUE_8BITMIME = 2, QUEUE_SMTPUTF8 = 4,
	QUEUE_RET_FULL = 8, QUEUE_RET_HDRS = 16,
	QUEUE_BINARYMIME = 32,
	QUEUE_REQUIRETLS = 64,		/* RFC 8689 s2 */
	QUEUE_TLS_OPTIONAL = 128	/* RFC 8689 s3: TLS-Required: No */
};
enum queue_class { QUEUE_LOCAL = 1, QUEUE_REMOTE = 2 };
enum queue_notify {		/* RFC 3461 s4.1 */
	QUEUE_NOTIFY_NEVER = 1, QUEUE_NOTIFY_SUCCESS = 2,
	QUEUE_NOTIFY_FAILURE = 4, QUEUE_NOTIFY_DELAY = 8
};
/*
 * What a message is.  Those of CMTP are lines of trace as a header, an empty
 * line, and what was sealed: as MAIL has it from its version on, or an object
 * of CMTP 2.  Nobody here can read them; they are for mailboxes of this host.
 */
enum queue_kind { QUEUE_KIND_MAIL, QUEUE_KIND_CMTP1, QUEUE_KIND_CMTP2, QUEUE_KINDS };
enum queue_form { QUEUE_FORM_MEMFD = 1, QUEUE_FORM_FILE = 2 };

#define QUEUE_MEMFD_MAX		(256u << 10)
#define DELIVER_JOB_RCPTS	100
#define RELAY_JOB_RCPTS		100

/* What an attempt says of the site, for its concurrency. */
enum relay_feedback {
	RELAY_TAKEN = 1,	/* a host took mail */
	RELAY_REFUSED = 2,	/* a host answered, but not for this message */
	RELAY_THROTTLED = 3,	/* no host wants more now: 421, 4xx before MAIL */
	RELAY_DEAD = 4,		/* no host could be reached or agreed to talk */
	RELAY_UNKNOWN = 5	/* nothing can be said: own trouble, DNS not there */
};

#endif
