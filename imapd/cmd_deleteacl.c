/* SPDX-License-Identifier: ISC */
/* DELETEACL (RFC 4314 s3.2): "DELETEACL" SP mailbox SP identifier. */
#include "imapd/imap_acl.h"
#include "lib/ipc/store_proto.h"

void
cmd_deleteacl_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_acl *a = imap_acl_parse(c, p);

	if (a == NULL)
		return;
	imap_acl_parse_identifier(c, p, a);
	a->op = STORE_REPLACE;		/* by none */
}

void
cmd_deleteacl_run(struct imap_cmd *c)
{
	if (imap_acl_begin(c, c->priv))
		imap_acl_change(c, c->priv, "Deleteacl completed");
}
