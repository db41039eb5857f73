/* SPDX-License-Identifier: ISC */
#include "store/store_mark.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "store/store_columns.h"
#include "store/store_page.h"
#include "store/store_record.h"

#define STEP_ROWS	256	/* records in one slice */
#define PREFIX_BYTES	9
#define SET_MIN		1024

/* Open addressing, at most half full; 0 is no id. */
struct id_set {
	uint64_t	*v;
	size_t		 mask;
	size_t		 n;
};

enum mark_state { MARK_TRIM, MARK_ROWS, MARK_GONE, MARK_CONTENTS, MARK_COLUMNS, MARK_EPOCHS,
	MARK_DONE };

struct mark {
	struct store		*store;
	uint64_t		 account;
	enum mark_state		 state;
	struct kv_key		 at;		/* where the next slice begins */
	bool			 has_young;	/* vanished rows within the window */
	uint64_t		 oldest_s;	/* of those */
	struct id_set		 contents;
	struct id_set		 epochs;
	uint64_t		 freed;
	uint64_t		 freed_bytes;
};

/* ---- sets ---- */

static void
set_init(struct id_set *s)
{
	s->v = must_alloc(SET_MIN, sizeof(*s->v));
	s->mask = SET_MIN - 1;
	s->n = 0;
}

static uint64_t *
set_slot(const struct id_set *s, uint64_t id)
{
	size_t i = (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & s->mask;

	while (s->v[i] != 0 && s->v[i] != id)
		i = (i + 1) & s->mask;
	return &s->v[i];
}

static void
set_add(struct id_set *s, uint64_t id)
{
	struct id_set old = *s;
	uint64_t *slot;

	if (id == 0 || *(slot = set_slot(s, id)) == id)
		return;
	if (s->n * 2 > s->mask) {
		s->mask = s->mask * 2 + 1;
		s->v = must_alloc(s->mask + 1, sizeof(*s->v));
		for (size_t i = 0; i <= old.mask; i++)
			if (old.v[i] != 0)
				*set_slot(s, old.v[i]) = old.v[i];
		free(old.v);
		slot = set_slot(s, id);
	}
	*slot = id;
	s->n++;
}

static bool
set_has(const struct id_set *s, uint64_t id)
{
	return *set_slot(s, id) == id;
}

/* ---- waiting ---- */

static struct kv_key
due_key(uint64_t account)
{
	return record_key_u64(0, 'W', account);
}

static void
put_due(struct kv_txn *t, uint64_t account, uint64_t due_s)
{
	struct kv_key k = due_key(account);
	unsigned char v[9] = { 1 };

	enc_le64(v + 1, due_s);
	kv_put(t, &k, slice_of(v, sizeof(v)));
}

void
mark_wanted(struct op *op)
{
	struct kv_key k = due_key(op->account);
	struct slice v;

	if (kv_get(op->txn, &k, &v) == ERR_NOTFOUND)
		put_due(op->txn, op->account, store_now_s(op->store) + op->store->undelete_s);
}

void
mark_due_now(struct kv_txn *t, uint64_t account)
{
	put_due(t, account, 0);
}

/* ---- the pass ---- */

static void
enter(struct mark *m, enum mark_state state)
{
	static const char types[] = { 'Z', 'C', 'Z', 'X', 'O', 'E', 'A' };

	m->state = state;
	m->at = record_key(m->account, types[state]);
}

struct mark *
mark_new(struct store *s, uint64_t account)
{
	struct mark *m = must_alloc(1, sizeof(*m));

	m->store = s;
	m->account = account;
	set_init(&m->contents);
	set_init(&m->epochs);
	enter(m, MARK_TRIM);
	return m;
}

void
mark_free(struct mark **pm)
{
	struct mark *m = *pm;

	*pm = NULL;
	if (m == NULL)
		return;
	free(m->contents.v);
	free(m->epochs.v);
	free(m);
}

uint64_t
mark_account(const struct mark *m)
{
	return m->account;
}

void
mark_saw(struct mark *m, uint64_t content)
{
	set_add(&m->contents, content);
}

/* Views older than what is dropped here can no longer be told what vanished. */
static enum err
raise_floor(struct op *op, uint32_t mailbox, uint64_t modseq)
{
	struct kv_key k = record_key_u32(op->account, 'B', mailbox);
	struct record_mailbox rec;
	struct slice v;
	struct buf b;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	if ((e = record_mailbox_read(&rec, v)) != ERR_OK || rec.gone_floor >= modseq)
		return e;
	rec.gone_floor = modseq;
	buf_init(&b, RECORD_BYTES_MAX);
	record_mailbox_put(&rec, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
	return ERR_OK;
}

static enum err
trim(struct mark *m, struct op *op, const struct kv_key *key, struct slice v)
{
	struct page_gone g;

	/* Damaged: kept for gwstore to see, its contents cannot be told. */
	if (key->n != 23 || page_gone_read(&g, v) != ERR_OK)
		return ERR_CORRUPT;
	if (g.gone_s + m->store->undelete_s > store_now_s(m->store)) {
		if (!m->has_young || g.gone_s < m->oldest_s)
			m->oldest_s = g.gone_s;
		m->has_young = true;
		return ERR_OK;
	}
	columns_drop(op, dec_be32(key->b + 9), &g);
	kv_del(op->txn, key);
	return raise_floor(op, dec_be32(key->b + 9), dec_be64(key->b + 13));
}

static enum err
see_row_page(struct mark *m, struct slice v)
{
	struct page_cold c;
	enum err e;

	if ((e = page_cold_read(&c, v)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < c.n; i++)
		set_add(&m->contents, c.rows[i].content);
	return m->contents.n > MARK_CONTENTS_MAX ? ERR_LIMIT : ERR_OK;
}

static enum err
see_gone_page(struct mark *m, struct slice v)
{
	struct page_gone g;
	enum err e;

	if ((e = page_gone_read(&g, v)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < g.n; i++)
		set_add(&m->contents, g.rows[i].cold.content);
	return ERR_OK;
}

static enum err
judge_content(struct mark *m, struct op *op, const struct kv_key *key, struct slice v)
{
	struct record_content c;
	struct kv_key thread;
	enum err e;

	if (key->n != 17)
		return ERR_CORRUPT;
	if ((e = record_content_read(&c, v)) != ERR_OK)
		return e;
	if (set_has(&m->contents, dec_be64(key->b + 9))) {
		set_add(&m->epochs, c.epoch);
		return ERR_OK;
	}
	blob_free(m->store->blob, &c.body);
	if (c.summary_ref.segment != 0)
		blob_free(m->store->blob, &c.summary_ref);
	m->freed++;
	m->freed_bytes += c.body.bytes + c.summary_ref.bytes;
	if (c.message_id != 0) {
		thread = record_key_u64(m->account, 'T', c.message_id);
		kv_del(op->txn, &thread);
	}
	kv_del(op->txn, key);
	return ERR_OK;
}

/* A damaged one is nobody's: it is made again when it is missed. */
static void
see_columns(struct mark *m, struct slice v)
{
	struct record_columns c;

	if (record_columns_read(&c, v) == ERR_OK)
		set_add(&m->epochs, c.epoch);
}

/* An epoch in use without any content left is begun anew by its next append. */
static enum err
judge_epoch(struct mark *m, struct op *op, const struct kv_key *key, struct slice v)
{
	struct record_epoch rec;
	uint64_t epoch;

	if (key->n != 17)
		return ERR_CORRUPT;
	epoch = dec_be64(key->b + 9);
	if (set_has(&m->epochs, epoch) || epoch + STORE_RESERVATIONS_MAX >= op->acc.next_epoch)
		return ERR_OK;
	if (record_epoch_read(&rec, v) == ERR_OK && rec.place.segment != 0)
		blob_free(m->store->blob, &rec.place);
	kv_del(op->txn, key);
	return ERR_OK;
}

static enum err
visit(struct mark *m, struct op *op, const struct kv_key *key, struct slice v)
{
	switch (m->state) {
	case MARK_TRIM:
		return trim(m, op, key, v);
	case MARK_ROWS:
		return see_row_page(m, v);
	case MARK_GONE:
		return see_gone_page(m, v);
	case MARK_CONTENTS:
		return judge_content(m, op, key, v);
	case MARK_COLUMNS:
		see_columns(m, v);
		return ERR_OK;
	case MARK_EPOCHS:
		return judge_epoch(m, op, key, v);
	case MARK_DONE:
		return ERR_OK;
	}
	return ERR_OK;
}

static void
finish(struct mark *m, struct op *op)
{
	struct kv_key k = due_key(m->account);

	if (m->has_young)
		put_due(op->txn, m->account, m->oldest_s + m->store->undelete_s);
	else
		kv_del(op->txn, &k);
	if (m->freed > 0)
		log_event(LOG_compact, log_num("live", m->contents.n),
		    log_num("freed", m->freed_bytes));
}

/* Any damage ends the pass before something is freed because of it. */
enum err
mark_step(struct mark *m, bool *done)
{
	unsigned left = STEP_ROWS;
	struct kv_key found;
	struct slice v;
	struct op op;
	enum err e;

	*done = false;
	if ((e = op_begin(&op, m->store, m->account, KV_WRITE)) != ERR_OK)
		return e;
	while (left > 0 && m->state != MARK_DONE) {
		e = kv_find(op.txn, KV_GT, &m->at, PREFIX_BYTES, &found, &v);
		if (e == ERR_NOTFOUND) {
			enter(m, m->state + 1);
			e = ERR_OK;
			continue;
		}
		if (e == ERR_OK)
			e = visit(m, &op, &found, v);
		if (e != ERR_OK)
			break;
		m->at = found;
		left--;
	}
	if (e == ERR_OK && m->state == MARK_DONE) {
		finish(m, &op);
		*done = true;
	}
	if (e == ERR_OK)
		return op_submit(&op, KV_LAZY, NULL);
	op_end(&op);
	return e;
}
