/* SPDX-License-Identifier: ISC */
#include "store/store_columns.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_box.h"
#include "store/store_epochs.h"
#include "store/store_reserve.h"

#define BLOCKS_BYTES	48000u
#define DATA_BYTES_MAX	40960u
#define HEAD_BYTES	128u	/* of a block in an answer, besides its data */
#define KIND_BYTES	14	/* of a key: account, letter, mailbox, kind */

/* ---- reading ---- */

struct columns {
	struct op			 op;
	const struct ipc_store_columns	*m;
	struct epochs			 epochs;
	struct buf			 blocks;
	struct buf			 data;
};

/* ERR_FULL: there is no room for it in this answer. */
static enum err
put_block(struct columns *x, const struct kv_key *key, struct slice value)
{
	struct ipc_columns block = { .block = dec_be32(key->b + KIND_BYTES) };
	struct record_columns rec;
	enum err e;

	buf_reset(&x->data);
	if (record_columns_read(&rec, value) != ERR_OK || rec.data.bytes > DATA_BYTES_MAX ||
	    blob_read(x->op.store->blob, &rec.data, 0, DATA_BYTES_MAX, &x->data) != ERR_OK)
		return ERR_OK;
	if (x->blocks.n + HEAD_BYTES + x->data.n > BLOCKS_BYTES)
		return ERR_FULL;
	if ((e = epochs_put(&x->epochs, &x->op, rec.epoch)) != ERR_OK)
		return e;
	block.content = rec.content;
	block.epoch = rec.epoch;
	block.generation = rec.generation;
	block.commitment = rec.commitment;
	block.wrapped = rec.wrapped;
	block.data = buf_slice(&x->data);
	ipc_columns_put(&x->blocks, &block);
	return ERR_OK;
}

static enum err
fill(struct columns *x, struct ipc_store_columns_reply *r)
{
	const struct ipc_store_columns *m = x->m;
	struct kv_key at = record_key_columns(x->op.account, (uint32_t)m->mailbox, m->kind,
	    m->first), found;
	enum kv_dir dir = KV_GE;
	struct slice v;
	enum err e;

	for (;; dir = KV_GT, at = found) {
		e = kv_find(x->op.txn, dir, &at, KIND_BYTES, &found, &v);
		if (e != ERR_OK)
			break;
		if (found.n != KIND_BYTES + 4)
			return ERR_CORRUPT;
		if (dec_be32(found.b + KIND_BYTES) > m->last)
			break;
		e = put_block(x, &found, v);
		r->more = e == ERR_FULL;
		if (e != ERR_OK)
			break;
	}
	if (r->more)
		r->resume = dec_be32(found.b + KIND_BYTES);
	r->blocks = buf_slice(&x->blocks);
	r->epochs = buf_slice(&x->epochs.list);
	return e == ERR_NOTFOUND || r->more ? ERR_OK : e;
}

void
store_on_columns(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_columns *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_columns_reply r = { 0 };
	struct columns *x;
	enum err e;

	if (ss == NULL)
		return;
	x = must_alloc(1, sizeof(*x));
	x->m = m;
	epochs_init(&x->epochs);
	buf_init(&x->blocks, BLOCKS_BYTES);
	buf_init(&x->data, DATA_BYTES_MAX);
	e = m->mailbox > UINT32_MAX ? ERR_NOTFOUND : ERR_OK;
	if (e == ERR_OK)
		e = op_begin(&x->op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = acl_need(&x->op, ss, (uint32_t)m->mailbox, STORE_RIGHT_R);
	if (e == ERR_OK)
		e = fill(x, &r);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_columns_reply, &r);
	else
		store_fail_err(peer, in, e);
	op_end(&x->op);
	epochs_fini(&x->epochs);
	buf_fini(&x->blocks);
	buf_fini(&x->data);
	free(x);
}

/* ---- writing ---- */

struct put {
	struct op				 op;
	const struct ipc_store_put_columns	*m;
	struct store_reservation		*reservation;
	struct blob_ref				 data;
};

/* Nobody makes more blocks of a mailbox than its UIDs fill. */
static enum err
check_block(struct put *p)
{
	const struct ipc_store_put_columns *m = p->m;
	struct box box;
	enum err e;

	if (m->mailbox > UINT32_MAX)
		return ERR_NOTFOUND;
	if ((e = box_open(&box, p->op.txn, p->op.account, (uint32_t)m->mailbox)) == ERR_OK &&
	    (uint64_t)m->block * COLUMNS_UIDS >= box.rec.uidnext)
		e = ERR_LIMIT;
	box_close(&box);
	return e;
}

static void
put_record(struct put *p)
{
	const struct ipc_store_put_columns *m = p->m;
	struct kv_key k = record_key_columns(p->op.account, (uint32_t)m->mailbox, m->kind,
	    m->block);
	struct record_columns rec = {
		.data = p->data, .content = m->content, .epoch = m->epoch,
		.generation = m->generation, .commitment = m->commitment,
		.wrapped = m->wrapped,
	};
	struct slice old;
	struct buf b;

	if (kv_get(p->op.txn, &k, &old) == ERR_OK)
		columns_free(p->op.store, old);
	buf_init(&b, RECORD_BYTES_MAX);
	record_columns_put(&rec, &b);
	op_put(&p->op, &k, &b);
	buf_fini(&b);
}

static enum err
put_columns(struct put *p, struct store_session *ss)
{
	const struct ipc_store_put_columns *m = p->m;
	struct store *s = ss->peer->store;
	enum err e;

	if (m->commitment.n != 32 || m->wrapped.n == 0 || m->data.n == 0 || m->content == 0 ||
	    m->epoch == 0 || m->kind >= STORE_COLUMN_KINDS)
		return ERR_VIOLATION;
	/* The owner's cache is filled in his own sessions. */
	if (ss->guest != NULL)
		return ERR_DENIED;
	if (!store_has_room(s))
		return ERR_FULL;
	p->reservation = reserve_find(ss->peer, ss->account->id, m->epoch);
	if (p->reservation == NULL)
		return ERR_AGAIN;
	if ((e = reserve_check(p->reservation, m->content)) != ERR_OK ||
	    (e = op_begin(&p->op, s, ss->account->id, KV_WRITE)) != ERR_OK ||
	    (e = check_block(p)) != ERR_OK ||
	    (e = reserve_epoch(&p->op, m->epoch, m->generation, m->epoch_data)) != ERR_OK ||
	    (e = blob_put(s->blob, p->op.account, m->content, BLOB_COLUMNS, m->data,
	    SLICE_NONE, &p->data)) != ERR_OK)
		return e;
	put_record(p);
	reserve_count(&p->op, p->reservation->first + STORE_RESERVED);
	return ERR_OK;
}

void
store_on_put_columns(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_put_columns *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct put p = { .m = m };
	enum err e;

	if (ss == NULL)
		return;
	e = put_columns(&p, ss);
	if (e == ERR_OK)
		e = op_submit(&p.op, KV_LAZY, NULL);
	if (e == ERR_OK) {
		reserve_claim(p.reservation, m->content);
		blob_use(ss->peer->store->blob, &p.data);
		/* Nothing is lost with a cache: nobody waits for the disk. */
		ipc_reply(peer, in->id, IPC_MSG_store_ok,
		    &(struct ipc_store_ok){ .modseq = p.op.acc.modseq });
	}
	op_end(&p.op);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
}

/* ---- the end of blocks ---- */

void
columns_free(struct store *s, struct slice value)
{
	struct record_columns rec;

	if (record_columns_read(&rec, value) == ERR_OK && rec.data.segment != 0)
		blob_free(s->blob, &rec.data);
}

void
columns_drop(struct op *op, uint32_t mailbox, const struct page_gone *g)
{
	uint32_t last = UINT32_MAX;

	for (unsigned i = 0; i < g->n; i++) {
		uint32_t block = g->rows[i].cold.uid / COLUMNS_UIDS;

		for (uint8_t kind = 0; kind < STORE_COLUMN_KINDS && block != last; kind++) {
			struct kv_key k = record_key_columns(op->account, mailbox, kind, block);
			struct slice v;

			if (kv_get(op->txn, &k, &v) != ERR_OK)
				continue;
			columns_free(op->store, v);
			kv_del(op->txn, &k);
		}
		last = block;
	}
}
