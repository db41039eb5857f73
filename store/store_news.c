/* SPDX-License-Identifier: ISC */
#include "store/store_news.h"

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_op.h"

static void
note_box(struct store_news *n, uint32_t box, uint64_t modseq)
{
	for (unsigned i = 0; i < n->n; i++) {
		if (n->boxes[i] != box)
			continue;
		n->modseqs[i] = modseq > n->modseqs[i] ? modseq : n->modseqs[i];
		return;
	}
	if (n->n == NEWS_BOXES_MAX) {
		n->is_full = true;
		return;
	}
	n->boxes[n->n] = box;
	n->modseqs[n->n++] = modseq;
}

static void
mark_session(struct store *s, struct store_session *ss, const struct store_reply *r)
{
	struct store_news *n = &ss->news;
	bool any = false;

	for (unsigned i = 0; i < lengthof(r->boxes); i++) {
		if (r->boxes[i] == 0 || (!ss->watches_all && ss->watched != r->boxes[i]))
			continue;
		note_box(n, r->boxes[i], r->modseq);
		any = true;
	}
	if (r->names && ss->watches_all)
		any = n->names = true;
	if (r->arrivals && ss->guest == NULL)
		any = n->arrivals = true;
	if (any && list_is_empty(&ss->told))
		list_push(&s->told, &ss->told);
}

/* ---- metadata: told at once, names and all ---- */

void
news_of_entries(struct store_reply *r, uint32_t mailbox, uint64_t user, struct slice entries)
{
	struct ipc_reader rd = ipc_reader_of(entries);
	struct ipc_entry one;

	while (ipc_reader_more(&rd)) {
		ipc_entry_get(&rd, &one);
		if (rd.bad)
			break;
		buf_put_slice(&r->b, one.name);
		buf_put_char(&r->b, '\0');
	}
	r->entries = true;
	r->entries_box = mailbox;
	r->entries_user = user;
}

/* Who cannot be told is going. */
static void
send_entries(struct store_session *ss, uint32_t mailbox, struct slice names)
{
	struct ipc_store_notify_metadata m = { ss->handle, mailbox, names };

	if (ipc_send(ss->peer->peer, IPC_MSG_store_notify_metadata, &m, NULL, 0) != ERR_OK)
		return;
}

static void
tell_entries(struct store_session *ss, const struct store_reply *r)
{
	struct slice rest = buf_slice(&r->b), one;
	struct buf names;

	buf_init(&names, 50000);
	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &one);
		if (slice_starts(one, "/private/") && ss->user != r->entries_user)
			continue;
		buf_put_slice(&names, one);
		buf_put_char(&names, '\0');
	}
	if (names.n > 0)
		send_entries(ss, r->entries_box, buf_slice(&names));
	buf_fini(&names);
}

void
news_mark(const struct store_reply *r)
{
	struct store_account *a;
	struct store_session *ss;
	struct list *l;

	if (r->store == NULL || (a = store_account_find(r->store, r->account)) == NULL)
		return;
	for (l = list_first(&a->sessions); l != NULL; l = list_next(&a->sessions, l)) {
		ss = obj_of(l, struct store_session, of_account);
		if (ss->handle == r->origin)
			continue;
		mark_session(r->store, ss, r);
		if (r->entries && ss->watches_all)
			tell_entries(ss, r);
	}
}

/* A peer that cannot be told is going: its sessions go with it. */
static void
tell(struct store_session *ss, uint64_t mailbox, uint64_t modseq)
{
	struct ipc_store_notify m = { ss->handle, mailbox, modseq };

	if (ipc_send(ss->peer->peer, IPC_MSG_store_notify, &m, NULL, 0) != ERR_OK)
		return;
}

/* Nothing is changed, so no batch follows. */
void
news_arrivals(struct store_account *a)
{
	struct store_session *ss;
	struct list *l;

	for (l = list_first(&a->sessions); l != NULL; l = list_next(&a->sessions, l)) {
		ss = obj_of(l, struct store_session, of_account);
		if (ss->guest == NULL)
			tell(ss, STORE_NOTIFY_ARRIVALS, 0);
	}
}

void
store_tell(void *arg)
{
	struct store *s = arg;
	struct store_session *ss;
	struct store_news n;
	struct list *l;

	while ((l = list_first(&s->told)) != NULL) {
		ss = obj_of(l, struct store_session, told);
		list_remove(l);
		n = ss->news;
		ss->news = (struct store_news){ .n = 0 };
		if (n.arrivals)
			tell(ss, STORE_NOTIFY_ARRIVALS, 0);
		if (n.names)
			tell(ss, 0, 0);
		for (unsigned i = 0; i < n.n; i++)
			tell(ss, n.boxes[i], n.modseqs[i]);
		if (n.is_full)
			tell(ss, STORE_NOTIFY_ALL, 0);
	}
}

/* A guest hears of what he may read, no more. */
static bool
may_watch(const struct store_session *ss, uint32_t mailbox)
{
	struct op op;
	enum err e = op_begin(&op, ss->peer->store, ss->account->id, KV_READ);

	if (e == ERR_OK)
		e = acl_need(&op, ss, mailbox, STORE_RIGHT_R);
	op_end(&op);
	return e == ERR_OK;
}

void
store_on_watch(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_watch *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);

	if (ss == NULL)
		return;
	ss->watched = m->mailbox <= UINT32_MAX ? (uint32_t)m->mailbox : 0;
	ss->watches_all = m->account;
	if (ss->guest != NULL) {
		ss->watched = may_watch(ss, ss->watched) ? ss->watched : 0;
		ss->watches_all = false;
	}
	ss->news = (struct store_news){ .arrivals = ss->news.arrivals };
	if (!ss->news.arrivals)
		list_remove(&ss->told);
}
