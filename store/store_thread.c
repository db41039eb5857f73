/* SPDX-License-Identifier: ISC */
#include "store/store_thread.h"

#include "lib/base/enc.h"

static enum err
find_hash(struct op *op, const char *hash, uint64_t *thread)
{
	struct kv_key k = record_key_u64(op->account, 'T', dec_be64(hash));
	struct slice v;
	enum err e = kv_get(op->txn, &k, &v);

	if (e != ERR_OK)
		return e;
	if (v.n != 9 || v.p[0] != 1)
		return ERR_CORRUPT;
	*thread = dec_le64(v.p + 1);
	return ERR_OK;
}

static void
put_hash(struct op *op, const char *hash, uint64_t thread)
{
	struct kv_key k = record_key_u64(op->account, 'T', dec_be64(hash));
	unsigned char v[9] = { 1 };

	enc_le64(v + 1, thread);
	kv_put(op->txn, &k, slice_of(v, sizeof(v)));
}

enum err
thread_join(struct op *op, uint64_t content, struct slice message_id, struct slice refs,
    uint64_t *thread)
{
	unsigned writes = 0;
	uint64_t other;
	enum err e = ERR_NOTFOUND;
	size_t i;

	if (message_id.n > 0)
		e = find_hash(op, message_id.p, thread);
	for (i = refs.n; i >= 8 && e == ERR_NOTFOUND; i -= 8)
		e = find_hash(op, refs.p + i - 8, thread);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e == ERR_NOTFOUND)
		*thread = content;
	if (message_id.n > 0)
		put_hash(op, message_id.p, *thread);
	for (i = refs.n; i >= 8 && writes < THREAD_WRITES_MAX; i -= 8) {
		e = find_hash(op, refs.p + i - 8, &other);
		if (e == ERR_NOTFOUND) {
			put_hash(op, refs.p + i - 8, *thread);
			writes++;
		} else if (e != ERR_OK) {
			return e;
		}
	}
	return ERR_OK;
}
