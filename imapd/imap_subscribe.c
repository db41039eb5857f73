/* SPDX-License-Identifier: ISC */
#include "imapd/imap_subscribe.h"

#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"

struct args { struct slice name; enum err name_error; bool on; };

void
imap_subscribe_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
}

static void
on_changed(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;

	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok) == NULL)
		return;
	imap_notify_own(s, a->name);
	imap_cmd_ok(s->cmd, a->on ? "Subscribe completed" : "Unsubscribe completed");
}

void
imap_subscribe_run(struct imap_cmd *c, bool on)
{
	struct args *a = c->priv;
	struct ipc_store_subscribe m = {
		.handle = c->s->handle, .on = on, .name = a->name,
	};

	/* Another's mailbox, too, is on the list of who subscribes. */
	if (a->name_error == ERR_OK && a->name.n > IMAP_MAILBOX_MAX)
		a->name_error = ERR_LIMIT;
	a->on = on;
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_subscribe, &m, on_changed, a);
}
