/* SPDX-License-Identifier: ISC */
#include "queue/queue_core.h"

#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"
#include "queue/queue_cat.h"
#include "queue/queue_compact.h"
#include "queue/queue_forget.h"
#include "queue/queue_keyd.h"
#include "queue/queue_map_tool.h"
#include "queue/queue_msg.h"
#include "queue/queue_rate.h"
#include "queue/queue_run.h"
#include "queue/queue_super.h"

void
queue_core_init(struct queue *q, struct loop *loop, int dir, const char *path)
{
	if (dir < 0)
		log_fatal("spool: no directory");
	cry_init();
	q->random = cry_random_u64();
	q->loop = loop;
	q->dir = dir;
	q->hostname = "localhost";
	q->limits = (struct queue_limits){ .minfree_bytes = 0, .message_limit = 1000000,
	    .direct_ms = 200, .spool_memory = 256ull << 20, .concurrency = 20 };
	queue_resolve_init(&q->resolver);
	q->srs_domain = "";
	q->srs.separator = '=';
	queue_resolve_set_lookup(&q->resolver, queue_map_find);
	q->maps = queue_maps_new(dir, path);
	list_init(&q->map_builds);
	token_gate_init(&q->tokens);
	queue_table_init(&q->table);
	queue_sched_init(&q->sched);
	queue_rate_init(q);
	list_init(&q->keeps);
	list_init(&q->clients);
	list_init(&q->direct);
	list_init(&q->stuck);
	list_init(&q->requests);
	list_init(&q->cats);
	map_init(&q->txns);
	map_init(&q->msgs);
	queue_forget_init(q);
	queue_quota_init(&q->quota);
	queue_line_init(q);
	timer_init(&q->direct_timer, loop, queue_msg_direct_due, q);
	timer_init(&q->run_timer, loop, queue_run_due, q);
	timer_init(&q->line_timer, loop, queue_line_go, q);
	timer_init(&q->house_timer, loop, queue_compact_due, q);
	timer_init(&q->key_timer, loop, queue_keyd_due, q);
}

/* For tests: nothing may be in hand. */
void
queue_core_fini(struct queue *q)
{
	struct list *l;

	timer_stop(&q->direct_timer);
	timer_stop(&q->run_timer);
	timer_stop(&q->line_timer);
	timer_stop(&q->house_timer);
	timer_stop(&q->key_timer);
	queue_super_fini(q);
	queue_cat_fini(q);
	queue_forget_fini(q);
	queue_quota_fini(&q->quota);
	queue_line_fini(q);
	for (l = q->table.order.next; l != &q->table.order; l = l->next)
		queue_sched_remove(&q->sched, obj_of(l, struct queue_item, order));
	queue_sched_fini(&q->sched);
	queue_table_fini(&q->table);
	queue_resolve_fini(&q->resolver);
	queue_map_tool_fini(q);
	queue_maps_free(&q->maps);
	token_gate_fini(&q->tokens);
	queue_seal_wipe_keys(&q->keys);
	secret_wipe(q->srs.keys, sizeof(q->srs.keys));
	queue_rate_fini(q);
	queue_texts_free(&q->texts);
	map_fini(&q->txns);
	map_fini(&q->msgs);
}

/* Ids only must not repeat (a clock may go back): no system call for each. */
uint64_t
queue_core_make_id(struct queue *q, uint64_t now_ms)
{
	q->random += 0x9e3779b97f4a7c15ull;
	return queue_table_make_id(&q->table, now_ms, (uint32_t)(hash_u64(q->random) >> 32));
}
