/* SPDX-License-Identifier: ISC */
/*
 * The first pieces of the bodies of a walk (struct imap_walk_first), asked for
 * ahead, and the compressed messages that a piece is all of opened in threads
 * (imap_opening.h) where the walk wants that, unless there is but one.
 *
 * At most IMAP_WALK_FIRSTS of them, the current message's included, and of
 * IMAP_WALK_FIRST_BYTES together, or one; what is opened counts twice, as
 * pieces and as text.
 */
#ifndef IMAP_FIRSTS_H
#define IMAP_FIRSTS_H

#include "imapd/imap_walk.h"

void		 imap_firsts_start(struct imap_walk *);
void		 imap_firsts_fini(struct imap_walk *);
/* As many as may be. */
void		 imap_firsts_ask(struct imap_walk *);
/* The next message is the current one: the one before is done with. */
void		 imap_firsts_next(struct imap_walk *);

#endif
