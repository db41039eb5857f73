/* SPDX-License-Identifier: ISC */
/* STATUS (RFC 9051 s6.3.11): "STATUS" SP mailbox SP status-att-list. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_status.h"

struct args {
	struct slice		 name;
	enum err		 name_error;
	struct imap_status	 status;
};

void
cmd_status_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	imap_parser_sp(p);
	imap_status_parse(p, imap_session_is(c->s, IMAP_EN_REV2), &a->status);
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	const struct ipc_store_status_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);

	if (m == NULL)
		return;
	imap_status_put(s, &a->status, m, a->name);
	imap_cmd_ok(s->cmd, "Status completed");
}

void
cmd_status_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_place place;
	struct ipc_store_status m;

	imap_status_begin(c->s, &a->status);
	if (a->name_error != ERR_OK || imap_place_of(c->s, a->name, &place) != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
		return;
	}
	m = imap_status_request(&a->status, &place);
	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_status, a);
}
