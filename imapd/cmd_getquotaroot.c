/* SPDX-License-Identifier: ISC */
/*
 * GETQUOTAROOT (RFC 9208 s4.1.2): "GETQUOTAROOT" SP mailbox, which need not
 * be there.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_quota.h"

struct args { struct slice name; enum err name_error; };

void
cmd_getquotaroot_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
}

static void
on_quota(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	const struct ipc_store_quota_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_quota_reply);

	if (m == NULL)
		return;
	imap_quota_put_all(s, m, a->name);
	imap_cmd_ok(s->cmd, "Getquotaroot completed");
}

void
cmd_getquotaroot_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_quota m = { .handle = c->s->handle };

	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_quota, &m, on_quota, a);
}
