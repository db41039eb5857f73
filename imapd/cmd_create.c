/* SPDX-License-Identifier: ISC */
/*
 * CREATE (RFC 3501 s6.3.3): "CREATE" SP mailbox.  A separator at the end says
 * that children will follow: nothing to do but to drop it.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "lib/base/log.h"

struct args { struct slice name; enum err name_error; };

void
cmd_create_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	struct slice wire;

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	wire = imap_parser_astring(p);
	if (slice_ends(wire, "/"))
		wire.n--;
	a->name_error = imap_mailbox_name(wire, p->utf8_names, &c->arena, &a->name);
}

static void
on_created(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;

	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_ok) == NULL)
		return;
	log_event(LOG_mailbox, log_session(s->sid), log_str("action", "create"),
	    log_text("mailbox", a->name));
	imap_cmd_ok(s->cmd, "Create completed");
}

void
cmd_create_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_create m = { .handle = c->s->handle, .name = a->name };

	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_create, &m, on_created, a);
}
