/* SPDX-License-Identifier: ISC */
#include "store/store_compact.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_walk.h"
#include "store/store_record.h"

#define ROUND_MS	60000		/* looking for work */
#define TURN_MS		10		/* between two slices, and as long as ... */
#define BYTES_PER_MS	(16u << 10)	/* ... what was copied takes at 16 MiB/s */
#define FORCED_TURN_MS	1
#define FORCED_PER_MS	(128u << 10)
#define WAIT_MS		20		/* too busy; or a segment is yet to be unlinked */
#define SCANNED_MAX	4096		/* accounts remembered; a power of two */
#define PREFIX_BYTES	9

struct store_compact {
	struct store		*store;
	struct timer		 timer;
	bool			 is_forced;
	uint32_t		 segment;	/* being emptied; 0: none */
	uint32_t		 last;		/* those up to it had their turn in this round */
	uint64_t		 offset;	/* the next record */
	uint64_t		 disk_bytes;	/* of the segment, when it began */
	uint64_t		 account;	/* whose column blocks are looked through; 0: none */
	struct kv_key		 at;		/* of those */
	uint64_t		 scanned[SCANNED_MAX];	/* accounts, by hash: done */
	uint64_t		 slice_bytes;	/* copied in this slice */
	struct compact_progress	 progress;
};

/* ---- moving ---- */

/* Puts the copy and submits the new value of key, which names it in *place. */
struct change {
	struct kv_txn	*txn;
	struct kv_key	 key;
	struct slice	 old;
	struct buf	 value;
};

static enum err
submit(struct store_compact *c, struct change *x, const struct blob_ref *from,
    const struct blob_ref *to)
{
	enum err e;

	kv_expect(x->txn, &x->key, x->old);
	kv_put(x->txn, &x->key, buf_slice(&x->value));
	if ((e = kv_submit(&x->txn, KV_LAZY, NULL, NULL)) != ERR_OK)
		return e;
	blob_moved(c->store->blob, from, to);
	c->slice_bytes += from->bytes;
	c->progress.moved_bytes += from->bytes;
	daemon_crash_at("store.compact-moved");
	return ERR_OK;
}

static enum err
change_content(struct store_compact *c, struct change *x, const struct blob_found *f)
{
	struct record_content rec;
	struct blob_ref *place, to;
	enum err e;

	if ((e = record_content_read(&rec, x->old)) != ERR_OK)
		return e;
	place = f->head.kind == BLOB_BODY ? &rec.body : &rec.summary_ref;
	if (!blob_ref_eq(place, &f->ref))
		return ERR_OK;
	if ((e = blob_move(c->store->blob, f, &to)) != ERR_OK)
		return e;
	*place = to;
	record_content_put(&rec, &x->value);
	return submit(c, x, &f->ref, &to);
}

static enum err
change_epoch(struct store_compact *c, struct change *x, const struct blob_found *f)
{
	struct record_epoch rec;
	struct blob_ref to;
	enum err e;

	if ((e = record_epoch_read(&rec, x->old)) != ERR_OK)
		return e;
	if (!blob_ref_eq(&rec.place, &f->ref))
		return ERR_OK;
	if ((e = blob_move(c->store->blob, f, &to)) != ERR_OK)
		return e;
	rec.place = to;
	record_epoch_put(&rec, &x->value);
	return submit(c, x, &f->ref, &to);
}

static enum err
move_content(struct store_compact *c, const struct blob_found *f)
{
	bool is_epoch = f->head.kind == BLOB_EPOCH;
	struct change x = { .key = record_key_u64(f->head.account, is_epoch ? 'E' : 'X',
	    f->head.content) };
	enum err e;

	if ((e = kv_begin(c->store->kv, f->head.account, KV_WRITE, &x.txn)) != ERR_OK)
		return e;
	buf_init(&x.value, RECORD_BYTES_MAX);
	e = kv_get(x.txn, &x.key, &x.old);
	if (e == ERR_OK)
		e = is_epoch ? change_epoch(c, &x, f) : change_content(c, &x, f);
	else if (e == ERR_NOTFOUND)
		e = ERR_OK;
	kv_end(&x.txn);
	buf_fini(&x.value);
	return e;
}

/* ---- column blocks: their keys say nothing of content ids ---- */

static uint64_t *
scanned_slot(struct store_compact *c, uint64_t account)
{
	return &c->scanned[account * 0x9e3779b97f4a7c15u >> 32 & (SCANNED_MAX - 1)];
}

static enum err
change_columns(struct store_compact *c, struct change *x)
{
	struct record_columns rec;
	struct blob_found f;
	struct blob_ref to;
	enum err e;

	/* Nobody can read a damaged one either: it is made again. */
	if (record_columns_read(&rec, x->old) != ERR_OK || rec.data.segment != c->segment)
		return ERR_OK;
	f.ref = rec.data;
	if ((e = blob_head_at(c->store->blob, f.ref.segment, f.ref.offset, &f.head)) != ERR_OK)
		return e;
	if (f.head.kind != BLOB_COLUMNS || f.head.account != c->account ||
	    f.head.content != rec.content || f.head.bytes != f.ref.bytes ||
	    f.head.note != f.ref.note)
		return ERR_CORRUPT;
	if ((e = blob_move(c->store->blob, &f, &to)) != ERR_OK)
		return e;
	rec.data = to;
	record_columns_put(&rec, &x->value);
	return submit(c, x, &f.ref, &to);
}

/* One block of the account. */
static enum err
move_columns(struct store_compact *c)
{
	struct change x = { .txn = NULL };
	enum err e;

	if ((e = kv_begin(c->store->kv, c->account, KV_WRITE, &x.txn)) != ERR_OK)
		return e;
	buf_init(&x.value, RECORD_BYTES_MAX);
	e = kv_find(x.txn, KV_GT, &c->at, PREFIX_BYTES, &x.key, &x.old);
	if (e == ERR_OK && (e = change_columns(c, &x)) == ERR_OK)
		c->at = x.key;
	if (e == ERR_NOTFOUND) {
		*scanned_slot(c, c->account) = c->account;
		c->account = 0;
		e = ERR_OK;
	}
	kv_end(&x.txn);
	buf_fini(&x.value);
	return e;
}

static void
scan_columns(struct store_compact *c, uint64_t account)
{
	if (*scanned_slot(c, account) == account)
		return;
	c->account = account;
	c->at = record_key(account, 'O');
}

/* ---- a segment ---- */

static void
begin(struct store_compact *c, uint32_t segment)
{
	c->segment = c->last = segment;
	c->offset = 0;
	c->account = 0;
	c->disk_bytes = blob_segment_disk_bytes(c->store->blob, segment);
	for (unsigned i = 0; i < SCANNED_MAX; i++)
		c->scanned[i] = 0;
}

static enum err
step(struct store_compact *c)
{
	uint64_t next = c->offset;
	struct blob_found f;
	enum err e;

	if (c->account != 0)
		return move_columns(c);
	if ((e = blob_walk(c->store->blob, c->segment, &next, &f)) != ERR_OK)
		return e;
	if (f.head.kind == BLOB_COLUMNS)
		scan_columns(c, f.head.account);
	else
		e = move_content(c, &f);
	if (e == ERR_OK)
		c->offset = next;
	return e;
}

static void
give_up(struct store_compact *c, enum err e)
{
	log_event(LOG_corrupt, log_str("what", "segment"), log_num("where", c->segment),
	    log_str("reason", err_text(e)));
	blob_damaged(c->store->blob, c->segment);
	c->progress.damaged++;
	c->segment = 0;
}

static void
finish(struct store_compact *c)
{
	blob_emptied(c->store->blob, c->segment);
	daemon_crash_at("store.compact-emptied");
	c->progress.segments++;
	c->progress.freed_bytes += c->disk_bytes;
	c->segment = 0;
	/* It carries the news, and unlinks when that is durable. */
	commit_checkpoint(c->store->commit);
}

/* Milliseconds until the next slice. */
static uint64_t
slice(struct store_compact *c)
{
	uint64_t begin_us = clock_mono_us();
	enum err e;

	c->slice_bytes = 0;
	do
		e = step(c);
	while (e == ERR_OK && c->slice_bytes < COMPACT_SLICE_BYTES &&
	    clock_mono_us() - begin_us < COMPACT_SLICE_US);
	if (e == ERR_END)
		finish(c);
	else if (e == ERR_BUSY)
		return WAIT_MS;
	else if (e != ERR_OK)
		give_up(c, e);
	if (c->is_forced)
		return FORCED_TURN_MS + c->slice_bytes / FORCED_PER_MS;
	return TURN_MS + c->slice_bytes / BYTES_PER_MS;
}

/* ---- turns ---- */

static uint64_t
look(struct store_compact *c)
{
	struct store *s = c->store;
	unsigned percent = c->is_forced ? 0 : s->compact_percent;
	bool has_room = store_has_room(s);
	uint32_t segment;

	/* Copies need room until the old ones are gone: without it the wholly dead only. */
	segment = blob_victim(s->blob, c->last, has_room ? percent : 100,
	    has_room ? store_now_s(s) : 0);
	if (segment != 0) {
		begin(c, segment);
		return c->is_forced ? FORCED_TURN_MS : TURN_MS;
	}
	if (c->is_forced && blob_is_settling(s->blob)) {
		commit_checkpoint(s->commit);
		return WAIT_MS;
	}
	c->is_forced = false;
	c->last = 0;
	return ROUND_MS;
}

static void
turn(void *arg)
{
	struct store_compact *c = arg;
	uint64_t wait_ms = c->segment != 0 ? slice(c) : look(c);

	timer_set(&c->timer, loop_now(c->store->loop) + wait_ms);
}

void
compact_start(struct store *s)
{
	struct store_compact *c = must_alloc(1, sizeof(*c));

	c->store = s;
	s->compact = c;
	timer_init(&c->timer, s->loop, turn, c);
	timer_set(&c->timer, loop_now(s->loop) + ROUND_MS);
}

void
compact_stop(struct store *s)
{
	if (s->compact == NULL)
		return;
	timer_stop(&s->compact->timer);
	free(s->compact);
	s->compact = NULL;
}

bool
compact_force(struct store *s)
{
	struct store_compact *c = s->compact;

	if (c == NULL || c->is_forced)
		return false;
	c->progress = (struct compact_progress){ 0 };
	c->is_forced = true;
	c->last = 0;
	blob_rotate(s->blob);
	timer_set(&c->timer, loop_now(s->loop) + FORCED_TURN_MS);
	return true;
}

void
compact_progress(const struct store *s, struct compact_progress *p)
{
	*p = s->compact != NULL ? s->compact->progress : (struct compact_progress){ 0 };
	p->is_forced = s->compact != NULL && s->compact->is_forced;
}
