/* SPDX-License-Identifier: ISC */
/*
 * One account.  First everything is looked at, with nothing written; when
 * there is cause, the account record, contents and epochs are made sound, then
 * names, then each mailbox, then what has no row gets one.  The sums of the
 * account are zero from the first step on and grow with the rows, so that a
 * repair that was cut short is seen and begun anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/store_proto.h"
#include "store/repair_priv.h"
#include "store/store_acl.h"
#include "store/store_check.h"
#include "store/store_mark.h"
#include "store/store_metadata.h"
#include "store/store_names.h"
#include "store/store_page.h"

#define FAULTS_BYTES	2000
#define MODSEQ_SANE	(1ull << 62)	/* RFC 7162 s3.1.2.2: 63 bits */

/* ---- gathering ---- */

static int
content_cmp(const void *a, const void *b)
{
	const struct repair_content *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct repair_content *
add_content(struct rebuild *rb, uint64_t id)
{
	struct repair_content *c;

	if (rb->content_n == rb->content_cap) {
		rb->content_cap = rb->content_cap == 0 ? 256 : rb->content_cap * 2;
		rb->contents = must_realloc(rb->contents, rb->content_cap,
		    sizeof(*rb->contents));
	}
	c = &rb->contents[rb->content_n++];
	memset(c, 0, sizeof(*c));
	c->id = id;
	return c;
}

struct repair_content *
repair_content_find(const struct rebuild *rb, uint64_t id)
{
	const struct repair_content key = { .id = id };

	return rb->content_n == 0 ? NULL :
	    bsearch(&key, rb->contents, rb->content_n, sizeof(key), content_cmp);
}

static struct repair_box *
need_box(struct rebuild *rb, uint32_t id)
{
	struct repair_box *b;

	for (size_t i = 0; i < rb->box_n; i++)
		if (rb->boxes[i].id == id)
			return &rb->boxes[i];
	if (rb->box_n == rb->box_cap) {
		rb->box_cap = rb->box_cap == 0 ? 16 : rb->box_cap * 2;
		rb->boxes = must_realloc(rb->boxes, rb->box_cap, sizeof(*rb->boxes));
	}
	b = &rb->boxes[rb->box_n++];
	memset(b, 0, sizeof(*b));
	b->id = id;
	return b;
}

static void
see_modseq(struct rebuild *rb, uint64_t modseq)
{
	if (modseq > rb->modseq && modseq < MODSEQ_SANE)
		rb->modseq = modseq;
}

static bool
has_summary(const struct rebuild *rb, uint64_t id, const struct record_content *rec)
{
	const struct repair_item *it;

	if (rec->summary_ref.segment == 0)
		return true;
	it = repair_item_find(rb->items, rb->item_n, BLOB_SUMMARY, id, &rec->summary_ref);
	return it != NULL && blob_ref_eq(&it->ref, &rec->summary_ref);
}

/* Is the content what the segments say?  What is not is found there by its id. */
static void
see_content(struct rebuild *rb, uint64_t id, struct slice v)
{
	struct repair_content *c = add_content(rb, id);
	struct record_content rec;
	struct note_body note;
	struct buf b;
	bool is_read = record_content_read(&rec, v) == ERR_OK;
	enum err e;

	c->is_indexed = true;
	c->body = repair_item_find(rb->items, rb->item_n, BLOB_BODY, id,
	    is_read ? &rec.body : NULL);
	if (c->body == NULL || !is_read || !blob_ref_eq(&rec.body, &c->body->ref) ||
	    !has_summary(rb, id, &rec))
		return;
	buf_init(&b, BLOB_NOTE_MAX);
	e = repair_note(rb->r, c->body, &b, &note);
	c->is_sound = e == ERR_NOTFOUND ? rec.body.note == 0 :
	    e == ERR_OK && note_agrees(&note, &rec);
	/* A note that cannot be read says nothing against the record. */
	c->is_sound |= e != ERR_OK && e != ERR_NOTFOUND;
	buf_fini(&b);
}

/* Is it where it says? */
static bool
is_epoch_sound(const struct rebuild *rb, uint64_t epoch, struct slice v, struct record_epoch *rec)
{
	const struct repair_item *it;

	if (record_epoch_read(rec, v) != ERR_OK)
		return false;
	if (rec->place.segment == 0)
		return true;
	it = repair_item_find(rb->items, rb->item_n, BLOB_EPOCH, epoch, &rec->place);
	return it != NULL && blob_ref_eq(&it->ref, &rec->place);
}

static void
see_name(struct rebuild *rb, const struct kv_key *key, struct slice v)
{
	struct record_name rec;
	struct repair_name *n;
	struct slice name;

	if (record_name_read(&rec, v) != ERR_OK)
		return;
	name = rec.name;
	if (names_check(&name) != ERR_OK)
		return;
	if (rb->name_n == rb->name_cap) {
		rb->name_cap = rb->name_cap == 0 ? 32 : rb->name_cap * 2;
		rb->names = must_realloc(rb->names, rb->name_cap, sizeof(*rb->names));
	}
	n = &rb->names[rb->name_n++];
	*n = (struct repair_name){ rec.mailbox, rec.special, rec.is_subscribed, *key, name.n, { 0 } };
	memcpy(n->bytes, name.p, name.n);
	if (rec.mailbox != 0)
		(void)need_box(rb, rec.mailbox);
}

static void
see_box(struct rebuild *rb, uint32_t id, struct slice v)
{
	struct repair_box *b = need_box(rb, id);

	b->has_rec = record_mailbox_read(&b->rec, v) == ERR_OK && b->rec.modseq < MODSEQ_SANE &&
	    b->rec.uidvalidity != 0 && b->rec.uidnext != 0;
	if (b->has_rec)
		see_modseq(rb, b->rec.modseq);
}

static void
see_key(struct rebuild *rb, const struct kv_key *k, struct slice v)
{
	char type = (char)k->b[8];
	struct record_epoch rec;

	if (type == 'E')
		rb->has_bad_epoch |= k->n != 17 ||
		    !is_epoch_sound(rb, dec_be64(k->b + 9), v, &rec);
	if (type == 'E' && k->n == 17 && record_epoch_read(&rec, v) == ERR_OK &&
	    dec_be64(k->b + 9) > rb->top_epoch)
		rb->top_epoch = dec_be64(k->b + 9);
	if (type == 'X' && k->n == 17)
		see_content(rb, dec_be64(k->b + 9), v);
	else if (type == 'N' && k->n == 17)
		see_name(rb, k, v);
	else if (type == 'B' && k->n == 13)
		see_box(rb, dec_be32(k->b + 9), v);
	else if (strchr("DHCZ", type) != NULL && k->n >= 17)
		(void)need_box(rb, dec_be32(k->b + 9));
	if (type == 'Z' && k->n == 23)
		see_modseq(rb, dec_be64(k->b + 13));
}

static enum err
gather(struct rebuild *rb)
{
	struct kv_key at = { 8, { 0 } }, found, rk;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	enc_be64(at.b, rb->account);
	if ((e = kv_begin(rb->r->store->kv, rb->account, KV_READ, &t)) != ERR_OK)
		return e;
	while ((e = kv_find(t, KV_GT, &at, 8, &found, &v)) == ERR_OK) {
		at = found;
		if (found.n > 8)
			see_key(rb, &found, v);
	}
	for (size_t i = 0; i < rb->box_n; i++) {
		rk = record_key_removal(rb->account, rb->boxes[i].id);
		rb->boxes[i].is_leaving = kv_get(t, &rk, &v) == ERR_OK;
	}
	kv_end(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

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

/* ---- contents and epochs ---- */

/* What the segments have and the index does not. */
static void
add_lost_contents(struct rebuild *rb)
{
	uint64_t last = 0;

	for (size_t i = 0, n = rb->content_n; rb->is_lost && i < rb->item_n; i++) {
		const struct repair_item *it = &rb->items[i];
		const struct repair_content key = { .id = it->content };

		if (it->kind != BLOB_BODY || it->content == last)
			continue;
		last = it->content;
		if (n == 0 || bsearch(&key, rb->contents, n, sizeof(key), content_cmp) == NULL)
			add_content(rb, it->content)->body = repair_item_find(rb->items,
			    rb->item_n, BLOB_BODY, it->content, NULL);
	}
	if (rb->content_n > 0)
		qsort(rb->contents, rb->content_n, sizeof(*rb->contents), content_cmp);
}

static enum err
write_content(struct rebuild *rb, struct repair_content *c, const struct note_body *n)
{
	struct kv_key k = record_key_u64(rb->account, 'X', c->id);
	struct record_content rec = { .body = c->body->ref, .epoch = n->epoch,
	    .generation = n->generation, .message_id = n->message_id,
	    .created_s = n->created_s, .commitment = n->commitment, .wrapped = n->wrapped };
	const struct repair_item *s = repair_item_find(rb->items, rb->item_n, BLOB_SUMMARY, c->id,
	    NULL);
	struct buf b;

	if (s != NULL && blob_check(rb->r->store->blob, &s->ref, rb->account, c->id,
	    BLOB_SUMMARY) == ERR_OK)
		rec.summary_ref = s->ref;
	buf_init(&b, RECORD_BYTES_MAX);
	record_content_put(&rec, &b);
	op_put(&rb->op, &k, &b);
	buf_fini(&b);
	c->is_sound = c->is_usable = true;
	return repair_count(rb);
}

static bool
has_epoch(struct rebuild *rb, uint64_t epoch)
{
	struct kv_key k = record_key_u64(rb->account, 'E', epoch);
	struct record_epoch rec;
	struct slice v;

	return kv_get(rb->op.txn, &k, &v) == ERR_OK && record_epoch_read(&rec, v) == ERR_OK;
}

static enum err
make_content(struct rebuild *rb, struct repair_content *c)
{
	struct kv_key k = record_key_u64(rb->account, 'X', c->id);
	struct record_content rec;
	struct note_body n;
	struct slice v;
	struct buf b;
	enum err e = ERR_OK;

	c->is_usable = c->is_sound && kv_get(rb->op.txn, &k, &v) == ERR_OK &&
	    record_content_read(&rec, v) == ERR_OK && has_epoch(rb, rec.epoch);
	if (c->is_usable)
		return ERR_OK;
	buf_init(&b, BLOB_NOTE_MAX);
	/* Whole: its bytes may be a hole by now. */
	if (c->body != NULL && repair_note(rb->r, c->body, &b, &n) == ERR_OK &&
	    has_epoch(rb, n.epoch) && blob_check(rb->r->store->blob, &c->body->ref,
	    rb->account, c->id, BLOB_BODY) == ERR_OK) {
		e = write_content(rb, c, &n);
	} else if (c->is_indexed) {
		kv_del(rb->op.txn, &k);
		e = repair_count(rb);
	}
	buf_fini(&b);
	return e;
}

static enum err
write_epoch(struct rebuild *rb, const struct repair_item *it)
{
	struct kv_key k = record_key_u64(rb->account, 'E', it->content);
	struct record_epoch rec = { .generation = 0 };
	struct note_epoch n;
	struct slice v;
	struct buf b, out;
	enum err e = ERR_OK;

	if (kv_get(rb->op.txn, &k, &v) == ERR_OK && is_epoch_sound(rb, it->content, v, &rec))
		return ERR_OK;
	buf_init(&b, NOTE_EPOCH_BYTES_MAX);
	if (blob_check(rb->r->store->blob, &it->ref, rb->account, it->content,
	    BLOB_EPOCH) == ERR_OK &&
	    blob_read(rb->r->store->blob, &it->ref, 0, NOTE_EPOCH_BYTES_MAX, &b) == ERR_OK &&
	    note_epoch_read(&n, buf_slice(&b)) == ERR_OK) {
		rec = (struct record_epoch){ it->ref, n.generation, n.form, n.data };
		buf_init(&out, RECORD_BYTES_MAX);
		record_epoch_put(&rec, &out);
		op_put(&rb->op, &k, &out);
		buf_fini(&out);
		e = repair_count(rb);
	}
	buf_fini(&b);
	return e;
}

/* The key is right, and only its place is not: it is in no segment, then. */
static void
keep_epoch(struct rebuild *rb, const struct kv_key *k, struct record_epoch *rec)
{
	struct buf b;

	rec->place = (struct blob_ref){ .segment = 0 };
	buf_init(&b, RECORD_BYTES_MAX);
	record_epoch_put(rec, &b);
	op_put(&rb->op, k, &b);
	buf_fini(&b);
}

/* One that is neither in the index nor in a segment as it should be is of no use. */
static enum err
drop_bad_epochs(struct rebuild *rb)
{
	struct kv_key at = record_key(rb->account, 'E'), found;
	struct record_epoch rec;
	struct slice v;
	enum err e;

	while ((e = kv_find(rb->op.txn, KV_GT, &at, 9, &found, &v)) == ERR_OK) {
		at = found;
		if (found.n == 17 && is_epoch_sound(rb, dec_be64(found.b + 9), v, &rec))
			continue;
		if (found.n == 17 && record_epoch_read(&rec, v) == ERR_OK)
			keep_epoch(rb, &found, &rec);
		else
			kv_del(rb->op.txn, &found);
		if ((e = repair_count(rb)) != ERR_OK)
			return e;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err
make_contents(struct rebuild *rb)
{
	enum err e;

	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	for (size_t i = rb->item_n; i > 0 && e == ERR_OK; i--)	/* the last of each first */
		if (rb->items[i - 1].kind == BLOB_EPOCH)
			e = write_epoch(rb, &rb->items[i - 1]);
	if (e == ERR_OK)
		e = drop_bad_epochs(rb);
	for (size_t i = 0; i < rb->content_n && e == ERR_OK; i++)
		e = make_content(rb, &rb->contents[i]);
	return e == ERR_OK ? repair_submit(rb) : e;
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
	    rb->acc.modseq < MODSEQ_SANE) {
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

	see_modseq(rb, a->modseq);
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

/* ---- names ---- */

static bool
is_taken(const struct rebuild *rb, size_t upto, const char *name, size_t n)
{
	for (size_t i = 0; i < upto; i++)
		if (slice_ieq(slice_of(rb->names[i].bytes, rb->names[i].n), slice_of(name, n)))
			return true;
	return false;
}

/* The name that the last message put there knows. */
static void
name_from_notes(struct rebuild *rb, uint32_t mailbox, struct repair_name *out)
{
	struct note_body n;
	struct slice name;
	struct buf b;

	buf_init(&b, BLOB_NOTE_MAX);
	for (size_t i = rb->content_n; i > 0 && out->n == 0; i--) {
		if (repair_note(rb->r, rb->contents[i - 1].body, &b, &n) != ERR_OK ||
		    n.mailbox != mailbox)
			continue;
		name = n.name;
		if (names_check(&name) == ERR_OK && !is_taken(rb, rb->name_n, name.p, name.n)) {
			memcpy(out->bytes, name.p, name.n);
			out->n = name.n;
		}
		break;
	}
	buf_fini(&b);
}

/* Each mailbox one name, each name one mailbox. */
static void
settle_names(struct rebuild *rb)
{
	struct repair_name fresh;
	struct repair_box *box;
	bool has;

	for (size_t i = 0; i < rb->name_n; i++) {
		for (size_t j = 0; j < i; j++)
			if (rb->names[j].mailbox == rb->names[i].mailbox)
				rb->names[i].mailbox = 0;
		if ((rb->names[i].mailbox == 0 && !rb->names[i].is_subscribed) ||
		    is_taken(rb, i, rb->names[i].bytes, rb->names[i].n)) {
			rb->names[i] = rb->names[--rb->name_n];
			i--;
		}
	}
	for (size_t i = 0; i < rb->box_n; i++) {
		box = &rb->boxes[i];
		has = box->is_leaving;
		for (size_t j = 0; j < rb->name_n && !has; j++)
			has = rb->names[j].mailbox == box->id;
		if (has)
			continue;
		memset(&fresh, 0, sizeof(fresh));
		name_from_notes(rb, box->id, &fresh);
		if (fresh.n == 0)
			fresh.n = (size_t)snprintf(fresh.bytes, sizeof(fresh.bytes),
			    "Recovered-%u", (unsigned)box->id);
		fresh.mailbox = box->id;
		fresh.is_subscribed = true;
		if (rb->name_n == rb->name_cap) {
			rb->name_cap = rb->name_cap == 0 ? 32 : rb->name_cap * 2;
			rb->names = must_realloc(rb->names, rb->name_cap, sizeof(*rb->names));
		}
		rb->names[rb->name_n++] = fresh;
	}
}

static enum err
make_names(struct rebuild *rb)
{
	struct kv_key prefix = record_key(rb->account, 'N');
	enum err e;

	settle_names(rb);
	if ((e = repair_drop(rb, &prefix)) != ERR_OK || (e = repair_begin(rb)) != ERR_OK)
		return e;
	for (size_t i = 0; i < rb->name_n && e == ERR_OK; i++) {
		const struct repair_name *n = &rb->names[i];
		const struct record_name rec = { n->mailbox, n->is_subscribed, n->special,
		    slice_of(n->bytes, n->n) };

		names_put(&rb->op, &rec);
		rb->op.acc.mailbox_count++;
		e = repair_count(rb);
	}
	return e == ERR_OK ? repair_submit(rb) : e;
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
	add_lost_contents(rb);
	if ((e = make_account(rb)) != ERR_OK || (e = make_contents(rb)) != ERR_OK ||
	    (e = make_names(rb)) != ERR_OK || (e = make_boxes(rb)) != ERR_OK ||
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
	e = gather(rb);
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
