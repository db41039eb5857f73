/* SPDX-License-Identifier: ISC */
/*
 * What gwmap asks of the queue (queue_tool.h): tables are made from pages of
 * rows and take the place of the old ones as a whole; keys are looked up;
 * tables are listed.
 *
 *	map.list	[cursor]		uses, name, state, kind, rows: a line each
 *	map.get		name key		the value; exit 1: no such key
 *	map.dump	name [cursor]		key, tab, value
 *	map.begin	name kind copy		the number of a new table
 *	map.put		number replace key value ...	positions of keys known before
 *	map.del		number key ...		how many there were
 *	map.commit	number			how many rows
 *	map.abort	number
 *
 * kind: "aliases" or "table"; copy and replace: "yes" or "no".  At most
 * QUEUE_MAP_BUILDS tables are made at a time; one that rests for
 * QUEUE_MAP_REST_MS gives way to another.
 */
#ifndef QUEUE_MAP_TOOL_H
#define QUEUE_MAP_TOOL_H

#include "queue/queue_core.h"
#include "queue/queue_tool.h"

#define QUEUE_MAP_BUILDS	4u
#define QUEUE_MAP_REST_MS	60000u

void	 queue_map_tool_list(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_get(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_dump(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_begin(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_put(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_del(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_commit(struct queue *, struct slice args, const struct queue_call *);
void	 queue_map_tool_abort(struct queue *, struct slice args, const struct queue_call *);
/* The end: none is under way in the pool. */
void	 queue_map_tool_fini(struct queue *);

#endif
