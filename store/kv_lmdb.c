/* SPDX-License-Identifier: ISC */
/*
 * A read asks the overlay first and the LMDB file second.  A value leaves the
 * overlay only after the file that holds it was committed, and the snapshot
 * of a shard's file is taken anew for each transaction, so the two together
 * are always one state.
 */
#include "store/kv_lmdb_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

struct undo {
	struct kv_node	*node;
	struct kv_val	*old;
	uint64_t	 old_txn;
};

struct kv_txn {
	struct kv	*kv;
	struct shard	*shard;
	unsigned char	 prefix[8];
	enum kv_mode	 mode;
	uint64_t	 serial;
	enum err	 sticky;
	size_t		 bytes;
	struct undo	*undo;
	size_t		 undo_n;
	size_t		 undo_cap;
};

static enum err
begin(struct kv *kv, struct shard *s, uint64_t account, enum kv_mode mode,
    struct kv_txn **out)
{
	struct kv_txn *t;
	enum err e;

	*out = NULL;
	if (mode == KV_WRITE && kv->pending_bytes > KV_PENDING_BYTES_MAX)
		return ERR_BUSY;
	if (s->users == 0 && (e = db_renew(s->snapshot)) != ERR_OK)
		return e;
	s->users++;
	t = must_alloc(1, sizeof(*t));
	t->kv = kv;
	t->shard = s;
	t->mode = mode;
	t->serial = ++kv->serial;
	enc_be64(t->prefix, account);
	*out = t;
	return ERR_OK;
}

enum err
kv_begin(struct kv *kv, uint64_t account, enum kv_mode mode, struct kv_txn **out)
{
	return begin(kv, &kv->shards[kv_shard_of(kv, account)], account, mode, out);
}

enum err
kv_begin_shard(struct kv *kv, unsigned shard, enum kv_mode mode, struct kv_txn **out)
{
	must(shard < kv->count);
	return begin(kv, &kv->shards[shard], 0, mode, out);
}

/* What this transaction sees in the overlay; NULL: ask the file. */
static struct kv_val *
visible(const struct kv_txn *t, const struct kv_node *n)
{
	return t->mode == KV_READ ? n->durable : n->newest;
}

enum err
kv_get(struct kv_txn *t, const struct kv_key *key, struct slice *value)
{
	struct kv_node *n = kv_overlay_get(&t->shard->overlay, key);
	struct kv_val *v = n != NULL ? visible(t, n) : NULL;

	if (v == NULL)
		return db_get(t->shard->snapshot, kv_key_slice(key), value);
	*value = slice_of(v->b, v->n);
	return v->is_gone ? ERR_NOTFOUND : ERR_OK;
}

static struct kv_node *
overlay_next(const struct kv_txn *t, enum kv_dir dir, const struct kv_key *key)
{
	struct kv_node *n = kv_overlay_find(&t->shard->overlay, dir, key);
	bool up = dir == KV_GE || dir == KV_GT;

	while (n != NULL && visible(t, n) == NULL)
		n = kv_overlay_find(&t->shard->overlay, up ? KV_GT : KV_LT, &n->key);
	return n;
}

/* The file's nearest; skips keys that are no keys of ours. */
static enum err
file_next(const struct kv_txn *t, enum kv_dir dir, const struct kv_key *key,
    struct kv_key *found, struct slice *value)
{
	enum db_dir d = dir == KV_GE || dir == KV_GT ? DB_CEIL : DB_FLOOR;
	struct slice k;
	enum err e;

	e = db_find(t->shard->snapshot, d, kv_key_slice(key), &k, value);
	if (e == ERR_OK && (dir == KV_GT || dir == KV_LT) && slice_eq(k, kv_key_slice(key)))
		e = db_step(t->shard->snapshot, d, &k, value);
	while (e == ERR_OK && k.n > KV_KEY_MAX)
		e = db_step(t->shard->snapshot, d, &k, value);
	if (e != ERR_OK)
		return e;
	found->n = (uint8_t)k.n;
	memcpy(found->b, k.p, k.n);
	return ERR_OK;
}

enum err
kv_find(struct kv_txn *t, enum kv_dir dir, const struct kv_key *key, unsigned prefix_n,
    struct kv_key *found, struct slice *value)
{
	bool up = dir == KV_GE || dir == KV_GT;
	struct kv_key at = *key, file;
	struct kv_node *n;
	enum err e;
	int c;

	must(prefix_n <= key->n);
	for (;;) {
		n = overlay_next(t, dir, &at);
		e = file_next(t, dir, &at, &file, value);
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return e;
		if (n == NULL && e != ERR_OK)
			return ERR_NOTFOUND;
		c = n == NULL ? 1 : e != ERR_OK ? -1 : kv_key_cmp(&n->key, &file);
		if (!up && n != NULL && e == ERR_OK)
			c = -c;
		*found = c > 0 ? file : n->key;
		if (found->n < prefix_n || memcmp(found->b, key->b, prefix_n) != 0)
			return ERR_NOTFOUND;
		if (c > 0)
			return ERR_OK;
		if (!visible(t, n)->is_gone) {
			*value = slice_of(visible(t, n)->b, visible(t, n)->n);
			return ERR_OK;
		}
		at = n->key;
		dir = up ? KV_GT : KV_LT;
	}
}

static void
set_sticky(struct kv_txn *t, enum err e)
{
	if (t->sticky == ERR_OK)
		t->sticky = e;
}

void
kv_expect_absent(struct kv_txn *t, const struct kv_key *key)
{
	struct slice v;
	enum err e = kv_get(t, key, &v);

	if (e != ERR_NOTFOUND)
		set_sticky(t, e == ERR_OK ? ERR_CONFLICT : e);
}

void
kv_expect(struct kv_txn *t, const struct kv_key *key, struct slice value)
{
	struct slice v;
	enum err e = kv_get(t, key, &v);

	if (e != ERR_OK && e != ERR_NOTFOUND)
		set_sticky(t, e);
	else if (e == ERR_NOTFOUND || !slice_eq(v, value))
		set_sticky(t, ERR_CONFLICT);
}

static void
remember(struct kv_txn *t, struct kv_node *n)
{
	if (t->undo_n == t->undo_cap) {
		t->undo_cap = t->undo_cap == 0 ? 16 : t->undo_cap * 2;
		t->undo = must_realloc(t->undo, t->undo_cap, sizeof(*t->undo));
	}
	t->undo[t->undo_n++] = (struct undo){ n, n->newest, n->txn };
	n->newest = NULL;
	n->txn = t->serial;
}

static void
write_key(struct kv_txn *t, const struct kv_key *key, struct slice value, bool is_gone)
{
	static const unsigned char system[8];
	struct kv_node *n;

	must(t->mode == KV_WRITE && key->n >= 9 && key->n <= KV_KEY_MAX);
	/* One account, or the shard itself. */
	must(memcmp(key->b, t->prefix, 8) == 0 || memcmp(key->b, system, 8) == 0);
	must(value.n <= KV_VALUE_MAX);
	n = kv_overlay_add(&t->shard->overlay, key);
	if (n->txn == t->serial && n->newest != NULL)
		t->bytes -= n->newest->n;
	else
		t->bytes += key->n + KV_REDO_HEAD_BYTES;
	t->bytes += value.n;
	if (n->txn != t->serial || n->newest == NULL)
		remember(t, n);
	if (t->bytes > KV_TXN_BYTES_MAX)
		set_sticky(t, ERR_LIMIT);
	kv_val_unref(&n->newest);
	n->newest = kv_val_new(value, is_gone);
	if (list_is_empty(&n->link))
		list_push(&t->shard->overlay.dirty, &n->link);
}

void
kv_put(struct kv_txn *t, const struct kv_key *key, struct slice value)
{
	write_key(t, key, value, false);
}

void
kv_del(struct kv_txn *t, const struct kv_key *key)
{
	write_key(t, key, SLICE_NONE, true);
}

static void
txn_free(struct kv_txn **pt)
{
	struct kv_txn *t = *pt;

	*pt = NULL;
	if (--t->shard->users == 0)
		db_park(t->shard->snapshot);
	free(t->undo);
	free(t);
}

void
kv_drop_if_empty(struct shard *s, struct kv_node *n)
{
	if (n->newest == NULL && n->inflight == NULL && n->durable == NULL &&
	    n->applying == NULL)
		kv_overlay_remove(&s->overlay, n);
}

void
kv_end(struct kv_txn **pt)
{
	struct kv_txn *t = *pt;
	struct undo *u;

	if (t == NULL)
		return;
	while (t->undo_n > 0) {
		u = &t->undo[--t->undo_n];
		kv_val_unref(&u->node->newest);
		u->node->newest = u->old;
		u->node->txn = u->old_txn;
		kv_drop_if_empty(t->shard, u->node);
	}
	txn_free(pt);
}

static void
dones_add(struct dones *d, kv_done_fn *fn, void *arg)
{
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 64 : d->cap * 2;
		d->v = must_realloc(d->v, d->cap, sizeof(*d->v));
	}
	d->v[d->n++] = (struct done){ fn, arg };
}

enum err
kv_submit(struct kv_txn **pt, enum kv_urgency urgency, kv_done_fn *fn, void *arg)
{
	struct kv_txn *t = *pt;
	struct kv *kv = t->kv;
	enum err e = t->sticky;

	must(t->mode == KV_WRITE);
	if (e != ERR_OK) {
		kv_end(pt);
		return e;
	}
	for (size_t i = 0; i < t->undo_n; i++)
		kv_val_unref(&t->undo[i].old);
	t->undo_n = 0;
	kv->pending_bytes += t->bytes;
	dones_add(&kv->pending, fn, arg);
	txn_free(pt);
	/* Much of it must not wait, or writers would be turned away. */
	kv->kick(kv->kick_arg, kv->pending_bytes > KV_PENDING_BYTES_MAX / 2 ? KV_NOW : urgency);
	return ERR_OK;
}
