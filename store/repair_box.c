/* SPDX-License-Identifier: ISC */
/*
 * One mailbox: its rows are read from whatever hot and cold pages are sound,
 * without the directory, and written in new pages.  A row is a message when its
 * cold half is there and its content can be had; without its hot half its
 * flags are forgotten.  UIDs stay, and so does UIDVALIDITY when the mailbox
 * record could be read.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/repair_priv.h"
#include "store/store_arrivals.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_names.h"
#include "store/store_quota.h"
#include "store/store_thread.h"

#define PREFIX_BYTES	13
#define RECOVERED	"Recovered"

/* Flags of one UID. */
struct flags {
	struct page_hot_row	 hot;
	struct flagset		*wide;		/* NULL: no keyword from 24 on */
};
struct rows {
	struct page_cold_row	*cold;
	size_t			 cold_n;
	size_t			 cold_cap;
	struct flags		*hot;
	size_t			 hot_n;
	size_t			 hot_cap;
};

/* ---- reading ---- */

static void
add_cold(struct rows *r, const struct page_cold_row *c)
{
	if (r->cold_n == r->cold_cap) {
		r->cold_cap = r->cold_cap == 0 ? 256 : r->cold_cap * 2;
		r->cold = must_realloc(r->cold, r->cold_cap, sizeof(*r->cold));
	}
	r->cold[r->cold_n++] = *c;
}

static void
add_hot(struct rows *r, const struct page_hot_row *h, const struct wide *w, unsigned row)
{
	unsigned char more[STORE_MORE_BYTES];
	unsigned n = w->n > 0 ? wide_row(w, row, more) : 0;
	struct flagset *set = NULL;

	if (r->hot_n == r->hot_cap) {
		r->hot_cap = r->hot_cap == 0 ? 256 : r->hot_cap * 2;
		r->hot = must_realloc(r->hot, r->hot_cap, sizeof(*r->hot));
	}
	if (n > 0) {
		set = must_alloc(1, sizeof(*set));
		*set = flagset_of(h->flags, slice_of(more, n));
	}
	r->hot[r->hot_n++] = (struct flags){ *h, set };
}

static void
rows_fini(struct rows *r)
{
	for (size_t i = 0; i < r->hot_n; i++)
		free(r->hot[i].wide);
	free(r->hot);
	free(r->cold);
}

static int
cold_cmp(const void *a, const void *b)
{
	const struct page_cold_row *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int
hot_cmp(const void *a, const void *b)
{
	const struct flags *x = a, *y = b;

	return x->hot.uid < y->hot.uid ? -1 : x->hot.uid > y->hot.uid;
}

static void
read_cold(struct kv_txn *t, uint64_t account, uint32_t mailbox, struct rows *r)
{
	struct kv_key at = record_key_u32(account, 'C', mailbox), found;
	struct page_cold *page = must_alloc(1, sizeof(*page));
	struct slice v;

	while (kv_find(t, KV_GT, &at, PREFIX_BYTES, &found, &v) == ERR_OK) {
		at = found;
		if (page_cold_read(page, v) != ERR_OK)
			continue;
		for (unsigned i = 0; i < page->n; i++)
			add_cold(r, &page->rows[i]);
	}
	if (r->cold_n > 0)
		qsort(r->cold, r->cold_n, sizeof(*r->cold), cold_cmp);
	free(page);
}

/* Columns that cannot be read take their keywords with them, no more. */
static void
read_wide(struct kv_txn *t, const struct kv_key *hot, uint32_t mailbox,
    const struct page_hot *page, struct wide *w)
{
	uint64_t account = dec_be64(hot->b);
	uint32_t first = dec_be32(hot->b + PREFIX_BYTES);
	struct slice v;
	struct kv_key k;

	for (unsigned i = 0; i < wide_part_count(page->wide); i++) {
		k = record_key_wide(account, mailbox, first, (uint16_t)i);
		if (kv_get(t, &k, &v) != ERR_OK || wide_read(w, v, page->n) != ERR_OK)
			break;
	}
}

static void
read_hot(struct kv_txn *t, uint64_t account, uint32_t mailbox, struct rows *r)
{
	struct kv_key at = record_key_u32(account, 'H', mailbox), found;
	struct page_hot *page = must_alloc(1, sizeof(*page));
	struct slice v;

	while (kv_find(t, KV_GT, &at, PREFIX_BYTES, &found, &v) == ERR_OK) {
		struct wide w = { NULL, 0, 0 };

		at = found;
		if (found.n != PREFIX_BYTES + 4 || page_hot_read(page, v) != ERR_OK)
			continue;
		read_wide(t, &found, mailbox, page, &w);
		for (unsigned i = 0; i < page->n; i++)
			add_hot(r, &page->rows[i], &w, i);
		wide_fini(&w);
	}
	if (r->hot_n > 0)
		qsort(r->hot, r->hot_n, sizeof(*r->hot), hot_cmp);
	free(page);
}

/* ---- which contents have a row ---- */

static void
see_vanished(struct rebuild *rb, struct kv_txn *t, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(rb->account, 'Z', mailbox), found;
	struct page_gone *g = must_alloc(1, sizeof(*g));
	struct repair_content *c;
	struct slice v;

	while (kv_find(t, KV_GT, &at, PREFIX_BYTES, &found, &v) == ERR_OK) {
		at = found;
		if (page_gone_read(g, v) != ERR_OK)
			continue;
		for (unsigned i = 0; i < g->n; i++)
			if ((c = repair_content_find(rb, g->rows[i].cold.content)) != NULL)
				c->is_named = true;
	}
	free(g);
}

enum err
repair_box_see(struct rebuild *rb, uint32_t mailbox)
{
	struct rows r = { .cold = NULL };
	struct repair_content *c;
	struct kv_txn *t;
	enum err e;

	if ((e = kv_begin(rb->r->store->kv, rb->account, KV_READ, &t)) != ERR_OK)
		return e;
	read_cold(t, rb->account, mailbox, &r);
	see_vanished(rb, t, mailbox);
	kv_end(&t);
	for (size_t i = 0; i < r.cold_n; i++)
		if ((c = repair_content_find(rb, r.cold[i].content)) != NULL)
			c->is_named = true;
	rows_fini(&r);
	return ERR_OK;
}

/* ---- vanished rows ---- */

static enum err
one_vanished(struct rebuild *rb, const struct kv_key *key, struct slice v, struct page_gone *g)
{
	struct page_gone *kept;
	struct page_bytes bytes;
	struct repair_content *c;

	if (key->n != 23 || page_gone_read(g, v) != ERR_OK) {
		kv_del(rb->op.txn, key);
		return repair_count(rb);
	}
	kept = must_alloc(1, sizeof(*kept));
	kept->gone_s = g->gone_s;
	for (unsigned i = 0; i < g->n; i++) {
		c = repair_content_find(rb, g->rows[i].cold.content);
		if (c == NULL || !c->is_usable)
			continue;
		c->is_named = true;
		if (!page_gone_append(kept, &g->rows[i], page_gone_more(g, i)))
			break;
	}
	if (kept->n == 0) {
		kv_del(rb->op.txn, key);
	} else if (kept->n < g->n) {
		page_gone_put(kept, &bytes);
		kv_put(rb->op.txn, key, page_slice(&bytes));
	}
	free(kept);
	return repair_count(rb);
}

static enum err
make_vanished(struct rebuild *rb, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(rb->account, 'Z', mailbox), found;
	struct page_gone *g = must_alloc(1, sizeof(*g));
	struct slice v;
	enum err e;

	if ((e = repair_begin(rb)) == ERR_OK) {
		while ((e = kv_find(rb->op.txn, KV_GT, &at, PREFIX_BYTES, &found, &v)) == ERR_OK) {
			at = found;
			if ((e = one_vanished(rb, &found, v, g)) != ERR_OK)
				break;
		}
		if (e == ERR_NOTFOUND)
			e = repair_submit(rb);
	}
	free(g);
	return e;
}

/* UIDNEXT is behind every UID that ever was, gone or not. */
static enum err
behind_vanished(struct rebuild *rb, uint32_t mailbox, uint32_t *uidnext)
{
	struct kv_key at = record_key_u32(rb->account, 'Z', mailbox), found;
	struct page_gone *g = must_alloc(1, sizeof(*g));
	struct slice v;
	enum err e;

	*uidnext = 1;
	while ((e = kv_find(rb->op.txn, KV_GT, &at, PREFIX_BYTES, &found, &v)) == ERR_OK) {
		at = found;
		if (found.n != 23 || page_gone_read(g, v) != ERR_OK)
			continue;
		for (unsigned i = 0; i < g->n; i++)
			if (g->rows[i].cold.uid >= *uidnext && g->rows[i].cold.uid < UINT32_MAX)
				*uidnext = g->rows[i].cold.uid + 1;
	}
	free(g);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* ---- writing ---- */

/*
 * A UID that the mailbox has not given yet is a flipped one, or UIDNEXT is: a
 * hot page that has it too tells.
 */
static bool
is_given(const struct rows *r, const struct repair_box *rbox, uint32_t uid)
{
	const struct flags key = { .hot = { .uid = uid } };

	if (!rbox->has_rec || uid < rbox->rec.uidnext)
		return true;
	return uid < UINT32_MAX && r->hot_n > 0 &&
	    bsearch(&key, r->hot, r->hot_n, sizeof(key), hot_cmp) != NULL;
}

/* Keywords that have no name are none. */
static struct flagset
flags_of(const struct rows *r, uint32_t uid, unsigned keywords, uint64_t *modseq)
{
	const struct flags key = { .hot = { .uid = uid } };
	const struct flags *f = r->hot_n == 0 ? NULL :
	    bsearch(&key, r->hot, r->hot_n, sizeof(key), hot_cmp);
	struct flagset all, kept;

	if (f == NULL)
		return flagset_of(0, SLICE_NONE);
	if (f->hot.modseq < *modseq)
		*modseq = f->hot.modseq;
	all = f->wide != NULL ? *f->wide : flagset_of(f->hot.flags, SLICE_NONE);
	all.bits = f->hot.flags;
	kept = flagset_of(f->hot.flags & STORE_SYSTEM, SLICE_NONE);
	for (unsigned i = 0; i < keywords; i++)
		if (flagset_has(&all, i))
			flagset_add(&kept, i);
	return kept;
}

static enum err
append(struct rebuild *rb, struct box *b, struct page_cold_row *cold, const struct flagset *f,
    uint64_t modseq)
{
	const struct page_hot_row hot = { cold->uid, f->bits, modseq };
	enum err e;

	if (cold->created > rb->modseq)
		cold->created = rb->modseq;
	if ((e = box_append(b, &hot, flagset_more(f), cold)) != ERR_OK)
		return e;
	if (cold->uid >= b->rec.uidnext)
		b->rec.uidnext = cold->uid + 1;
	quota_add(&rb->op, cold->size, 1);
	return ERR_OK;
}

/* Pages go to their place, and the next transaction begins. */
static enum err
turn_box(struct rebuild *rb, struct box *b, bool is_last)
{
	uint32_t id = b->id;
	enum err e;

	if ((e = box_flush(b)) != ERR_OK || (e = repair_submit(rb)) != ERR_OK)
		return e;
	box_close(b);
	if (is_last)
		return ERR_OK;
	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	return box_open(b, rb->op.txn, rb->account, id);
}

static void
begin_box(struct rebuild *rb, const struct repair_box *rbox, struct box *b, uint32_t uidnext)
{
	box_make(b, rb->op.txn, rb->account, rbox->id);
	if (rbox->has_rec)
		b->rec = rbox->rec;
	else
		b->rec.uidvalidity = names_uidvalidity(&rb->op);
	b->rec.exists = b->rec.unseen = b->rec.deleted = 0;
	b->rec.bytes = 0;
	b->rec.modseq = rb->modseq;
	if (b->rec.uidnext < uidnext)
		b->rec.uidnext = uidnext;
	if (b->rec.recent_uid == 0 || b->rec.recent_uid > b->rec.uidnext)
		b->rec.recent_uid = b->rec.uidnext;
	/* Who was away asks for everything. */
	b->rec.gone_floor = rb->modseq;
	for (size_t i = 0; i < rb->name_n; i++) {
		if (rb->names[i].mailbox != rbox->id)
			continue;
		b->rec.name_hash = names_hash(&rb->op, slice_of(rb->names[i].bytes,
		    rb->names[i].n));
		if (!rbox->has_rec)
			b->rec.special = rb->names[i].special;
	}
}

static enum err
write_rows(struct rebuild *rb, const struct repair_box *rbox, const struct rows *r,
    unsigned keywords)
{
	struct box *b = must_alloc(1, sizeof(*b));
	struct repair_content *c;
	uint32_t last = 0, uidnext;
	unsigned n = 0;
	enum err e;

	if ((e = repair_begin(rb)) == ERR_OK &&
	    (e = behind_vanished(rb, rbox->id, &uidnext)) == ERR_OK)
		begin_box(rb, rbox, b, uidnext);
	for (size_t i = 0; i < r->cold_n && e == ERR_OK; i++) {
		struct page_cold_row cold = r->cold[i];
		uint64_t modseq = rb->modseq;
		struct flagset f;

		if (cold.uid <= last || !is_given(r, rbox, cold.uid))
			continue;
		c = repair_content_find(rb, cold.content);
		if (c == NULL || !c->is_usable) {
			rb->r->lost++;
			continue;
		}
		c->is_named = true;
		last = cold.uid;
		f = flags_of(r, cold.uid, keywords, &modseq);
		if ((e = append(rb, b, &cold, &f, modseq)) == ERR_OK && ++n % REPAIR_SLICE == 0)
			e = turn_box(rb, b, false);
	}
	if (e == ERR_OK)
		e = turn_box(rb, b, true);
	box_close(b);
	free(b);
	return e;
}

/* The names of its keywords; those that cannot be read go. */
static enum err
make_keywords(struct rebuild *rb, uint32_t mailbox, unsigned *count)
{
	struct kv_key k = record_key_u32(rb->account, 'K', mailbox);
	struct keywords names;
	enum err e;

	if ((e = repair_begin(rb)) != ERR_OK)
		return e;
	e = keywords_open(&rb->op, mailbox, &names);
	*count = e == ERR_OK ? names.count : 0;
	keywords_close(&names);
	op_end(&rb->op);
	return e == ERR_OK ? ERR_OK : repair_drop(rb, &k);
}

enum err
repair_box(struct rebuild *rb, struct repair_box *rbox)
{
	static const char pages[] = "DHIC";
	struct rows r = { .cold = NULL };
	unsigned keywords = 0;
	struct kv_key k;
	struct kv_txn *t;
	enum err e;

	if ((e = kv_begin(rb->r->store->kv, rb->account, KV_WRITE, &t)) == ERR_BUSY) {
		rb->r->settle(rb->r->settle_arg);
		e = kv_begin(rb->r->store->kv, rb->account, KV_WRITE, &t);
	}
	if (e != ERR_OK)
		return e;
	read_cold(t, rb->account, rbox->id, &r);
	read_hot(t, rb->account, rbox->id, &r);
	kv_end(&t);
	e = make_keywords(rb, rbox->id, &keywords);
	for (const char *p = pages; *p != '\0' && e == ERR_OK; p++) {
		k = record_key_u32(rb->account, *p, rbox->id);
		e = repair_drop(rb, &k);
	}
	if (e == ERR_OK)
		e = write_rows(rb, rbox, &r, keywords);
	if (e == ERR_OK)
		e = make_vanished(rb, rbox->id);
	rows_fini(&r);
	return e;
}

/* ---- messages without a row ---- */

static enum err
find_or_make(struct rebuild *rb, struct slice name, uint32_t *mailbox)
{
	enum err e = names_check_kept(&name);
	struct name hidden;

	if (e == ERR_OK && names_is_hidden(name)) {
		if ((e = arrivals_need(&rb->op, &hidden)) == ERR_OK)
			*mailbox = hidden.rec.mailbox;
		return e;
	}
	if (e == ERR_OK)
		e = names_mailbox(&rb->op, name, mailbox);
	if (e == ERR_NOTFOUND)
		e = names_create(&rb->op, name, 0, true, rb->modseq, mailbox);
	return e;
}

/* Where its note says, as long as that is there; n is NULL when there is no note. */
static enum err
find_target(struct rebuild *rb, const struct note_body *n, uint32_t *mailbox)
{
	struct name name;

	if (n == NULL)
		return find_or_make(rb, SLICE_LIT(RECOVERED), mailbox);
	*mailbox = n->mailbox;
	if (n->mailbox != 0 && names_of(&rb->op, n->mailbox, &name) == ERR_OK)
		return ERR_OK;
	if (find_or_make(rb, n->name, mailbox) == ERR_OK)
		return ERR_OK;
	return names_mailbox(&rb->op, SLICE_LIT("INBOX"), mailbox);
}

static enum err
append_stray(struct rebuild *rb, struct box *b, const struct repair_content *c,
    const struct note_body *n)
{
	struct page_cold_row cold = { .uid = b->rec.uidnext, .content = c->id, .thread = c->id,
	    .created = rb->modseq, .saved_s = store_now_s(rb->r->store) };
	struct flagset f = flagset_of(n != NULL ? n->flags & STORE_SYSTEM : 0, SLICE_NONE);
	unsigned char id[8];
	enum err e = ERR_OK;

	if (b->rec.uidnext >= UINT32_MAX - 1)
		return ERR_LIMIT;
	cold.internal_s = n != NULL ? n->internal_s : cold.saved_s;
	cold.size = n != NULL ? n->size : (uint32_t)c->body->ref.bytes;
	if (n != NULL) {
		enc_be64(id, n->message_id);
		e = thread_join(&rb->op, c->id, slice_of(id, n->message_id != 0 ? 8 : 0),
		    n->references, &cold.thread);
	}
	b->rec.modseq = rb->modseq;
	if (e == ERR_OK || e == ERR_CORRUPT)
		e = append(rb, b, &cold, &f, rb->modseq);
	if (e == ERR_OK)
		rb->r->messages++;
	return e;
}

static enum err
one_stray(struct rebuild *rb, struct box *b, const struct repair_content *c, struct buf *bytes)
{
	struct note_body note;
	bool has_note = repair_note(rb->r, c->body, bytes, &note) == ERR_OK;
	uint32_t mailbox;
	enum err e;

	if ((e = find_target(rb, has_note ? &note : NULL, &mailbox)) != ERR_OK)
		return e;
	if (b->txn == NULL || b->id != mailbox) {
		if (b->txn != NULL && (e = box_flush(b)) != ERR_OK)
			return e;
		box_close(b);
		if ((e = box_open(b, rb->op.txn, rb->account, mailbox)) != ERR_OK)
			return e;
	}
	return append_stray(rb, b, c, has_note ? &note : NULL);
}

enum err
repair_strays(struct rebuild *rb)
{
	struct box *b = must_alloc(1, sizeof(*b));
	unsigned n = 0;
	struct buf bytes;
	enum err e;

	buf_init(&bytes, BLOB_NOTE_MAX);
	e = repair_begin(rb);
	for (size_t i = 0; i < rb->content_n && e == ERR_OK; i++) {
		if (!rb->contents[i].is_usable || rb->contents[i].is_named)
			continue;
		if ((e = one_stray(rb, b, &rb->contents[i], &bytes)) != ERR_OK ||
		    ++n % REPAIR_SLICE != 0)
			continue;
		if ((e = turn_box(rb, b, true)) == ERR_OK)
			e = repair_begin(rb);
	}
	if (e == ERR_OK && b->txn != NULL)
		e = turn_box(rb, b, true);
	else if (e == ERR_OK)
		e = repair_submit(rb);
	box_close(b);
	buf_fini(&bytes);
	free(b);
	return e;
}
