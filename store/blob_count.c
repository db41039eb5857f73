/* SPDX-License-Identifier: ISC */
#include "store/blob_priv.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define COUNTER_BYTES	40

struct kv_key
blob_counter_key(uint32_t number)
{
	struct kv_key k = { 13, { 0 } };

	k.b[8] = 'G';
	enc_be32(k.b + 9, number);
	return k;
}

struct seg *
blob_seg_find(const struct blob *b, uint32_t number)
{
	size_t lo = 0, hi = b->seg_n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (b->segs[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->seg_n && b->segs[lo].number == number ? &b->segs[lo] : NULL;
}

struct seg *
blob_seg_add(struct blob *b, uint32_t number)
{
	if (b->seg_n == b->seg_cap) {
		b->seg_cap = b->seg_cap == 0 ? 16 : b->seg_cap * 2;
		b->segs = must_realloc(b->segs, b->seg_cap, sizeof(*b->segs));
	}
	memset(&b->segs[b->seg_n], 0, sizeof(*b->segs));
	b->segs[b->seg_n].number = number;
	return &b->segs[b->seg_n++];
}

enum err
blob_load_counters(struct blob *b)
{
	struct kv_key k = blob_counter_key(0), found;
	struct kv_txn *t;
	struct slice v;
	struct seg *s;
	enum err e;

	if ((e = kv_begin_shard(b->kv, 0, KV_READ, &t)) != ERR_OK)
		return e;
	while ((e = kv_find(t, KV_GT, &k, 9, &found, &v)) == ERR_OK) {
		k = found;
		if (found.n != 13 || v.n < COUNTER_BYTES)
			continue;
		s = blob_seg_add(b, dec_be32(found.b + 9));
		s->bytes = dec_le64(v.p);
		s->live_bytes = dec_le64(v.p + 8);
		s->records = dec_le64(v.p + 16);
		s->dead_since_s = dec_le32(v.p + 24);
		s->is_empty = v.p[28] == 1;
		s->punched_bytes = dec_le64(v.p + 32);
		if (s->number >= b->next_number)
			b->next_number = s->number + 1;
	}
	k = blob_counter_key(0);
	k.n = 9;
	k.b[8] = 'S';
	if (e == ERR_NOTFOUND && (e = kv_get(t, &k, &v)) == ERR_OK && v.n == 4 &&
	    dec_le32(v.p) > b->next_number)
		b->next_number = dec_le32(v.p);
	kv_end(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
blob_save_counters(struct blob *b)
{
	unsigned char v[COUNTER_BYTES];
	struct kv_key k;
	struct kv_txn *t = NULL;
	enum err e;

	for (size_t i = 0; i < b->seg_n; i++) {
		if (!b->segs[i].is_dirty)
			continue;
		if (t == NULL && (e = kv_begin_shard(b->kv, 0, KV_WRITE, &t)) != ERR_OK)
			return e == ERR_BUSY ? ERR_OK : e;
		memset(v, 0, sizeof(v));
		enc_le64(v, b->segs[i].bytes);
		enc_le64(v + 8, b->segs[i].live_bytes);
		enc_le64(v + 16, b->segs[i].records);
		enc_le32(v + 24, b->segs[i].dead_since_s);
		v[28] = b->segs[i].is_empty;
		enc_le64(v + 32, b->segs[i].punched_bytes);
		k = blob_counter_key(b->segs[i].number);
		kv_put(t, &k, slice_of(v, sizeof(v)));
		b->segs[i].is_dirty = false;
	}
	if (t == NULL)
		return ERR_OK;
	k.n = 9;
	k.b[8] = 'S';
	enc_le32(v, b->next_number);
	kv_put(t, &k, slice_of(v, 4));
	return kv_submit(&t, KV_LAZY, NULL, NULL);
}

void
blob_use(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s == NULL)
		return;
	s->live_bytes += blob_ref_padded(ref);
	s->records++;
	s->is_dirty = true;
}

void
blob_count_freed(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);
	uint64_t n = blob_ref_padded(ref);

	if (s == NULL)
		return;
	s->live_bytes -= n < s->live_bytes ? n : s->live_bytes;
	s->records -= s->records > 0;
	s->is_dirty = true;
}

void
blob_free(struct blob *b, const struct blob_ref *ref)
{
	blob_count_freed(b, ref);
	blob_freed_add(b, ref);
}

void
blob_hold(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s != NULL)
		s->held++;
}

void
blob_release(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s != NULL && s->held > 0)
		s->held--;
}

void
blob_stat(const struct blob *b, struct blob_stat *st)
{
	memset(st, 0, sizeof(*st));
	st->segments = b->seg_n;
	for (size_t i = 0; i < b->seg_n; i++) {
		st->bytes += b->segs[i].bytes;
		st->live_bytes += b->segs[i].live_bytes;
		st->punched_bytes += b->segs[i].punched_bytes;
		st->records += b->segs[i].records;
		if (b->segs[i].dead_since_s != 0 && (st->dead_since_s == 0 ||
		    b->segs[i].dead_since_s < st->dead_since_s))
			st->dead_since_s = b->segs[i].dead_since_s;
	}
}

bool
blob_is_saved_empty(struct kv_txn *durable, uint32_t number)
{
	struct kv_key k = blob_counter_key(number);
	struct slice v;

	return kv_get(durable, &k, &v) == ERR_OK && v.n >= COUNTER_BYTES && v.p[28] == 1;
}
