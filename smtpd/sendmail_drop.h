/* SPDX-License-Identifier: ISC */
/*
 * The drop directory: mail of local programs while the suite is down.  Any
 * user may make files there and nobody but root may list them; a file is
 * written under a name with a dot in front, synced, and then renamed, so that
 * what master finds is whole.  master hands each to sendmail again, running
 * as the file's owner.
 *
 * A file: the line "godwit-drop 1", lines "word value", an empty line, and
 * what the program gave, byte for byte.  The reader trusts none of it: it
 * speaks for nobody but its owner.
 */
#ifndef SENDMAIL_DROP_H
#define SENDMAIL_DROP_H

#include "smtpd/sendmail_compose.h"

#define SENDMAIL_DROP_HEAD_MAX	(33u << 20)	/* recipients, above all */

void		 sendmail_drop_put(struct buf *, const struct sendmail_wish *);
/*
 * raw is what follows; slices of the wish borrow from text, its recipients
 * from rcpts.  ERR_SYNTAX: not a file of ours; ERR_VERSION, ERR_LIMIT.
 */
enum err	 sendmail_drop_get(struct slice text, struct sendmail_wish *,
		    struct buf *rcpts, struct slice *raw) MUST_USE;

/* A new file in the directory; durable on return, for any user. */
enum err	 sendmail_drop_write(const char *dir, const struct sendmail_wish *,
		    struct slice raw) MUST_USE;

#endif
