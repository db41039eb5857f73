/* SPDX-License-Identifier: ISC */
/* What index and segments have of an account, before anything is written. */
#include "store/repair_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/store_names.h"
#include "store/store_page.h"

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

void
repair_see_modseq(struct rebuild *rb, uint64_t modseq)
{
	if (modseq > rb->modseq && modseq < REPAIR_MODSEQ_SANE)
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
bool
repair_epoch_is_sound(const struct rebuild *rb, uint64_t epoch, struct slice v, struct record_epoch *rec)
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
	if (names_check_kept(&name) != ERR_OK)
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

	b->has_rec = record_mailbox_read(&b->rec, v) == ERR_OK && b->rec.modseq < REPAIR_MODSEQ_SANE &&
	    b->rec.uidvalidity != 0 && b->rec.uidnext != 0;
	if (b->has_rec)
		repair_see_modseq(rb, b->rec.modseq);
}

static void
see_key(struct rebuild *rb, const struct kv_key *k, struct slice v)
{
	char type = (char)k->b[8];
	struct record_epoch rec;

	if (type == 'E')
		rb->has_bad_epoch |= k->n != 17 ||
		    !repair_epoch_is_sound(rb, dec_be64(k->b + 9), v, &rec);
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
		repair_see_modseq(rb, dec_be64(k->b + 13));
}

enum err
repair_gather(struct rebuild *rb)
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

/* What the segments have and the index does not. */
void
repair_add_lost(struct rebuild *rb)
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
