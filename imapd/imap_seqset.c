/* SPDX-License-Identifier: ISC */
#include "imapd/imap_seqset.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/ipc/store_proto.h"

/* Ranges as written, before merging: bounded by the length of the line. */
#define SET_TEXT_MAX	65536u

static bool
take_number(struct slice *s, uint32_t *n)
{
	uint64_t v;

	if (s->n > 0 && s->p[0] == '*') {
		*s = slice_from(*s, 1);
		*n = STORE_STAR;
		return true;
	}
	if (num_read_u64(s, STORE_STAR - 1, &v) != ERR_OK || v == 0)
		return false;
	*n = (uint32_t)v;
	return true;
}

static bool
take_range(struct slice *s, struct imap_range *r)
{
	uint32_t swap;

	if (!take_number(s, &r->first))
		return false;
	r->last = r->first;
	if (s->n > 0 && s->p[0] == ':') {
		*s = slice_from(*s, 1);
		if (!take_number(s, &r->last))
			return false;
	}
	if (r->first > r->last) {
		swap = r->first;
		r->first = r->last;
		r->last = swap;
	}
	return true;
}

static int
by_first(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static size_t
merge(struct imap_range *r, size_t n)
{
	size_t out = 0;

	qsort(r, n, sizeof(*r), by_first);
	for (size_t i = 1; i < n; i++) {
		/* "5:*" may also mean "*:5": never merge anything into it. */
		bool touches = r[out].last != STORE_STAR && r[i].last != STORE_STAR &&
		    r[i].first <= r[out].last + 1;

		if (!touches)
			r[++out] = r[i];
		else if (r[i].last > r[out].last)
			r[out].last = r[i].last;
	}
	return n > 0 ? out + 1 : 0;
}

enum err
imap_seqset_parse(struct slice text, struct arena *a, struct slice *pairs)
{
	struct imap_range *r;
	unsigned char *dst;
	size_t n = 0, commas = 1;

	if (text.n == 0 || text.n > SET_TEXT_MAX)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++)
		commas += text.p[i] == ',';
	r = arena_alloc(a, commas, sizeof(*r));
	if (r == NULL)
		return ERR_LIMIT;
	for (;;) {
		if (!take_range(&text, &r[n++]))
			return ERR_SYNTAX;
		if (text.n == 0)
			break;
		if (text.p[0] != ',')
			return ERR_SYNTAX;
		text = slice_from(text, 1);
	}
	n = merge(r, n);
	if (n > STORE_SET_MAX)
		return ERR_LIMIT;
	dst = arena_alloc(a, n, 8);
	if (dst == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		enc_le32(dst + 8 * i, r[i].first);
		enc_le32(dst + 8 * i + 4, r[i].last);
	}
	*pairs = slice_of(dst, n * 8);
	return ERR_OK;
}

/* A set that nothing is in: the store takes an empty one for "all" at times. */
static const unsigned char nothing[8] = {
	0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff
};

void
imap_seqset_read(struct imap_parser *p, struct slice *pairs)
{
	struct slice text;
	enum err e;

	*pairs = SLICE_NONE;
	if (imap_parser_take(p, '$')) {
		*pairs = p->saved.n > 0 ? p->saved : slice_of(nothing, sizeof(nothing));
		p->took_saved = true;
		return;
	}
	text = imap_parser_set_text(p);
	if (!imap_parser_ok(p))
		return;
	e = imap_seqset_parse(text, p->arena, pairs);
	if (e != ERR_OK)
		imap_parser_fail(p, e == ERR_LIMIT ? "Too many ranges in the set" :
		    "Invalid sequence set");
}

struct slice
imap_seqset_range(struct imap_parser *p, uint32_t first, uint32_t last)
{
	char *pair;

	if (first > last)
		return slice_of(nothing, sizeof(nothing));
	pair = arena_alloc(p->arena, 1, 8);
	if (pair == NULL) {
		imap_parser_fail(p, "Command too large");
		return SLICE_NONE;
	}
	enc_le32(pair, first);
	enc_le32(pair + 4, last);
	return slice_of(pair, 8);
}

bool
imap_seqset_fits(struct slice pairs, uint32_t exists)
{
	for (size_t i = 0; i + 4 <= pairs.n; i += 4) {
		uint32_t n = dec_le32(pairs.p + i);

		if (n != STORE_STAR && n > exists)
			return false;
	}
	return exists > 0;
}

bool
imap_seqset_has(struct slice pairs, uint32_t n, uint32_t top)
{
	for (size_t i = 0; i + 8 <= pairs.n; i += 8) {
		uint32_t first = dec_le32(pairs.p + i), last = dec_le32(pairs.p + i + 4);

		if (first == STORE_STAR)
			first = top;
		if (last == STORE_STAR)
			last = top;
		if (first > last) {
			uint32_t swap = first;

			first = last;
			last = swap;
		}
		if (n >= first && n <= last)
			return true;
	}
	return false;
}

uint32_t
imap_seqset_max(struct slice pairs)
{
	uint32_t max = 0;

	for (size_t i = 0; i + 8 <= pairs.n; i += 8)
		if (dec_le32(pairs.p + i + 4) > max)
			max = dec_le32(pairs.p + i + 4);
	return max;
}

void
imap_seqset_put_pair(struct buf *pairs, uint32_t first, uint32_t last)
{
	unsigned char pair[8];

	enc_le32(pair, first);
	enc_le32(pair + 4, last);
	buf_put(pairs, pair, sizeof(pair));
}

void
imap_seqset_add(struct buf *pairs, uint32_t n)
{
	char *last;

	if (pairs->n >= 8) {
		last = buf_data(pairs) + pairs->n - 4;
		if (dec_le32(last) + 1 == n) {
			enc_le32(last, n);
			return;
		}
	}
	imap_seqset_put_pair(pairs, n, n);
}

static void
put_range(struct buf *b, uint32_t first, uint32_t last)
{
	buf_put_num(b, first);
	if (last != first) {
		buf_put_char(b, ':');
		buf_put_num(b, last);
	}
}

void
imap_seqset_put(struct buf *b, struct slice pairs)
{
	for (size_t i = 0; i + 8 <= pairs.n; i += 8) {
		if (i > 0)
			buf_put_char(b, ',');
		put_range(b, dec_le32(pairs.p + i), dec_le32(pairs.p + i + 4));
	}
}

void
imap_seqset_run_end(struct buf *b, struct imap_run *r)
{
	if (r->first == 0)
		return;
	if (r->any)
		buf_put_char(b, ',');
	put_range(b, r->first, r->last);
	r->any = true;
	r->first = 0;
}

void
imap_seqset_run_add(struct buf *b, struct imap_run *r, uint32_t n)
{
	if (r->first != 0 && n == r->last + 1) {
		r->last = n;
		return;
	}
	imap_seqset_run_end(b, r);
	r->first = r->last = n;
}
