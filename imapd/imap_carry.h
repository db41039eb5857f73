/* SPDX-License-Identifier: ISC */
/*
 * COPY and MOVE from one account into another.  Mail is sealed to its owner,
 * so each message is read as by FETCH and brought as by APPEND, all of them in
 * one transaction; MOVE then marks those in the selected mailbox as deleted
 * and expunges them.  Within one account imap_copy.h does it without a look at
 * the mail.
 */
#ifndef IMAP_CARRY_H
#define IMAP_CARRY_H

#include <stdbool.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_place.h"
#include "lib/ipc/store_proto.h"

#define IMAP_CARRY_MAX	STORE_MULTI_MAX		/* messages at once */

/* The set is of the selected mailbox, which may be changed when move. */
void	 imap_carry_start(struct imap_cmd *, const struct imap_place *to, struct slice set,
	    bool move);

#endif
