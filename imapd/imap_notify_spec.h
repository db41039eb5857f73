/* SPDX-License-Identifier: ISC */
/*
 * What a client wants to hear of: the arguments of NOTIFY SET (RFC 5465 s8).
 * It outlives its command: all memory is the spec's own, at most
 * IMAP_NOTIFY_BYTES_MAX.  Pure.
 */
#ifndef IMAP_NOTIFY_SPEC_H
#define IMAP_NOTIFY_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "imapd/imap_filter.h"
#include "imapd/imap_parser.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

#define IMAP_NOTIFY_BYTES_MAX	(32u << 10)
#define IMAP_NOTIFY_GROUPS_MAX	20
#define IMAP_NOTIFY_FETCH_MAX	2000	/* bytes that say what to tell of new messages */

enum imap_notify_event {
	IMAP_NOTIFY_NEW = 1, IMAP_NOTIFY_EXPUNGE = 2, IMAP_NOTIFY_FLAGS = 4,
	IMAP_NOTIFY_NAME = 8, IMAP_NOTIFY_SUBSCRIPTION = 16, IMAP_NOTIFY_METADATA = 32,
	IMAP_NOTIFY_SERVER = 64,	/* ServerMetadataChange: of no mailbox */
	IMAP_NOTIFY_MESSAGES = IMAP_NOTIFY_NEW | IMAP_NOTIFY_EXPUNGE | IMAP_NOTIFY_FLAGS
};

struct imap_notify_group { struct imap_filter filter; unsigned events; };

struct imap_notify_spec {
	struct arena		 arena;
	struct imap_notify_group groups[IMAP_NOTIFY_GROUPS_MAX];
	size_t			 count;
	unsigned		 all;		/* events of the groups */
	unsigned		 selected;	/* events of the selected mailbox */
	bool			 has_selected;
	bool			 delayed;	/* no expunges between commands */
	bool			 status;	/* STATUS: begin with all that is watched */
	bool			 bad_event;	/* one that we do not have was asked for */
	struct slice		 fetch;		/* "(" fetch-att ... ")", as sent; or empty */
};

void	 imap_notify_spec_init(struct imap_notify_spec *);
void	 imap_notify_spec_fini(struct imap_notify_spec *);
/* Behind "SET": [SP "STATUS"] SP event-groups.  A mistake is the parser's. */
void	 imap_notify_spec_parse(struct imap_parser *, struct imap_notify_spec *);
/* What is watched of a mailbox in the user's own list. */
unsigned imap_notify_spec_events(const struct imap_notify_spec *, struct slice name,
	    bool is_subscribed);
/* event-name *(SP event-name): all that we have. */
void	 imap_notify_spec_put_events(struct buf *);

#endif
