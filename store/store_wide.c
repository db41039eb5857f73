/* SPDX-License-Identifier: ISC */
/*
 * A part: u8 1, u8 0, u16 n, n x { u16 keyword, 20 bytes: bit i % 8 of byte
 * i / 8 is row i }, little-endian, keywords ascending over all parts.
 */
#include "store/store_wide.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define FORM		1
#define HEAD_BYTES	4
#define ROW_BYTES	(PAGE_HOT_ROWS / 8)
#define COLUMN_BYTES	(2 + ROW_BYTES)

/* ---- one row's flags ---- */

static void
trim(struct flagset *f)
{
	while (f->n > 0 && f->more[f->n - 1] == 0)
		f->n--;
}

struct flagset
flagset_of(uint32_t bits, struct slice more)
{
	struct flagset f = { .bits = bits };

	must(more.n <= sizeof(f.more));
	if (more.n > 0)
		memcpy(f.more, more.p, more.n);
	f.n = (uint8_t)more.n;
	trim(&f);
	return f;
}

struct slice
flagset_more(const struct flagset *f)
{
	return slice_of(f->more, f->n);
}

void
flagset_add(struct flagset *f, unsigned keyword)
{
	unsigned i;

	must(keyword < STORE_KEYWORDS_MAX);
	if (keyword < STORE_KEYWORD_COUNT) {
		f->bits |= 1u << (STORE_KEYWORD_SHIFT + keyword);
		return;
	}
	i = keyword - STORE_KEYWORD_COUNT;
	while (f->n <= i / 8)
		f->more[f->n++] = 0;
	f->more[i / 8] |= (unsigned char)(1u << i % 8);
}

bool
flagset_has(const struct flagset *f, unsigned keyword)
{
	unsigned i = keyword - STORE_KEYWORD_COUNT;

	if (keyword < STORE_KEYWORD_COUNT)
		return f->bits >> (STORE_KEYWORD_SHIFT + keyword) & 1;
	return i / 8 < f->n && (f->more[i / 8] >> i % 8 & 1);
}

bool
flagset_eq(const struct flagset *a, const struct flagset *b)
{
	return a->bits == b->bits && a->n == b->n && memcmp(a->more, b->more, a->n) == 0;
}

void
flagset_join(struct flagset *f, const struct flagset *other)
{
	f->bits |= other->bits;
	while (f->n < other->n)
		f->more[f->n++] = 0;
	for (unsigned i = 0; i < other->n; i++)
		f->more[i] |= other->more[i];
}

void
flagset_drop(struct flagset *f, const struct flagset *other)
{
	f->bits &= ~other->bits;
	for (unsigned i = 0; i < f->n && i < other->n; i++)
		f->more[i] &= (unsigned char)~other->more[i];
	trim(f);
}

/* ---- columns of a page ---- */

void
wide_fini(struct wide *w)
{
	free(w->v);
	memset(w, 0, sizeof(*w));
}

unsigned
wide_part_count(unsigned columns)
{
	return (columns + WIDE_PART_COLUMNS - 1) / WIDE_PART_COLUMNS;
}

static struct wide_column *
insert(struct wide *w, unsigned at, unsigned keyword)
{
	struct wide_column *c;

	must(w->n < WIDE_COLUMNS_MAX);
	if (w->n == w->cap) {
		w->cap = w->cap == 0 ? 8 : w->cap * 2;
		w->v = must_realloc(w->v, w->cap, sizeof(*w->v));
	}
	c = &w->v[at];
	memmove(c + 1, c, (w->n - at) * sizeof(*c));
	memset(c, 0, sizeof(*c));
	c->keyword = (uint16_t)keyword;
	w->n++;
	return c;
}

static bool
has_rows_from(const struct wide_column *c, unsigned row)
{
	for (; row < PAGE_HOT_ROWS; row++)
		if (c->rows[row / 8] >> row % 8 & 1)
			return true;
	return false;
}

enum err
wide_read(struct wide *w, struct slice s, unsigned rows)
{
	struct wide_column *c;
	unsigned n, keyword, prev;

	if (s.n < HEAD_BYTES || s.p[0] != FORM || s.p[1] != 0)
		return ERR_CORRUPT;
	n = dec_le16(s.p + 2);
	if (n == 0 || n > WIDE_PART_COLUMNS || s.n != HEAD_BYTES + n * COLUMN_BYTES)
		return ERR_CORRUPT;
	for (s = slice_from(s, HEAD_BYTES); s.n > 0; s = slice_from(s, COLUMN_BYTES)) {
		keyword = dec_le16(s.p);
		prev = w->n > 0 ? w->v[w->n - 1].keyword : STORE_KEYWORD_COUNT - 1;
		if (keyword <= prev || keyword >= STORE_KEYWORDS_MAX)
			return ERR_CORRUPT;
		c = insert(w, w->n, keyword);
		memcpy(c->rows, s.p + 2, ROW_BYTES);
		if (has_rows_from(c, rows))
			return ERR_CORRUPT;
	}
	return ERR_OK;
}

void
wide_put(const struct wide *w, unsigned part, struct page_bytes *out)
{
	unsigned from = part * WIDE_PART_COLUMNS, n = w->n - from;
	unsigned char *p = out->b + HEAD_BYTES;

	n = n > WIDE_PART_COLUMNS ? WIDE_PART_COLUMNS : n;
	out->n = HEAD_BYTES + (size_t)n * COLUMN_BYTES;
	out->b[0] = FORM;
	out->b[1] = 0;
	enc_le16(out->b + 2, (uint16_t)n);
	for (unsigned i = 0; i < n; i++, p += COLUMN_BYTES) {
		enc_le16(p, w->v[from + i].keyword);
		memcpy(p + 2, w->v[from + i].rows, ROW_BYTES);
	}
}

unsigned
wide_row(const struct wide *w, unsigned row, unsigned char out[STORE_MORE_BYTES])
{
	unsigned n = 0, i;

	for (unsigned c = 0; c < w->n; c++) {
		if (!(w->v[c].rows[row / 8] >> row % 8 & 1))
			continue;
		i = w->v[c].keyword - STORE_KEYWORD_COUNT;
		while (n <= i / 8)
			out[n++] = 0;
		out[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return n;
}

static unsigned
column_at(const struct wide *w, unsigned keyword)
{
	unsigned lo = 0, hi = w->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (w->v[mid].keyword < keyword)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
drop_empty(struct wide *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		if (has_rows_from(&w->v[i], 0))
			w->v[n++] = w->v[i];
	w->n = n;
}

bool
wide_set_row(struct wide *w, unsigned row, struct slice more)
{
	unsigned char old[STORE_MORE_BYTES], bit = (unsigned char)(1u << row % 8);
	struct flagset f = flagset_of(0, more);
	unsigned at, keyword;

	if (slice_eq(slice_of(old, wide_row(w, row, old)), flagset_more(&f)))
		return false;
	for (unsigned i = 0; i < w->n; i++)
		w->v[i].rows[row / 8] &= (unsigned char)~bit;
	for (unsigned i = 0; i < f.n * 8u; i++) {
		if (!(f.more[i / 8] >> i % 8 & 1))
			continue;
		keyword = STORE_KEYWORD_COUNT + i;
		at = column_at(w, keyword);
		if (at == w->n || w->v[at].keyword != keyword)
			(void)insert(w, at, keyword);
		w->v[at].rows[row / 8] |= bit;
	}
	drop_empty(w);
	return true;
}

void
wide_remove_row(struct wide *w, unsigned row)
{
	struct wide_column *c;
	unsigned char low;

	for (unsigned i = 0; i < w->n; i++) {
		c = &w->v[i];
		low = (unsigned char)((1u << row % 8) - 1);
		for (unsigned b = row / 8; b < ROW_BYTES; b++, low = 0) {
			unsigned char next = 0;

			if (b + 1 < ROW_BYTES)
				next = (unsigned char)(c->rows[b + 1] << 7);
			c->rows[b] = (unsigned char)((c->rows[b] & low) |
			    (c->rows[b] >> 1 & ~low) | next);
		}
	}
	drop_empty(w);
}
