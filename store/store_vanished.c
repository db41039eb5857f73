/* SPDX-License-Identifier: ISC */
#include "store/store_vanished.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "store/store_acl.h"
#include "store/store_op.h"
#include "store/store_walk.h"

struct vanished {
	struct op			 op;
	const struct ipc_store_vanished	*m;
	struct box			 box;
	struct view			 view;
	struct walk			 walk;
	struct view_set			 set;
	struct buf			 ranges;
	bool				 is_full;
};

static bool
put_range(struct vanished *x, uint32_t first, uint32_t last)
{
	struct view_range r = { first, last };

	x->is_full = x->ranges.n >= VANISHED_RANGES_MAX * sizeof(r);
	if (!x->is_full)
		view_range_put(&x->ranges, &r);
	return !x->is_full;
}

/* The set, empty for all, within what the view has and behind resume. */
static enum err
read_set(struct vanished *x)
{
	const struct ipc_store_vanished *m = x->m;
	uint32_t top = m->uidnext - 1, from = m->resume == UINT32_MAX ? UINT32_MAX : m->resume + 1;
	struct view_range *r;
	unsigned n = 0;
	enum err e = ERR_OK;

	if (m->uid_set.n == 0)
		view_set_all(&x->set);
	else
		/* "*" is the last one that ever was: it may have vanished too. */
		e = view_set_read(&x->set, m->uid_set, top);
	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < x->set.n; i++) {
		r = &x->set.ranges[n];
		*r = x->set.ranges[i];
		r->first = r->first < from ? from : r->first;
		r->last = r->last > top ? top : r->last;
		n += r->first <= r->last;
	}
	x->set.n = n;
	return ERR_OK;
}

/* view: all that vanished since, by UID.  What went after v is the view's to tell. */
static enum err
tell_exactly(struct vanished *x)
{
	struct view_range r = { 0, 0 };
	uint32_t uid;

	for (unsigned i = 0; i < x->view.pending_n; i++) {
		uid = x->view.pending[i].row.cold.uid;
		if (x->view.pending[i].modseq > x->m->v || !view_set_has(&x->set, uid))
			continue;
		if (r.first != 0 && uid == r.last + 1) {
			r.last = uid;
			continue;
		}
		if (r.first != 0 && !put_range(x, r.first, r.last))
			return ERR_OK;
		r = (struct view_range){ uid, uid };
	}
	if (r.first != 0)
		(void)put_range(x, r.first, r.last);
	return ERR_OK;
}

/* view: what the session's view still counts.  Tells what lies between. */
static enum err
tell_missing(struct vanished *x)
{
	const struct view_range *r = x->set.ranges;
	uint32_t at = x->set.n > 0 ? r[0].first : 0;
	struct walk_item it;
	unsigned i = 0;
	enum err e;

	walk_init_all(&x->walk, &x->box, &x->view, x->m->resume);
	while (i < x->set.n && (e = walk_next(&x->walk, &it)) == ERR_OK) {
		for (; i < x->set.n && r[i].last < it.uid; at = ++i < x->set.n ? r[i].first : 0)
			if (at <= r[i].last && !put_range(x, at, r[i].last))
				return ERR_OK;
		if (i == x->set.n || it.uid < at)
			continue;
		if (it.uid > at && !put_range(x, at, it.uid - 1))
			return ERR_OK;
		at = it.uid + 1;
	}
	if (i < x->set.n && e != ERR_END)
		return e;
	for (; i < x->set.n; at = ++i < x->set.n ? r[i].first : 0)
		if (at <= r[i].last && !put_range(x, at, r[i].last))
			return ERR_OK;
	return ERR_OK;
}

static enum err
vanished(struct vanished *x, struct store_session *ss, bool *is_exact)
{
	const struct ipc_store_vanished *m = x->m;
	enum err e;

	if (m->uidnext == 0)
		return ERR_NOTFOUND;
	if ((e = op_begin(&x->op, ss->peer->store, ss->account->id, KV_READ)) != ERR_OK ||
	    (e = acl_open(&x->op, ss, m->mailbox, STORE_RIGHT_R, &x->box)) != ERR_OK ||
	    (e = read_set(x)) != ERR_OK)
		return e;
	*is_exact = m->since >= x->box.rec.gone_floor;
	e = walk_view_load(&x->box, *is_exact ? m->since : m->v, m->uidnext, &x->view);
	if (e != ERR_OK)
		return e;
	return *is_exact ? tell_exactly(x) : tell_missing(x);
}

void
store_on_vanished(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_vanished *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct ipc_store_vanished_reply r = { .resume = m->resume };
	struct vanished *x;
	enum err e;

	if (ss == NULL)
		return;
	x = must_alloc(1, sizeof(*x));
	x->m = m;
	buf_init(&x->ranges, VANISHED_RANGES_MAX * sizeof(struct view_range));
	e = vanished(x, ss, &r.exact);
	if (e == ERR_OK) {
		r.ranges = buf_slice(&x->ranges);
		r.more = x->is_full;
		if (r.ranges.n > 0)
			r.resume = dec_le32(r.ranges.p + r.ranges.n - 4);
		ipc_reply(peer, in->id, IPC_MSG_store_vanished_reply, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	walk_fini(&x->walk);
	view_fini(&x->view);
	view_set_fini(&x->set);
	box_close(&x->box);
	op_end(&x->op);
	buf_fini(&x->ranges);
	free(x);
}
