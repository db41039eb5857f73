/* SPDX-License-Identifier: ISC */
#include "queue/queue_tool.h"

#include <sysexits.h>

#include "lib/base/cc.h"
#include "queue/queue_cat.h"
#include "queue/queue_census.h"
#include "queue/queue_check.h"
#include "queue/queue_core.h"
#include "queue/queue_list.h"
#include "queue/queue_map_tool.h"
#include "queue/queue_super.h"

void
queue_tool_answer(const struct queue_call *c, uint8_t exit_code, struct slice text)
{
	c->fn(c->arg, c->id, exit_code, false, text);
}

static void
on_list(struct queue *q, struct slice args, const struct queue_call *c)
{
	queue_list_page(q, args, c->id, c->fn, c->arg);
}

static void
on_shape(struct queue *q, struct slice args, const struct queue_call *c)
{
	queue_census_run(q, args, c->id, c->fn, c->arg);
}

static const struct verb {
	const char	*name;
	void		(*fn)(struct queue *, struct slice args, const struct queue_call *);
} verbs[] = {
	{ "queue.list", on_list },
	{ "queue.flush", queue_super_flush },
	{ "queue.super", queue_super_run },
	{ "queue.check", queue_check_page },
	{ "queue.shape", on_shape },
	{ "queue.cat", queue_cat_page },
	{ "map.list", queue_map_tool_list },
	{ "map.get", queue_map_tool_get },
	{ "map.dump", queue_map_tool_dump },
	{ "map.begin", queue_map_tool_begin },
	{ "map.put", queue_map_tool_put },
	{ "map.del", queue_map_tool_del },
	{ "map.commit", queue_map_tool_commit },
	{ "map.abort", queue_map_tool_abort },
};

void
queue_tool_run(struct queue *q, struct slice verb, struct slice args,
    const struct queue_call *c)
{
	size_t i;

	for (i = 0; i < lengthof(verbs); i++)
		if (slice_eq_str(verb, verbs[i].name)) {
			verbs[i].fn(q, args, c);
			return;
		}
	queue_tool_answer(c, EX_USAGE, SLICE_LIT("unknown verb"));
}
