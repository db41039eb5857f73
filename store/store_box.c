/* SPDX-License-Identifier: ISC */
/*
 * A list of all directory pages with their sums is read once when first
 * needed (one page for 19,200 messages); from there a message is two pages
 * away.
 */
#include "store/store_box.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

#define PREFIX_BYTES	13	/* account, letter, mailbox */

/* ---- opening ---- */

void
box_make(struct box *b, struct kv_txn *txn, uint64_t account, uint32_t id)
{
	/* The page arrays need no clearing: their counts say what is there. */
	b->txn = txn;
	b->account = account;
	b->id = id;
	b->is_dirty = true;
	memset(&b->rec, 0, sizeof(b->rec));
	b->dirs = NULL;
	b->dir_n = b->dir_cap = 0;
	b->has_dirs = false;
	b->dir_at = -1;
	b->dir_dirty = b->hot_dirty = b->cold_dirty = b->wide_dirty = b->is_due = false;
	memset(&b->wide, 0, sizeof(b->wide));
	b->wide_parts = 0;
	b->dir.n = b->hot.n = b->cold.n = 0;
	b->hot_first = b->cold_first = 0;
	b->cold_is_tail = false;
	b->reads = 0;
	b->gone_modseq = 0;
	b->gone_count = 0;
	b->gone_part = 0;
	b->gone.n = 0;
}

enum err
box_open(struct box *b, struct kv_txn *txn, uint64_t account, uint32_t id)
{
	struct kv_key k = record_key_u32(account, 'B', id);
	struct slice v;
	enum err e;

	box_make(b, txn, account, id);
	b->is_dirty = false;
	if ((e = kv_get(txn, &k, &v)) != ERR_OK)
		return e;
	return record_mailbox_read(&b->rec, v);
}

void
box_close(struct box *b)
{
	free(b->dirs);
	b->dirs = NULL;
	wide_fini(&b->wide);
	b->txn = NULL;
}

uint32_t
box_live(const struct box *b)
{
	return b->rec.exists;
}

static struct kv_key
page_key(const struct box *b, char type, uint32_t first)
{
	return record_key_page(b->account, type, b->id, first);
}

/* ---- held pages ---- */

static void
write_page(struct box *b, char type, uint32_t first, const struct page_bytes *bytes)
{
	struct kv_key k = page_key(b, type, first);

	kv_put(b->txn, &k, page_slice(bytes));
}

static void
drop_page(struct box *b, char type, uint32_t first)
{
	struct kv_key k = page_key(b, type, first);

	kv_del(b->txn, &k);
}

static void
sum_due(struct box *b)
{
	if (!b->is_due)
		return;
	b->is_due = false;
	page_dir_row_of(&b->dir.rows[b->due_row], b->dir.rows[b->due_row].first, &b->hot);
	page_dir_sum(&b->dir, &b->dirs[b->dir_at].sum);
}

static void
flush_dir(struct box *b)
{
	struct page_bytes bytes;

	sum_due(b);
	if (!b->dir_dirty)
		return;
	page_dir_put(&b->dir, &bytes);
	write_page(b, 'D', b->dirs[b->dir_at].first, &bytes);
	b->dir_dirty = false;
}

static struct kv_key
wide_key(const struct box *b, unsigned part)
{
	return record_key_wide(b->account, b->id, b->hot_first, (uint16_t)part);
}

static void
flush_wide(struct box *b)
{
	unsigned parts = wide_part_count(b->wide.n);
	struct page_bytes bytes;
	struct kv_key k;

	if (!b->wide_dirty)
		return;
	for (unsigned i = 0; i < parts; i++) {
		wide_put(&b->wide, i, &bytes);
		k = wide_key(b, i);
		kv_put(b->txn, &k, page_slice(&bytes));
	}
	for (unsigned i = parts; i < b->wide_parts; i++) {
		k = wide_key(b, i);
		kv_del(b->txn, &k);
	}
	b->wide_parts = parts;
	b->wide_dirty = false;
}

static void
flush_hot(struct box *b)
{
	struct page_bytes bytes;

	sum_due(b);
	if (!b->hot_dirty)
		return;
	b->hot.wide = (uint16_t)b->wide.n;
	page_hot_put(&b->hot, &bytes);
	write_page(b, 'H', b->hot_first, &bytes);
	flush_wide(b);
	b->hot_dirty = false;
}

static void
flush_cold(struct box *b)
{
	struct page_bytes bytes;

	if (!b->cold_dirty)
		return;
	page_cold_put(&b->cold, &bytes);
	write_page(b, 'C', b->cold_first, &bytes);
	b->cold_dirty = false;
}

static void
flush_gone(struct box *b)
{
	struct page_bytes bytes;
	struct kv_key k;

	if (b->gone.n == 0)
		return;
	page_gone_put(&b->gone, &bytes);
	k = record_key_gone(b->account, b->id, b->gone_modseq, b->gone_part++);
	kv_put(b->txn, &k, page_slice(&bytes));
	b->gone.n = 0;
}

enum err
box_flush(struct box *b)
{
	struct kv_key k = record_key_u32(b->account, 'B', b->id);
	char mem[RECORD_MEM_BYTES];
	struct buf rec;

	flush_dir(b);
	flush_hot(b);
	flush_cold(b);
	flush_gone(b);
	if (!b->is_dirty)
		return ERR_OK;
	buf_lend(&rec, mem, sizeof(mem));
	record_mailbox_put(&b->rec, &rec);
	kv_put(b->txn, &k, buf_slice(&rec));
	b->is_dirty = false;
	return ERR_OK;
}

static void
recount(struct box *b, unsigned from)
{
	for (unsigned i = from; i < b->dir_n; i++)
		b->dirs[i].before = i == 0 ? 0 :
		    b->dirs[i - 1].before + b->dirs[i - 1].sum.count;
}

static struct box_dir *
dirs_add(struct box *b, uint32_t first)
{
	if (b->dir_n == b->dir_cap) {
		b->dir_cap = b->dir_cap == 0 ? 8 : b->dir_cap * 2;
		b->dirs = must_realloc(b->dirs, b->dir_cap, sizeof(*b->dirs));
	}
	memset(&b->dirs[b->dir_n], 0, sizeof(b->dirs[0]));
	b->dirs[b->dir_n].first = first;
	return &b->dirs[b->dir_n++];
}

static enum err
load_dirs(struct box *b)
{
	struct kv_key at = page_key(b, 'D', 0), found;
	struct box_dir *d;
	struct slice v;
	enum err e;

	if (b->has_dirs)
		return ERR_OK;
	while ((e = kv_find(b->txn, KV_GT, &at, PREFIX_BYTES, &found, &v)) == ERR_OK) {
		if (found.n != PREFIX_BYTES + 4)
			return ERR_CORRUPT;
		d = dirs_add(b, dec_be32(found.b + PREFIX_BYTES));
		if ((e = page_dir_read_sum(&d->sum, v)) != ERR_OK)
			return e;
		at = found;
	}
	if (e != ERR_NOTFOUND)
		return e;
	recount(b, 0);
	b->has_dirs = true;
	if (b->dir_n > 0 && b->dirs[b->dir_n - 1].before +
	    b->dirs[b->dir_n - 1].sum.count != b->rec.exists)
		return ERR_CORRUPT;
	return b->dir_n == 0 && b->rec.exists != 0 ? ERR_CORRUPT : ERR_OK;
}

static enum err
hold_dir(struct box *b, unsigned idx)
{
	struct kv_key k;
	struct slice v;
	enum err e;

	if (b->dir_at == (int)idx)
		return ERR_OK;
	flush_dir(b);
	b->dir_at = -1;
	b->reads++;
	k = page_key(b, 'D', b->dirs[idx].first);
	if ((e = kv_get(b->txn, &k, &v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	if ((e = page_dir_read(&b->dir, v)) != ERR_OK)
		return e;
	if (b->dir.n == 0)
		return ERR_CORRUPT;
	b->dir_at = (int)idx;
	return ERR_OK;
}

/* The columns beside the page that was just read. */
static enum err
load_wide(struct box *b, uint32_t first)
{
	struct slice v;
	struct kv_key k;
	enum err e;

	b->wide.n = 0;
	b->wide_dirty = false;
	b->wide_parts = wide_part_count(b->hot.wide);
	for (unsigned i = 0; i < b->wide_parts; i++) {
		k = record_key_wide(b->account, b->id, first, (uint16_t)i);
		if ((e = kv_get(b->txn, &k, &v)) != ERR_OK)
			return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
		if ((e = wide_read(&b->wide, v, b->hot.n)) != ERR_OK)
			return e;
	}
	return b->wide.n == b->hot.wide ? ERR_OK : ERR_CORRUPT;
}

/* The hot page of a row of the held directory page. */
static enum err
hold_hot(struct box *b, unsigned row)
{
	uint32_t first = b->dir.rows[row].first;
	struct kv_key k;
	struct slice v;
	enum err e;

	if (b->hot_first == first)
		return ERR_OK;
	flush_hot(b);
	b->hot_first = 0;
	b->reads++;
	k = page_key(b, 'H', first);
	if ((e = kv_get(b->txn, &k, &v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	if ((e = page_hot_read(&b->hot, v)) != ERR_OK)
		return e;
	if (b->hot.n == 0 || b->hot.n != b->dir.rows[row].count ||
	    b->hot.rows[0].uid < first)
		return ERR_CORRUPT;
	if ((e = load_wide(b, first)) != ERR_OK)
		return e;
	b->hot_first = first;
	return ERR_OK;
}

static enum err
hold_cold(struct box *b, uint32_t uid)
{
	struct kv_key k, found;
	struct slice v;
	enum err e;

	if (b->cold_first != 0 && b->cold.n > 0 && uid >= b->cold_first &&
	    uid <= b->cold.rows[b->cold.n - 1].uid)
		return ERR_OK;
	if (b->cold_is_tail && b->cold_first != 0 && uid >= b->cold_first)
		return ERR_OK;
	flush_cold(b);
	b->cold_first = 0;
	b->reads++;
	b->cold_is_tail = uid == UINT32_MAX;
	k = page_key(b, 'C', uid);
	if ((e = kv_find(b->txn, KV_LE, &k, PREFIX_BYTES, &found, &v)) != ERR_OK)
		return e;
	if (found.n != PREFIX_BYTES + 4)
		return ERR_CORRUPT;
	if ((e = page_cold_read(&b->cold, v)) != ERR_OK)
		return e;
	b->cold_first = dec_be32(found.b + PREFIX_BYTES);
	return b->cold.n == 0 || b->cold_first == 0 ? ERR_CORRUPT : ERR_OK;
}

/* ---- finding ---- */

static enum err
at_end(struct box *b, struct box_pos *p)
{
	p->is_end = true;
	p->dir = b->dir_n;
	p->row = p->idx = 0;
	p->before = b->rec.exists;
	memset(&p->hot, 0, sizeof(p->hot));
	return ERR_OK;
}

/* Load what dir, row and idx point to. */
static enum err
settle(struct box *b, struct box_pos *p)
{
	enum err e;

	if (p->dir >= b->dir_n)
		return at_end(b, p);
	if ((e = hold_dir(b, p->dir)) != ERR_OK)
		return e;
	if (p->row >= b->dir.n)
		return ERR_CORRUPT;
	if ((e = hold_hot(b, p->row)) != ERR_OK)
		return e;
	if (p->idx >= b->hot.n)
		return ERR_CORRUPT;
	p->is_end = false;
	p->hot = b->hot.rows[p->idx];
	return ERR_OK;
}

static enum err
next_page(struct box *b, struct box_pos *p)
{
	enum err e;

	p->idx = 0;
	if ((e = hold_dir(b, p->dir)) != ERR_OK)
		return e;
	if (++p->row >= b->dir.n) {
		p->row = 0;
		p->dir++;
	}
	return ERR_OK;
}

enum err
box_seek_uid(struct box *b, uint32_t uid, struct box_pos *p)
{
	unsigned lo = 0, hi, mid, row;
	enum err e;

	memset(p, 0, sizeof(*p));
	if ((e = load_dirs(b)) != ERR_OK)
		return e;
	if (b->dir_n == 0)
		return at_end(b, p);
	for (hi = b->dir_n; lo < hi; ) {
		mid = (lo + hi) / 2;
		if (b->dirs[mid].first <= uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	p->dir = lo == 0 ? 0 : lo - 1;
	if ((e = hold_dir(b, p->dir)) != ERR_OK)
		return e;
	row = page_dir_at(&b->dir, uid);
	p->row = row == b->dir.n ? 0 : row;
	p->before = b->dirs[p->dir].before;
	for (unsigned i = 0; i < p->row; i++)
		p->before += b->dir.rows[i].count;
	if ((e = hold_hot(b, p->row)) != ERR_OK)
		return e;
	p->idx = page_hot_at(&b->hot, uid);
	p->before += p->idx;
	if (p->idx == b->hot.n && (e = next_page(b, p)) != ERR_OK)
		return e;
	return settle(b, p);
}

enum err
box_seek_rank(struct box *b, uint32_t before, struct box_pos *p)
{
	unsigned lo = 0, hi, mid;
	uint32_t left;
	enum err e;

	memset(p, 0, sizeof(*p));
	if ((e = load_dirs(b)) != ERR_OK)
		return e;
	if (before >= b->rec.exists)
		return at_end(b, p);
	for (hi = b->dir_n; lo < hi; ) {
		mid = (lo + hi) / 2;
		if (b->dirs[mid].before <= before)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return ERR_CORRUPT;
	p->dir = lo - 1;
	p->before = before;
	if ((e = hold_dir(b, p->dir)) != ERR_OK)
		return e;
	left = before - b->dirs[p->dir].before;
	while (p->row < b->dir.n && left >= b->dir.rows[p->row].count)
		left -= b->dir.rows[p->row++].count;
	p->idx = left;
	return settle(b, p);
}

enum err
box_next(struct box *b, struct box_pos *p)
{
	enum err e;

	if (p->is_end)
		return ERR_OK;
	p->before++;
	p->idx++;
	/* The page is usually the one held already. */
	if ((e = hold_dir(b, p->dir)) != ERR_OK || (e = hold_hot(b, p->row)) != ERR_OK)
		return e;
	if (p->idx >= b->hot.n && (e = next_page(b, p)) != ERR_OK)
		return e;
	return settle(b, p);
}

enum err
box_skip_older(struct box *b, struct box_pos *p, uint64_t since)
{
	enum err e;

	sum_due(b);
	while (!p->is_end && p->idx == 0) {
		if (p->row == 0 && b->dirs[p->dir].sum.max_modseq <= since) {
			p->before += b->dirs[p->dir].sum.count;
			p->dir++;
		} else {
			if ((e = hold_dir(b, p->dir)) != ERR_OK)
				return e;
			if (b->dir.rows[p->row].max_modseq > since)
				break;
			p->before += b->dir.rows[p->row].count;
			if ((e = next_page(b, p)) != ERR_OK)
				return e;
		}
		if (p->dir >= b->dir_n)
			return at_end(b, p);
	}
	return settle(b, p);
}

enum err
box_rank(struct box *b, uint32_t uid, uint32_t *rank)
{
	struct box_pos p;
	enum err e;

	*rank = b->rec.exists;
	if (uid == UINT32_MAX)
		return ERR_OK;
	if ((e = box_seek_uid(b, uid + 1, &p)) == ERR_OK)
		*rank = p.before;
	return e;
}

enum err
box_first_unseen(struct box *b, uint32_t *before)
{
	enum err e;

	if ((e = load_dirs(b)) != ERR_OK)
		return e;
	sum_due(b);
	for (unsigned d = 0; d < b->dir_n; d++) {
		if (b->dirs[d].sum.unseen == 0)
			continue;
		*before = b->dirs[d].before;
		if ((e = hold_dir(b, d)) != ERR_OK)
			return e;
		for (unsigned r = 0; r < b->dir.n; *before += b->dir.rows[r++].count) {
			if (b->dir.rows[r].unseen == 0)
				continue;
			if ((e = hold_hot(b, r)) != ERR_OK)
				return e;
			for (unsigned i = 0; i < b->hot.n; i++, (*before)++)
				if (!(b->hot.rows[i].flags & STORE_SEEN))
					return ERR_OK;
			return ERR_CORRUPT;
		}
		return ERR_CORRUPT;
	}
	return ERR_NOTFOUND;
}

enum err
box_cold(struct box *b, uint32_t uid, struct page_cold_row *out)
{
	unsigned i;
	enum err e;

	if ((e = hold_cold(b, uid)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	i = page_cold_at(&b->cold, uid);
	if (i >= b->cold.n || b->cold.rows[i].uid != uid)
		return ERR_CORRUPT;
	*out = b->cold.rows[i];
	return ERR_OK;
}

unsigned
box_more(const struct box *b, const struct box_pos *p, unsigned char out[STORE_MORE_BYTES])
{
	return b->wide.n == 0 ? 0 : wide_row(&b->wide, p->idx, out);
}

enum err
box_deleted_bytes(struct box *b, uint64_t *bytes)
{
	uint32_t left = b->rec.deleted;
	struct page_cold_row cold;
	struct box_pos p;
	enum err e;

	*bytes = 0;
	e = box_seek_rank(b, 0, &p);
	for (; e == ERR_OK && left > 0 && !p.is_end; e = box_next(b, &p)) {
		if (!(p.hot.flags & STORE_DELETED))
			continue;
		if ((e = box_cold(b, p.hot.uid, &cold)) != ERR_OK)
			return e;
		*bytes += cold.size;
		left--;
	}
	return e;
}

/* ---- changing ---- */

/*
 * The held hot page changed, by so many rows: bring the counts in step.  The
 * other sums follow when the page or its directory page is left.
 */
static void
restate(struct box *b, unsigned row, int rows)
{
	struct box_dir *d = &b->dirs[b->dir_at];

	b->dir_dirty = b->hot_dirty = b->is_due = true;
	b->due_row = row;
	if (rows == 0)
		return;
	b->dir.rows[row].count = b->hot.n;
	d->sum.count += (uint32_t)rows;
	recount(b, (unsigned)b->dir_at);
}

static enum err
append_cold(struct box *b, const struct page_cold_row *r)
{
	enum err e = hold_cold(b, UINT32_MAX);

	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e == ERR_OK && page_cold_append(&b->cold, r)) {
		b->cold_dirty = true;
		return ERR_OK;
	}
	if (e == ERR_OK && b->cold.n < PAGE_COLD_ROWS)
		return ERR_CORRUPT;	/* UIDs do not ascend */
	flush_cold(b);
	b->cold.n = 0;
	b->cold_first = r->uid;
	b->cold_dirty = b->cold_is_tail = true;
	(void)page_cold_append(&b->cold, r);
	return ERR_OK;
}

/* Hold the last hot page, or make a new one, with its directory row. */
static enum err
hold_tail(struct box *b, uint32_t uid, unsigned *row)
{
	struct page_dir_row r = { .first = uid };
	enum err e;

	if (b->dir_n > 0) {
		if ((e = hold_dir(b, b->dir_n - 1)) != ERR_OK)
			return e;
		*row = b->dir.n - 1u;
		if (b->dir.rows[*row].count < PAGE_HOT_ROWS)
			return hold_hot(b, *row);
	}
	if (b->dir_n == 0 || b->dir.n >= PAGE_DIR_ROWS) {
		flush_dir(b);
		(void)dirs_add(b, uid);
		b->dir_at = (int)b->dir_n - 1;
		b->dir.n = 0;
	}
	if (!page_dir_append(&b->dir, &r))
		return ERR_CORRUPT;
	*row = b->dir.n - 1u;
	flush_hot(b);
	b->hot.n = 0;
	b->wide.n = b->wide_parts = 0;
	b->hot_first = uid;
	return ERR_OK;
}

enum err
box_append(struct box *b, const struct page_hot_row *hot, struct slice more,
    const struct page_cold_row *cold)
{
	unsigned row;
	enum err e;

	if ((e = load_dirs(b)) != ERR_OK ||
	    (e = append_cold(b, cold)) != ERR_OK ||
	    (e = hold_tail(b, hot->uid, &row)) != ERR_OK)
		return e;
	if (!page_hot_append(&b->hot, hot))
		return ERR_CORRUPT;
	if (more.n > 0)
		b->wide_dirty |= wide_set_row(&b->wide, b->hot.n - 1u, more);
	restate(b, row, 1);
	b->rec.exists++;
	b->rec.unseen += !(hot->flags & STORE_SEEN);
	b->rec.deleted += (hot->flags & STORE_DELETED) != 0;
	b->rec.bytes += cold->size;
	b->is_dirty = true;
	return ERR_OK;
}

static void
uncount(struct box *b, uint32_t flags)
{
	if (!(flags & STORE_SEEN) && b->rec.unseen > 0)
		b->rec.unseen--;
	if ((flags & STORE_DELETED) && b->rec.deleted > 0)
		b->rec.deleted--;
}

enum err
box_set_flags(struct box *b, struct box_pos *p, const struct flagset *f, uint64_t modseq)
{
	struct page_hot_row *r;
	enum err e;

	if ((e = settle(b, p)) != ERR_OK)
		return e;
	must(!p->is_end);
	r = &b->hot.rows[p->idx];
	uncount(b, r->flags);
	b->rec.unseen += !(f->bits & STORE_SEEN);
	b->rec.deleted += (f->bits & STORE_DELETED) != 0;
	r->flags = f->bits;
	r->modseq = modseq;
	if (b->wide.n > 0 || f->n > 0)
		b->wide_dirty |= wide_set_row(&b->wide, p->idx, flagset_more(f));
	p->hot = *r;
	restate(b, p->row, 0);
	b->is_dirty = true;
	return ERR_OK;
}

static enum err
remove_cold(struct box *b, uint32_t uid)
{
	page_cold_remove(&b->cold, page_cold_at(&b->cold, uid));
	b->cold_dirty = true;
	if (b->cold.n == 0) {
		drop_page(b, 'C', b->cold_first);
		b->cold_first = 0;
		b->cold_dirty = false;
	}
	return ERR_OK;
}

static void
remove_dir_row(struct box *b, unsigned row)
{
	unsigned d = (unsigned)b->dir_at;

	drop_page(b, 'H', b->hot_first);
	b->wide.n = 0;
	b->wide_dirty = b->wide_parts > 0;
	flush_wide(b);
	b->hot_first = 0;
	b->hot_dirty = b->is_due = false;
	page_dir_remove(&b->dir, row);
	b->dir_dirty = true;
	if (b->dir.n > 0) {
		page_dir_sum(&b->dir, &b->dirs[d].sum);
	} else {
		drop_page(b, 'D', b->dirs[d].first);
		b->dir_at = -1;
		b->dir_dirty = false;
		b->dir_n--;
		memmove(&b->dirs[d], &b->dirs[d + 1], (b->dir_n - d) * sizeof(b->dirs[0]));
	}
	recount(b, 0);
}

static void
keep_gone(struct box *b, const struct page_gone_row *r, struct slice more, uint64_t modseq,
    uint64_t now_s)
{
	if (modseq != b->gone_modseq) {
		flush_gone(b);
		b->gone_modseq = modseq;
		b->gone_count = 0;
		b->gone_part = 0;
	}
	must(b->gone_count < BOX_GONE_GROUP);
	b->gone_count++;
	if (!page_gone_append(&b->gone, r, more)) {
		flush_gone(b);
		must(page_gone_append(&b->gone, r, more));
	}
	b->gone.gone_s = now_s;
}

enum err
box_remove(struct box *b, uint32_t uid, uint64_t modseq, uint64_t now_s, uint32_t mark)
{
	unsigned char more[STORE_MORE_BYTES];
	struct page_gone_row row;
	struct box_pos p;
	unsigned more_n;
	enum err e;

	if ((e = box_seek_uid(b, uid, &p)) != ERR_OK || (e = box_cold(b, uid, &row.cold)) != ERR_OK)
		return e;
	if (p.is_end || p.hot.uid != uid)
		return ERR_CORRUPT;
	row.flags = p.hot.flags | mark;
	more_n = box_more(b, &p, more);
	(void)remove_cold(b, uid);
	page_hot_remove(&b->hot, p.idx);
	if (b->wide.n > 0) {
		wide_remove_row(&b->wide, p.idx);
		b->wide_dirty = true;
	}
	if (b->hot.n > 0)
		restate(b, p.row, -1);
	else
		remove_dir_row(b, p.row);
	uncount(b, p.hot.flags);
	b->rec.exists -= b->rec.exists > 0;
	b->rec.bytes -= b->rec.bytes < row.cold.size ? b->rec.bytes : row.cold.size;
	b->is_dirty = true;
	keep_gone(b, &row, slice_of(more, more_n), modseq, now_s);
	return ERR_OK;
}
