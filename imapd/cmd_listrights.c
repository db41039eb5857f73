/* SPDX-License-Identifier: ISC */
/*
 * LISTRIGHTS (RFC 4314 s3.4): "LISTRIGHTS" SP mailbox SP identifier.  The owner
 * always has all rights; of anybody else's each stands for itself.
 */
#include "imapd/imap_acl.h"
#include "imapd/imap_mailbox.h"
#include "lib/ipc/store_proto.h"
#include "lib/ipc/store_rights.h"
#include "lib/mail/imap_text.h"

void
cmd_listrights_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_acl *a = imap_acl_parse(c, p);

	if (a != NULL)
		imap_acl_parse_identifier(c, p, a);
}

static void
on_acl(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct imap_acl *a = arg;
	const struct ipc_store_acl_reply *m = imap_acl_expect(s->cmd, r);
	struct buf *out = imap_session_out(s);

	if (m == NULL)
		return;
	buf_put_str(out, "* LISTRIGHTS ");
	imap_mailbox_put(s, out, a->name);
	buf_put_char(out, ' ');
	imap_text_put_string(out, a->wire);
	buf_put_char(out, ' ');
	if (slice_eq(a->identifier, m->owner))
		store_rights_put(out, STORE_RIGHTS_ALL);
	else
		buf_put_str(out, "\"\" l r s w i p k x t e a c d");
	buf_put_str(out, "\r\n");
	imap_cmd_ok(s->cmd, "Listrights completed");
}

void
cmd_listrights_run(struct imap_cmd *c)
{
	if (imap_acl_begin(c, c->priv))
		imap_acl_ask(c, c->priv, on_acl);
}
