/* SPDX-License-Identifier: ISC */
/*
 * Forms, all little-endian:
 *	hot	u8 1, u8 0, u16 n, u32 0, u64 base, n x { u32 uid, u32 flags, u32 modseq - base };
 *		u8 2 and in place of u32 0 the number of columns of a wide page
 *	cold	u8 1, u8 0, u16 n, n x { u32 uid, u32 size, u64 content, thread, internal, saved, created }
 *	dir	u8 1, u8 0, u16 n, u32 count, u32 unseen, u32 0, u64 max modseq,
 *		n x { u32 first, u16 count, u16 unseen, u64 max modseq }
 *	gone	u8 1, u8 0, u16 n, u32 0, u64 gone_s, n x { a cold row, u32 flags };
 *		u8 2: each row is followed by u8 k and k bytes of keywords from 24 on
 */
#include "store/store_page.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define FORM		1
#define FORM_WIDE	2
#define HOT_HEAD	16
#define HOT_ROW		12
#define COLD_HEAD	4
#define COLD_ROW	48
#define DIR_HEAD	24
#define DIR_ROW		16
#define GONE_HEAD	16
#define GONE_ROW	52
#define WIDE_MAX	(STORE_KEYWORDS_MAX - STORE_KEYWORD_COUNT)

struct slice
page_slice(const struct page_bytes *b)
{
	return slice_of(b->b, b->n);
}

/* The number of rows, or a negative number when the form is wrong. */
static int
form_count(struct slice s, char form, size_t head, size_t row, unsigned max)
{
	unsigned n;

	if (s.n < head || s.p[0] != form || s.p[1] != 0)
		return -1;
	n = dec_le16(s.p + 2);
	if (n > max || s.n != head + n * row)
		return -1;
	return (int)n;
}

static int
row_count(struct slice s, size_t head, size_t row, unsigned max)
{
	return form_count(s, FORM, head, row, max);
}

static unsigned char *
begin(struct page_bytes *out, size_t head, size_t row, unsigned n)
{
	out->n = head + row * n;
	must(out->n <= sizeof(out->b));
	memset(out->b, 0, head);
	out->b[0] = FORM;
	enc_le16(out->b + 2, (uint16_t)n);
	return out->b + head;
}

enum err
page_hot_read(struct page_hot *h, struct slice s)
{
	bool is_wide = s.n > 0 && s.p[0] == FORM_WIDE;
	int n = form_count(s, is_wide ? FORM_WIDE : FORM, HOT_HEAD, HOT_ROW, PAGE_HOT_ROWS);
	const char *p = s.p + HOT_HEAD;
	uint32_t prev = 0, wide;
	uint64_t base;

	h->n = h->wide = 0;
	if (n < 0)
		return ERR_CORRUPT;
	wide = dec_le32(s.p + 4);
	if (is_wide != (wide > 0) || wide > WIDE_MAX)
		return ERR_CORRUPT;
	base = dec_le64(s.p + 8);
	for (int i = 0; i < n; i++, p += HOT_ROW) {
		h->rows[i].uid = dec_le32(p);
		h->rows[i].flags = dec_le32(p + 4);
		h->rows[i].modseq = base + dec_le32(p + 8);
		if (h->rows[i].uid <= prev)
			return ERR_CORRUPT;
		prev = h->rows[i].uid;
	}
	h->n = (uint16_t)n;
	h->wide = (uint16_t)wide;
	return ERR_OK;
}

void
page_hot_put(const struct page_hot *h, struct page_bytes *out)
{
	unsigned char *p = begin(out, HOT_HEAD, HOT_ROW, h->n);
	uint64_t base = UINT64_MAX, top = 0;

	for (unsigned i = 0; i < h->n; i++) {
		base = h->rows[i].modseq < base ? h->rows[i].modseq : base;
		top = h->rows[i].modseq > top ? h->rows[i].modseq : top;
	}
	if (h->n == 0)
		base = 0;
	/* An old row may be given a later modseq: that only reports it again. */
	if (top - base > UINT32_MAX)
		base = top - UINT32_MAX;
	if (h->wide > 0)
		out->b[0] = FORM_WIDE;
	enc_le32(out->b + 4, h->wide);
	enc_le64(out->b + 8, base);
	for (unsigned i = 0; i < h->n; i++, p += HOT_ROW) {
		enc_le32(p, h->rows[i].uid);
		enc_le32(p + 4, h->rows[i].flags);
		enc_le32(p + 8, h->rows[i].modseq < base ? 0 :
		    (uint32_t)(h->rows[i].modseq - base));
	}
}

static void
cold_row_read(struct page_cold_row *r, const char *p)
{
	r->uid = dec_le32(p);
	r->size = dec_le32(p + 4);
	r->content = dec_le64(p + 8);
	r->thread = dec_le64(p + 16);
	r->internal_s = dec_le64(p + 24);
	r->saved_s = dec_le64(p + 32);
	r->created = dec_le64(p + 40);
}

static void
cold_row_put(const struct page_cold_row *r, unsigned char *p)
{
	enc_le32(p, r->uid);
	enc_le32(p + 4, r->size);
	enc_le64(p + 8, r->content);
	enc_le64(p + 16, r->thread);
	enc_le64(p + 24, r->internal_s);
	enc_le64(p + 32, r->saved_s);
	enc_le64(p + 40, r->created);
}

enum err
page_cold_read(struct page_cold *c, struct slice s)
{
	int n = row_count(s, COLD_HEAD, COLD_ROW, PAGE_COLD_ROWS);
	uint32_t prev = 0;

	c->n = 0;
	if (n < 0)
		return ERR_CORRUPT;
	for (int i = 0; i < n; i++) {
		cold_row_read(&c->rows[i], s.p + COLD_HEAD + COLD_ROW * i);
		if (c->rows[i].uid <= prev)
			return ERR_CORRUPT;
		prev = c->rows[i].uid;
	}
	c->n = (uint16_t)n;
	return ERR_OK;
}

void
page_cold_put(const struct page_cold *c, struct page_bytes *out)
{
	unsigned char *p = begin(out, COLD_HEAD, COLD_ROW, c->n);

	for (unsigned i = 0; i < c->n; i++, p += COLD_ROW)
		cold_row_put(&c->rows[i], p);
}

enum err
page_dir_read_sum(struct page_dir_sum *sum, struct slice s)
{
	if (row_count(s, DIR_HEAD, DIR_ROW, PAGE_DIR_ROWS) < 0)
		return ERR_CORRUPT;
	sum->count = dec_le32(s.p + 4);
	sum->unseen = dec_le32(s.p + 8);
	sum->max_modseq = dec_le64(s.p + 16);
	return ERR_OK;
}

enum err
page_dir_read(struct page_dir *d, struct slice s)
{
	int n = row_count(s, DIR_HEAD, DIR_ROW, PAGE_DIR_ROWS);
	const char *p = s.p + DIR_HEAD;
	struct page_dir_sum sum, said;
	uint32_t prev = 0;

	d->n = 0;
	if (n < 0)
		return ERR_CORRUPT;
	for (int i = 0; i < n; i++, p += DIR_ROW) {
		d->rows[i].first = dec_le32(p);
		d->rows[i].count = dec_le16(p + 4);
		d->rows[i].unseen = dec_le16(p + 6);
		d->rows[i].max_modseq = dec_le64(p + 8);
		if (d->rows[i].first <= prev || d->rows[i].count > PAGE_HOT_ROWS ||
		    d->rows[i].unseen > d->rows[i].count)
			return ERR_CORRUPT;
		prev = d->rows[i].first;
	}
	d->n = (uint16_t)n;
	page_dir_sum(d, &sum);
	if (page_dir_read_sum(&said, s) != ERR_OK || said.count != sum.count ||
	    said.unseen != sum.unseen || said.max_modseq != sum.max_modseq) {
		d->n = 0;
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

void
page_dir_sum(const struct page_dir *d, struct page_dir_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i < d->n; i++) {
		sum->count += d->rows[i].count;
		sum->unseen += d->rows[i].unseen;
		if (d->rows[i].max_modseq > sum->max_modseq)
			sum->max_modseq = d->rows[i].max_modseq;
	}
}

void
page_dir_put(const struct page_dir *d, struct page_bytes *out)
{
	unsigned char *p = begin(out, DIR_HEAD, DIR_ROW, d->n);
	struct page_dir_sum sum;

	page_dir_sum(d, &sum);
	enc_le32(out->b + 4, sum.count);
	enc_le32(out->b + 8, sum.unseen);
	enc_le64(out->b + 16, sum.max_modseq);
	for (unsigned i = 0; i < d->n; i++, p += DIR_ROW) {
		enc_le32(p, d->rows[i].first);
		enc_le16(p + 4, d->rows[i].count);
		enc_le16(p + 6, d->rows[i].unseen);
		enc_le64(p + 8, d->rows[i].max_modseq);
	}
}

/* A wide row: its bytes; 0 when it does not fit. */
static size_t
gone_more_read(struct page_gone_more *m, struct slice s)
{
	unsigned n;

	if (s.n < GONE_ROW + 1 || (n = (unsigned char)s.p[GONE_ROW]) > sizeof(m->b) ||
	    s.n < GONE_ROW + 1 + n)
		return 0;
	m->n = (uint8_t)n;
	memcpy(m->b, s.p + GONE_ROW + 1, n);
	return GONE_ROW + 1 + n;
}

static enum err
gone_rows_read(struct page_gone *g, struct slice s, unsigned n)
{
	uint32_t prev = 0;
	size_t bytes;

	for (unsigned i = 0; i < n; i++, s = slice_from(s, bytes)) {
		bytes = g->is_wide ? gone_more_read(&g->more[i], s) : GONE_ROW;
		if (bytes == 0 || s.n < bytes)
			return ERR_CORRUPT;
		cold_row_read(&g->rows[i].cold, s.p);
		g->rows[i].flags = dec_le32(s.p + COLD_ROW);
		if (g->rows[i].cold.uid <= prev)
			return ERR_CORRUPT;
		prev = g->rows[i].cold.uid;
	}
	return s.n == 0 ? ERR_OK : ERR_CORRUPT;
}

enum err
page_gone_read(struct page_gone *g, struct slice s)
{
	unsigned n;

	g->n = 0;
	if (s.n < GONE_HEAD || s.n > PAGE_BYTES_MAX ||
	    (s.p[0] != FORM && s.p[0] != FORM_WIDE) || s.p[1] != 0 ||
	    (n = dec_le16(s.p + 2)) > PAGE_GONE_ROWS)
		return ERR_CORRUPT;
	g->is_wide = s.p[0] == FORM_WIDE;
	g->gone_s = dec_le64(s.p + 8);
	if (gone_rows_read(g, slice_from(s, GONE_HEAD), n) != ERR_OK)
		return ERR_CORRUPT;
	g->n = (uint16_t)n;
	return ERR_OK;
}

/* Of all rows, as wide ones. */
static size_t
gone_wide_bytes(const struct page_gone *g)
{
	size_t n = GONE_HEAD;

	for (unsigned i = 0; i < g->n; i++)
		n += GONE_ROW + 1 + page_gone_more(g, i).n;
	return n;
}

void
page_gone_put(const struct page_gone *g, struct page_bytes *out)
{
	unsigned char *p = begin(out, GONE_HEAD, GONE_ROW, g->n);
	struct slice more;

	enc_le64(out->b + 8, g->gone_s);
	if (g->is_wide) {
		out->b[0] = FORM_WIDE;
		out->n = gone_wide_bytes(g);
		must(out->n <= sizeof(out->b));
	}
	for (unsigned i = 0; i < g->n; i++, p += GONE_ROW) {
		cold_row_put(&g->rows[i].cold, p);
		enc_le32(p + COLD_ROW, g->rows[i].flags);
		if (!g->is_wide)
			continue;
		more = page_gone_more(g, i);
		p[GONE_ROW] = (unsigned char)more.n;
		memcpy(p + GONE_ROW + 1, more.p, more.n);
		p += 1 + more.n;
	}
}

bool
page_gone_append(struct page_gone *g, const struct page_gone_row *r, struct slice more)
{
	bool is_wide = (g->n > 0 && g->is_wide) || more.n > 0;

	must(more.n <= STORE_MORE_BYTES);
	if (g->n == PAGE_GONE_ROWS || (is_wide &&
	    gone_wide_bytes(g) + GONE_ROW + 1 + more.n > PAGE_BYTES_MAX))
		return false;
	/* The rows before have none. */
	for (unsigned i = 0; is_wide && !g->is_wide && i < g->n; i++)
		g->more[i].n = 0;
	g->is_wide = is_wide;
	g->more[g->n].n = (uint8_t)more.n;
	if (more.n > 0)
		memcpy(g->more[g->n].b, more.p, more.n);
	g->rows[g->n++] = *r;
	return true;
}

struct slice
page_gone_more(const struct page_gone *g, unsigned idx)
{
	return g->is_wide ? slice_of(g->more[idx].b, g->more[idx].n) : SLICE_NONE;
}

/* ---- rows ---- */

unsigned
page_hot_at(const struct page_hot *h, uint32_t uid)
{
	unsigned lo = 0, hi = h->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (h->rows[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

unsigned
page_cold_at(const struct page_cold *c, uint32_t uid)
{
	unsigned i = 0;

	while (i < c->n && c->rows[i].uid < uid)
		i++;
	return i;
}

unsigned
page_dir_at(const struct page_dir *d, uint32_t uid)
{
	unsigned lo = 0, hi = d->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (d->rows[mid].first <= uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == 0 ? d->n : lo - 1;
}

bool
page_hot_append(struct page_hot *h, const struct page_hot_row *r)
{
	if (h->n >= PAGE_HOT_ROWS || (h->n > 0 && h->rows[h->n - 1].uid >= r->uid))
		return false;
	h->rows[h->n++] = *r;
	return true;
}

bool
page_cold_append(struct page_cold *c, const struct page_cold_row *r)
{
	if (c->n >= PAGE_COLD_ROWS || (c->n > 0 && c->rows[c->n - 1].uid >= r->uid))
		return false;
	c->rows[c->n++] = *r;
	return true;
}

bool
page_dir_append(struct page_dir *d, const struct page_dir_row *r)
{
	if (d->n >= PAGE_DIR_ROWS || (d->n > 0 && d->rows[d->n - 1].first >= r->first))
		return false;
	d->rows[d->n++] = *r;
	return true;
}

void
page_hot_remove(struct page_hot *h, unsigned idx)
{
	h->n--;
	memmove(&h->rows[idx], &h->rows[idx + 1], (h->n - idx) * sizeof(h->rows[0]));
}

void
page_cold_remove(struct page_cold *c, unsigned idx)
{
	c->n--;
	memmove(&c->rows[idx], &c->rows[idx + 1], (c->n - idx) * sizeof(c->rows[0]));
}

void
page_dir_remove(struct page_dir *d, unsigned idx)
{
	d->n--;
	memmove(&d->rows[idx], &d->rows[idx + 1], (d->n - idx) * sizeof(d->rows[0]));
}

void
page_dir_row_of(struct page_dir_row *r, uint32_t first, const struct page_hot *h)
{
	memset(r, 0, sizeof(*r));
	r->first = first;
	r->count = h->n;
	for (unsigned i = 0; i < h->n; i++) {
		r->unseen = (uint16_t)(r->unseen + !(h->rows[i].flags & STORE_SEEN));
		if (h->rows[i].modseq > r->max_modseq)
			r->max_modseq = h->rows[i].modseq;
	}
}
