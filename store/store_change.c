/* SPDX-License-Identifier: ISC */
#include "store/store_change.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_fetch.h"
#include "store/store_keywords.h"
#include "store/store_mark.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_quota.h"
#include "store/store_sweep.h"

#define RANGES_MAX	3750	/* in one blob of store_copied */
#define EXPUNGE_MAX	(CHANGE_PAGES_MAX * PAGE_HOT_ROWS)
#define QUIET_MAX	(CHANGE_QUIET_PAGES_MAX * PAGE_HOT_ROWS)

/* A message that the set named; collected before anything is changed. */
struct picked {
	uint32_t	 uid;
	uint32_t	 flags;
};

struct change {
	struct op		 op;
	struct store_session	*session;
	struct box		 box;
	struct view		 view;
	struct walk		 walk;
	struct store_reply	*reply;
	struct picked		*picked;
	size_t			 n;
	size_t			 cap;
	struct flagset		 used;		/* of all picked to be copied */
	uint32_t		 target_rights;
};

static struct change *
change_new(struct ipc_peer *peer, struct ipc_in *in, enum ipc_type type, uint32_t handle,
    uint64_t mailbox)
{
	struct change *c = must_alloc(1, sizeof(*c));

	c->reply = store_reply_new(peer, in, type);
	c->reply->origin = handle;
	c->reply->boxes[0] = mailbox <= UINT32_MAX ? (uint32_t)mailbox : 0;
	return c;
}

static void
change_free(struct change *c)
{
	walk_fini(&c->walk);
	view_fini(&c->view);
	box_close(&c->box);
	op_end(&c->op);
	store_reply_free(&c->reply);
	free(c->picked);
	free(c);
}

static enum err
change_open(struct change *c, struct store_session *ss, uint64_t mailbox, uint32_t rights,
    uint64_t v, uint32_t uidnext)
{
	enum err e;

	if (uidnext == 0)
		return ERR_NOTFOUND;
	c->session = ss;
	e = op_begin(&c->op, ss->peer->store, ss->account->id, KV_WRITE);
	if (e == ERR_OK)
		e = acl_open(&c->op, ss, mailbox, rights, &c->box);
	if (e == ERR_OK)
		e = walk_view_load(&c->box, v, uidnext, &c->view);
	return e;
}

/* The reply goes with the transaction, changed or not: it follows what came before. */
static enum err
change_submit(struct change *c)
{
	struct store_reply *r = c->reply;

	c->reply = NULL;
	return op_submit(&c->op, KV_NOW, r);
}

static void
pick(struct change *c, const struct walk_item *it)
{
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 64 : c->cap * 2;
		c->picked = must_realloc(c->picked, c->cap, sizeof(*c->picked));
	}
	c->picked[c->n++] = (struct picked){ it->uid, it->flags };
}

/* ---- store_flags ---- */

static struct flagset
new_flags(uint8_t op, const struct flagset *old, const struct flagset *given)
{
	struct flagset f = *old;

	if (op == STORE_REMOVE) {
		flagset_drop(&f, given);
		return f;
	}
	if (op == STORE_REPLACE)
		f = (struct flagset){ .bits = old->bits & 0xffu & ~(uint32_t)STORE_SYSTEM };
	flagset_join(&f, given);
	return f;
}

/* RFC 4314 s4: what one may not change stays; some of what is given must be allowed. */
static struct flagset
flags_allowed(const struct flagset *old, const struct flagset *wanted, uint32_t rights)
{
	uint32_t mask = acl_flags(rights);
	struct flagset f = rights & STORE_RIGHT_W ? *wanted : *old;

	f.bits = (old->bits & ~mask) | (wanted->bits & mask);
	return f;
}

static enum err
flag_rights(struct change *c, const struct ipc_store_flags *m, uint32_t *rights)
{
	uint32_t given = m->flags | (m->keywords.n > 0 ? 1u << STORE_KEYWORD_SHIFT : 0);
	enum err e;

	if ((e = acl_rights(&c->op, c->session, c->box.id, rights)) != ERR_OK)
		return e;
	/* FLAGS () takes away whatever one may take. */
	if (given == 0 ? *rights & (STORE_RIGHT_S | STORE_RIGHT_W | STORE_RIGHT_T) :
	    acl_flags(*rights) & given)
		return ERR_OK;
	return *rights & STORE_RIGHT_L ? ERR_DENIED : ERR_NOTFOUND;
}

/* Is there room for one more row in this slice? */
static bool
has_room(const struct change *c, bool quiet, uint32_t seen)
{
	return c->reply->a.n + FETCH_ROW_BYTES + STORE_MORE_BYTES <= FETCH_ROWS_BYTES &&
	    (!quiet || seen < QUIET_MAX);
}

static enum err
set_flags(struct change *c, const struct ipc_store_flags *m)
{
	struct ipc_store_rows *r = &c->reply->m.rows;
	struct flagset given = flagset_of(m->flags, SLICE_NONE), old, flags;
	struct walk_item it;
	uint64_t modseq = 0;
	uint32_t rights, seen = 0;
	enum err e;

	if ((e = flag_rights(c, m, &rights)) != ERR_OK)
		return e;
	if ((e = keywords_flags(&c->op, c->box.id, m->keywords, m->op != STORE_REMOVE,
	    &given)) != ERR_OK)
		return e;
	r->resume = m->resume;
	r->before = c->box.rec.modseq;
	while ((e = walk_next(&c->walk, &it)) == ERR_OK) {
		if (it.pending != NULL)
			continue;
		if (!has_room(c, m->quiet, seen++)) {
			r->more = true;
			break;
		}
		old = flagset_of(it.flags, it.more);
		flags = new_flags(m->op, &old, &given);
		flags = flags_allowed(&old, &flags, rights);
		if (it.modseq > m->unchanged_since) {
			it.flags |= STORE_CONFLICT;
		} else if (!flagset_eq(&flags, &old)) {
			modseq = modseq != 0 ? modseq : op_modseq(&c->op);
			if ((e = box_set_flags(&c->box, &c->walk.pos, &flags, modseq)) != ERR_OK)
				return e;
			it.flags = flags.bits;
			it.more = flagset_more(&flags);
			it.modseq = modseq;
		}
		if (!m->quiet || (it.flags & STORE_CONFLICT))
			(void)fetch_put_row(&c->reply->a, FETCH_ROWS_BYTES, &it);
		r->resume = it.uid;
	}
	if (e != ERR_OK && e != ERR_END)
		return e;
	if (modseq != 0) {
		c->box.rec.modseq = modseq;
		c->box.is_dirty = true;
	} else {
		c->reply->boxes[0] = 0;
	}
	r->modseq = c->box.rec.modseq;
	r->rows = buf_slice(&c->reply->a);
	return box_flush(&c->box);
}

void
store_on_flags(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_flags *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct change *c;
	enum err e;

	if (ss == NULL)
		return;
	c = change_new(peer, in, IPC_MSG_store_rows, m->handle, m->mailbox);
	e = m->op < STORE_ADD || m->op > STORE_REPLACE ||
	    (m->flags & ~(uint32_t)STORE_SYSTEM) != 0 ? ERR_VIOLATION :
	    keywords_check(m->keywords);
	if (e == ERR_OK)
		e = change_open(c, ss, m->mailbox, 0, m->v, m->uidnext);
	if (e == ERR_OK)
		e = walk_init(&c->walk, &c->box, &c->view, m->by_uid, m->set, m->resume);
	if (e == ERR_OK)
		e = set_flags(c, m);
	if (e == ERR_OK)
		e = change_submit(c);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
	change_free(c);
}

/* ---- removing ---- */

/* Large removals take several modseqs, so that a view can follow step by step. */
static enum err
remove_picked(struct change *c, uint32_t mark)
{
	uint64_t now_s = store_now_s(c->op.store), modseq = 0, bytes = c->box.rec.bytes;
	uint32_t exists = c->box.rec.exists;
	enum err e;

	for (size_t i = 0; i < c->n; i++) {
		if (i % BOX_GONE_GROUP == 0)
			modseq = op_modseq(&c->op);
		if ((e = box_remove(&c->box, c->picked[i].uid, modseq, now_s, mark)) != ERR_OK)
			return e;
	}
	if (c->n == 0)
		return ERR_OK;
	mark_wanted(&c->op);
	c->box.rec.modseq = modseq;
	bytes -= c->box.rec.bytes;
	exists -= c->box.rec.exists;
	quota_sub(&c->op, bytes, exists);
	return ERR_OK;
}

static enum err
expunge(struct change *c, const struct ipc_store_expunge *m)
{
	struct ipc_store_expunged *r = &c->reply->m.expunged;
	struct walk_item it;
	enum err e;

	r->resume = m->resume;
	while ((e = walk_next(&c->walk, &it)) == ERR_OK) {
		if (c->n == EXPUNGE_MAX) {
			r->more = true;
			break;
		}
		r->resume = it.uid;
		if (it.pending == NULL && it.flags & STORE_DELETED)
			pick(c, &it);
	}
	if (e != ERR_OK && e != ERR_END)
		return e;
	if ((e = remove_picked(c, 0)) != ERR_OK)
		return e;
	if (c->n == 0)
		c->reply->boxes[0] = 0;
	r->count = (uint32_t)c->n;
	r->modseq = c->box.rec.modseq;
	return box_flush(&c->box);
}

void
store_on_expunge(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_expunge *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct change *c;
	enum err e;

	if (ss == NULL)
		return;
	c = change_new(peer, in, IPC_MSG_store_expunged, m->handle, m->mailbox);
	e = change_open(c, ss, m->mailbox, STORE_RIGHT_E, m->v, m->uidnext);
	if (e == ERR_OK && m->uid_set.n == 0)
		walk_init_all(&c->walk, &c->box, &c->view, m->resume);
	else if (e == ERR_OK)
		e = walk_init(&c->walk, &c->box, &c->view, true, m->uid_set, m->resume);
	if (e == ERR_OK)
		e = expunge(c, m);
	if (e == ERR_OK)
		e = change_submit(c);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
	change_free(c);
}

/* ---- store_copy ---- */

static void
put_ranges(struct buf *b, const struct view_ranges *r)
{
	for (unsigned i = 0; i < r->n; i++)
		view_range_put(b, &r->v[i]);
}

/* All flags of one that was picked; the page is looked at again when it may be wide. */
static enum err
picked_flags(struct change *c, const struct picked *p, struct flagset *f)
{
	unsigned char more[STORE_MORE_BYTES];
	struct box_pos pos;
	unsigned n = 0;
	enum err e;

	if (c->used.n > 0) {
		if ((e = box_seek_uid(&c->box, p->uid, &pos)) != ERR_OK)
			return e;
		n = box_more(&c->box, &pos, more);
	}
	*f = flagset_of(p->flags, slice_of(more, n));
	return ERR_OK;
}

static enum err
copy_row(struct change *c, struct box *to, const struct picked *p,
    const struct keywords_map *map, uint64_t modseq, struct view_ranges *new_uids)
{
	struct page_cold_row cold;
	struct page_hot_row hot;
	const struct flagset none = { .bits = 0 };
	struct flagset flags;
	enum err e;

	if ((e = box_cold(&c->box, p->uid, &cold)) != ERR_OK ||
	    (e = picked_flags(c, p, &flags)) != ERR_OK)
		return e;
	flags = keywords_map_flags(map, &flags);
	flags = flags_allowed(&none, &flags, c->target_rights);
	if (to->rec.uidnext >= UINT32_MAX - 1)
		return ERR_LIMIT;
	cold.uid = to->rec.uidnext++;
	cold.saved_s = store_now_s(c->op.store);
	cold.created = modseq;
	hot = (struct page_hot_row){ cold.uid, flags.bits, modseq };
	view_ranges_add(new_uids, cold.uid);
	sweep_saw(c->op.store, c->op.account, cold.content);
	quota_add(&c->op, cold.size, 1);
	return box_append(to, &hot, flagset_more(&flags), &cold);
}

static enum err
pick_copied(struct change *c, struct view_ranges *from)
{
	struct walk_item it;
	struct flagset f;
	enum err e;

	while ((e = walk_next(&c->walk, &it)) == ERR_OK) {
		if (it.pending != NULL)
			continue;
		if (c->n == CHANGE_COPY_MAX)
			return ERR_LIMIT;
		pick(c, &it);
		f = flagset_of(it.flags, it.more);
		flagset_join(&c->used, &f);
		view_ranges_add(from, it.uid);
	}
	if (e != ERR_END)
		return e;
	return from->n > RANGES_MAX ? ERR_LIMIT : ERR_OK;
}

static enum err
copy_picked(struct change *c, struct box *to, bool is_move,
    struct view_ranges *new_uids)
{
	struct keywords_map map;
	uint64_t modseq = op_modseq(&c->op);
	enum err e;

	if ((e = keywords_map_make(&c->op, c->box.id, to->id, &c->used, &map)) != ERR_OK)
		return e;
	for (size_t i = 0; i < c->n; i++)
		if ((e = copy_row(c, to, &c->picked[i], &map, modseq, new_uids)) != ERR_OK)
			return e;
	/* A move needs no room. */
	if (!is_move && (e = quota_within(&c->op)) != ERR_OK)
		return e;
	to->rec.modseq = modseq;
	to->is_dirty = true;
	if (is_move && (e = remove_picked(c, PAGE_GONE_MOVED)) != ERR_OK)
		return e;
	/* The same mailbox may be both: one struct, one flush. */
	if (to != &c->box && (e = box_flush(to)) != ERR_OK)
		return e;
	return box_flush(&c->box);
}

static enum err
copy(struct change *c, const struct ipc_store_copy *m, struct box *other)
{
	struct view_ranges from = { NULL, 0, 0 }, to_uids = { NULL, 0, 0 };
	struct ipc_store_copied *r = &c->reply->m.copied;
	struct box *to = &c->box;
	uint32_t target;
	enum err e;

	if ((e = names_mailbox(&c->op, m->to, &target)) != ERR_OK ||
	    (e = acl_need(&c->op, c->session, target, STORE_RIGHT_I)) != ERR_OK ||
	    (e = acl_rights(&c->op, c->session, target, &c->target_rights)) != ERR_OK)
		return e;
	if (target != c->box.id) {
		to = other;
		e = box_open(to, c->op.txn, c->op.account, target);
		if (e != ERR_OK)
			return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	}
	e = pick_copied(c, &from);
	if (e == ERR_OK && c->n > 0)
		e = copy_picked(c, to, m->move, &to_uids);
	r->modseq = c->box.rec.modseq;
	r->uidvalidity = to->rec.uidvalidity;
	put_ranges(&c->reply->a, &from);
	put_ranges(&c->reply->b, &to_uids);
	r->from = buf_slice(&c->reply->a);
	r->to = buf_slice(&c->reply->b);
	if (!m->move)
		c->reply->boxes[0] = 0;
	c->reply->boxes[1] = target;
	if (m->move && target == c->box.id)
		c->reply->boxes[1] = 0;
	/* No command of its session asked for it. */
	if (c->box.rec.special & STORE_HIDDEN)
		c->reply->boxes[0] = c->reply->origin = 0;
	view_ranges_fini(&from);
	view_ranges_fini(&to_uids);
	return e;
}

void
store_on_copy(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_copy *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	struct box *other;
	struct change *c;
	enum err e;

	if (ss == NULL)
		return;
	other = must_alloc(1, sizeof(*other));
	c = change_new(peer, in, IPC_MSG_store_copied, m->handle, m->mailbox);
	e = change_open(c, ss, m->mailbox, STORE_RIGHT_R |
	    (m->move ? STORE_RIGHT_T | STORE_RIGHT_E : 0), m->v, m->uidnext);
	if (e == ERR_OK)
		e = walk_init(&c->walk, &c->box, &c->view, m->by_uid, m->set, 0);
	if (e == ERR_OK && (e = copy(c, m, other)) == ERR_NOTFOUND) {
		/* RFC 9051 s6.4.7 */
		store_fail(peer, in, e, "TRYCREATE", "no such mailbox");
	} else {
		if (e == ERR_OK)
			e = change_submit(c);
		if (e != ERR_OK)
			store_fail_err(peer, in, e);
	}
	box_close(other);
	free(other);
	change_free(c);
}
