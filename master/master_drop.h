/* SPDX-License-Identifier: ISC */
/*
 * The drop directory: mail that local programs left while the suite was down
 * (smtpd/sendmail_drop.h).  Looked at when all daemons serve and every minute
 * after that.  Each file is handed to sendmail, which runs as the owner of
 * the file and submits it as if he did it now: master reads none of them.
 * One at a time, MASTER_DROP_RUN_MS long at most.  A file of root's is handed
 * over as nobody's.
 *
 * The directory may be written by everybody.  A round goes once over all
 * names (master_drop_scan.h) and gives each owner a turn of limited length
 * (master_drop_share.h); what is left of it comes in a round that follows at
 * once.  What is no dropped mail gets a hidden name, is logged with that, and
 * is never looked at again.
 */
#ifndef MASTER_DROP_H
#define MASTER_DROP_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

#define MASTER_DROP_MS		60000u
#define MASTER_DROP_RUN_MS	300000u
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
