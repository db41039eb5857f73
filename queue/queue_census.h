/* SPDX-License-Identifier: ISC */
/*
 * What gwshape prints: recipients that wait for other hosts, by site and age,
 * as a table, the largest site first.
 */
#ifndef QUEUE_CENSUS_H
#define QUEUE_CENSUS_H

#include "queue/queue_core.h"
#include "queue/queue_list.h"

#define QUEUE_CENSUS_SITES	500u	/* lines, at most */

/*
 * args: NUL-terminated "bCOUNT" (of columns), "tMINUTES", "l" (linear),
 * "nLINES", and which of them: "incoming", "active", "deferred", "hold";
 * none named is all.
 */
void	 queue_census_run(struct queue *, struct slice args, uint64_t id,
	    queue_list_fn *, void *arg);

#endif
