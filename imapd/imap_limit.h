/* SPDX-License-Identifier: ISC */
/*
 * How many messages one command takes (RFC 9738): imapd.message_limit for all
 * that names messages, or imapd.save_limit for those that save some.
 *
 * Where a set has more, FETCH, SEARCH, STORE, MOVE and UID EXPUNGE take the
 * highest ones and answer OK with MESSAGELIMIT and the lowest UID they took;
 * what takes all or none is refused with that code.  EXPUNGE, CLOSE and STATUS
 * are never limited, nor is what the server does of itself (UPDATE, NOTIFY).
 *
 * The messages of a set are counted by their rows, and only in a view that has
 * more messages than the limit; kept are 8 bytes for each that may be taken.
 */
#ifndef IMAP_LIMIT_H
#define IMAP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "lib/ipc/ipc_codec.h"

/* The limit that holds; 0: none.  The operator's own tools have none. */
uint32_t	 imap_limit_messages(const struct imap_session *);
/* Of COPY and APPEND. */
uint32_t	 imap_limit_saves(const struct imap_session *);

enum imap_limit_how {
	IMAP_LIMIT_CUT,			/* take the highest */
	IMAP_LIMIT_REFUSE,		/* NO [MESSAGELIMIT n] */
	IMAP_LIMIT_REFUSE_HINT		/* the same with the UID where the n highest begin */
};
struct imap_limit_want {
	uint32_t		 max;		/* 0: no limit */
	enum imap_limit_how	 how;
	struct slice		 set;		/* lives as long as the command */
	bool			 by_uid;
	uint64_t		 changed_since;	/* only those count; 0: all */
	const struct imap_view	*view;		/* NULL: of the selected mailbox */
	/* Does it count?  NULL: all do. */
	bool			(*counts)(struct imap_cmd *, const struct ipc_row *);
};
/* The set as it was, or without its lower messages; of the same kind. */
typedef void imap_limit_fn(struct imap_cmd *, struct slice set);

/* Counts and then calls goes_on, unless the command was answered. */
void		 imap_limit_run(struct imap_cmd *, const struct imap_limit_want *,
		    imap_limit_fn *goes_on);
/* NO [MESSAGELIMIT max] */
void		 imap_limit_refuse(struct imap_cmd *, uint32_t max);
/* Only some messages were taken. */
bool		 imap_limit_was_cut(const struct imap_cmd *);
/* Before the answer is put: its code, or an untagged NO where it has another. */
void		 imap_limit_put(struct imap_cmd *);
void		 imap_limit_free(struct imap_limit **);

#endif
