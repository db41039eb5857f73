/* SPDX-License-Identifier: ISC */
#include "store/store_fetch.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/crypto/grant.h"
#include "lib/crypto/pass.h"
#include "lib/ipc/key_proto.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/store_proto.h"
#include "lib/seal/epoch.h"
#include "store/store_epochs.h"
#include "store/store_acl.h"
#include "store/store_names.h"
#include "store/store_op.h"

#define READ_BYTES_MAX		49152
#define SUMMARY_BYTES_MAX	16000
#define COLD_BYTES		36
#define CONTENT_BYTES		160	/* of a content without its summary, at most */

struct fetch {
	struct op			*op;
	const struct ipc_store_fetch	*m;
	struct box			*box;
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

/* It may have an arrival in place of a summary, which every reader of it needs. */
static bool
came_sealed(struct slice wrapped)
{
	return wrapped.n == EPOCH_DIRECT_BYTES || wrapped.n == EPOCH_CARRIED_BYTES;
}

/* A content that is lost or damaged has blob_bytes 0: the row is still there. */
static enum err
put_content(struct fetch *f, uint64_t id)
{
	struct ipc_content m = { .content = id };
	struct record_content c = { .epoch = 0 };
	enum err e;

	e = content_find(f->op, id, &c);
	if (e != ERR_OK && e != ERR_NOTFOUND && e != ERR_CORRUPT)
		return e;
	if (e == ERR_OK) {
		m = (struct ipc_content){ id, c.epoch, c.generation, c.body.bytes,
		    c.commitment, c.wrapped, SLICE_NONE };
		if ((e = epochs_put(&f->epochs, f->op, c.epoch)) != ERR_OK)
			return e;
	}
	buf_reset(&f->summary);
	if (e == ERR_OK && (f->m->want & STORE_WANT_SUMMARY || came_sealed(c.wrapped))) {
		m.summary = c.summary;
		if (c.summary_ref.segment != 0 && c.summary_ref.bytes <= SUMMARY_BYTES_MAX &&
		    blob_read(f->op->store->blob, &c.summary_ref, 0, SUMMARY_BYTES_MAX,
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

	r->modseq = f->box->rec.modseq;
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

static struct fetch *
fetch_new(const struct ipc_store_fetch *m, struct op *op, struct box *box)
{
	struct fetch *f = must_alloc(1, sizeof(*f));

	f->m = m;
	f->op = op;
	f->box = box;
	buf_init(&f->rows, FETCH_ROWS_BYTES);
	epochs_init(&f->epochs);
	buf_init(&f->summary, SUMMARY_BYTES_MAX);
	return f;
}

static void
fetch_free(struct fetch *f)
{
	walk_fini(&f->walk);
	view_fini(&f->view);
	buf_fini(&f->rows);
	epochs_fini(&f->epochs);
	buf_fini(&f->summary);
	free(f);
}

static enum err
fetch_run(struct fetch *f, struct ipc_store_rows *r)
{
	const struct ipc_store_fetch *m = f->m;
	enum err e = walk_view_load(f->box, m->v, m->uidnext, &f->view);

	if (e == ERR_OK)
		e = walk_init(&f->walk, f->box, &f->view, m->by_uid, m->set, m->resume);
	return e == ERR_OK ? fill(f, r) : e;
}

void
store_on_fetch(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_fetch *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_rows r = { 0 };
	struct op op = { .txn = NULL };
	struct box box = { .txn = NULL };
	struct fetch *f;
	enum err e;

	if (ss == NULL)
		return;
	f = fetch_new(m, &op, &box);
	e = m->uidnext == 0 ? ERR_NOTFOUND : ERR_OK;
	if (e == ERR_OK)
		e = op_begin(&op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = acl_open(&op, ss, m->mailbox, STORE_RIGHT_R, &box);
	if (e == ERR_OK)
		e = fetch_run(f, &r);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_rows, &r);
	else
		store_fail_err(peer, in, e);
	box_close(&box);
	op_end(&op);
	fetch_free(f);
}

/* ---- a message that a URL authorizes ---- */

/* The mailbox that the pass names, under the name that the URL has for it. */
static enum err
open_named(struct op *op, const struct pass *a, struct slice name, struct box *box)
{
	uint32_t mailbox;
	enum err e = names_mailbox(op, name, &mailbox);

	if (e == ERR_OK)
		e = mailbox == a->mailbox ? box_open(box, op->txn, op->account, mailbox) :
		    ERR_NOTFOUND;
	if (e == ERR_OK && a->uidvalidity != 0 && a->uidvalidity != box->rec.uidvalidity)
		e = ERR_NOTFOUND;
	return e;
}

/* The grant for what is in the row: this content and no other. */
static void
grant_content(const struct store_session *ss, const struct op *op, const struct ipc_store_rows *r,
    unsigned char out[GRANT_BYTES])
{
	struct store *s = ss->peer->store;
	struct ipc_reader rd = ipc_reader_of(r->rows);
	struct grant g = { .instance = ipc_peer_instance(ss->peer->peer), .guest = ss->user,
		.owner = op->account, .generation = op->acc.key_generation,
		.expires_s = store_now_s(s) + GRANT_LIFE_S };
	struct ipc_row row;
	struct ipc_cold cold;

	ipc_row_get(&rd, &row);
	ipc_cold_get(&rd, &cold);
	g.content = cold.content;
	grant_make(out, &g, s->grant_key);
}

static enum err
url_row(struct fetch *f, struct ipc_store_fetch *want, const struct pass *a, struct slice name,
    struct ipc_store_rows *r)
{
	enum err e = f->op->acc.sealing == SEALING_ESCROW ||
	    f->op->acc.sealing == SEALING_SERVER ? ERR_OK : ERR_NOTFOUND;

	if (e == ERR_OK)
		e = open_named(f->op, a, name, f->box);
	if (e == ERR_OK) {
		want->v = f->box->rec.modseq;
		want->uidnext = f->box->rec.uidnext;
		e = fetch_run(f, r);
	}
	return e == ERR_OK && r->rows.n == 0 ? ERR_NOTFOUND : e;
}

void
store_on_url(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_url *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct store *s = store_of(peer);
	unsigned char set[8], grant[GRANT_BYTES];
	struct ipc_store_fetch want = { .by_uid = true, .limit = 1, .set = slice_of(set, 8),
		.want = STORE_WANT_COLD | STORE_WANT_CONTENT | STORE_WANT_SUMMARY };
	struct ipc_store_url_reply reply = { .grant = slice_of(grant, sizeof(grant)) };
	struct ipc_store_rows r = { 0 };
	struct op op = { .txn = NULL };
	struct box box = { .txn = NULL };
	struct pass a = { 0 };
	struct fetch *f;
	enum err e;

	if (ss == NULL)
		return;
	f = fetch_new(&want, &op, &box);
	e = !s->has_grant_key || pass_verify(&a, m->pass, s->grant_key, ipc_peer_instance(peer),
	    ss->user, store_now_s(s)) != ERR_OK ? ERR_NOTFOUND : ERR_OK;
	enc_le32(set, a.uid);
	enc_le32(set + 4, a.uid);
	if (e == ERR_OK)
		e = op_begin(&op, s, a.owner, KV_READ);
	if (e == ERR_OK)
		e = url_row(f, &want, &a, m->name, &r);
	if (e == ERR_OK) {
		grant_content(ss, &op, &r, grant);
		reply.rows = r.rows;
		reply.epochs = r.epochs;
		ipc_reply(peer, in->id, IPC_MSG_store_url_reply, &reply);
	} else {
		store_fail_err(peer, in, e);
	}
	box_close(&box);
	op_end(&op);
	fetch_free(f);
}

/* Whose content it is: the session's account's, or that of a grant for it. */
static enum err
reading_from(const struct store_session *ss, const struct ipc_store_read *m, uint64_t *account)
{
	const struct store *s = ss->peer->store;
	struct grant g;

	*account = ss->account->id;
	if (m->grant.n == 0)
		return ERR_OK;
	if (!s->has_grant_key || grant_verify(&g, m->grant, s->grant_key,
	    ipc_peer_instance(ss->peer->peer), ss->user, store_now_s(s)) != ERR_OK ||
	    g.content == 0 || g.content != m->content)
		return ERR_DENIED;
	*account = g.owner;
	return ERR_OK;
}

_Static_assert(READ_BYTES_MAX < STORE_WINDOW_SLOT_BYTES, "an answer fits in a slot");

/* Where the bytes of an answer go: to the slot, or to memory of their own. */
static enum err
read_into(const struct store_session *ss, uint32_t slot, struct buf *b)
{
	unsigned char *window = ss->peer->window;

	buf_init(b, READ_BYTES_MAX);
	if (slot == 0)
		return ERR_OK;
	if (window == NULL || slot > STORE_WINDOW_SLOTS)
		return ERR_VIOLATION;
	buf_lend(b, window + (size_t)(slot - 1) * STORE_WINDOW_SLOT_BYTES,
	    STORE_WINDOW_SLOT_BYTES);
	return ERR_OK;
}

static void
answer_read(struct ipc_peer *peer, const struct ipc_in *in, bool in_slot, struct buf *b)
{
	const struct ipc_store_data_at at = { .bytes = (uint32_t)b->n };
	const struct ipc_store_data r = { .data = buf_slice(b) };

	if (in_slot)
		ipc_reply(peer, in->id, IPC_MSG_store_data_at, &at);
	else
		ipc_reply(peer, in->id, IPC_MSG_store_data, &r);
}

void
store_on_read(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_read *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct record_content c;
	struct buf b;
	struct op op = { .txn = NULL };
	uint64_t account;
	enum err e;

	if (ss == NULL)
		return;
	daemon_crash_at("store.read");
	if (read_into(ss, m->slot, &b) != ERR_OK) {
		ipc_peer_violation(peer, "no such slot");
		return;
	}
	e = reading_from(ss, m, &account);
	if (e == ERR_OK)
		e = op_begin(&op, ss->peer->store, account, KV_READ);
	if (e == ERR_OK)
		e = content_find(&op, m->content, &c);
	if (e == ERR_OK)
		e = blob_read(op.store->blob, &c.body, m->offset,
		    m->bytes < READ_BYTES_MAX ? m->bytes : READ_BYTES_MAX, &b);
	if (e == ERR_OK)
		answer_read(peer, in, m->slot > 0, &b);
	else
		store_fail_err(peer, in, e);
	op_end(&op);
	if (m->slot == 0)
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
