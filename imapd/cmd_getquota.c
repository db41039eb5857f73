/* SPDX-License-Identifier: ISC */
/* GETQUOTA (RFC 9208 s4.1.1): "GETQUOTA" SP quota-root-name. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_quota.h"

struct args { struct slice root; };

void
cmd_getquota_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->root = imap_parser_astring(p);
}

static void
done(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Getquota completed");
}

/* Another's, for those who may set it (SETQUOTA). */
static void
on_quota(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_set_quota look = { .set = false };
	const struct args *a = arg;
	const struct ipc_store_quota_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_quota_reply);

	if (m == NULL)
		return;
	if (imap_quota_put_one(s, m, a->root))
		done(s->cmd);
	else
		imap_quota_of_other(s->cmd, a->root, &look, done, imap_quota_no_root);
}

void
cmd_getquota_run(struct imap_cmd *c)
{
	struct ipc_store_quota m = { .handle = c->s->handle };

	(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_quota, &m, on_quota, c->priv);
}
