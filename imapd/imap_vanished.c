/* SPDX-License-Identifier: ISC */
#include "imapd/imap_vanished.h"

#include "imapd/imap_seqset.h"

static void
on_vanished(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_vanished *v = arg;
	const struct ipc_store_vanished_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_vanished_reply);
	struct buf *out = imap_session_out(s);

	v->asked = false;
	if (m == NULL)
		return;
	if (!m->exact && v->exact_only) {
		v->forgot = true;
		return;
	}
	v->resume = m->resume;
	v->ended = !m->more;
	if (m->ranges.n == 0)
		return;
	buf_put_str(out, "* VANISHED (EARLIER) ");
	imap_seqset_put(out, m->ranges);
	buf_put_str(out, "\r\n");
}

enum err
imap_vanished_next(struct imap_vanished *v)
{
	struct imap_session *s = v->c->s;
	struct ipc_store_vanished m = {
		.handle = imap_view_handle(s),
		.mailbox = s->view.mailbox,
		.since = v->since,
		.v = s->view.v,
		.uidnext = s->view.uidnext,
		.resume = v->resume,
		.uid_set = v->set,
	};

	if (v->forgot)
		return ERR_STATE;
	if (v->ended)
		return ERR_OK;
	if (!v->asked && !imap_cmd_call(v->c, IPC_STORE, IPC_MSG_store_vanished, &m,
	    on_vanished, v))
		return ERR_GONE;
	v->asked = true;
	return ERR_AGAIN;
}
