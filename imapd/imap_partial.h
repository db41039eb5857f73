/* SPDX-License-Identifier: ISC */
/*
 * PARTIAL of UID FETCH (RFC 9394 s3.3): which messages of a set lie in the
 * window that the client looks through.  Reads the set's rows once.
 * Level-triggered like imap_walk.
 */
#ifndef IMAP_PARTIAL_H
#define IMAP_PARTIAL_H

#include "imapd/imap_cmd.h"
#include "imapd/imap_found.h"
#include "imapd/imap_return.h"
#include "imapd/imap_walk.h"

struct imap_partial {
	struct imap_window	 window;
	struct imap_walk	 walk;
	struct imap_found	 found;
	struct buf		 pairs;		/* the answer: UIDs */
};

void		 imap_partial_start(struct imap_partial *, struct imap_cmd *, struct slice set,
		    const struct imap_window *);
void		 imap_partial_fini(struct imap_partial *);	/* started or zeroed */
/* ERR_OK: pairs are complete.  ERR_AGAIN: wait.  Else: answered. */
enum err	 imap_partial_next(struct imap_partial *) MUST_USE;

#endif
