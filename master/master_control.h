/* SPDX-License-Identifier: ISC */
/*
 * The control socket: mode 0600, and the kernel says who calls; only root
 * and master's own user are heard.  Requests to other roles are passed on
 * unread, descriptor included, to the first process of that role, and its
 * answer is passed back.  What master does itself:
 *
 *	status [-j]	reload		stop
 *
 * and in test builds: clock MS (moves every clock), crash ROLE STEP[,STEP ...]
 * (the next starts of that role die at these), pids (one line a process).
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"

#define MASTER_CONNECTIONS_MAX	64

struct master;
struct master_control;

enum err	 master_control_new(struct master *, struct master_control **,
		    struct buf *why) MUST_USE;
void		 master_control_free(struct master_control **);

/* A request whose answer comes later; answering it frees it. */
struct control_wait;
void		 master_control_answer(struct control_wait *, uint8_t exit_code, struct slice text);

#endif
