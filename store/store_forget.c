/* SPDX-License-Identifier: ISC */
#include "store/store_forget.h"

#include "lib/base/enc.h"
#include "store/store_core.h"
#include "store/store_record.h"

static enum err
forget_in_shard(struct store *s, unsigned shard, struct slice msgs)
{
	struct kv_key at, found;
	struct kv_txn *t;
	struct slice v;
	bool any = false;
	enum err e;

	if ((e = kv_begin_shard(s->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	for (size_t i = 0; i < msgs.n && e == ERR_OK; i += 8) {
		at = record_key_u64(0, 'Q', dec_le64(msgs.p + i));
		while ((e = kv_find(t, KV_GT, &at, at.n, &found, &v)) == ERR_OK) {
			kv_del(t, &found);
			any = true;
		}
		e = e == ERR_NOTFOUND ? ERR_OK : e;
	}
	if (e == ERR_OK && any)
		return kv_submit(&t, KV_LAZY, NULL, NULL);
	kv_end(&t);
	return e;
}

void
store_on_forget(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_forget *m = msg;
	struct store *s = store_of(peer);

	(void)in;
	if (m->msgs.n % 8 != 0) {
		ipc_peer_violation(peer, "half a queue id");
		return;
	}
	/* What fails here is found by age later (store_sweep.c). */
	for (unsigned i = 0; i < kv_shard_count(s->kv); i++)
		if (forget_in_shard(s, i, m->msgs) != ERR_OK)
			return;
}
