/* SPDX-License-Identifier: ISC */
/*
 * Messages on their way into a mailbox (store_append): each is sealed to the
 * account's owner as its bytes come, kept up to what fits in the request and
 * beyond that in a file of the store's, and handed over.
 *
 *	imap_deposit_next(d);
 *	while (imap_deposit_begin(d, bytes) == ERR_AGAIN)	-- a later turn
 *		;
 *	imap_deposit_put(d, piece) ...		-- imap_deposit_needs_file: give one
 *	imap_deposit_end(d);			-- the same; then d->append is filled
 *	imap_deposit_send(d, on_appended, arg);	-- but for mailbox, flags, date, more
 *	imap_deposit_result(d, reply);
 *
 * With append.more the store keeps a message for the last one: all or none.
 * fini has it forget them.  Nothing here answers the command.  Behind send only
 * the numbers of append are good: what its slices were of went with the kit.
 */
#ifndef IMAP_DEPOSIT_H
#define IMAP_DEPOSIT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_kit.h"
#include "lib/seal/sealer.h"

struct imap_deposit {
	struct imap_cmd		*c;
	/* Into whose mailbox: init says the session's; others are set behind it. */
	uint32_t		 handle;	/* 0: the session's */
	struct sealer_owner	 owner;
	struct ipc_store_append	 append;
	struct imap_kit		*kit;		/* from next until it was sent, else NULL */
	int			 fd;		/* the store's file, -1: none */
	uint32_t		 kept;		/* messages that the store may keep for the last */
	uint32_t		 handle_serial;	/* of the store session that reserved the epoch */
	bool			 waiting;	/* for an epoch */
	enum err		 error;		/* of that */
};

void		 imap_deposit_init(struct imap_deposit *, struct imap_cmd *);
void		 imap_deposit_fini(struct imap_deposit *);
/* Another message; nothing is left of the one before. */
void		 imap_deposit_next(struct imap_deposit *);
/* Of so many bytes.  ERR_AGAIN while the store is asked for an epoch. */
enum err	 imap_deposit_begin(struct imap_deposit *, uint64_t bytes) MUST_USE;
enum err	 imap_deposit_put(struct imap_deposit *, struct slice) MUST_USE;
enum err	 imap_deposit_end(struct imap_deposit *) MUST_USE;
/* It no longer fits in a request: no more may be put, and it is not sent, without. */
bool		 imap_deposit_needs_file(const struct imap_deposit *);
enum err	 imap_deposit_take_file(struct imap_deposit *, int fd) MUST_USE;
/* ERR_GONE, ERR_FULL */
enum err	 imap_deposit_send(struct imap_deposit *, imap_reply_fn *, void *arg) MUST_USE;
/* NULL: it was refused. */
const struct ipc_store_appended *imap_deposit_result(struct imap_deposit *,
		    const struct imap_reply *);

#endif
