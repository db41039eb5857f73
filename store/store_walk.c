/* SPDX-License-Identifier: ISC */
#include "store/store_walk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"

#define GONE_PREFIX_BYTES	13
#define GONE_KEY_BYTES		23

enum err
walk_view_load(struct box *b, uint64_t v, uint32_t uidnext, struct view *view)
{
	struct kv_key at, found;
	struct page_gone g;
	struct slice value;
	enum err e;

	view_init(view, uidnext);
	if (v >= b->rec.modseq)
		return ERR_OK;
	if (v < b->rec.gone_floor)
		return ERR_STATE;
	at = record_key_gone(b->account, b->id, v + 1, 0);
	e = kv_find(b->txn, KV_GE, &at, GONE_PREFIX_BYTES, &found, &value);
	while (e == ERR_OK) {
		if (found.n != GONE_KEY_BYTES || page_gone_read(&g, value) != ERR_OK)
			return ERR_CORRUPT;
		for (unsigned i = 0; i < g.n; i++)
			view_add(view, &g.rows[i], page_gone_more(&g, i),
			    dec_be64(found.b + GONE_PREFIX_BYTES));
		at = found;
		e = kv_find(b->txn, KV_GT, &at, GONE_PREFIX_BYTES, &found, &value);
	}
	view_sort(view);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
walk_view_size(struct box *b, const struct view *v, uint32_t *exists, uint32_t *top_uid)
{
	struct box_pos p;
	uint32_t live;
	enum err e;

	*exists = *top_uid = 0;
	if ((e = box_rank(b, v->uidnext - 1, &live)) != ERR_OK)
		return e;
	if (live > 0) {
		if ((e = box_seek_rank(b, live - 1, &p)) != ERR_OK)
			return e;
		*top_uid = p.hot.uid;
	}
	if (v->pending_n > 0 && v->pending[v->pending_n - 1].row.cold.uid > *top_uid)
		*top_uid = v->pending[v->pending_n - 1].row.cold.uid;
	*exists = live + v->pending_n;
	return ERR_OK;
}

/* ---- placing ---- */

static enum err
place_uid(struct walk *w, uint32_t uid)
{
	w->pend = view_below(w->view, uid);
	return box_seek_uid(w->box, uid, &w->pos);
}

/* Live ones before pending number i, and so its sequence number. */
static enum err
pending_seq(struct walk *w, unsigned i, uint32_t *seq)
{
	enum err e = box_rank(w->box, w->view->pending[i].row.cold.uid, seq);

	*seq += i + 1;
	return e;
}

/* Sequence numbers start with 1. */
static enum err
place_seq(struct walk *w, uint32_t seq)
{
	unsigned lo = 0, hi = w->view->pending_n, mid;
	uint32_t at;
	enum err e;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if ((e = pending_seq(w, mid, &at)) != ERR_OK)
			return e;
		if (at < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	w->pend = lo;
	/* lo pending and seq - 1 - lo live ones come before. */
	return box_seek_rank(w->box, seq - 1 - lo, &w->pos);
}

void
walk_init_all(struct walk *w, struct box *b, const struct view *v, uint32_t resume)
{
	memset(w, 0, sizeof(*w));
	w->box = b;
	w->view = v;
	w->by_uid = true;
	w->from_uid = resume == UINT32_MAX ? UINT32_MAX : resume + 1;
	view_set_all(&w->set);
}

void
walk_fini(struct walk *w)
{
	view_set_fini(&w->set);
}

static uint32_t
pos_uid(const struct walk *w)
{
	return w->pos.is_end || w->pos.hot.uid >= w->view->uidnext ?
	    UINT32_MAX : w->pos.hot.uid;
}

static uint32_t
pend_uid(const struct walk *w)
{
	return w->pend < w->view->pending_n ?
	    w->view->pending[w->pend].row.cold.uid : UINT32_MAX;
}

static uint32_t
here_seq(const struct walk *w)
{
	return w->pos.before + w->pend + 1;
}

enum err
walk_init(struct walk *w, struct box *b, const struct view *v, bool by_uid,
    struct slice set, uint32_t resume)
{
	uint32_t exists, top;
	enum err e;

	walk_init_all(w, b, v, resume);
	w->by_uid = by_uid;
	if ((e = walk_view_size(b, v, &exists, &top)) != ERR_OK)
		return e;
	view_set_fini(&w->set);
	if ((e = view_set_read(&w->set, set, by_uid ? top : exists)) != ERR_OK)
		return e;
	if (by_uid || resume == 0)
		return ERR_OK;
	if ((e = place_uid(w, w->from_uid)) == ERR_OK)
		w->from_seq = here_seq(w);
	return e;
}

static enum err
place(struct walk *w)
{
	const struct view_range *r = &w->set.ranges[w->range];
	uint32_t uid;
	enum err e;

	w->is_placed = true;
	if (w->by_uid)
		return place_uid(w, r->first > w->from_uid ? r->first : w->from_uid);
	if ((e = place_seq(w, r->first)) != ERR_OK)
		return e;
	uid = pos_uid(w) < pend_uid(w) ? pos_uid(w) : pend_uid(w);
	return uid < w->from_uid ? place_uid(w, w->from_uid) : ERR_OK;
}

/* Pages without a change after since are passed over whole. */
static enum err
skip_older(struct walk *w)
{
	enum err e;

	if (w->since == 0 || w->pos.is_end || w->pos.idx != 0)
		return ERR_OK;
	if ((e = box_skip_older(w->box, &w->pos, w->since)) != ERR_OK)
		return e;
	w->pend = view_below(w->view, pos_uid(w));
	return ERR_OK;
}

static void
give(struct walk *w, struct walk_item *it)
{
	it->seq = here_seq(w);
	if (pend_uid(w) < pos_uid(w)) {
		it->pending = &w->view->pending[w->pend];
		it->uid = it->pending->row.cold.uid;
		it->flags = it->pending->row.flags & ~(uint32_t)PAGE_GONE_MARKS;
		it->more = view_more(w->view, it->pending);
		it->modseq = it->pending->modseq;
	} else {
		it->pending = NULL;
		it->uid = w->pos.hot.uid;
		it->flags = w->pos.hot.flags;
		it->more = slice_of(w->more, box_more(w->box, &w->pos, w->more));
		it->modseq = w->pos.hot.modseq;
	}
}

/* Past the item that was given. */
static enum err
advance(struct walk *w)
{
	if (pend_uid(w) < pos_uid(w)) {
		w->pend++;
		return ERR_OK;
	}
	return box_next(w->box, &w->pos);
}

enum err
walk_next(struct walk *w, struct walk_item *it)
{
	const struct view_range *r;
	enum err e;

	for (; w->range < w->set.n; w->range++, w->is_placed = false) {
		r = &w->set.ranges[w->range];
		if (r->last < (w->by_uid ? w->from_uid : w->from_seq))
			continue;
		e = w->is_placed ? advance(w) : place(w);
		for (; e == ERR_OK; e = advance(w)) {
			if ((e = skip_older(w)) != ERR_OK)
				return e;
			if (pos_uid(w) == UINT32_MAX && pend_uid(w) == UINT32_MAX)
				break;
			give(w, it);
			if ((w->by_uid ? it->uid : it->seq) > r->last)
				break;
			if (w->since == 0 || (it->pending == NULL && it->modseq > w->since))
				return ERR_OK;
		}
		if (e != ERR_OK)
			return e;
	}
	return ERR_END;
}

enum err
walk_cold(struct walk *w, const struct walk_item *it, struct page_cold_row *out)
{
	if (it->pending != NULL) {
		*out = it->pending->row.cold;
		return ERR_OK;
	}
	return box_cold(w->box, it->uid, out);
}
