/* SPDX-License-Identifier: ISC */
/*
 * store_commit.h over the engine in memory: a batch is durable in the turn
 * behind its first transaction, or when one that is lazy has waited.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "store/blob_mem.h"
#include "store/kv_mem.h"
#include "store/store_commit.h"

struct commit {
	struct loop		*loop;
	struct kv		*kv;
	struct blob		*blob;
	struct loop_idle	 idle;
	struct timer		 lazy;
	timer_fn		*batch_fn;
	void			*batch_arg;
	timer_fn		*drain_fn;
	void			*drain_arg;
	struct commit_stat	 stat;
};

static void
settle(void *arg)
{
	struct commit *c = arg;
	timer_fn *fn = c->drain_fn;

	loop_idle_cancel(&c->idle);
	timer_stop(&c->lazy);
	/* What emptied a segment was submitted before it was said. */
	blob_mem_settle(c->blob);
	if (kv_mem_pending(c->kv) > 0) {
		c->stat.batches++;
		c->stat.transactions += kv_mem_pending(c->kv);
		kv_mem_settle(c->kv);
		if (c->batch_fn != NULL)
			c->batch_fn(c->batch_arg);
	}
	if (fn == NULL)
		return;
	if (kv_mem_pending(c->kv) > 0) {
		loop_defer(c->loop, &c->idle);
		return;
	}
	c->drain_fn = NULL;
	fn(c->drain_arg);
}

static void
on_kick(void *arg, enum kv_urgency urgency)
{
	struct commit *c = arg;

	if (urgency == KV_NOW)
		loop_defer(c->loop, &c->idle);
	else if (!timer_is_set(&c->lazy))
		timer_set(&c->lazy, loop_now(c->loop) + COMMIT_LAZY_MS);
}

enum err
commit_open(struct commit **out, struct loop *loop, int dir_fd, unsigned shards,
    uint64_t segment_bytes, struct buf *why)
{
	struct commit *c = must_alloc(1, sizeof(*c));

	(void)dir_fd;
	(void)why;
	c->loop = loop;
	c->kv = kv_mem_new(shards, on_kick, c);
	c->blob = blob_mem_new(segment_bytes);
	loop_idle_init(&c->idle, settle, c);
	timer_init(&c->lazy, loop, settle, c);
	*out = c;
	return ERR_OK;
}

void
commit_close(struct commit **pc)
{
	struct commit *c = *pc;

	*pc = NULL;
	if (c == NULL)
		return;
	loop_idle_cancel(&c->idle);
	timer_stop(&c->lazy);
	blob_mem_free(&c->blob);
	kv_mem_free(&c->kv);
	free(c);
}

struct kv *
commit_kv(struct commit *c)
{
	return c->kv;
}

struct blob *
commit_blob(struct commit *c)
{
	return c->blob;
}

void
commit_on_batch(struct commit *c, timer_fn *fn, void *arg)
{
	c->batch_fn = fn;
	c->batch_arg = arg;
}

void
commit_checkpoint(struct commit *c)
{
	loop_defer(c->loop, &c->idle);
}

void
commit_drain(struct commit *c, timer_fn *fn, void *arg)
{
	c->drain_fn = fn;
	c->drain_arg = arg;
	loop_defer(c->loop, &c->idle);
}

bool
commit_is_idle(const struct commit *c)
{
	return kv_mem_pending(c->kv) == 0;
}

void
commit_stat(const struct commit *c, struct commit_stat *st)
{
	*st = c->stat;
}
