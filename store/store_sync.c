/* SPDX-License-Identifier: ISC */
/*
 * First answer: expunges, the new size, the first changed rows.  Expunges
 * leave in the order of their modseqs; when they do not all fit, V moves to
 * the last modseq of which all fitted, and the rest stays pending.
 */
#include "store/store_sync.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/store_acl.h"
#include "store/store_fetch.h"
#include "store/store_keywords.h"
#include "store/store_mailboxes.h"
#include "store/store_op.h"

#define VANISHED_BYTES	16000
#define ROWS_BYTES	31900

struct sync {
	struct op			 op;
	const struct ipc_store_sync	*m;
	struct box			 box;
	struct view			 view;
	struct walk			 walk;
	struct buf			 vanished;
	struct buf			 rows;
	struct buf			 keywords;
};

static int
modseq_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The highest V so that what vanished up to it fits one answer. */
static uint64_t
reachable_v(const struct sync *y, uint64_t s, bool *is_part)
{
	uint64_t *modseqs, v = s;
	unsigned n = y->view.pending_n, max = VANISHED_BYTES / 8;

	*is_part = n > max;
	if (!*is_part)
		return s;
	modseqs = must_alloc(n, sizeof(*modseqs));
	for (unsigned i = 0; i < n; i++)
		modseqs[i] = y->view.pending[i].modseq;
	qsort(modseqs, n, sizeof(modseqs[0]), modseq_cmp);
	/* The first that does not fit, and all that vanished with it, stay. */
	while (max > 0 && modseqs[max - 1] == modseqs[n > max ? max : n - 1])
		max--;
	v = max > 0 ? modseqs[max - 1] : modseqs[0];
	free(modseqs);
	return v;
}

/*
 * Pending up to v: their number when the client hears of it.  They are told
 * in UID order, so of the pending only those that stay still count below.
 */
static enum err
put_vanished(struct sync *y, uint64_t v)
{
	uint32_t rank, staying = 0;
	const struct view_pending *p;
	unsigned char pair[8];
	unsigned kept = 0;
	enum err e;

	for (unsigned i = 0; i < y->view.pending_n; i++) {
		p = &y->view.pending[i];
		if (p->modseq > v) {
			staying++;
			y->view.pending[kept++] = *p;
			continue;
		}
		if ((e = box_rank(&y->box, p->row.cold.uid, &rank)) != ERR_OK)
			return e;
		enc_le32(pair, p->row.cold.uid);
		enc_le32(pair + 4, rank + staying + 1);
		buf_put(&y->vanished, pair, sizeof(pair));
	}
	/* They are no longer in the view. */
	y->view.pending_n = kept;
	return buf_err(&y->vanished);
}

/* Messages that are new since R have no row: EXISTS tells of them. */
static enum err
put_rows(struct sync *y, struct ipc_store_changes *r)
{
	struct page_cold_row cold;
	struct walk_item it;
	enum err e;

	walk_init_all(&y->walk, &y->box, &y->view, y->m->resume);
	y->walk.since = y->m->r;
	r->resume = y->m->resume;
	/* since 0 would mean all; a mailbox is never that young. */
	if (y->m->r == 0)
		return ERR_OK;
	while ((e = walk_next(&y->walk, &it)) == ERR_OK) {
		if ((e = walk_cold(&y->walk, &it, &cold)) != ERR_OK)
			return e;
		if (cold.created > y->m->r)
			continue;
		if (!fetch_put_row(&y->rows, ROWS_BYTES, &it)) {
			r->more = true;
			return ERR_OK;
		}
		r->resume = it.uid;
	}
	return e == ERR_END ? ERR_OK : e;
}

static enum err
first_answer(struct sync *y, struct ipc_store_changes *r)
{
	bool is_part = false;
	uint32_t top;
	enum err e;

	if (y->m->expunges) {
		r->v = reachable_v(y, y->box.rec.modseq, &is_part);
		if ((e = put_vanished(y, r->v)) != ERR_OK)
			return e;
	} else if (y->view.pending_n == 0) {
		/* Nothing waits to be told: the view is as new as can be. */
		r->v = y->box.rec.modseq;
	}
	r->expunges_more = is_part;
	/* New messages come when the expunges are through. */
	if (!is_part)
		y->view.uidnext = r->uidnext = y->box.rec.uidnext;
	return walk_view_size(&y->box, &y->view, &r->exists, &top);
}

/* Messages that came and went since V but were never in the view stay out. */
static enum err
sync_view(struct sync *y, struct ipc_store_changes *r)
{
	uint32_t top;
	enum err e;

	r->modseq = y->box.rec.modseq;
	r->v = y->m->v;
	r->uidnext = y->m->uidnext;
	if (y->m->resume == 0)
		e = first_answer(y, r);
	else
		e = walk_view_size(&y->box, &y->view, &r->exists, &top);
	if (e == ERR_OK && !r->expunges_more)
		e = put_rows(y, r);
	if (e == ERR_OK)
		e = keywords_load(&y->op, y->box.id, &y->keywords);
	r->vanished = buf_slice(&y->vanished);
	r->rows = buf_slice(&y->rows);
	r->keywords = keywords_from(buf_slice(&y->keywords), y->m->keyword_count);
	return e;
}

static void
answer(struct ipc_peer *peer, struct ipc_in *in, struct sync *y)
{
	struct ipc_store_changes r = { 0 };
	bool claims = false;
	enum err e;

	if ((e = sync_view(y, &r)) != ERR_OK) {
		store_fail_err(peer, in, e);
		return;
	}
	if (y->m->claims && y->box.rec.recent_uid < r.uidnext &&
	    r.uidnext > y->m->uidnext) {
		r.recent_uid = y->box.rec.recent_uid;
		claims = true;
	}
	ipc_reply(peer, in->id, IPC_MSG_store_changes, &r);
	if (claims)
		store_claim_recent(y->op.store, y->op.account, y->box.id);
}

void
store_on_sync(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_sync *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct sync *y;
	enum err e;

	if (ss == NULL)
		return;
	y = must_alloc(1, sizeof(*y));
	y->m = m;
	buf_init(&y->vanished, VANISHED_BYTES);
	buf_init(&y->rows, ROWS_BYTES);
	buf_init(&y->keywords, STORE_KEYWORD_BYTES_MAX);
	e = m->uidnext == 0 ? ERR_NOTFOUND : ERR_OK;
	if (e == ERR_OK)
		e = op_begin(&y->op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = acl_open(&y->op, ss, m->mailbox, STORE_RIGHT_R, &y->box);
	if (e == ERR_OK)
		/* What stays pending counts in the view as it will be. */
		e = walk_view_load(&y->box, m->v, m->resume == 0 && !m->expunges ?
		    y->box.rec.uidnext : m->uidnext, &y->view);
	if (e == ERR_OK)
		answer(peer, in, y);
	else
		store_fail_err(peer, in, e);
	walk_fini(&y->walk);
	view_fini(&y->view);
	box_close(&y->box);
	op_end(&y->op);
	buf_fini(&y->vanished);
	buf_fini(&y->rows);
	buf_fini(&y->keywords);
	free(y);
}
