/* SPDX-License-Identifier: ISC */
/*
 * Each shard is one ordered list (kv_overlay.h) whose nodes have the value
 * that is durable and, while that is another one, the newest that was
 * submitted.  A transaction keeps what it writes in a list of its own until it
 * is submitted.
 */
#include "store/kv_mem.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/kv_overlay.h"
#include "store/kv_teller.h"

#define SHARDS_MAX	64
#define WRITE_BYTES	6	/* of a write, besides its key and value */

struct written {
	struct kv_overlay	*shard;
	struct kv_node		*node;
	struct kv_val		*val;
};

struct done {
	kv_done_fn	*fn;
	void		*arg;
};

struct kv {
	struct kv_overlay	 shards[SHARDS_MAX];
	unsigned		 count;
	kv_mem_kick_fn		*kick;
	void			*kick_arg;
	struct kv_teller	 teller;
	size_t			 pending_bytes;
	struct written		*written;	/* in the order of kv_submit */
	size_t			 written_n;
	size_t			 written_cap;
	struct done		*dones;
	size_t			 done_n;
	size_t			 done_cap;
};

struct kv_txn {
	struct kv		*kv;
	struct kv_overlay	*shard;
	struct kv_overlay	 mine;
	unsigned char		 prefix[8];
	enum kv_mode		 mode;
	enum err		 sticky;
	size_t			 bytes;
};

struct kv *
kv_mem_new(unsigned shards, kv_mem_kick_fn *kick, void *arg)
{
	struct kv *kv = must_alloc(1, sizeof(*kv));

	must(shards >= 1 && shards <= SHARDS_MAX);
	kv->count = shards;
	kv->kick = kick;
	kv->kick_arg = arg;
	for (unsigned i = 0; i < shards; i++)
		kv_overlay_init(&kv->shards[i], 0x9e3779b97f4a7c15u + i);
	return kv;
}

void
kv_mem_free(struct kv **pkv)
{
	struct kv *kv = *pkv;

	*pkv = NULL;
	if (kv == NULL)
		return;
	for (size_t i = 0; i < kv->written_n; i++)
		kv_val_unref(&kv->written[i].val);
	for (unsigned i = 0; i < kv->count; i++)
		kv_overlay_fini(&kv->shards[i]);
	free(kv->written);
	free(kv->dones);
	free(kv);
}

unsigned
kv_shard_count(const struct kv *kv)
{
	return kv->count;
}

unsigned
kv_shard_of(const struct kv *kv, uint64_t account)
{
	return (unsigned)(account % kv->count);
}

static enum err
begin(struct kv *kv, unsigned shard, uint64_t account, enum kv_mode mode, struct kv_txn **out)
{
	struct kv_txn *t;

	*out = NULL;
	if (mode == KV_WRITE && kv->pending_bytes > KV_PENDING_BYTES_MAX)
		return ERR_BUSY;
	t = must_alloc(1, sizeof(*t));
	t->kv = kv;
	t->shard = &kv->shards[shard];
	t->mode = mode;
	enc_be64(t->prefix, account);
	kv_overlay_init(&t->mine, account);
	*out = t;
	return ERR_OK;
}

enum err
kv_begin(struct kv *kv, uint64_t account, enum kv_mode mode, struct kv_txn **out)
{
	return begin(kv, kv_shard_of(kv, account), account, mode, out);
}

enum err
kv_begin_shard(struct kv *kv, unsigned shard, enum kv_mode mode, struct kv_txn **out)
{
	must(shard < kv->count);
	return begin(kv, shard, 0, mode, out);
}

/* What the transaction sees at a node of its shard; NULL: nothing. */
static struct kv_val *
visible(const struct kv_txn *t, const struct kv_node *n)
{
	if (t->mode == KV_WRITE && n->newest != NULL)
		return n->newest;
	return n->durable;
}

static struct kv_val *
lookup(struct kv_txn *t, const struct kv_key *key)
{
	struct kv_node *n = kv_overlay_get(&t->mine, key);

	if (n != NULL)
		return n->newest;
	n = kv_overlay_get(t->shard, key);
	return n != NULL ? visible(t, n) : NULL;
}

enum err
kv_get(struct kv_txn *t, const struct kv_key *key, struct slice *value)
{
	struct kv_val *v = lookup(t, key);

	if (v == NULL || v->is_gone)
		return ERR_NOTFOUND;
	*value = slice_of(v->b, v->n);
	return ERR_OK;
}

/* The nearer of two in that direction; either may be NULL. */
static struct kv_node *
nearer(struct kv_node *a, struct kv_node *b, bool up)
{
	int c;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	c = kv_key_cmp(&a->key, &b->key);
	return (c < 0) == up ? a : b;
}

enum err
kv_find(struct kv_txn *t, enum kv_dir dir, const struct kv_key *key, unsigned prefix_n,
    struct kv_key *found, struct slice *value)
{
	bool up = dir == KV_GE || dir == KV_GT;
	struct kv_key at = *key;
	struct kv_node *n;
	struct kv_val *v;

	must(prefix_n <= key->n);
	for (;;) {
		n = nearer(kv_overlay_find(&t->mine, dir, &at),
		    kv_overlay_find(t->shard, dir, &at), up);
		if (n == NULL || n->key.n < prefix_n || memcmp(n->key.b, key->b, prefix_n) != 0)
			return ERR_NOTFOUND;
		v = lookup(t, &n->key);
		if (v != NULL && !v->is_gone) {
			*found = n->key;
			*value = slice_of(v->b, v->n);
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

	if (kv_get(t, key, &v) == ERR_OK)
		set_sticky(t, ERR_CONFLICT);
}

void
kv_expect(struct kv_txn *t, const struct kv_key *key, struct slice value)
{
	struct slice v;

	if (kv_get(t, key, &v) != ERR_OK || !slice_eq(v, value))
		set_sticky(t, ERR_CONFLICT);
}

static void
write_key(struct kv_txn *t, const struct kv_key *key, struct slice value, bool is_gone)
{
	static const unsigned char system[8];
	struct kv_node *n;

	must(t->mode == KV_WRITE && key->n >= 9 && key->n <= KV_KEY_MAX);
	must(memcmp(key->b, t->prefix, 8) == 0 || memcmp(key->b, system, 8) == 0);
	must(value.n <= KV_VALUE_MAX);
	n = kv_overlay_add(&t->mine, key);
	if (n->newest != NULL)
		t->bytes -= n->newest->n;
	else
		t->bytes += key->n + WRITE_BYTES;
	t->bytes += value.n;
	if (t->bytes > KV_TXN_BYTES_MAX)
		set_sticky(t, ERR_LIMIT);
	kv_val_unref(&n->newest);
	n->newest = kv_val_new(value, is_gone);
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

void
kv_end(struct kv_txn **pt)
{
	struct kv_txn *t = *pt;

	*pt = NULL;
	if (t == NULL)
		return;
	kv_overlay_fini(&t->mine);
	free(t);
}

static void
note_write(struct kv *kv, struct kv_overlay *shard, const struct kv_node *from)
{
	struct kv_node *n = kv_overlay_add(shard, &from->key);

	if (kv->written_n == kv->written_cap) {
		kv->written_cap = kv->written_cap == 0 ? 256 : kv->written_cap * 2;
		kv->written = must_realloc(kv->written, kv->written_cap, sizeof(*kv->written));
	}
	kv->written[kv->written_n++] = (struct written){ shard, n, kv_val_ref(from->newest) };
	kv_val_unref(&n->newest);
	n->newest = kv_val_ref(from->newest);
}

enum err
kv_submit(struct kv_txn **pt, enum kv_urgency urgency, kv_done_fn *fn, void *arg)
{
	struct kv_txn *t = *pt;
	struct kv *kv = t->kv;
	enum err e = t->sticky;

	must(t->mode == KV_WRITE);
	for (struct kv_node *n = t->mine.head->next[0]; e == ERR_OK && n != NULL; n = n->next[0])
		note_write(kv, t->shard, n);
	if (e == ERR_OK) {
		kv->pending_bytes += t->bytes;
		if (kv->done_n == kv->done_cap) {
			kv->done_cap = kv->done_cap == 0 ? 64 : kv->done_cap * 2;
			kv->dones = must_realloc(kv->dones, kv->done_cap, sizeof(*kv->dones));
		}
		kv->dones[kv->done_n++] = (struct done){ fn, arg };
	}
	kv_end(pt);
	if (e == ERR_OK)
		kv->kick(kv->kick_arg,
		    kv->pending_bytes > KV_PENDING_BYTES_MAX / 2 ? KV_NOW : urgency);
	return e;
}

/* ---- durable ---- */

size_t
kv_mem_pending(const struct kv *kv)
{
	return kv->done_n;
}

void
kv_on_change(struct kv *kv, kv_change_fn *fn, void *arg)
{
	kv->teller = (struct kv_teller){ .fn = fn, .arg = arg };
}

static void
make_durable(struct written *w)
{
	struct kv_node *n = w->node;

	kv_val_unref(&n->durable);
	n->durable = w->val;
	w->val = NULL;
	if (n->newest != n->durable)
		return;		/* written once more; that comes behind */
	kv_val_unref(&n->newest);
	if (n->durable->is_gone)
		kv_overlay_remove(w->shard, n);
}

void
kv_mem_settle(struct kv *kv)
{
	struct done *d = kv->dones;
	size_t n = kv->done_n;

	kv_teller_begin(&kv->teller);
	for (size_t i = 0; i < kv->written_n; i++)
		kv_teller_saw(&kv->teller, &kv->written[i].node->key);
	for (size_t i = 0; i < kv->written_n; i++)
		make_durable(&kv->written[i]);
	kv->written_n = 0;
	kv->pending_bytes = 0;
	/* Callbacks may begin and submit: nothing of ours is in their way. */
	kv->dones = NULL;
	kv->done_n = kv->done_cap = 0;
	for (size_t i = 0; i < n; i++)
		if (d[i].fn != NULL)
			d[i].fn(d[i].arg, ERR_OK);
	free(d);
}

enum err
kv_stat(struct kv *kv, unsigned shard, struct kv_stat *st)
{
	must(shard < kv->count);
	*st = (struct kv_stat){ 0, 0, 0 };
	for (struct kv_node *n = kv->shards[shard].head->next[0]; n != NULL; n = n->next[0]) {
		if (n->durable == NULL || n->durable->is_gone)
			continue;
		st->entries++;
		st->bytes += n->key.n + n->durable->n;
	}
	return ERR_OK;
}
