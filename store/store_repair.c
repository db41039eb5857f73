/* SPDX-License-Identifier: ISC */
#include "store/store_repair.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/blob_segment.h"
#include "store/repair_priv.h"
#include "store/store_check.h"

/* ---- the segments ---- */

static enum err
add_item(struct repair *r, const struct blob_found *f)
{
	if (r->item_n == REPAIR_ITEMS_MAX)
		return ERR_LIMIT;
	if (r->item_n == r->item_cap) {
		r->item_cap = r->item_cap == 0 ? 1024 : r->item_cap * 2;
		r->items = must_realloc(r->items, r->item_cap, sizeof(*r->items));
	}
	r->items[r->item_n++] = (struct repair_item){ f->head.account, f->head.content, f->ref,
	    f->head.kind };
	return ERR_OK;
}

/* Its length is what its checksum covers; asked when what follows is no record. */
static bool
is_whole(struct repair *r, const struct blob_found *f)
{
	return blob_check(r->store->blob, &f->ref, f->head.account, f->head.content,
	    f->head.kind) == ERR_OK;
}

static enum err
walk_segment(struct repair *r, uint32_t segment)
{
	struct blob *b = r->store->blob;
	uint64_t offset = 0, at;
	struct blob_found f, next;
	bool is_sure = true;
	enum err e = ERR_OK, peek;

	while (e == ERR_OK) {
		at = offset;
		if ((e = blob_walk(b, segment, &offset, &f)) == ERR_OK) {
			uint64_t ahead = offset;

			peek = blob_walk(b, segment, &ahead, &next);
			if ((is_sure && peek != ERR_CORRUPT) || is_whole(r, &f)) {
				is_sure = true;
				e = add_item(r, &f);
				continue;
			}
			e = ERR_CORRUPT;
		}
		if (e != ERR_CORRUPT)
			break;
		/* Look for the next one; that it looks like one is not enough there. */
		r->damaged += is_sure;
		is_sure = false;
		offset = at;
		e = blob_resync(b, segment, &offset);
	}
	return e == ERR_END ? ERR_OK : e;
}

static int
item_cmp(const void *a, const void *b)
{
	const struct repair_item *x = a, *y = b;

	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->content != y->content)
		return x->content < y->content ? -1 : 1;
	if (x->ref.segment != y->ref.segment)
		return x->ref.segment < y->ref.segment ? -1 : 1;
	return x->ref.offset < y->ref.offset ? -1 : x->ref.offset > y->ref.offset;
}

static enum err
read_segments(struct repair *r)
{
	uint32_t segment = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && (segment = blob_next_segment(r->store->blob, segment)) != 0)
		e = walk_segment(r, segment);
	if (r->item_n > 0)
		qsort(r->items, r->item_n, sizeof(*r->items), item_cmp);
	return e;
}

/* The one at this place; else (or without one) the last that was written. */
const struct repair_item *
repair_item_find(const struct repair_item *v, size_t n, enum blob_kind kind, uint64_t content,
    const struct blob_ref *at)
{
	const struct repair_item *best = NULL;
	size_t lo = 0, hi = n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (v[mid].kind < kind || (v[mid].kind == kind && v[mid].content < content))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < n && v[lo].kind == kind && v[lo].content == content; lo++) {
		best = &v[lo];
		if (at != NULL && blob_ref_eq(at, &v[lo].ref))
			break;
	}
	return best;
}

enum err
repair_note(struct repair *r, const struct repair_item *item, struct buf *b,
    struct note_body *note)
{
	enum err e;

	buf_reset(b);
	if (item == NULL || item->ref.note == 0)
		return ERR_NOTFOUND;
	if ((e = blob_note(r->store->blob, &item->ref, b)) != ERR_OK)
		return e;
	return note_body_read(note, buf_slice(b));
}

/* ---- transactions ---- */

enum err
repair_begin(struct rebuild *rb)
{
	enum err e;

	e = op_begin(&rb->op, rb->r->store, rb->account, KV_WRITE);
	if (e == ERR_BUSY) {
		rb->r->settle(rb->r->settle_arg);
		e = op_begin(&rb->op, rb->r->store, rb->account, KV_WRITE);
	}
	rb->in_op = 0;
	return e;
}

enum err
repair_submit(struct rebuild *rb)
{
	rb->op.is_dirty = true;
	rb->r->has_changed = true;
	return op_submit(&rb->op, KV_LAZY, NULL);
}

enum err
repair_count(struct rebuild *rb)
{
	enum err e;

	if (++rb->in_op < REPAIR_SLICE)
		return ERR_OK;
	if ((e = repair_submit(rb)) != ERR_OK)
		return e;
	return repair_begin(rb);
}

enum err
repair_drop(struct rebuild *rb, const struct kv_key *prefix)
{
	struct kv_key at = *prefix, found;
	struct slice v;
	enum err e;

	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	kv_del(rb->op.txn, prefix);	/* the first part of some has no more than it */
	while ((e = kv_find(rb->op.txn, KV_GT, &at, prefix->n, &found, &v)) == ERR_OK) {
		kv_del(rb->op.txn, &found);
		at = found;
		if ((e = repair_count(rb)) != ERR_OK)
			return e;
	}
	return e == ERR_NOTFOUND ? repair_submit(rb) : e;
}

/* ---- accounts ---- */

static bool
is_marked(struct store *s, unsigned shard)
{
	struct kv_key k;
	struct kv_txn *t;
	bool is;

	if (kv_begin_shard(s->kv, shard, KV_READ, &t) != ERR_OK)
		return true;
	is = check_repair_find(t, &k) == ERR_OK;
	kv_end(&t);
	return is;
}

/* Those of one account. */
static size_t
items_of(const struct repair *r, uint64_t account, const struct repair_item **first)
{
	size_t lo = 0, hi = r->item_n, mid, n;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (r->items[mid].account < account)
			lo = mid + 1;
		else
			hi = mid;
	}
	*first = r->items + lo;
	for (n = 0; lo + n < r->item_n && r->items[lo + n].account == account; n++)
		;
	return n;
}

static enum err
one_account(struct repair *r, uint64_t account, bool marked)
{
	const struct repair_item *items;
	size_t n = items_of(r, account, &items);
	enum err e;

	r->accounts++;
	e = repair_account(r, account, marked, items, n);
	if (r->has_changed)
		r->settle(r->settle_arg);
	return e;
}

static bool
is_in_index(struct store *s, uint64_t account)
{
	uint64_t found;

	return check_next_account(s, kv_shard_of(s->kv, account), account - 1, &found) == ERR_OK &&
	    found == account;
}

static enum err
shard_accounts(struct repair *r, unsigned shard)
{
	bool marked = is_marked(r->store, shard);
	uint64_t account = 0, last = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && check_next_account(r->store, shard, account, &account) == ERR_OK)
		e = one_account(r, account, marked);
	/* Those of which the index has nothing: gone, unless it lost them. */
	for (size_t i = 0; e == ERR_OK && marked && i < r->item_n; i++) {
		account = r->items[i].account;
		if (account == last || account == 0 ||
		    kv_shard_of(r->store->kv, account) != shard)
			continue;
		last = account;
		if (!is_in_index(r->store, account))
			e = one_account(r, account, marked);
	}
	return e;
}

/* ---- the end ---- */

static void
use(struct repair *r, char type, struct slice v)
{
	struct record_content c;
	struct record_columns o;
	struct record_epoch ep;

	if (type == 'X' && record_content_read(&c, v) == ERR_OK) {
		blob_use(r->store->blob, &c.body);
		if (c.summary_ref.segment != 0)
			blob_use(r->store->blob, &c.summary_ref);
	} else if (type == 'O' && record_columns_read(&o, v) == ERR_OK) {
		blob_use(r->store->blob, &o.data);
	} else if (type == 'E' && record_epoch_read(&ep, v) == ERR_OK && ep.place.segment != 0) {
		blob_use(r->store->blob, &ep.place);
	}
}

/* Counters of the segments, from what the index names now. */
static enum err
recount(struct repair *r)
{
	struct kv_key at, found;
	struct kv_txn *t;
	struct slice v;
	enum err e = ERR_OK;

	blob_uncount(r->store->blob);
	for (unsigned i = 0; i < kv_shard_count(r->store->kv); i++) {
		if ((e = kv_begin_shard(r->store->kv, i, KV_READ, &t)) != ERR_OK)
			return e;
		at = record_key(0, '\xff');
		while ((e = kv_find(t, KV_GT, &at, 0, &found, &v)) == ERR_OK) {
			use(r, (char)found.b[8], v);
			at = found;
		}
		kv_end(&t);
		if (e != ERR_NOTFOUND)
			return e;
	}
	return ERR_OK;
}

static enum err
unmark(struct repair *r, unsigned shard)
{
	struct kv_key k;
	struct kv_txn *t;
	enum err e;

	if ((e = kv_begin_shard(r->store->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	while (check_repair_find(t, &k) == ERR_OK)
		kv_del(t, &k);
	return kv_submit(&t, KV_NOW, NULL, NULL);
}

static enum err
finish(struct repair *r)
{
	bool marked = false;
	enum err e;

	for (unsigned i = 0; i < kv_shard_count(r->store->kv); i++)
		marked |= is_marked(r->store, i);
	if (!marked && !r->has_changed)
		return ERR_OK;
	r->settle(r->settle_arg);
	if ((e = recount(r)) != ERR_OK)
		return e;
	for (unsigned i = 0; e == ERR_OK && i < kv_shard_count(r->store->kv); i++)
		e = is_marked(r->store, i) || i == 0 ? unmark(r, i) : ERR_OK;
	r->settle(r->settle_arg);
	return e;
}

enum err
repair_run(struct repair *r)
{
	enum err e;

	r->has_changed = blob_adopt(r->store->blob) > 0;
	e = read_segments(r);
	for (unsigned i = 0; e == ERR_OK && i < kv_shard_count(r->store->kv); i++)
		e = shard_accounts(r, i);
	if (e == ERR_OK)
		e = finish(r);
	return e;
}

void
repair_fini(struct repair *r)
{
	free(r->items);
	r->items = NULL;
	r->item_n = r->item_cap = 0;
}
