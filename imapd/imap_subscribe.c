/* SPDX-License-Identifier: ISC */
#include "imapd/imap_subscribe.h"

#include "imapd/imap_mailbox.h"

struct args { struct slice name; enum err name_error; };

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
	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_subscribe, &m, imap_cmd_on_ok,
		    on ? "Subscribe completed" : "Unsubscribe completed");
}
