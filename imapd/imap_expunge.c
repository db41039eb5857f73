/* SPDX-License-Identifier: ISC */
#include "imapd/imap_expunge.h"

#include "lib/base/log.h"

struct work {
	struct slice		 set;
	imap_expunge_done_fn	*done;
	uint32_t		 resume;
	uint32_t		 count;
};

static void	ask(struct imap_cmd *, struct work *);

static void
on_expunged(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct work *w = arg;
	const struct ipc_store_expunged *m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_expunged);

	if (m == NULL)
		return;
	w->count += m->count;
	w->resume = m->resume;
	if (m->more) {
		ask(s->cmd, w);
		return;
	}
	if (w->count > 0)
		log_event(LOG_expunge, log_session(s->sid), log_num("count", w->count));
	/* RFC 7162 s3.2.7 */
	s->cmd->tells_highest = w->count > 0 && imap_session_is(s, IMAP_EN_CONDSTORE);
	w->done(s->cmd);
}

static void
ask(struct imap_cmd *c, struct work *w)
{
	struct ipc_store_expunge m = {
		.handle = imap_view_handle(c->s),
		.mailbox = c->s->view.mailbox,
		.v = c->s->view.v,
		.uidnext = c->s->view.uidnext,
		.resume = w->resume,
		.uid_set = w->set,
	};

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_expunge, &m, on_expunged, w);
}

void
imap_expunge_start(struct imap_cmd *c, struct slice uid_set, imap_expunge_done_fn *done)
{
	struct work *w = imap_cmd_alloc(c, sizeof(*w));

	if (w == NULL)
		return;
	w->set = uid_set;
	w->done = done;
	ask(c, w);
}
