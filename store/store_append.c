/* SPDX-License-Identifier: ISC */
/*
 * A message alone, or the last of a row that waits in the stage: one
 * transaction for all of them, and for the message that they replace.
 */
#include "store/store_append.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_arrivals.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_mark.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_quota.h"
#include "store/store_reserve.h"
#include "store/store_stage.h"
#include "store/store_sweep.h"
#include "store/store_thread.h"

struct append {
	struct op			 op;
	const struct ipc_store_append	*m;
	struct store_peer		*peer;
	struct store_session		*session;	/* NULL: deliver */
	struct ipc_in			*in;
	uint64_t			 fd_bytes;
	struct store_reservation	*reservation;
	struct stage_item		*item;		/* of this request */
	struct name			 name;
	uint32_t			 mailbox;
	struct keywords			 keywords;
	uint64_t			 modseq;
	uint32_t			 first_uid;
	uint32_t			 count;
	struct box			*replaced;	/* NULL, or &box, or one of its own */
	uint32_t			 rights;	/* in the mailbox */
	/* The last: most of it is pages that box_make leaves as they are. */
	struct box			 box;
};

/* ---- checks ---- */

static enum err
check_form(struct append *a)
{
	const struct ipc_store_append *m = a->m;
	bool is_deliver = a->session == NULL;
	enum err e;

	if (m->commitment.n != 32 || m->wrapped.n == 0 || m->content == 0 || m->epoch == 0 ||
	    (m->message_id.n != 0 && m->message_id.n != 8) || m->references.n % 8 != 0 ||
	    (m->flags & ~(uint32_t)STORE_SYSTEM) != 0 || (!is_deliver && m->msg != 0) ||
	    (is_deliver && (m->more || m->replace_uid != 0)) ||
	    (m->more && m->replace_uid != 0) || (m->body.n > 0) == (a->in->fd_count > 0))
		return ERR_VIOLATION;
	if ((e = keywords_check(m->keywords)) != ERR_OK)
		return e;
	if (!store_has_room(a->op.store))
		return ERR_FULL;
	if (a->in->fd_count == 0)
		return ERR_OK;
	if ((e = reserve_check_fd(a->peer, a->in->fds[0], &a->fd_bytes)) != ERR_OK)
		return e;
	return a->fd_bytes > 0 ? ERR_OK : ERR_VIOLATION;
}

/* Each content id once.  ERR_AGAIN: the reservation is gone, get another. */
static enum err
check_content(struct append *a)
{
	struct store_reservation *r = reserve_find(a->peer, a->m->account, a->m->epoch);

	if (r == NULL)
		return ERR_AGAIN;
	a->reservation = r;
	a->item->content_end = r->first + STORE_RESERVED;
	return reserve_check(r, a->m->content);
}

/* Delivered before?  The first answer counts, whatever the copy looks like. */
static enum err
find_delivered(struct append *a, struct record_delivered *d)
{
	struct kv_key k = record_key_delivered(a->m->msg, a->m->account, a->m->rcpt);
	struct slice v;
	enum err e;

	if (a->m->msg == 0)
		return ERR_NOTFOUND;
	if ((e = kv_get(a->op.txn, &k, &v)) != ERR_OK ||
	    (e = record_delivered_read(d, v)) != ERR_OK)
		return e;
	return d->account == a->m->account && d->rcpt == a->m->rcpt ? ERR_OK : ERR_CONFLICT;
}

static void
put_delivered(struct append *a, uint32_t uid, uint64_t modseq)
{
	struct kv_key k = record_key_delivered(a->m->msg, a->m->account, a->m->rcpt);
	struct record_delivered d = { a->m->account, a->m->rcpt, a->mailbox,
	    a->box.rec.uidvalidity, uid, modseq };
	char mem[RECORD_MEM_BYTES];
	struct buf b;

	if (a->m->msg == 0)
		return;
	buf_lend(&b, mem, sizeof(mem));
	record_delivered_put(&d, &b);
	kv_expect_absent(a->op.txn, &k);
	op_put(&a->op, &k, &b);
}

static enum err
find_mailbox(struct append *a)
{
	struct slice name = a->m->mailbox;
	bool is_deliver = a->session == NULL;
	enum err e;

	if ((e = names_defaults(&a->op)) != ERR_OK)
		return e;
	if (is_deliver && names_is_hidden(name))
		e = arrivals_need(&a->op, &a->name);
	else if ((e = names_check(&name)) == ERR_OK)
		e = names_find(&a->op, name, &a->name);
	if (e == ERR_OK && a->name.rec.mailbox == 0)
		e = ERR_NOTFOUND;
	if (e != ERR_OK && is_deliver)
		e = names_find(&a->op, SLICE_LIT("INBOX"), &a->name);
	if (e != ERR_OK)
		return e;
	a->mailbox = a->name.rec.mailbox;
	a->rights = STORE_RIGHTS_ALL;
	if (a->session == NULL || a->session->guest == NULL)
		return ERR_OK;
	if ((e = acl_need(&a->op, a->session, a->mailbox, STORE_RIGHT_I)) != ERR_OK)
		return e;
	return acl_rights(&a->op, a->session, a->mailbox, &a->rights);
}

/* ---- one message ---- */

static enum err
put_content(struct append *a, const struct stage_item *it)
{
	const struct ipc_store_append *m = &it->m;
	struct kv_key k = record_key_u64(m->account, 'X', m->content);
	struct record_content c = { .body = it->body, .summary_ref = it->summary };
	char mem[RECORD_MEM_BYTES];
	struct buf b;

	c.epoch = m->epoch;
	c.generation = m->generation;
	c.message_id = m->message_id.n > 0 ? dec_be64(m->message_id.p) : 0;
	c.created_s = store_now_s(a->op.store);
	c.commitment = m->commitment;
	c.wrapped = m->wrapped;
	c.summary = it->summary.segment == 0 ? m->summary : SLICE_NONE;
	buf_lend(&b, mem, sizeof(mem));
	record_content_put(&c, &b);
	kv_expect_absent(a->op.txn, &k);
	op_put(&a->op, &k, &b);
	sweep_saw(a->op.store, m->account, m->content);
	reserve_count(&a->op, it->content_end);
	return ERR_OK;
}

static enum err
put_rows(struct append *a, const struct stage_item *it, uint64_t thread)
{
	const struct ipc_store_append *m = &it->m;
	/* RFC 4314 s4: flags that one may not set are left out. */
	struct flagset flags = flagset_of(m->flags & acl_flags(a->rights), SLICE_NONE);
	struct page_hot_row hot;
	struct page_cold_row cold;
	enum err e;

	if (a->box.rec.uidnext >= UINT32_MAX - 1)
		return ERR_LIMIT;
	if (a->rights & STORE_RIGHT_W &&
	    (e = keywords_join(&a->keywords, m->keywords, true, &flags)) != ERR_OK)
		return e;
	hot = (struct page_hot_row){ a->box.rec.uidnext, flags.bits, a->modseq };
	cold = (struct page_cold_row){ hot.uid, m->size, m->content, thread, m->internal_s,
	    store_now_s(a->op.store), a->modseq };
	if ((e = box_append(&a->box, &hot, flagset_more(&flags), &cold)) != ERR_OK)
		return e;
	if (a->count++ == 0)
		a->first_uid = hot.uid;
	a->box.rec.uidnext++;
	quota_add(&a->op, m->size, 1);
	return ERR_OK;
}

static enum err
put_message(struct append *a, const struct stage_item *it)
{
	const struct ipc_store_append *m = &it->m;
	uint64_t thread;
	enum err e;

	if ((e = reserve_epoch(&a->op, m->epoch, m->generation, m->epoch_data)) != ERR_OK ||
	    (e = thread_join(&a->op, m->content, m->message_id, m->references,
	    &thread)) != ERR_OK ||
	    (e = put_content(a, it)) != ERR_OK)
		return e;
	return put_rows(a, it, thread);
}

/* ---- all of them ---- */

/* What comes was here before, in a form that nobody could read. */
static bool
turns_arrival(const struct append *a)
{
	return a->replaced != NULL && (a->replaced->rec.special & STORE_HIDDEN) != 0;
}

/* RFC 8508 s3.1: the message that is replaced goes in the same step. */
static enum err
open_replaced(struct append *a, uint64_t *bytes)
{
	uint64_t id = a->m->replace_mailbox;
	struct page_cold_row cold;
	struct box_pos p;
	enum err e;

	*bytes = 0;
	if (a->m->replace_uid == 0)
		return ERR_OK;
	if (id == 0 || id > UINT32_MAX)
		return ERR_GONE;
	e = acl_need(&a->op, a->session, (uint32_t)id, STORE_RIGHT_T | STORE_RIGHT_E);
	if (e != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_GONE : e;
	a->replaced = &a->box;
	if (id != a->mailbox) {
		a->replaced = must_alloc(1, sizeof(*a->replaced));
		e = box_open(a->replaced, a->op.txn, a->op.account, (uint32_t)id);
		if (e != ERR_OK)
			return e == ERR_NOTFOUND ? ERR_GONE : e;
	}
	if ((e = box_seek_uid(a->replaced, a->m->replace_uid, &p)) != ERR_OK)
		return e;
	/* Gone is not "no such mailbox", to which TRYCREATE is said. */
	if (p.is_end || p.hot.uid != a->m->replace_uid)
		return ERR_GONE;
	if ((e = box_cold(a->replaced, p.hot.uid, &cold)) == ERR_OK)
		*bytes = cold.size;
	return e;
}

static enum err
remove_replaced(struct append *a, uint64_t bytes)
{
	enum err e;

	if (a->replaced == NULL)
		return ERR_OK;
	e = box_remove(a->replaced, a->m->replace_uid, a->modseq, store_now_s(a->op.store),
	    turns_arrival(a) ? PAGE_GONE_MOVED : 0);
	if (e != ERR_OK)
		return e;
	quota_sub(&a->op, bytes, 1);
	mark_wanted(&a->op);
	a->replaced->rec.modseq = a->modseq;
	return a->replaced != &a->box ? box_flush(a->replaced) : ERR_OK;
}

static enum err
put_all(struct append *a)
{
	struct list *l, *tmp;
	enum err e;

	if (a->session != NULL)
		LIST_EACH(l, tmp, &a->session->stage.items)
			if ((e = put_message(a, obj_of(l, struct stage_item, link))) != ERR_OK)
				return e;
	return put_message(a, a->item);
}

static uint64_t
staged_bytes(const struct append *a)
{
	return a->session != NULL ? a->session->stage.size_sum : 0;
}

static uint32_t
staged_count(const struct append *a)
{
	return a->session != NULL ? a->session->stage.n : 0;
}

/* The mailbox is there and takes so much, whether now or with the last one. */
static enum err
check_target(struct append *a, uint64_t replaced_bytes)
{
	uint64_t bytes = staged_bytes(a) + a->m->size;

	/* It was taken already. */
	if (turns_arrival(a))
		return ERR_OK;
	return quota_room(&a->op, bytes > replaced_bytes ? bytes - replaced_bytes : 0,
	    staged_count(a) + (a->m->replace_uid == 0));
}

static enum err
append_rows(struct append *a, struct store_reply *r)
{
	uint64_t replaced_bytes;
	enum err e;

	if ((e = open_replaced(a, &replaced_bytes)) != ERR_OK ||
	    (e = check_target(a, replaced_bytes)) != ERR_OK ||
	    (e = keywords_open(&a->op, a->mailbox, &a->keywords)) != ERR_OK ||
	    (e = stage_put_blobs(a->op.store, a->item, a->in, a->fd_bytes, a->mailbox,
	    a->name.rec.name)) != ERR_OK)
		return e;
	a->modseq = op_modseq(&a->op);
	if ((e = put_all(a)) != ERR_OK || (e = remove_replaced(a, replaced_bytes)) != ERR_OK)
		return e;
	keywords_save(&a->op, &a->keywords);
	a->box.rec.modseq = a->modseq;
	if ((e = box_flush(&a->box)) != ERR_OK)
		return e;
	put_delivered(a, a->first_uid, a->modseq);
	buf_put_slice(&r->a, a->name.rec.name);
	r->m.appended = (struct ipc_store_appended){ a->box.rec.uidvalidity, a->first_uid,
	    a->count, a->modseq, false, buf_slice(&r->a),
	    a->mailbox };
	r->arrivals = (a->box.rec.special & STORE_HIDDEN) != 0;
	r->boxes[0] = r->arrivals ? 0 : a->mailbox;
	if (turns_arrival(a))
		r->origin = 0;		/* no command of its session asked for it */
	else if (a->replaced != NULL && a->replaced != &a->box)
		r->boxes[1] = a->replaced->id;
	return ERR_OK;
}

static enum err
append_new(struct append *a, struct store_reply *r)
{
	enum err e;

	if ((e = check_content(a)) != ERR_OK || (e = find_mailbox(a)) != ERR_OK)
		return e;
	if ((e = box_open(&a->box, a->op.txn, a->m->account, a->mailbox)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	e = append_rows(a, r);
	if (a->replaced != NULL && a->replaced != &a->box) {
		box_close(a->replaced);
		free(a->replaced);
	}
	keywords_close(&a->keywords);
	return e;
}

/* The answer waits like that of any other: the first copy may be in flight. */
static void
append_again(const struct record_delivered *d, struct store_reply *r)
{
	r->m.appended = (struct ipc_store_appended){ d->uidvalidity, d->uid, 1, d->modseq,
	    true, SLICE_NONE, 0 };
}

static enum err
append(struct append *a, struct store_reply *r)
{
	struct record_delivered d;
	enum err e;

	if ((e = op_begin(&a->op, a->peer->store, a->m->account, KV_WRITE)) != ERR_OK)
		return e;
	box_make(&a->box, a->op.txn, 0, 0);
	e = find_delivered(a, &d);
	if (e == ERR_OK)
		append_again(&d, r);
	else if (e == ERR_NOTFOUND)
		e = append_new(a, r);
	box_close(&a->box);
	return e;
}

/* ---- answers ---- */

static void
blobs_used(struct append *a)
{
	struct blob *b = a->op.store->blob;

	/* segment 0: a duplicate, of which nothing was put. */
	if (a->item->body.segment == 0)
		return;
	reserve_claim(a->reservation, a->m->content);
	blob_use(b, &a->item->body);
	if (a->item->summary.segment != 0)
		blob_use(b, &a->item->summary);
}

static enum err
append_all(struct append *a)
{
	struct store_reply *r = store_reply_new(a->peer->peer, a->in, IPC_MSG_store_appended);
	enum err e;

	r->origin = a->m->handle;
	if ((e = append(a, r)) != ERR_OK) {
		op_end(&a->op);
		store_reply_free(&r);
	} else if ((e = op_submit(&a->op, KV_NOW, r)) == ERR_OK) {
		blobs_used(a);
	}
	if (a->session != NULL)
		stage_drop(a->session, e == ERR_OK);
	return e;
}

/* One that others follow: looked at now, so that the client hears early of what is wrong. */
static enum err
keep(struct append *a)
{
	struct ipc_store_appended reply = { .uidvalidity = 0 };
	struct list *first = list_first(&a->session->stage.items);
	enum err e;

	if (first != NULL &&
	    !slice_eq(obj_of(first, struct stage_item, link)->m.mailbox, a->m->mailbox))
		return ERR_VIOLATION;
	if ((e = stage_check(a->session)) != ERR_OK || (e = check_content(a)) != ERR_OK ||
	    (e = op_begin(&a->op, a->peer->store, a->m->account, KV_WRITE)) != ERR_OK)
		return e;
	if ((e = find_mailbox(a)) == ERR_OK)
		e = check_target(a, 0);
	op_end(&a->op);
	if (e != ERR_OK ||
	    (e = stage_put_blobs(a->op.store, a->item, a->in, a->fd_bytes, a->mailbox,
	    a->name.rec.name)) != ERR_OK ||
	    (e = stage_keep(a->session, a->item)) != ERR_OK)
		return e;
	reserve_claim(a->reservation, a->m->content);
	a->item = NULL;		/* the stage's */
	ipc_reply(a->peer->peer, a->in->id, IPC_MSG_store_appended, &reply);
	return ERR_OK;
}

static void
answer(struct append *a)
{
	struct ipc_peer *peer = a->peer->peer;
	enum err e;

	e = check_form(a);
	if (e == ERR_OK)
		e = a->m->more ? keep(a) : append_all(a);
	if (e == ERR_OK)
		return;
	/* All of the row, or nothing. */
	if (a->session != NULL)
		stage_drop(a->session, false);
	if (e == ERR_NOTFOUND && a->session != NULL)
		/* RFC 9051 s6.3.12 */
		store_fail(peer, a->in, e, "TRYCREATE", "no such mailbox");
	else
		store_fail_err(peer, a->in, e);
}

void
store_on_append(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_append *m = msg;
	struct store *s = store_of(peer);
	struct store_peer *p = store_peer_find(s, peer);
	struct append a;

	if (p == NULL || !reserve_may(peer, in, m->handle, m->account))
		return;
	memset(&a, 0, offsetof(struct append, box));
	a.m = m;
	a.in = in;
	a.op.store = s;
	a.peer = p;
	a.session = m->handle != 0 ? store_session_find(peer, m->handle) : NULL;
	a.item = must_alloc(1, sizeof(*a.item));
	a.item->m = *m;
	answer(&a);
	free(a.item);
}
