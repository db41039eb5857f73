/* SPDX-License-Identifier: ISC */
#include "store/store_op.h"

#include <string.h>

#include "store/store_quota.h"

enum err
op_begin(struct op *op, struct store *s, uint64_t account, enum kv_mode mode)
{
	struct kv_key k = record_key(account, 'A');
	struct slice v;
	enum err e;

	op->store = s;
	op->account = account;
	op->is_dirty = false;
	if ((e = kv_begin(s->kv, account, mode, &op->txn)) != ERR_OK)
		return e;
	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK ||
	    (e = record_account_read(&op->acc, v)) != ERR_OK) {
		kv_end(&op->txn);
		return e;
	}
	op->used_before = op->acc.used_bytes;
	op->messages_before = op->acc.message_count;
	memcpy(op->address, op->acc.address.p, op->acc.address.n);
	op->acc.address.p = op->address;
	return ERR_OK;
}

uint64_t
op_modseq(struct op *op)
{
	op->is_dirty = true;
	return ++op->acc.modseq;
}

void
op_put(struct op *op, const struct kv_key *key, const struct buf *b)
{
	kv_put(op->txn, key, buf_slice(b));
}

enum err
op_submit(struct op *op, enum kv_urgency urgency, struct store_reply *r)
{
	struct kv_key k = record_key(op->account, 'A');
	char mem[RECORD_MEM_BYTES];
	struct buf b;
	enum err e;

	if (op->is_dirty) {
		buf_lend(&b, mem, sizeof(mem));
		record_account_put(&op->acc, &b);
		op_put(op, &k, &b);
	}
	if (r != NULL) {
		r->account = op->account;
		r->modseq = op->acc.modseq;
	}
	e = kv_submit(&op->txn, urgency, r != NULL ? store_reply_done : NULL, r);
	if (e != ERR_OK)
		store_reply_free(&r);
	else if (op->is_dirty)
		quota_submitted(op);
	return e;
}

void
op_end(struct op *op)
{
	kv_end(&op->txn);
}
