/* SPDX-License-Identifier: ISC */
/* Content and epoch records, made sound or made again from notes and epochs. */
#include "store/repair_priv.h"

#include "lib/base/enc.h"

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

	if (kv_get(rb->op.txn, &k, &v) == ERR_OK && repair_epoch_is_sound(rb, it->content, v, &rec))
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
		if (found.n == 17 && repair_epoch_is_sound(rb, dec_be64(found.b + 9), v, &rec))
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

enum err
repair_contents(struct rebuild *rb)
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
