/* SPDX-License-Identifier: ISC */
#include "store/kv_lmdb_priv.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define VERSION_MAGIC	"GWSTORE"

static enum err
db_set(struct db *db, const struct kv_key *key, struct slice value)
{
	struct db_txn *t;
	enum err e;

	if ((e = db_begin(db, true, &t)) != ERR_OK)
		return e;
	if ((e = db_put(t, kv_key_slice(key), value)) != ERR_OK) {
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
	struct kv_key vk = kv_system_key('V'), jk = kv_system_key('J');
	unsigned char rec[KV_VERSION_BYTES];
	unsigned number, count;
	struct slice v;
	enum err e;

	if ((e = db_begin(s->db, false, &s->snapshot)) != ERR_OK)
		return e;
	e = db_get(s->snapshot, kv_key_slice(&vk), &v);
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
	if (db_get(s->snapshot, kv_key_slice(&jk), &v) == ERR_OK && v.n == 8)
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
