/* SPDX-License-Identifier: ISC */
#include "store/store_undelete.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_args.h"
#include "store/store_box.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_quota.h"
#include "store/store_sweep.h"

#define PREFIX_BYTES	13
#define REMOVAL_PREFIX	17	/* shard, letter, account */

struct undelete {
	struct op	 op;
	struct box	 box;
	uint64_t	 modseq;
	uint64_t	 bytes;
	unsigned	 n;
};

/* The row as a message again; its content may be gone already. */
static enum err
bring_back(struct undelete *u, const struct page_gone_row *r, struct slice more)
{
	struct kv_key k = record_key_u64(u->op.account, 'X', r->cold.content);
	struct page_cold_row cold = r->cold;
	struct page_hot_row hot;
	struct slice v;
	enum err e;

	if ((e = kv_get(u->op.txn, &k, &v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	if (u->box.rec.uidnext >= UINT32_MAX - 1)
		return ERR_LIMIT;
	u->modseq = u->modseq != 0 ? u->modseq : op_modseq(&u->op);
	cold.uid = u->box.rec.uidnext;
	cold.saved_s = store_now_s(u->op.store);
	cold.created = u->modseq;
	hot = (struct page_hot_row){ cold.uid,
	    r->flags & ~(uint32_t)(STORE_DELETED | PAGE_GONE_MARKS), u->modseq };
	if ((e = box_append(&u->box, &hot, more, &cold)) != ERR_OK)
		return e;
	u->box.rec.uidnext++;
	sweep_saw(u->op.store, u->op.account, cold.content);
	quota_add(&u->op, cold.size, 1);
	u->n++;
	return ERR_OK;
}

/* All of one record that may come back. */
static enum err
one_record(struct undelete *u, const struct kv_key *key, struct page_gone *g)
{
	struct page_bytes bytes;
	bool changed = false;
	enum err e;

	for (unsigned i = 0; i < g->n; i++) {
		if (g->rows[i].flags & PAGE_GONE_MARKS)
			continue;
		if ((e = bring_back(u, &g->rows[i], page_gone_more(g, i))) != ERR_OK)
			return e;
		g->rows[i].flags |= PAGE_GONE_RESTORED;
		changed = true;
	}
	if (!changed)
		return ERR_OK;
	page_gone_put(g, &bytes);
	kv_put(u->op.txn, key, page_slice(&bytes));
	return ERR_OK;
}

static enum err
all_records(struct undelete *u, bool *more)
{
	struct kv_key at = record_key_u32(u->op.account, 'Z', u->box.id), found;
	struct page_gone *g = must_alloc(1, sizeof(*g));
	struct slice v;
	enum err e;

	while ((e = kv_find(u->op.txn, KV_GT, &at, PREFIX_BYTES, &found, &v)) == ERR_OK) {
		at = found;
		if (page_gone_read(g, v) != ERR_OK) {
			e = ERR_CORRUPT;
			break;
		}
		if (u->n + g->n > UNDELETE_STEP_MAX) {
			*more = true;
			break;
		}
		if ((e = one_record(u, &found, g)) != ERR_OK)
			break;
	}
	free(g);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err
submit(struct undelete *u)
{
	struct store_reply *r;
	enum err e;

	u->box.rec.modseq = u->modseq;
	if ((e = box_flush(&u->box)) != ERR_OK)
		return e;
	r = store_reply_new(NULL, NULL, IPC_MSG_store_ok);
	r->store = u->op.store;
	r->boxes[0] = u->box.id;
	return op_submit(&u->op, KV_NOW, r);
}

/* ---- a mailbox that was removed itself ---- */

/* The last one of that name whose pages are still all there; rec borrows. */
static enum err
find_removed(struct op *op, struct slice name, struct kv_key *key, struct record_removal *rec)
{
	struct kv_key at = record_key_u64(0, 'R', op->account), found;
	struct record_removal r;
	bool has = false;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, REMOVAL_PREFIX, &found, &v) == ERR_OK) {
		at = found;
		if (found.n != 21 || record_removal_read(&r, v) != ERR_OK ||
		    r.due_s <= store_now_s(op->store) || !slice_eq(r.name, name) ||
		    (has && r.removed_s < rec->removed_s))
			continue;
		*key = found;
		*rec = r;
		has = true;
	}
	return has ? ERR_OK : ERR_NOTFOUND;
}

static void
put_mailbox(struct op *op, uint32_t id, const struct record_mailbox *m)
{
	struct kv_key k = record_key_u32(op->account, 'B', id);
	struct buf b;

	buf_init(&b, RECORD_BYTES_MAX);
	record_mailbox_put(m, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
}

/* With its UIDs, flags and UIDVALIDITY, as if it had not gone. */
static enum err
bring_mailbox_back(struct undelete *u, struct slice name)
{
	struct record_name rec = { .is_subscribed = true, .name = name };
	struct record_removal gone;
	struct record_mailbox m;
	struct store_reply *r;
	struct name old;
	struct kv_key key;
	enum err e;

	if ((e = find_removed(&u->op, name, &key, &gone)) != ERR_OK ||
	    (e = record_mailbox_read(&m, gone.mailbox)) != ERR_OK)
		return e;
	rec.special = gone.special;
	rec.mailbox = dec_be32(key.b + 17);
	if (names_find(&u->op, name, &old) == ERR_NOTFOUND) {
		if (names_shown(&u->op) >= u->op.store->mailbox_limit)
			return ERR_LIMIT;
		u->op.acc.mailbox_count++;
	}
	m.modseq = op_modseq(&u->op);
	put_mailbox(&u->op, rec.mailbox, &m);
	names_put(&u->op, &rec);
	kv_del(u->op.txn, &key);
	quota_add(&u->op, m.bytes, m.exists);
	u->n = m.exists;
	r = store_reply_new(NULL, NULL, IPC_MSG_store_ok);
	r->store = u->op.store;
	r->names = true;
	return op_submit(&u->op, KV_NOW, r);
}

/* What vanished from one that is there. */
static enum err
bring_messages_back(struct undelete *u, uint32_t id, bool *more)
{
	enum err e = box_open(&u->box, u->op.txn, u->op.account, id);

	if (e == ERR_OK && (e = all_records(u, more)) == ERR_OK && u->n > 0)
		e = submit(u);
	return e;
}

enum err
undelete_step(struct store *s, uint64_t account, struct slice mailbox, unsigned *count, bool *more)
{
	struct undelete *u = must_alloc(1, sizeof(*u));
	uint32_t id;
	enum err e;

	*count = 0;
	*more = false;
	if ((e = op_begin(&u->op, s, account, KV_WRITE)) == ERR_OK) {
		e = names_mailbox(&u->op, mailbox, &id);
		if (e == ERR_OK)
			e = bring_messages_back(u, id, more);
		else if (e == ERR_NOTFOUND)
			e = bring_mailbox_back(u, mailbox);
	}
	if (e == ERR_OK)
		*count = u->n;
	box_close(&u->box);
	op_end(&u->op);
	free(u);
	return e;
}

/* ---- the tool: address, mailbox, and where the last request stopped ---- */

enum { AT_SHARD, AT_ACCOUNT, AT_FOUND, AT_COUNT, AT_N };	/* of the cursor */

uint8_t
undelete_tool(struct store *s, struct slice args, struct buf *out, bool *more,
    uint64_t *changed)
{
	struct slice address, mailbox, cursor;
	uint64_t at[AT_N] = { 0 };
	unsigned count = 0;
	enum err e = ERR_OK;

	*more = false;
	*changed = 0;
	if (!args_next(&args, &address) || !args_next(&args, &mailbox)) {
		buf_put_str(out, "an address and a mailbox are needed\n");
		return EX_USAGE;
	}
	/* at[AT_ACCOUNT]: looked at already; with at[AT_FOUND]: it is this one. */
	if (args_next(&args, &cursor))
		args_numbers(cursor, at, AT_N);
	if (!at[AT_FOUND])
		e = args_account(s, address, &at[AT_SHARD], &at[AT_ACCOUNT]);
	if (e == ERR_OK) {
		at[AT_FOUND] = 1;
		e = undelete_step(s, at[AT_ACCOUNT], mailbox, &count, more);
	}
	at[AT_COUNT] += count;
	*changed = at[AT_COUNT] > 0 ? at[AT_ACCOUNT] : 0;
	if (e == ERR_AGAIN || e == ERR_BUSY)
		*more = true;
	if (*more) {
		buf_printf(out, "%llu %llu %llu %llu\n", (unsigned long long)at[AT_SHARD],
		    (unsigned long long)at[AT_ACCOUNT], (unsigned long long)at[AT_FOUND],
		    (unsigned long long)at[AT_COUNT]);
		return EX_OK;
	}
	if (e != ERR_OK) {
		buf_put_slice(out, at[AT_FOUND] ? mailbox : address);
		buf_printf(out, ": %s\n", e == ERR_NOTFOUND ? "not found" : err_text(e));
		return e == ERR_NOTFOUND ? EX_DATAERR : EX_TEMPFAIL;
	}
	buf_printf(out, "%llu messages brought back\n", (unsigned long long)at[AT_COUNT]);
	return EX_OK;
}
