/* SPDX-License-Identifier: ISC */
#include "store/store_mailboxes.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_arrivals.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_metadata.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_quota.h"
#include "store/store_sweep.h"

#define LIST_REPLY_BYTES	49000
#define SPECIAL_BITS		(STORE_ALL | STORE_ARCHIVE | STORE_DRAFTS | STORE_SPECIAL_FLAGGED | \
				STORE_JUNK | STORE_SENT | STORE_TRASH)

/* ---- sessions ---- */

static struct ipc_store_session
session_message(const struct store_session *ss, struct op *op)
{
	return (struct ipc_store_session){
		.handle = ss->handle,
		.account = op->account,
		.address = op->acc.address,
		.sealing = op->acc.sealing,
		.key_generation = op->acc.key_generation,
		.arrivals = arrivals_wait(op),
		.public_key = slice_of(op->acc.public_key, RECORD_KEY_BYTES),
		.thread_salt = slice_of(op->acc.salt, RECORD_SALT_BYTES),
	};
}

/* The first login makes the mailboxes; the session begins when they are there. */
static enum err
first_login(struct ipc_peer *peer, struct ipc_in *in, struct op *op, struct store_peer *p,
    uint64_t issued_s)
{
	struct ipc_store_session *m;
	struct store_session *ss;
	struct store_reply *r;
	enum err e;

	op_end(op);
	if ((e = op_begin(op, op->store, op->account, KV_WRITE)) != ERR_OK)
		return e;
	if (!op->acc.is_enabled)
		return ERR_DISABLED;
	if ((e = names_defaults(op)) != ERR_OK)
		return e;
	ss = store_session_new(op->store, p, op->account);
	ss->issued_s = issued_s;
	r = store_reply_new(peer, in, IPC_MSG_store_session);
	m = &r->m.session;
	*m = session_message(ss, op);
	/* It is sent later: with copies of what it points to. */
	buf_put_slice(&r->a, m->public_key);
	buf_put_slice(&r->a, m->thread_salt);
	buf_put_slice(&r->a, m->address);
	m->public_key.p = buf_data(&r->a);
	m->thread_salt.p = m->public_key.p + m->public_key.n;
	m->address.p = m->thread_salt.p + m->thread_salt.n;
	if ((e = op_submit(op, KV_NOW, r)) != ERR_OK)
		store_session_free(&ss);
	return e;
}

static enum err
login(struct ipc_peer *peer, struct ipc_in *in, struct store_peer *p, const struct token *t,
    struct op *op)
{
	struct ipc_store_session m;
	struct store_session *ss;
	enum err e;

	e = op_begin(op, p->store, t->account, KV_READ);
	if (e == ERR_NOTFOUND || (e == ERR_OK && !op->acc.has_mailboxes))
		return first_login(peer, in, op, p, t->issued_s);
	if (e != ERR_OK)
		return e;
	if (!op->acc.is_enabled)
		return ERR_DISABLED;
	ss = store_session_new(p->store, p, t->account);
	ss->issued_s = t->issued_s;
	m = session_message(ss, op);
	ipc_reply(peer, in->id, IPC_MSG_store_session, &m);
	return ERR_OK;
}

void
store_on_login(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_login *m = msg;
	struct store *s = store_of(peer);
	struct store_peer *p = store_peer_find(s, peer);
	struct op op = { .txn = NULL };
	struct token token;
	enum err e;

	if (p == NULL)
		return;
	e = token_gate_check(&s->gate, &token, m->token, ipc_peer_instance(peer),
	    TOKEN_MAIL | TOKEN_INDEX,
	    store_now_s(s));
	if (e == ERR_OK && p->session_count >= STORE_SESSIONS_MAX)
		e = ERR_BUSY;
	if (e == ERR_OK)
		e = login(peer, in, p, &token, &op);
	op_end(&op);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
}

void
store_on_logout(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_logout *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);

	/* One whose login was revoked ends too. */
	if (ss == NULL)
		ss = store_session_find(peer, m->handle);
	if (ss != NULL)
		store_session_free(&ss);
}

/* ---- the shape of a request that changes the mailboxes ---- */

/* Begins; answers when that fails. */
static struct store_session *
begin(struct ipc_peer *peer, struct ipc_in *in, uint32_t handle, enum kv_mode mode,
    struct op *op)
{
	struct store_session *ss = store_session_need(peer, in, handle);
	enum err e;

	if (ss == NULL)
		return NULL;
	e = op_begin(op, ss->peer->store, ss->account->id, mode);
	if (e == ERR_OK)
		return ss;
	store_fail_err(peer, in, e);
	return NULL;
}

struct outcome {
	uint32_t	 handle;	/* who asked */
	uint32_t	 made;		/* mailbox */
	uint32_t	 uidvalidity;	/* of it */
	uint32_t	 gone;		/* mailbox */
};

static void
finish(struct ipc_peer *peer, struct ipc_in *in, struct op *op, enum err e,
    const struct outcome *o)
{
	struct store_reply *r;

	if (e == ERR_OK) {
		r = store_reply_new(peer, in, IPC_MSG_store_ok);
		r->m.ok = (struct ipc_store_ok){ op->acc.modseq, o->made, o->uidvalidity };
		r->origin = o->handle;
		r->boxes[0] = o->gone;
		r->names = true;
		e = op_submit(op, KV_NOW, r);
	}
	op_end(op);
	if (e != ERR_OK)
		store_fail_err(peer, in, e);
}

/* ---- store_list ---- */

static bool
put_mailbox(struct buf *b, const struct names_entry *n, uint32_t rights)
{
	struct ipc_mailbox m = { n->mailbox, n->special, n->is_subscribed, n->mailbox == 0,
	    n->has_children, rights, n->name };

	if (b->n + n->name.n + 40 > LIST_REPLY_BYTES)
		return false;
	ipc_mailbox_put(b, &m);
	return true;
}

/* RFC 5258 s4: children count for a guest when he may look one of them up. */
static enum err
find_children(struct op *op, const struct store_session *ss, struct names_list *l, size_t i)
{
	struct names_entry *parent = &l->v[i];
	uint32_t rights;
	enum err e;

	if (ss->guest == NULL || !parent->has_children)
		return ERR_OK;
	parent->has_children = false;
	/* Names are in order: those that begin alike stand together. */
	for (size_t j = i + 1; j < l->n && !parent->has_children; j++) {
		struct slice name = l->v[j].name;

		if (!slice_eq(slice_head(name, parent->name.n), parent->name))
			break;
		if (name.p[parent->name.n] != '/' || l->v[j].mailbox == 0)
			continue;
		if ((e = acl_rights(op, ss, l->v[j].mailbox, &rights)) != ERR_OK)
			return e;
		parent->has_children = (rights & STORE_RIGHT_L) != 0;
	}
	return ERR_OK;
}

void
store_on_list(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_list *m = msg;
	struct ipc_store_mailboxes reply = { false, SLICE_NONE };
	const struct store_session *ss;
	struct names_list names;
	uint32_t rights;
	struct buf b;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_READ, &op)) == NULL)
		return;
	buf_init(&b, LIST_REPLY_BYTES);
	e = names_load(&op, &names);
	for (size_t i = 0; e == ERR_OK && i < names.n; i++) {
		if ((m->after.n > 0 && slice_cmp(names.v[i].name, m->after) <= 0) ||
		    names_is_hidden(names.v[i].name))
			continue;
		if ((e = acl_rights(&op, ss, names.v[i].mailbox, &rights)) != ERR_OK)
			break;
		if (ss->guest != NULL && !(rights & STORE_RIGHT_L))
			continue;
		if ((e = find_children(&op, ss, &names, i)) != ERR_OK)
			break;
		if (!put_mailbox(&b, &names.v[i], rights)) {
			reply.more = true;
			break;
		}
	}
	reply.mailboxes = buf_slice(&b);
	if (e == ERR_OK)
		ipc_reply(peer, in->id, IPC_MSG_store_mailboxes, &reply);
	else
		store_fail_err(peer, in, e);
	names_free(&names);
	op_end(&op);
	buf_fini(&b);
}

/* ---- create, delete, rename, subscribe ---- */

/* RFC 3501 s6.3.3: superior names are made as needed. */
static enum err
make_parents(struct op *op, struct slice name, uint64_t modseq)
{
	uint32_t id;
	enum err e;

	for (size_t i = 1; i < name.n; i++) {
		if (name.p[i] != '/')
			continue;
		e = names_create(op, slice_head(name, i), 0, false, modseq, &id);
		if (e != ERR_OK && e != ERR_EXISTS)
			return e;
	}
	return ERR_OK;
}

static enum err
parent_of(struct op *op, struct slice name, uint32_t *mailbox)
{
	size_t slash = slice_rfind(name, '/');

	return slash < name.n ? names_mailbox(op, slice_head(name, slash), mailbox) :
	    ERR_NOTFOUND;
}

/* RFC 4314 s4: the parent must be there for a guest, with the right to create. */
static enum err
may_create(struct op *op, const struct store_session *ss, struct slice name)
{
	uint32_t parent;
	enum err e;

	if (ss->guest == NULL)
		return ERR_OK;
	e = parent_of(op, name, &parent);
	return e == ERR_OK ? acl_need(op, ss, parent, STORE_RIGHT_K) :
	    e == ERR_NOTFOUND ? ERR_DENIED : e;
}

void
store_on_create(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_create *m = msg;
	const struct store_session *ss;
	struct slice name = m->name;
	uint32_t id = 0, parent = 0;
	uint64_t modseq;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_WRITE, &op)) == NULL)
		return;
	modseq = op_modseq(&op);
	e = (m->special & ~(uint32_t)SPECIAL_BITS) != 0 ? ERR_VIOLATION : names_check(&name);
	if (e == ERR_OK && (e = may_create(&op, ss, name)) == ERR_OK &&
	    (e = make_parents(&op, name, modseq)) == ERR_OK &&
	    (e = names_create(&op, name, m->special, false, modseq, &id)) == ERR_OK &&
	    parent_of(&op, name, &parent) == ERR_OK)
		e = acl_inherit(&op, parent, id);
	finish(peer, in, &op, e, &(struct outcome){ .handle = m->handle, .made = id,
	    .uidvalidity = e == ERR_OK ? op.acc.next_uidvalidity - 1 : 0 });
}

/* Until the undelete window ends everything of it but the name stays. */
static void
put_removal(struct op *op, const struct name *n, struct slice mailbox)
{
	struct kv_key k = record_key_removal(op->account, n->rec.mailbox);
	uint64_t now_s = store_now_s(op->store);
	const struct record_removal rec = { now_s + op->store->undelete_s, now_s,
	    n->rec.special, n->rec.name, mailbox };
	struct buf b;

	buf_init(&b, RECORD_BYTES_MAX);
	record_removal_put(&rec, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
}

/* The name goes (or stays as a subscription); the pages go later. */
static enum err
remove_mailbox(struct op *op, struct name *n)
{
	struct kv_key k = record_key_u32(op->account, 'B', n->rec.mailbox);
	struct record_mailbox rec;
	struct slice v;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK || (e = record_mailbox_read(&rec, v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	put_removal(op, n, v);
	kv_del(op->txn, &k);
	if ((e = metadata_remove(op, n->rec.mailbox)) != ERR_OK ||
	    (e = acl_remove(op, n->rec.mailbox)) != ERR_OK)
		return e;
	quota_sub(op, rec.bytes, rec.exists);
	(void)op_modseq(op);
	n->rec.mailbox = 0;
	n->rec.special = 0;
	if (n->rec.is_subscribed)
		names_put(op, &n->rec);
	else
		names_del(op, n->rec.name);
	return ERR_OK;
}

void
store_on_delete(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_delete *m = msg;
	struct slice name = m->name;
	const struct store_session *ss;
	struct store *s = store_of(peer);
	uint32_t gone = 0;
	struct name n;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_WRITE, &op)) == NULL)
		return;
	if ((e = names_check(&name)) == ERR_OK && slice_eq_str(name, "INBOX"))
		e = ERR_DENIED;		/* RFC 3501 s6.3.4 */
	if (e == ERR_OK && (e = names_find(&op, name, &n)) == ERR_OK) {
		gone = n.rec.mailbox;
		e = gone != 0 ? acl_need(&op, ss, gone, STORE_RIGHT_X) : ERR_NOTFOUND;
		if (e == ERR_OK)
			e = remove_mailbox(&op, &n);
	}
	finish(peer, in, &op, e, &(struct outcome){ .handle = m->handle, .gone = gone });
	if (e == ERR_OK)
		sweep_wanted(s);
}

static enum err
move_name(struct op *op, struct slice from, struct slice to)
{
	struct kv_key k;
	struct name n, there;
	struct record_mailbox rec;
	struct slice v;
	struct buf b;
	enum err e;

	if ((e = names_find(op, from, &n)) != ERR_OK)
		return e;
	e = names_find(op, to, &there);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e == ERR_OK && there.rec.mailbox != 0)
		return ERR_EXISTS;
	names_del(op, from);
	op->acc.mailbox_count += e == ERR_NOTFOUND;
	n.rec.is_subscribed |= e == ERR_OK && there.rec.is_subscribed;
	n.rec.name = to;
	names_put(op, &n.rec);
	if (n.rec.mailbox == 0)
		return ERR_OK;
	k = record_key_u32(op->account, 'B', n.rec.mailbox);
	if ((e = kv_get(op->txn, &k, &v)) != ERR_OK || (e = record_mailbox_read(&rec, v)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	rec.name_hash = hash_sip(op->acc.salt, to.p, to.n);
	buf_init(&b, RECORD_BYTES_MAX);
	record_mailbox_put(&rec, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
	return ERR_OK;
}

/* The mailbox keeps its UIDs under the new name; INBOX starts anew. */
static enum err
rename_inbox(struct op *op, struct slice to, uint64_t modseq)
{
	struct name inbox;
	uint32_t id;
	enum err e;

	if ((e = names_find(op, SLICE_LIT("INBOX"), &inbox)) != ERR_OK ||
	    (e = move_name(op, SLICE_LIT("INBOX"), to)) != ERR_OK)
		return e;
	return names_create(op, SLICE_LIT("INBOX"), 0, inbox.rec.is_subscribed, modseq, &id);
}

/* RFC 3501 s6.3.5: inferior names are renamed too. */
static enum err
rename_tree(struct op *op, const struct names_list *names, struct slice from, struct slice to)
{
	char moved[RECORD_NAME_MAX];
	bool any = false;
	struct slice name;
	enum err e;

	for (size_t i = 0; i < names->n; i++) {
		name = names->v[i].name;
		if (name.n < from.n || memcmp(name.p, from.p, from.n) != 0 ||
		    (name.n > from.n && name.p[from.n] != '/'))
			continue;
		/* A parent that is no mailbox, or a mere subscription. */
		if (names->v[i].mailbox == 0)
			continue;
		if (to.n + name.n - from.n > sizeof(moved))
			return ERR_TOOBIG;
		memcpy(moved, to.p, to.n);
		memcpy(moved + to.n, name.p + from.n, name.n - from.n);
		if ((e = move_name(op, name, slice_of(moved, to.n + name.n - from.n))) != ERR_OK)
			return e;
		any = true;
	}
	return any ? ERR_OK : ERR_NOTFOUND;
}

static enum err
rename_mailbox(struct op *op, struct slice from, struct slice to)
{
	struct names_list names;
	uint64_t modseq = op_modseq(op);
	struct name there;
	enum err e;

	if ((e = names_check(&from)) != ERR_OK || (e = names_check(&to)) != ERR_OK)
		return e;
	e = names_find(op, to, &there);
	if (e != ERR_NOTFOUND && (e != ERR_OK || there.rec.mailbox != 0))
		return e == ERR_OK ? ERR_EXISTS : e;
	/* Not into itself. */
	if (to.n > from.n && memcmp(to.p, from.p, from.n) == 0 && to.p[from.n] == '/' &&
	    !slice_eq_str(from, "INBOX"))
		return ERR_DENIED;
	if ((e = make_parents(op, to, modseq)) != ERR_OK)
		return e;
	if (slice_eq_str(from, "INBOX"))
		return rename_inbox(op, to, modseq);
	if ((e = names_load(op, &names)) == ERR_OK)
		e = names_has_children(&names, to) ? ERR_EXISTS :
		    rename_tree(op, &names, from, to);
	names_free(&names);
	return e;
}

/* RFC 4314 s4: the right to delete the old name and to create the new one. */
static enum err
may_rename(struct op *op, const struct store_session *ss, struct slice from, struct slice to)
{
	uint32_t mailbox;
	enum err e;

	if (ss->guest == NULL)
		return ERR_OK;
	if ((e = names_mailbox(op, from, &mailbox)) != ERR_OK ||
	    (e = acl_need(op, ss, mailbox, STORE_RIGHT_X)) != ERR_OK)
		return e;
	return slice_eq_str(from, "INBOX") ? ERR_DENIED : may_create(op, ss, to);
}

void
store_on_rename(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_rename *m = msg;
	const struct store_session *ss;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_WRITE, &op)) == NULL)
		return;
	e = may_rename(&op, ss, m->from, m->to);
	if (e == ERR_OK)
		e = rename_mailbox(&op, m->from, m->to);
	finish(peer, in, &op, e, &(struct outcome){ .handle = m->handle });
}

void
store_on_subscribe(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_subscribe *m = msg;
	struct slice name = m->name;
	const struct store_session *ss;
	struct name n;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_WRITE, &op)) == NULL)
		return;
	/* Guests subscribe in their own account. */
	e = ss->guest != NULL ? ERR_DENIED : names_check(&name);
	if (e == ERR_OK) {
		e = names_find(&op, name, &n);
		if (e == ERR_NOTFOUND) {
			memset(&n.rec, 0, sizeof(n.rec));
			n.rec.name = name;
			e = ERR_OK;
			/* A name is a record, with or without a mailbox. */
			if (m->on && names_shown(&op) >= op.store->mailbox_limit)
				e = ERR_LIMIT;
			op.acc.mailbox_count += 1;
		}
	}
	if (e == ERR_OK) {
		n.rec.is_subscribed = m->on;
		(void)op_modseq(&op);
		if (n.rec.mailbox != 0 || m->on)
			names_put(&op, &n.rec);
		else
			names_del(&op, name);
	}
	finish(peer, in, &op, e, &(struct outcome){ .handle = m->handle });
}

/* ---- UIDs from elsewhere ---- */

static enum err
take_uids(struct op *op, struct box *b, const struct ipc_store_uids *m)
{
	if (m->uidvalidity == 0 || m->uidvalidity == UINT32_MAX || m->uidnext == 0 ||
	    m->uidnext == UINT32_MAX)
		return ERR_LIMIT;
	if (b->rec.uidvalidity != m->uidvalidity && b->rec.uidnext > 1)
		return ERR_CONFLICT;
	b->rec.uidvalidity = m->uidvalidity;
	/* What is made anew under this name must differ (RFC 3501 s2.3.1.1). */
	if (op->acc.next_uidvalidity <= m->uidvalidity)
		op->acc.next_uidvalidity = m->uidvalidity + 1;
	if (b->rec.uidnext < m->uidnext)
		b->rec.uidnext = m->uidnext;
	b->rec.modseq = op_modseq(op);
	b->is_dirty = true;
	return box_flush(b);
}

void
store_on_uids(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_uids *m = msg;
	const struct store_session *ss;
	struct slice name = m->name;
	uint32_t mailbox = 0;
	struct box *b;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_WRITE, &op)) == NULL)
		return;
	b = must_alloc(1, sizeof(*b));
	e = ss->guest != NULL ? ERR_DENIED : names_check(&name);
	if (e == ERR_OK)
		e = names_mailbox(&op, name, &mailbox);
	box_make(b, op.txn, 0, 0);
	if (e == ERR_OK && (e = box_open(b, op.txn, op.account, mailbox)) == ERR_OK)
		e = take_uids(&op, b, m);
	box_close(b);
	free(b);
	finish(peer, in, &op, e, &(struct outcome){ .handle = m->handle,
	    .uidvalidity = m->uidvalidity });
}

/* ---- status and select ---- */

/* How many a session that asks now would see as \Recent. */
static enum err
count_recent(struct box *b, uint32_t *recent)
{
	uint32_t old;
	enum err e;

	*recent = 0;
	if (b->rec.recent_uid >= b->rec.uidnext)
		return ERR_OK;
	if ((e = box_rank(b, b->rec.recent_uid - 1, &old)) == ERR_OK)
		*recent = b->rec.exists - old;
	return e;
}

/* By name, or by id. */
static enum err
find_status(struct op *op, const struct ipc_store_status *m, struct name *n)
{
	struct slice name = m->name;
	enum err e;

	if (name.n == 0) {
		e = m->mailbox == 0 || m->mailbox > UINT32_MAX ? ERR_NOTFOUND :
		    names_of(op, (uint32_t)m->mailbox, n);
		return e == ERR_OK && names_is_hidden(n->rec.name) ? ERR_NOTFOUND : e;
	}
	if ((e = names_check(&name)) != ERR_OK || (e = names_find(op, name, n)) != ERR_OK)
		return e;
	return n->rec.mailbox != 0 ? ERR_OK : ERR_NOTFOUND;
}

static enum err
fill_status(struct box *b, bool deleted_bytes, struct ipc_store_status_reply *r)
{
	enum err e;

	if ((e = count_recent(b, &r->recent)) != ERR_OK)
		return e;
	if (deleted_bytes && (e = box_deleted_bytes(b, &r->deleted_bytes)) != ERR_OK)
		return e;
	r->mailbox = b->id;
	r->exists = b->rec.exists;
	r->unseen = b->rec.unseen;
	r->deleted = b->rec.deleted;
	r->uidnext = b->rec.uidnext;
	r->uidvalidity = b->rec.uidvalidity;
	r->size_bytes = b->rec.bytes;
	r->modseq = b->rec.modseq;
	return ERR_OK;
}

void
store_on_status(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_status *m = msg;
	struct ipc_store_status_reply r = { 0 };
	const struct store_session *ss;
	struct box *b;
	struct name n;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_READ, &op)) == NULL)
		return;
	b = must_alloc(1, sizeof(*b));
	if ((e = find_status(&op, m, &n)) == ERR_OK &&
	    (e = acl_open(&op, ss, n.rec.mailbox, STORE_RIGHT_R, b)) == ERR_OK &&
	    (e = acl_rights(&op, ss, n.rec.mailbox, &r.rights)) == ERR_OK &&
	    (e = fill_status(b, m->deleted_bytes, &r)) == ERR_OK) {
		r.name = n.rec.name;
		ipc_reply(peer, in->id, IPC_MSG_store_status_reply, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	box_close(b);
	free(b);
	op_end(&op);
}

static enum err
fill_selected(struct op *op, struct box *b, uint32_t id, struct ipc_store_selected *r,
    struct buf *keywords)
{
	uint32_t before;
	enum err e;

	r->mailbox = id;
	r->uidvalidity = b->rec.uidvalidity;
	r->uidnext = b->rec.uidnext;
	r->exists = b->rec.exists;
	r->recent_uid = b->rec.recent_uid;
	r->modseq = b->rec.modseq;
	if ((e = count_recent(b, &r->recent)) != ERR_OK)
		return e;
	e = box_first_unseen(b, &before);
	if (e == ERR_OK)
		r->first_unseen = before + 1;
	else if (e != ERR_NOTFOUND)
		return e;
	e = keywords_load(op, id, keywords);
	r->keywords = buf_slice(keywords);
	return e;
}

/* Losing this in a crash shows messages as \Recent once more. */
void
store_claim_recent(struct store *s, uint64_t account, uint32_t mailbox)
{
	struct box *b;
	struct op op;

	if (op_begin(&op, s, account, KV_WRITE) != ERR_OK)
		return;
	b = must_alloc(1, sizeof(*b));
	if (box_open(b, op.txn, account, mailbox) == ERR_OK &&
	    b->rec.recent_uid < b->rec.uidnext) {
		b->rec.recent_uid = b->rec.uidnext;
		b->is_dirty = true;
		if (box_flush(b) == ERR_OK && op_submit(&op, KV_LAZY, NULL) != ERR_OK)
			op_end(&op);
	}
	op_end(&op);
	box_close(b);
	free(b);
}

void
store_on_select(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_select *m = msg;
	struct ipc_store_selected r = { 0 };
	struct store_session *ss;
	struct buf keywords;
	struct box *b;
	uint32_t id;
	struct op op;
	enum err e;

	if ((ss = begin(peer, in, m->handle, KV_READ, &op)) == NULL)
		return;
	buf_init(&keywords, STORE_KEYWORD_BYTES_MAX);
	b = must_alloc(1, sizeof(*b));
	if ((e = names_mailbox(&op, m->name, &id)) == ERR_OK &&
	    (e = acl_open(&op, ss, id, STORE_RIGHT_R, b)) == ERR_OK &&
	    (e = acl_rights(&op, ss, id, &r.rights)) == ERR_OK &&
	    (e = fill_selected(&op, b, id, &r, &keywords)) == ERR_OK) {
		ipc_reply(peer, in->id, IPC_MSG_store_selected, &r);
	} else {
		store_fail_err(peer, in, e);
	}
	box_close(b);
	free(b);
	op_end(&op);
	buf_fini(&keywords);
	if (e == ERR_OK && !m->examine && r.recent > 0)
		store_claim_recent(ss->peer->store, ss->account->id, id);
}
