/* SPDX-License-Identifier: ISC */
/*
 * One account.  First everything is looked at, with nothing written; when
 * there is cause, the account record, contents and epochs are made sound, then
 * names, then each mailbox, then what has no row gets one.  The sums of the
 * account are zero from the first step on and grow with the rows, so that a
 * repair that was cut short is seen and begun anew.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "store/repair_priv.h"
#include "store/store_acl.h"
#include "store/store_check.h"
#include "store/store_mark.h"
#include "store/store_metadata.h"
#include "store/store_names.h"

#define FAULTS_BYTES	2000

/* ---- is there cause? ---- */

static bool
has_faults(struct rebuild *rb)
{
	struct buf out;
	struct check c = { .store = rb->r->store, .out = &out };

	buf_init(&out, FAULTS_BYTES);
	check_account(&c, rb->account);
	buf_put_slice(rb->r->out, buf_slice(&out));
	buf_fini(&out);
	return c.faults > 0;
}

/* A content that nothing names, and no pass is due that would look for it. */
static bool
has_strays(struct rebuild *rb)
{
	struct kv_key k = record_key_u64(0, 'W', rb->account);
	struct kv_txn *t;
	struct slice v;
	bool is_due;

	for (size_t i = 0; i < rb->box_n; i++)
		if (repair_box_see(rb, rb->boxes[i].id) != ERR_OK)
			return true;
	if (kv_begin(rb->r->store->kv, rb->account, KV_READ, &t) != ERR_OK)
		return false;
	is_due = kv_get(t, &k, &v) == ERR_OK;
	kv_end(&t);
	for (size_t i = 0; i < rb->content_n && !is_due; i++)
		if (!rb->contents[i].is_named)
			return true;
	return false;
}

static bool
has_cause(struct rebuild *rb, bool is_marked)
{
	bool faults = has_faults(rb), strays = has_strays(rb);

	rb->is_lost = is_marked;
	for (size_t i = 0; i < rb->content_n; i++) {
		/* Under a wrong number, or at a place that is another's. */
		if (!rb->contents[i].is_sound && rb->contents[i].body == NULL)
			rb->is_lost = true;
		faults |= !rb->contents[i].is_sound;
	}
	return is_marked || faults || strays || rb->has_bad_epoch;
}

/* ---- the account's record ---- */

static void
find_salt(struct rebuild *rb)
{
	struct note_epoch n;
	struct buf b;

	cry_random(rb->acc.salt, sizeof(rb->acc.salt));
	buf_init(&b, NOTE_EPOCH_BYTES_MAX);
	for (size_t i = rb->item_n; i > 0; i--) {
		const struct repair_item *it = &rb->items[i - 1];

		buf_reset(&b);
		if (it->kind != BLOB_EPOCH || blob_check(rb->r->store->blob, &it->ref,
		    rb->account, it->content, BLOB_EPOCH) != ERR_OK ||
		    blob_read(rb->r->store->blob, &it->ref, 0, NOTE_EPOCH_BYTES_MAX, &b) != ERR_OK ||
		    note_epoch_read(&n, buf_slice(&b)) != ERR_OK)
			continue;
		memcpy(rb->acc.salt, n.salt.p, sizeof(rb->acc.salt));
		break;
	}
	buf_fini(&b);
}

/* keyd says who it is, and its key, when the store starts. */
static void
read_account(struct rebuild *rb, struct kv_txn *t)
{
	struct kv_key k = record_key(rb->account, 'A');
	struct slice v;

	if (kv_get(t, &k, &v) == ERR_OK && record_account_read(&rb->acc, v) == ERR_OK &&
	    rb->acc.modseq < REPAIR_MODSEQ_SANE) {
		memcpy(rb->address, rb->acc.address.p, rb->acc.address.n);
		rb->acc.address.p = rb->address;
		return;
	}
	memset(&rb->acc, 0, sizeof(rb->acc));
	find_salt(rb);
}

static void
raise_counters(struct rebuild *rb)
{
	struct record_account *a = &rb->acc;

	repair_see_modseq(rb, a->modseq);
	a->modseq = ++rb->modseq;
	a->next_content = a->next_content > 1 ? a->next_content : 1;
	a->next_epoch = a->next_epoch > 1 ? a->next_epoch : 1;
	a->next_mailbox = a->next_mailbox > 1 ? a->next_mailbox : 1;
	a->next_uidvalidity = a->next_uidvalidity > 1 ? a->next_uidvalidity : 1;
	for (size_t i = 0; i < rb->item_n; i++) {
		uint64_t *next = rb->items[i].kind == BLOB_EPOCH ? &a->next_epoch : &a->next_content;

		if (rb->items[i].content >= *next)
			*next = rb->items[i].content + 1;
	}
	if (rb->top_epoch >= a->next_epoch && rb->top_epoch < UINT64_MAX)
		a->next_epoch = rb->top_epoch + 1;
	for (size_t i = 0; i < rb->content_n; i++)
		if (rb->contents[i].id >= a->next_content && rb->contents[i].id < UINT64_MAX)
			a->next_content = rb->contents[i].id + 1;
	for (size_t i = 0; i < rb->box_n; i++) {
		const struct repair_box *b = &rb->boxes[i];

		if (b->id >= a->next_mailbox && b->id < UINT32_MAX)
			a->next_mailbox = b->id + 1;
		if (b->has_rec && b->rec.uidvalidity >= a->next_uidvalidity &&
		    b->rec.uidvalidity < UINT32_MAX)
			a->next_uidvalidity = b->rec.uidvalidity + 1;
	}
	a->used_bytes = 0;
	a->message_count = 0;
	a->metadata_bytes = 0;
	a->mailbox_count = 0;
}

static enum err
make_account(struct rebuild *rb)
{
	struct kv_key k = record_key(rb->account, 'A');
	struct kv_txn *t;
	struct buf b;
	enum err e;

	if ((e = kv_begin(rb->r->store->kv, rb->account, KV_WRITE, &t)) != ERR_OK)
		return e;
	read_account(rb, t);
	raise_counters(rb);
	buf_init(&b, RECORD_BYTES_MAX);
	record_account_put(&rb->acc, &b);
	kv_put(t, &k, buf_slice(&b));
	buf_fini(&b);
	rb->r->has_changed = true;
	return kv_submit(&t, KV_NOW, NULL, NULL);
}

/* ---- what hangs on mailboxes ---- */

/* Metadata that cannot be read are no use to anybody. */
static enum err
make_metadata(struct rebuild *rb, uint32_t mailbox)
{
	struct kv_key k = record_key_u32(rb->account, 'M', mailbox);
	uint64_t bytes;
	bool is_bad;
	enum err e;

	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	is_bad = metadata_sum(&rb->op, mailbox, &bytes) != ERR_OK;
	if (!is_bad)
		rb->op.acc.metadata_bytes += bytes;
	if ((e = repair_submit(rb)) == ERR_OK && is_bad)
		e = repair_drop(rb, &k);
	return e;
}

static enum err
make_boxes(struct rebuild *rb)
{
	struct kv_key columns = record_key(rb->account, 'O');
	enum err e = repair_drop(rb, &columns);

	for (size_t i = 0; i < rb->box_n && e == ERR_OK; i++) {
		if (rb->boxes[i].is_leaving)
			e = repair_box_see(rb, rb->boxes[i].id);
		else if ((e = repair_box(rb, &rb->boxes[i])) == ERR_OK)
			e = make_metadata(rb, rb->boxes[i].id);
	}
	return e == ERR_OK ? make_metadata(rb, 0) : e;
}

/* INBOX and the like; vanished rows wait for their pass. */
static enum err
make_last(struct rebuild *rb)
{
	enum err e;

	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	rb->op.acc.has_mailboxes = false;
	if ((e = names_defaults(&rb->op)) != ERR_OK)
		return e;
	acl_repair(&rb->op);
	mark_due_now(rb->op.txn, rb->account);
	return repair_submit(rb);
}

static enum err
make_all(struct rebuild *rb)
{
	uint64_t before = rb->r->messages;
	enum err e;

	for (size_t i = 0; i < rb->content_n; i++)
		rb->contents[i].is_named = false;
	repair_add_lost(rb);
	if ((e = make_account(rb)) != ERR_OK || (e = repair_contents(rb)) != ERR_OK ||
	    (e = repair_names(rb)) != ERR_OK || (e = make_boxes(rb)) != ERR_OK ||
	    (e = make_last(rb)) != ERR_OK || (e = repair_strays(rb)) != ERR_OK)
		return e;
	rb->r->made++;
	buf_printf(rb->r->out, "account %llu is made again, %llu messages found\n",
	    (unsigned long long)rb->account, (unsigned long long)(rb->r->messages - before));
	return ERR_OK;
}

/* Keys that a flipped bit took to another account: no mail, nor a record. */
static bool
is_nobody(struct rebuild *rb)
{
	struct kv_key k = record_key(rb->account, 'A');
	struct record_account acc;
	struct kv_txn *t;
	struct slice v;
	bool is;

	if (rb->item_n > 0 || kv_begin(rb->r->store->kv, rb->account, KV_READ, &t) != ERR_OK)
		return false;
	is = kv_get(t, &k, &v) != ERR_OK || record_account_read(&acc, v) != ERR_OK;
	kv_end(&t);
	return is;
}

static enum err
drop_all(struct rebuild *rb)
{
	struct kv_key at = { 8, { 0 } }, found;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	enc_be64(at.b, rb->account);
	if ((e = kv_begin(rb->r->store->kv, rb->account, KV_WRITE, &t)) != ERR_OK)
		return e;
	while ((e = kv_find(t, KV_GT, &at, 8, &found, &v)) == ERR_OK) {
		at = found;
		kv_del(t, &found);
	}
	rb->r->has_changed = true;
	if (e == ERR_NOTFOUND)
		return kv_submit(&t, KV_NOW, NULL, NULL);
	kv_end(&t);
	return e;
}

enum err
repair_account(struct repair *r, uint64_t account, bool is_marked,
    const struct repair_item *items, size_t n)
{
	struct rebuild *rb;
	enum err e;

	if (check_is_being_removed(r->store, account))
		return ERR_OK;
	rb = must_alloc(1, sizeof(*rb));
	rb->r = r;
	rb->account = account;
	rb->items = items;
	rb->item_n = n;
	e = repair_gather(rb);
	if (e == ERR_OK && is_nobody(rb))
		e = drop_all(rb);
	else if (e == ERR_OK && has_cause(rb, is_marked))
		e = make_all(rb);
	op_end(&rb->op);
	free(rb->contents);
	free(rb->names);
	free(rb->boxes);
	free(rb);
	return e;
}
