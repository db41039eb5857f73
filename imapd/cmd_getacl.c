/* SPDX-License-Identifier: ISC */
/* GETACL (RFC 4314 s3.3): "GETACL" SP mailbox. */
#include "imapd/imap_acl.h"
#include "imapd/imap_mailbox.h"
#include "lib/ipc/store_rights.h"
#include "lib/mail/imap_text.h"

void
cmd_getacl_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)imap_acl_parse(c, p);
}

static void
on_acl(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct imap_acl *a = arg;
	const struct ipc_store_acl_reply *m = imap_acl_expect(s->cmd, r);
	struct buf *out = imap_session_out(s);
	struct ipc_reader rd;
	struct ipc_acl one;

	if (m == NULL)
		return;
	buf_put_str(out, "* ACL ");
	imap_mailbox_put(s, out, a->name);
	rd = ipc_reader_of(m->entries);
	while (ipc_reader_more(&rd)) {
		ipc_acl_get(&rd, &one);
		if (rd.bad)
			break;
		buf_put_char(out, ' ');
		imap_text_put_string(out, one.identifier);
		buf_put_char(out, ' ');
		store_rights_put(out, one.rights);
	}
	buf_put_str(out, "\r\n");
	imap_cmd_ok(s->cmd, "Getacl completed");
}

void
cmd_getacl_run(struct imap_cmd *c)
{
	if (imap_acl_begin(c, c->priv))
		imap_acl_ask(c, c->priv, on_acl);
}
