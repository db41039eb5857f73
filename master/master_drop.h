/* SPDX-License-Identifier: ISC */
/*
 * The drop directory: mail that local programs left while the suite was down
 * (smtpd/sendmail_drop.h).  Looked at when all daemons serve and every minute
 * after that.  Each file is handed to sendmail, which runs as the owner of
 * the file and submits it as if he did it now: master reads none of them.
 * One at a time.  A file of root's is handed over as nobody's.
 *
 * The directory may be written by everybody: what is no regular file with
 * one link is left alone, and at most MASTER_DROP_NAMES names are looked at
 * in a round.
 */
#ifndef MASTER_DROP_H
#define MASTER_DROP_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

#define MASTER_DROP_MS		60000u
#define MASTER_DROP_NAMES	1000u
#define MASTER_DROP_NOBODY	65534u

struct master;
struct master_drop;

/* Makes the directory, mode 01733, when it is missing. */
enum err	 master_drop_new(struct master *, struct master_drop **, struct buf *why) MUST_USE;
void		 master_drop_free(struct master_drop **);
void		 master_drop_start(struct master_drop *);	/* all daemons serve */
void		 master_drop_stop(struct master_drop *);	/* begin nothing new */
/* Was it ours? */
bool		 master_drop_reaped(struct master_drop *, pid_t, int status);

#endif
