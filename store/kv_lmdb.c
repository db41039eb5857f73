/* SPDX-License-Identifier: ISC */
/*
 * A read asks the overlay first and the LMDB file second.  A value leaves the
 * overlay only after the file that holds it was committed, and the snapshot
 * of a shard's file is taken anew for each transaction, so the two together
 * are always one state.
 */
#include "store/kv_lmdb.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "lib/db/db.h"
#include "store/kv_overlay.h"

#define VERSION_MAGIC	"GWSTORE"
#define REDO_HEAD_BYTES	6	/* shard 2, key length 1, gone 1, value length 2 */

struct shard {
	struct db		*db;
	struct db_txn		*snapshot;	/* parked between transactions */
	unsigned		 users;		/* of the snapshot */
	struct kv_overlay	 overlay;
	uint64_t		 applied;	/* last batch in the file */
	struct db_txn		*replay;
};

struct done {
	kv_done_fn	*fn;
	void		*arg;
};

struct dones {
	struct done	*v;
	size_t		 n;
	size_t		 cap;
};

struct kv {
	struct shard		 shards[KV_SHARDS_MAX];
	unsigned		 count;
	kv_kick_fn		*kick;
	void			*kick_arg;
	uint64_t		 serial;
	size_t			 pending_bytes;
	struct dones		 pending;
	struct dones		 inflight;
	struct kv_node		**batch;	/* nodes with an inflight value */
	unsigned char		*batch_shard;	/* and the shard of each */
	size_t			 batch_n;
	size_t			 batch_cap;
};

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

static struct slice
key_slice(const struct kv_key *k)
{
	return slice_of(k->b, k->n);
}

/* ---- opening ---- */

static struct kv_key
system_key(char type)
{
	struct kv_key k = { 9, { 0 } };

	k.b[8] = (unsigned char)type;
	return k;
}

static enum err
db_set(struct db *db, const struct kv_key *key, struct slice value)
{
	struct db_txn *t;
	enum err e;

	if ((e = db_begin(db, true, &t)) != ERR_OK)
		return e;
	if ((e = db_put(t, key_slice(key), value)) != ERR_OK) {
		db_abort(&t);
		return e;
	}
	return db_commit(&t);
}

bool
kv_version_read(struct slice v, unsigned *idx, unsigned *shards)
{
	if (v.n < KV_VERSION_BYTES || memcmp(v.p, VERSION_MAGIC, 8) != 0 ||
	    dec_le32(v.p + 8) != KV_FORMAT_VERSION)
		return false;
	*idx = dec_le32(v.p + 12);
	*shards = dec_le32(v.p + 16);
	return *shards >= 1 && *shards <= KV_SHARDS_MAX && *idx < *shards;
}

/* magic 8, version 4, shard 4, shards 4 */
void
kv_version_put(unsigned char out[KV_VERSION_BYTES], unsigned idx, unsigned shards)
{
	memcpy(out, VERSION_MAGIC, 8);
	enc_le32(out + 8, KV_FORMAT_VERSION);
	enc_le32(out + 12, idx);
	enc_le32(out + 16, shards);
}

static enum err
version_check(struct shard *s, unsigned idx, unsigned *shards, struct buf *why)
{
	struct kv_key vk = system_key('V'), jk = system_key('J');
	unsigned char rec[KV_VERSION_BYTES];
	unsigned number, count;
	struct slice v;
	enum err e;

	if ((e = db_begin(s->db, false, &s->snapshot)) != ERR_OK)
		return e;
	e = db_get(s->snapshot, key_slice(&vk), &v);
	if (e == ERR_NOTFOUND) {
		db_park(s->snapshot);
		kv_version_put(rec, idx, *shards);
		return db_set(s->db, &vk, slice_of(rec, sizeof(rec)));
	}
	if (e != ERR_OK)
		return e;
	if (v.n < KV_VERSION_BYTES || memcmp(v.p, VERSION_MAGIC, 8) != 0) {
		buf_printf(why, "index.%u is not an index of a Godwit store", idx);
		return ERR_CORRUPT;
	}
	if (dec_le32(v.p + 8) != KV_FORMAT_VERSION) {
		buf_printf(why, "index.%u has format %u, this program knows format %u only",
		    idx, dec_le32(v.p + 8), KV_FORMAT_VERSION);
		return ERR_VERSION;
	}
	if (!kv_version_read(v, &number, &count) || number != idx ||
	    (idx > 0 && count != *shards)) {
		buf_printf(why, "index.%u belongs to another store", idx);
		return ERR_CORRUPT;
	}
	*shards = count;
	if (db_get(s->snapshot, key_slice(&jk), &v) == ERR_OK && v.n == 8)
		s->applied = dec_le64(v.p);
	db_park(s->snapshot);
	return ERR_OK;
}

static bool
is_there(unsigned idx)
{
	char path[32];
	struct buf b;
	bool is;

	buf_init(&b, sizeof(path));
	buf_printf(&b, "index.%u", idx);
	is = access(buf_cstr(&b), F_OK) == 0;
	buf_fini(&b);
	return is;
}

/* A segment of bodies: none is made before the directory holds all indexes for good. */
static bool
has_segment(void)
{
	DIR *dir = opendir(".");
	const struct dirent *d;
	bool has = dir == NULL;

	while (!has && (d = readdir(dir)) != NULL)
		has = slice_starts(slice_str(d->d_name), "body.");
	if (dir != NULL)
		(void)closedir(dir);
	return has;
}

/*
 * One is missing; may it be made?  Only while nothing was ever kept: the power
 * may go while the first ones are made, and leave some of them.
 */
static enum err
may_make(const struct kv *kv, unsigned idx, struct buf *why)
{
	if (kv_last_batch(kv) == 0 && !has_segment())
		return ERR_OK;
	buf_printf(why, "index.%u is missing: see gwstore repair", idx);
	return ERR_CORRUPT;
}

static enum err
shard_open(struct shard *s, unsigned idx, unsigned *shards, struct buf *why)
{
	char path[32];
	struct buf b;
	enum err e;

	buf_init(&b, sizeof(path));
	buf_printf(&b, "index.%u", idx);
	e = db_open(&s->db, buf_cstr(&b), 0);
	buf_fini(&b);
	if (e == ERR_OK)
		e = version_check(s, idx, shards, why);
	if (e != ERR_OK && why->n == 0)
		buf_printf(why, "index.%u: %s", idx, err_text(e));
	kv_overlay_init(&s->overlay, 0x9e3779b97f4a7c15u + idx);
	return e;
}

enum err
kv_open(struct kv **out, unsigned shards, kv_kick_fn *kick, void *arg, struct buf *why)
{
	struct kv *kv = must_alloc(1, sizeof(*kv));
	enum err e = ERR_OK;

	must(shards >= 1 && shards <= KV_SHARDS_MAX);
	kv->kick = kick;
	kv->kick_arg = arg;
	for (kv->count = 0; kv->count < shards && e == ERR_OK; kv->count++)
		if (is_there(kv->count) ||
		    (e = may_make(kv, kv->count, why)) == ERR_OK)
			e = shard_open(&kv->shards[kv->count], kv->count, &shards, why);
	if (e != ERR_OK) {
		kv_close(&kv);
		*out = NULL;
		return e;
	}
	*out = kv;
	return ERR_OK;
}

void
kv_close(struct kv **pkv)
{
	struct kv *kv = *pkv;

	*pkv = NULL;
	if (kv == NULL)
		return;
	for (unsigned i = 0; i < kv->count; i++) {
		db_abort(&kv->shards[i].snapshot);
		db_close(&kv->shards[i].db);
		kv_overlay_fini(&kv->shards[i].overlay);
	}
	free(kv->pending.v);
	free(kv->inflight.v);
	free(kv->batch);
	free(kv->batch_shard);
	free(kv);
}

uint64_t
kv_last_batch(const struct kv *kv)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < kv->count; i++)
		if (kv->shards[i].applied > last)
			last = kv->shards[i].applied;
	return last;
}

unsigned
kv_shard_count(const struct kv *kv)
{
	return kv->count;
}

/* Fixed for ever: the same account must find its shard in every version. */
unsigned
kv_shard_hash(uint64_t account, unsigned shards)
{
	uint64_t x = account;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return (unsigned)(x % shards);
}

unsigned
kv_shard_of(const struct kv *kv, uint64_t account)
{
	return kv_shard_hash(account, kv->count);
}

/* ---- transactions ---- */

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
		return db_get(t->shard->snapshot, key_slice(key), value);
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

	e = db_find(t->shard->snapshot, d, key_slice(key), &k, value);
	if (e == ERR_OK && (dir == KV_GT || dir == KV_LT) && slice_eq(k, key_slice(key)))
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
		t->bytes += key->n + REDO_HEAD_BYTES;
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

static void
drop_if_empty(struct shard *s, struct kv_node *n)
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
		drop_if_empty(t->shard, u->node);
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

/* ---- the cycle ---- */

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
	unsigned char head[REDO_HEAD_BYTES];

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
	if (redo->n < REDO_HEAD_BYTES)
		return ERR_CORRUPT;
	*shard = dec_le16(p);
	key->n = p[2];
	*is_gone = p[3] != 0;
	n = dec_le16(p + 4);
	if (key->n < 9 || key->n > KV_KEY_MAX || n > KV_VALUE_MAX ||
	    redo->n - REDO_HEAD_BYTES < key->n + n)
		return ERR_CORRUPT;
	memcpy(key->b, p + REDO_HEAD_BYTES, key->n);
	*value = slice_of(p + REDO_HEAD_BYTES + key->n, n);
	*redo = slice_from(*redo, REDO_HEAD_BYTES + key->n + n);
	return ERR_OK;
}

void
kv_made_durable(struct kv *kv)
{
	struct dones d = kv->inflight;
	struct kv_node *n;

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
	struct kv_key jk = system_key('J');
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
			e = db_del(t, key_slice(&p->items[i].node->key));
		else
			e = db_put(t, key_slice(&p->items[i].node->key),
			    slice_of(v->b, v->n));
	}
	enc_le64(number, batch);
	if (e == ERR_OK)
		e = db_put(t, key_slice(&jk), slice_of(number, sizeof(number)));
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
	drop_if_empty(s, n);
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
		return db_del(s->replay, key_slice(key));
	return db_put(s->replay, key_slice(key), value);
}

enum err
kv_replay_end(struct kv *kv, uint64_t batch)
{
	struct kv_key jk = system_key('J');
	unsigned char number[8];
	struct shard *s;
	enum err e;

	enc_le64(number, batch);
	for (unsigned i = 0; i < kv->count; i++) {
		s = &kv->shards[i];
		if (s->replay == NULL)
			continue;
		if ((e = db_put(s->replay, key_slice(&jk), slice_of(number, 8))) != ERR_OK ||
		    (e = db_commit(&s->replay)) != ERR_OK)
			return e;
		s->applied = batch;
		daemon_crash_at("store.replayed");
	}
	return ERR_OK;
}

enum err
kv_stat(struct kv *kv, unsigned shard, struct kv_stat *st)
{
	struct db_stat d;
	enum err e;

	must(shard < kv->count);
	if ((e = db_stat(kv->shards[shard].db, &d)) == ERR_OK)
		*st = (struct kv_stat){ d.entries, d.used_bytes, d.free_bytes };
	return e;
}

void
kv_upkeep(struct kv *kv)
{
	for (unsigned i = 0; i < kv->count; i++)
		db_reader_check(kv->shards[i].db);
}
