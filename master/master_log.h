/* SPDX-License-Identifier: ISC */
/*
 * Collects what the daemons write to standard error: one pipe each, whole
 * lines, stamped with time, name and pid, to the log file or standard error.
 * A line longer than LOG_LINE_MAX is cut; a daemon that writes more than
 * MASTER_LOG_RATE bytes a second loses the rest of that second, which is
 * told.  Under journald there is no time stamp.  master's own lines take the
 * same way.
 *
 * The first line after a silence is taken at once, those after it together
 * every MASTER_LOG_TICK_MS, up to MASTER_LOG_TICK_MAX_MS while they keep
 * coming: on a busy system one read and one write serve many lines, whose
 * stamps are later than they by that much.
 */
#ifndef MASTER_LOG_H
#define MASTER_LOG_H

#include <sys/types.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/io/loop.h"

#define MASTER_LOG_RATE		(4u << 20)
#define MASTER_LOG_READ		65536	/* bytes of one daemon in one turn */
#define MASTER_LOG_TICK_MS	5	/* the first; each with lines doubles the next */
#define MASTER_LOG_TICK_MAX_MS	20

struct master_log;
struct master_log_source;

/* path "" is standard error.  The file is created with mode 0640. */
enum err	 master_log_new(struct loop *, const char *path, struct master_log **) MUST_USE;
void		 master_log_free(struct master_log **);
enum err	 master_log_reopen(struct master_log *) MUST_USE;
/* From now on log_event of this process goes the way of the others. */
void		 master_log_own(struct master_log *);

/* *write_fd is the daemon's standard error; the caller closes it. */
enum err	 master_log_source_new(struct master_log *, const char *name, int *write_fd,
		    struct master_log_source **) MUST_USE;
void		 master_log_source_pid(struct master_log_source *, pid_t);
/* Reads what is left, then frees. */
void		 master_log_source_free(struct master_log_source **);

#endif
