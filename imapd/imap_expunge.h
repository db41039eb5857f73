/* SPDX-License-Identifier: ISC */
/*
 * Removing messages with \Deleted, in as many slices as the store wants: for
 * EXPUNGE, UID EXPUNGE and CLOSE.
 */
#ifndef IMAP_EXPUNGE_H
#define IMAP_EXPUNGE_H

#include "imapd/imap_cmd.h"

typedef void imap_expunge_done_fn(struct imap_cmd *);

/* uid_set empty: all.  done runs when all slices are; on an error the command is answered. */
void	 imap_expunge_start(struct imap_cmd *, struct slice uid_set, imap_expunge_done_fn *);

#endif
