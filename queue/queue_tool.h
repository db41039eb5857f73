/* SPDX-License-Identifier: ISC */
/*
 * The verbs that operators' tools ask the queue for (lib/daemon/tool.h), in
 * one table.  Who may ask was decided by master: root and the owner of the
 * instance.
 */
#ifndef QUEUE_TOOL_H
#define QUEUE_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"

struct queue;

/* Called once for each request, maybe at once. */
typedef void queue_reply_fn(void *arg, uint64_t id, uint8_t exit, bool more, struct slice);

struct queue_call {
	queue_reply_fn	*fn;
	void		*arg;
	uint64_t	 id;
	uint32_t	 uid;		/* who asks */
};

void	 queue_tool_run(struct queue *, struct slice verb, struct slice args,
	    const struct queue_call *);
void	 queue_tool_answer(const struct queue_call *, uint8_t exit, struct slice text);

#endif
