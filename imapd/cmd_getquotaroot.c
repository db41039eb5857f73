/* SPDX-License-Identifier: ISC */
/*
 * GETQUOTAROOT (RFC 9208 s4.1.2): "GETQUOTAROOT" SP mailbox, which need not
 * be there.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_place.h"
#include "imapd/imap_quota.h"
#include "lib/ipc/store_proto.h"

struct args { struct slice name; enum err name_error; struct imap_place place; };

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

static void
ask(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_quota m = { .handle = a->place.handle };

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_quota, &m, on_quota, a);
}

/* RFC 4314 s4: how much another has is told to who may read the mailbox. */
static void
on_rights(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_acl_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_acl_reply);

	(void)arg;
	if (m != NULL && (m->rights & STORE_RIGHT_R))
		ask(s->cmd);
	else if (m != NULL)
		imap_cmd_error(s->cmd, ERR_DENIED);
}

void
cmd_getquotaroot_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_acl m = { 0 };

	if (a->name_error == ERR_OK)
		a->name_error = imap_place_of(c->s, a->name, &a->place);
	if (a->name_error != ERR_OK) {
		imap_cmd_error(c, a->name_error);
		return;
	}
	if (a->place.guest == NULL) {
		ask(c);
		return;
	}
	m.handle = a->place.handle;
	m.mailbox = a->place.name;
	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_acl, &m, on_rights, a);
}
