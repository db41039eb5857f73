/* SPDX-License-Identifier: ISC */
#include "store/store_fetch.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_epochs.h"
#include "store/store_acl.h"
#include "store/store_op.h"

#define READ_BYTES_MAX		49152
#define SUMMARY_BYTES_MAX	16000
#define COLD_BYTES		36
#define CONTENT_BYTES		160	/* of a content without its summary, at most */

struct fetch {
	struct op			 op;
	const struct ipc_store_fetch	*m;
	struct box			 box;
	struct view			 view;
	struct walk			 walk;
	struct buf			 rows;
	struct epochs			 epochs;
	struct buf			 summary;
};

bool
fetch_put_row(struct buf *b, size_t max, const struct walk_item *it)
{
	struct ipc_row r = { it->seq, it->uid, it->flags, it->modseq, it->more };

	if (b->n + FETCH_ROW_BYTES + it->more.n > max)
		return false;
	ipc_row_put(b, &r);
	return true;
}

static bool
put_cold(struct buf *b, const struct page_cold_row *cold)
{
	struct ipc_cold m = { cold->size, cold->internal_s, cold->saved_s, cold->content,
	    cold->thread };

	if (b->n + COLD_BYTES > FETCH_ROWS_BYTES)
		return false;
	ipc_cold_put(b, &m);
	return true;
}

static enum err
content_find(struct op *op, uint64_t content, struct record_content *c)
{
	struct kv_key k = record_key_u64(op->account, 'X', content);
	struct slice v;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK)
		return e;
	return record_content_read(c, v);
}

/* A content that is lost or damaged has blob_bytes 0: the row is still there. */
static enum err
put_content(struct fetch *f, uint64_t id)
{
	struct ipc_content m = { .content = id };
	struct record_content c = { .epoch = 0 };
	enum err e;

	e = content_find(&f->op, id, &c);
	if (e != ERR_OK && e != ERR_NOTFOUND && e != ERR_CORRUPT)
		return e;
	if (e == ERR_OK) {
		m = (struct ipc_content){ id, c.epoch, c.generation, c.body.bytes,
		    c.commitment, c.wrapped, SLICE_NONE };
		if ((e = epochs_put(&f->epochs, &f->op, c.epoch)) != ERR_OK)
			return e;
	}
	buf_reset(&f->summary);
	if (e == ERR_OK && f->m->want & STORE_WANT_SUMMARY) {
		m.summary = c.summary;
		if (c.summary_ref.segment != 0 && c.summary_ref.bytes <= SUMMARY_BYTES_MAX &&
		    blob_read(f->op.store->blob, &c.summary_ref, 0, SUMMARY_BYTES_MAX,
		    &f->summary) == ERR_OK)
			m.summary = buf_slice(&f->summary);
	}
	if (f->rows.n + CONTENT_BYTES + m.summary.n > FETCH_ROWS_BYTES)
		return ERR_FULL;
	ipc_content_put(&f->rows, &m);
	return ERR_OK;
}

static enum err
put_item(struct fetch *f, const struct walk_item *it)
{
	struct page_cold_row cold;
	size_t before = f->rows.n;
	enum err e = ERR_OK;

	if (!fetch_put_row(&f->rows, FETCH_ROWS_BYTES, it))
		return ERR_FULL;
	/* Without them the cold pages, four times as many, are not touched. */
	if (!(f->m->want & (STORE_WANT_COLD | STORE_WANT_CONTENT)))
		return ERR_OK;
	e = walk_cold(&f->walk, it, &cold);
	if (e == ERR_OK && f->m->want & STORE_WANT_COLD && !put_cold(&f->rows, &cold))
		e = ERR_FULL;
	if (e == ERR_OK && f->m->want & STORE_WANT_CONTENT)
		e = put_content(f, cold.content);
	if (e != ERR_OK)
		buf_truncate(&f->rows, before);
	return e;
}

static enum err
fill(struct fetch *f, struct ipc_store_rows *r)
{
	struct walk_item it;
	uint32_t count = 0;
	enum err e;

	r->modseq = f->box.rec.modseq;
	r->resume = f->m->resume;
	f->walk.since = f->m->changed_since;
	while ((e = walk_next(&f->walk, &it)) == ERR_OK) {
		if (f->m->limit != 0 && count == f->m->limit) {
			r->more = true;
			break;
		}
		e = put_item(f, &it);
		if (e == ERR_FULL) {
			r->more = true;
			break;
		}
		if (e != ERR_OK)
			return e;
		r->resume = it.uid;
		count++;
	}
	/* A row that does not fit an empty answer would never fit. */
	if (r->more && count == 0)
		return ERR_TOOBIG;
	r->rows = buf_slice(&f->rows);
	r->epochs = buf_slice(&f->epochs.list);
	return e == ERR_END || r->more ? ERR_OK : e;
}

void
store_on_fetch(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_fetch *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_rows r = { 0 };
	struct fetch *f;
	enum err e;

	if (ss == NULL)
		return;
	f = must_alloc(1, sizeof(*f));
	f->m = m;
	buf_init(&f->rows, FETCH_ROWS_BYTES);
	epochs_init(&f->epochs);
	buf_init(&f->summary, SUMMARY_BYTES_MAX);
	e = m->uidnext == 0 ? ERR_NOTFOUND : ERR_OK;
	if (e == ERR_OK)
		e = op_begin(&f->op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = acl_open(&f->op, ss, m->mailbox, STORE_RIGHT_R, &f->box);
	if (e == ERR_OK)
		e = walk_view_load(&f->box, m->v, m->uidnext, &f->view);
	if (e == ERR_OK)
		e = walk_init(&f->walk, &f->box, &f->view, m->by_uid, m->set, m->resume);
	if (e == ERR_OK)
		e = fill(f, &r);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_rows, &r);
	else
		store_fail_err(peer, in, e);
	walk_fini(&f->walk);
	view_fini(&f->view);
	box_close(&f->box);
	op_end(&f->op);
	buf_fini(&f->rows);
	epochs_fini(&f->epochs);
	buf_fini(&f->summary);
	free(f);
}

void
store_on_read(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_read *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_data r;
	struct record_content c;
	struct buf b;
	struct op op = { .txn = NULL };
	enum err e;

	if (ss == NULL)
		return;
	buf_init(&b, READ_BYTES_MAX);
	e = op_begin(&op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = content_find(&op, m->content, &c);
	if (e == ERR_OK)
		e = blob_read(op.store->blob, &c.body, m->offset,
		    m->bytes < READ_BYTES_MAX ? m->bytes : READ_BYTES_MAX, &b);
	r.data = buf_slice(&b);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_data, &r);
	else
		store_fail_err(peer, in, e);
	op_end(&op);
	buf_fini(&b);
}

static enum err
replace_summary(struct op *op, const struct ipc_store_put_summary *m)
{
	struct kv_key k = record_key_u64(op->account, 'X', m->content);
	struct record_content c;
	struct blob_ref old;
	struct buf b;
	enum err e;

	if ((e = content_find(op, m->content, &c)) != ERR_OK)
		return e;
	old = c.summary_ref;
	c.summary_ref = (struct blob_ref){ .segment = 0 };
	c.summary = SLICE_NONE;
	if (m->summary.n <= RECORD_SUMMARY_INLINE)
		c.summary = m->summary;
	else if ((e = blob_put(op->store->blob, op->account, m->content, BLOB_SUMMARY,
	    m->summary, SLICE_NONE, &c.summary_ref)) != ERR_OK)
		return e;
	buf_init(&b, RECORD_BYTES_MAX);
	record_content_put(&c, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
	if (c.summary_ref.segment != 0)
		blob_use(op->store->blob, &c.summary_ref);
	if (old.segment != 0)
		blob_free(op->store->blob, &old);
	return ERR_OK;
}

void
store_on_put_summary(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_put_summary *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct store_reply *r;
	struct op op = { .txn = NULL };
	enum err e;

	if (ss == NULL)
		return;
	/* Summaries are made in the owner's sessions. */
	e = ss->guest != NULL ? ERR_DENIED :
	    op_begin(&op, ss->peer->store, ss->account->id, KV_WRITE);
	if (e == ERR_OK && (e = replace_summary(&op, m)) == ERR_OK) {
		r = store_reply_new(peer, in, IPC_MSG_store_ok);
		r->m.ok = (struct ipc_store_ok){ .modseq = op.acc.modseq };
		e = op_submit(&op, KV_NOW, r);
	}
	op_end(&op);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
}
