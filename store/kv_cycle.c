/* SPDX-License-Identifier: ISC */
#include "store/kv_lmdb_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"

struct item {
	struct kv_node	*node;
	struct kv_val	*val;
};

struct part {
	struct shard	*shard;
	struct item	*items;
	size_t		 n;
};

struct kv_checkpoint {
	uint64_t	 batch;
	unsigned	 count;
	struct part	 parts[KV_SHARDS_MAX];
};

size_t
kv_pending_count(const struct kv *kv)
{
	return kv->pending.n;
}

bool
kv_has_work(const struct kv *kv)
{
	return kv->pending.n > 0;
}

static void
batch_add(struct kv *kv, struct kv_node *n, unsigned shard)
{
	if (kv->batch_n == kv->batch_cap) {
		kv->batch_cap = kv->batch_cap == 0 ? 256 : kv->batch_cap * 2;
		kv->batch = must_realloc(kv->batch, kv->batch_cap, sizeof(*kv->batch));
		kv->batch_shard = must_realloc(kv->batch_shard, kv->batch_cap, 1);
	}
	kv->batch[kv->batch_n] = n;
	kv->batch_shard[kv->batch_n++] = (unsigned char)shard;
}

static void
redo_put(struct buf *redo, unsigned shard, const struct kv_node *n)
{
	unsigned char head[KV_REDO_HEAD_BYTES];

	enc_le16(head, (uint16_t)shard);
	head[2] = n->key.n;
	head[3] = n->newest->is_gone;
	enc_le16(head + 4, n->newest->n);
	buf_put(redo, head, sizeof(head));
	buf_put(redo, n->key.b, n->key.n);
	buf_put(redo, n->newest->b, n->newest->n);
}

void
kv_cut(struct kv *kv, struct buf *redo)
{
	struct dones d = kv->inflight;
	struct list *l, *tmp;
	struct kv_node *n;

	must(kv->batch_n == 0 && kv->inflight.n == 0);
	for (unsigned i = 0; i < kv->count; i++) {
		LIST_EACH(l, tmp, &kv->shards[i].overlay.dirty) {
			n = obj_of(l, struct kv_node, link);
			list_remove(l);
			if (n->newest == n->durable)	/* taken back */
				continue;
			redo_put(redo, i, n);
			n->inflight = kv_val_ref(n->newest);
			batch_add(kv, n, i);
		}
	}
	kv->inflight = kv->pending;
	kv->pending = d;
	kv->pending_bytes = 0;
}

enum err
kv_redo_next(struct slice *redo, unsigned *shard, struct kv_key *key,
    struct slice *value, bool *is_gone)
{
	const unsigned char *p = (const unsigned char *)redo->p;
	size_t n;

	if (redo->n == 0)
		return ERR_END;
	if (redo->n < KV_REDO_HEAD_BYTES)
		return ERR_CORRUPT;
	*shard = dec_le16(p);
	key->n = p[2];
	*is_gone = p[3] != 0;
	n = dec_le16(p + 4);
	if (key->n < 9 || key->n > KV_KEY_MAX || n > KV_VALUE_MAX ||
	    redo->n - KV_REDO_HEAD_BYTES < key->n + n)
		return ERR_CORRUPT;
	memcpy(key->b, p + KV_REDO_HEAD_BYTES, key->n);
	*value = slice_of(p + KV_REDO_HEAD_BYTES + key->n, n);
	*redo = slice_from(*redo, KV_REDO_HEAD_BYTES + key->n + n);
	return ERR_OK;
}

void
kv_on_change(struct kv *kv, kv_change_fn *fn, void *arg)
{
	kv->teller = (struct kv_teller){ .fn = fn, .arg = arg };
}

void
kv_made_durable(struct kv *kv)
{
	struct dones d = kv->inflight;
	struct kv_node *n;

	kv_teller_begin(&kv->teller);
	for (size_t i = 0; i < kv->batch_n; i++)
		kv_teller_saw(&kv->teller, &kv->batch[i]->key);
	for (size_t i = 0; i < kv->batch_n; i++) {
		n = kv->batch[i];
		kv_val_unref(&n->durable);
		n->durable = n->inflight;
		n->inflight = NULL;
	}
	kv->batch_n = 0;
	/* Callbacks may begin and submit: nothing of ours is in their way. */
	kv->inflight = (struct dones){ NULL, 0, 0 };
	for (size_t i = 0; i < d.n; i++)
		if (d.v[i].fn != NULL)
			d.v[i].fn(d.v[i].arg, ERR_OK);
	d.n = 0;
	kv->inflight = d;
}

static void
part_fill(struct part *p, struct shard *s)
{
	struct kv_node *n;

	p->shard = s;
	p->items = must_alloc(s->overlay.count > 0 ? s->overlay.count : 1, sizeof(*p->items));
	for (n = s->overlay.head->next[0]; n != NULL; n = n->next[0]) {
		if (n->durable == NULL)
			continue;
		n->applying = kv_val_ref(n->durable);
		p->items[p->n++] = (struct item){ n, n->applying };
	}
}

struct kv_checkpoint *
kv_checkpoint_new(struct kv *kv, uint64_t batch)
{
	struct kv_checkpoint *c = must_alloc(1, sizeof(*c));
	size_t n = 0;

	c->batch = batch;
	c->count = kv->count;
	for (unsigned i = 0; i < kv->count; i++) {
		part_fill(&c->parts[i], &kv->shards[i]);
		n += c->parts[i].n;
	}
	if (n == 0)
		kv_checkpoint_done(kv, &c);
	return c;
}

/* The file of a shard that has nothing new may keep its old batch number. */
static enum err
part_apply(const struct part *p, uint64_t batch)
{
	struct kv_key jk = kv_system_key('J');
	unsigned char number[8];
	struct db_txn *t;
	struct kv_val *v;
	enum err e;

	if (p->n == 0)
		return ERR_OK;
	if ((e = db_begin(p->shard->db, true, &t)) != ERR_OK)
		return e;
	for (size_t i = 0; i < p->n && e == ERR_OK; i++) {
		v = p->items[i].val;
		if (v->is_gone)
			e = db_del(t, kv_key_slice(&p->items[i].node->key));
		else
			e = db_put(t, kv_key_slice(&p->items[i].node->key),
			    slice_of(v->b, v->n));
	}
	enc_le64(number, batch);
	if (e == ERR_OK)
		e = db_put(t, kv_key_slice(&jk), slice_of(number, sizeof(number)));
	if (e != ERR_OK) {
		db_abort(&t);
		return e;
	}
	return db_commit(&t);
}

enum err
kv_checkpoint_apply(struct kv_checkpoint *c)
{
	enum err e;

	for (unsigned i = 0; i < c->count; i++) {
		if ((e = part_apply(&c->parts[i], c->batch)) != ERR_OK)
			return e;
		if (c->parts[i].n > 0)
			daemon_crash_at("store.index-committed");
	}
	return ERR_OK;
}

static void
item_done(struct shard *s, struct kv_node *n)
{
	/* A newer durable value stays for the next checkpoint. */
	if (n->durable == n->applying) {
		if (n->newest == n->durable)
			kv_val_unref(&n->newest);
		kv_val_unref(&n->durable);
	}
	kv_val_unref(&n->applying);
	kv_drop_if_empty(s, n);
}

void
kv_checkpoint_done(struct kv *kv, struct kv_checkpoint **pc)
{
	struct kv_checkpoint *c = *pc;

	*pc = NULL;
	for (unsigned i = 0; i < kv->count; i++) {
		for (size_t j = 0; j < c->parts[i].n; j++)
			item_done(&kv->shards[i], c->parts[i].items[j].node);
		if (c->parts[i].n > 0)
			kv->shards[i].applied = c->batch;
		free(c->parts[i].items);
	}
	free(c);
}

/* ---- replay ---- */

void
kv_replay_begin(struct kv *kv)
{
	for (unsigned i = 0; i < kv->count; i++)
		must(kv->shards[i].replay == NULL);
}

enum err
kv_replay_entry(struct kv *kv, uint64_t batch, unsigned shard, const struct kv_key *key,
    struct slice value, bool is_gone)
{
	struct shard *s;
	enum err e;

	if (shard >= kv->count)
		return ERR_CORRUPT;
	s = &kv->shards[shard];
	if (batch <= s->applied)
		return ERR_OK;
	if (s->replay == NULL && (e = db_begin(s->db, true, &s->replay)) != ERR_OK)
		return e;
	if (is_gone)
		return db_del(s->replay, kv_key_slice(key));
	return db_put(s->replay, kv_key_slice(key), value);
}

enum err
kv_replay_end(struct kv *kv, uint64_t batch)
{
	struct kv_key jk = kv_system_key('J');
	unsigned char number[8];
	struct shard *s;
	enum err e;

	enc_le64(number, batch);
	for (unsigned i = 0; i < kv->count; i++) {
		s = &kv->shards[i];
		if (s->replay == NULL)
			continue;
		if ((e = db_put(s->replay, kv_key_slice(&jk), slice_of(number, 8))) != ERR_OK ||
		    (e = db_commit(&s->replay)) != ERR_OK)
			return e;
		s->applied = batch;
		daemon_crash_at("store.replayed");
	}
	return ERR_OK;
}
