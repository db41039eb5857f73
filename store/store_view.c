/* SPDX-License-Identifier: ISC */
#include "store/store_view.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

static int
range_cmp(const void *a, const void *b)
{
	const struct view_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void
merge(struct view_set *s)
{
	unsigned n = 0;

	qsort(s->ranges, s->n, sizeof(s->ranges[0]), range_cmp);
	for (unsigned i = 0; i < s->n; i++) {
		if (n > 0 && (s->ranges[n - 1].last == UINT32_MAX ||
		    s->ranges[i].first <= s->ranges[n - 1].last + 1)) {
			if (s->ranges[i].last > s->ranges[n - 1].last)
				s->ranges[n - 1].last = s->ranges[i].last;
		} else {
			s->ranges[n++] = s->ranges[i];
		}
	}
	s->n = n;
}

enum err
view_set_read(struct view_set *s, struct slice in, uint32_t star)
{
	struct view_range r;
	uint32_t swap;

	s->ranges = NULL;
	s->n = 0;
	if (in.n % 8 != 0 || in.n / 8 > STORE_SET_MAX)
		return ERR_VIOLATION;
	if (in.n == 0)
		return ERR_OK;
	s->ranges = must_alloc(in.n / 8, sizeof(*s->ranges));
	for (size_t i = 0; i < in.n; i += 8) {
		r.first = dec_le32(in.p + i);
		r.last = dec_le32(in.p + i + 4);
		if (r.first == 0 || r.first > r.last) {
			view_set_fini(s);
			return ERR_VIOLATION;
		}
		if (star == 0)
			continue;
		/* "*" is a number like any other: 9:* with 5 messages is 5:9. */
		r.first = r.first == STORE_STAR ? star : r.first;
		r.last = r.last == STORE_STAR ? star : r.last;
		if (r.first > r.last) {
			swap = r.first;
			r.first = r.last;
			r.last = swap;
		}
		s->ranges[s->n++] = r;
	}
	merge(s);
	return ERR_OK;
}

void
view_set_all(struct view_set *s)
{
	s->ranges = must_alloc(1, sizeof(*s->ranges));
	s->ranges[0] = (struct view_range){ 1, UINT32_MAX };
	s->n = 1;
}

void
view_set_fini(struct view_set *s)
{
	free(s->ranges);
	s->ranges = NULL;
	s->n = 0;
}

bool
view_set_has(const struct view_set *s, uint32_t x)
{
	unsigned lo = 0, hi = s->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (s->ranges[mid].last < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->ranges[lo].first <= x;
}

void
view_range_put(struct buf *b, const struct view_range *r)
{
	unsigned char p[8];

	enc_le32(p, r->first);
	enc_le32(p + 4, r->last);
	buf_put(b, p, sizeof(p));
}

void
view_ranges_add(struct view_ranges *r, uint32_t x)
{
	if (r->n > 0 && r->v[r->n - 1].last + 1 == x) {
		r->v[r->n - 1].last = x;
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 16 : r->cap * 2;
		r->v = must_realloc(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = (struct view_range){ x, x };
}

void
view_ranges_fini(struct view_ranges *r)
{
	free(r->v);
	memset(r, 0, sizeof(*r));
}

void
view_init(struct view *v, uint32_t uidnext)
{
	memset(v, 0, sizeof(*v));
	v->uidnext = uidnext;
}

void
view_fini(struct view *v)
{
	free(v->pending);
	v->pending = NULL;
	v->pending_n = v->pending_cap = 0;
	free(v->more);
	v->more = NULL;
	v->more_n = v->more_cap = 0;
}

/* Its place from 1 on; 0: there are none. */
static uint32_t
add_more(struct view *v, struct slice more)
{
	struct page_gone_more *m;

	if (more.n == 0)
		return 0;
	if (v->more_n == v->more_cap) {
		v->more_cap = v->more_cap == 0 ? 16 : v->more_cap * 2;
		v->more = must_realloc(v->more, v->more_cap, sizeof(*v->more));
	}
	m = &v->more[v->more_n++];
	m->n = (uint8_t)more.n;
	memcpy(m->b, more.p, more.n);
	return v->more_n;
}

void
view_add(struct view *v, const struct page_gone_row *row, struct slice more, uint64_t modseq)
{
	if (row->cold.uid >= v->uidnext)
		return;		/* came and went unseen */
	if (v->pending_n == v->pending_cap) {
		v->pending_cap = v->pending_cap == 0 ? 64 : v->pending_cap * 2;
		v->pending = must_realloc(v->pending, v->pending_cap, sizeof(*v->pending));
	}
	v->pending[v->pending_n].modseq = modseq;
	v->pending[v->pending_n].more = add_more(v, more);
	v->pending[v->pending_n++].row = *row;
}

static int
pending_cmp(const void *a, const void *b)
{
	const struct view_pending *x = a, *y = b;

	return x->row.cold.uid < y->row.cold.uid ? -1 : x->row.cold.uid > y->row.cold.uid;
}

void
view_sort(struct view *v)
{
	unsigned n = 0;

	if (v->pending_n < 2)
		return;
	qsort(v->pending, v->pending_n, sizeof(v->pending[0]), pending_cmp);
	/* A UID vanishes once; damaged records may say otherwise. */
	for (unsigned i = 1; i < v->pending_n; i++)
		if (v->pending[i].row.cold.uid != v->pending[n].row.cold.uid)
			v->pending[++n] = v->pending[i];
	v->pending_n = n + 1;
}

unsigned
view_below(const struct view *v, uint32_t uid)
{
	unsigned lo = 0, hi = v->pending_n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (v->pending[mid].row.cold.uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct slice
view_more(const struct view *v, const struct view_pending *p)
{
	return p->more == 0 ? SLICE_NONE :
	    slice_of(v->more[p->more - 1].b, v->more[p->more - 1].n);
}

const struct view_pending *
view_find(const struct view *v, uint32_t uid)
{
	unsigned i = view_below(v, uid);

	return i < v->pending_n && v->pending[i].row.cold.uid == uid ? &v->pending[i] : NULL;
}
