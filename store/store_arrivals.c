/* SPDX-License-Identifier: ISC */
#include "store/store_arrivals.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_news.h"

enum err
arrivals_find(struct op *op, struct name *n)
{
	enum err e = names_find(op, SLICE_LIT(STORE_ARRIVALS), n);

	return e == ERR_OK && n->rec.mailbox == 0 ? ERR_NOTFOUND : e;
}

enum err
arrivals_need(struct op *op, struct name *n)
{
	enum err e = arrivals_find(op, n);
	uint32_t id;

	if (e != ERR_NOTFOUND)
		return e;
	e = names_create(op, SLICE_LIT(STORE_ARRIVALS), STORE_HIDDEN, false, op_modseq(op), &id);
	return e == ERR_OK ? arrivals_find(op, n) : e;
}

/* What is in it; ERR_NOTFOUND: there is none. */
static enum err
look(struct op *op, struct ipc_store_arrivals_reply *r)
{
	struct name n;
	struct box *b;
	enum err e;

	*r = (struct ipc_store_arrivals_reply){ .mailbox = 0 };
	if ((e = arrivals_find(op, &n)) != ERR_OK)
		return e;
	b = must_alloc(1, sizeof(*b));
	if ((e = box_open(b, op->txn, op->account, n.rec.mailbox)) == ERR_OK)
		*r = (struct ipc_store_arrivals_reply){ b->id, b->rec.exists, b->rec.uidnext,
		    b->rec.modseq };
	box_close(b);
	free(b);
	return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
}

bool
arrivals_wait(struct op *op)
{
	struct ipc_store_arrivals_reply r;

	return look(op, &r) == ERR_OK && r.exists > 0;
}

void
arrivals_left(struct store_session *ss)
{
	struct store_account *a = ss->account;

	if (a->turner != ss->handle)
		return;
	a->turner = 0;
	news_arrivals(a);
}

static void
answer(struct store_session *ss, struct ipc_peer *peer, struct ipc_in *in)
{
	struct ipc_store_arrivals_reply r;
	struct op op;
	enum err e;

	e = op_begin(&op, ss->peer->store, ss->account->id, KV_READ);
	if (e == ERR_OK)
		e = look(&op, &r);
	op_end(&op);
	if (e != ERR_OK && e != ERR_NOTFOUND) {
		store_fail_err(peer, in, e);
		return;
	}
	ss->account->turner = r.exists > 0 ? ss->handle : 0;
	ipc_reply(peer, in->id, IPC_MSG_store_arrivals_reply, &r);
}

void
store_on_arrivals(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_arrivals *m = msg;
	struct store_session *ss = store_session_need(peer, in, m->handle);
	const struct ipc_store_arrivals_reply none = { .mailbox = 0 };
	struct store_account *a;

	if (ss == NULL)
		return;
	a = ss->account;
	if (ss->guest != NULL) {
		store_fail_err(peer, in, ERR_DENIED);
	} else if (a->turner != 0 && a->turner != ss->handle) {
		store_fail_err(peer, in, ERR_BUSY);
	} else if (m->done) {
		a->turner = 0;
		ipc_reply(peer, in->id, IPC_MSG_store_arrivals_reply, &none);
	} else {
		answer(ss, peer, in);
	}
}
