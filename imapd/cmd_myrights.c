/* SPDX-License-Identifier: ISC */
/* MYRIGHTS (RFC 4314 s3.5): "MYRIGHTS" SP mailbox. */
#include "imapd/imap_acl.h"
#include "lib/ipc/store_proto.h"

/* RFC 4314 s4: one of them is needed to hear which there are. */
#define RIGHTS_TO_ASK	(STORE_RIGHT_L | STORE_RIGHT_R | STORE_RIGHT_I | STORE_RIGHT_K | \
	STORE_RIGHT_X | STORE_RIGHT_A)

void
cmd_myrights_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)imap_acl_parse(c, p);
}

static void
on_acl(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct imap_acl *a = arg;
	const struct ipc_store_acl_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_acl_reply);

	if (m == NULL)
		return;
	if (!(m->rights & RIGHTS_TO_ASK)) {
		imap_cmd_error(s->cmd, ERR_NOTFOUND);
		return;
	}
	imap_acl_put_mine(s, a->name, m->rights);
	imap_cmd_ok(s->cmd, "Myrights completed");
}

void
cmd_myrights_run(struct imap_cmd *c)
{
	if (imap_acl_begin(c, c->priv))
		imap_acl_ask(c, c->priv, on_acl);
}
