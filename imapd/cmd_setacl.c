/* SPDX-License-Identifier: ISC */
/* SETACL (RFC 4314 s3.1): "SETACL" SP mailbox SP identifier SP mod-rights. */
#include "imapd/imap_acl.h"

void
cmd_setacl_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_acl *a = imap_acl_parse(c, p);

	if (a == NULL)
		return;
	imap_acl_parse_identifier(c, p, a);
	imap_acl_parse_rights(p, a);
}

void
cmd_setacl_run(struct imap_cmd *c)
{
	if (imap_acl_begin(c, c->priv))
		imap_acl_change(c, c->priv, "Setacl completed");
}
