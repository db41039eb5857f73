/* SPDX-License-Identifier: ISC */
/*
 * "XUIDS" SP mailbox SP nz-number SP nz-number (RFC 3501 s6.5.1): the mailbox
 * gets this UIDVALIDITY, if it never held a message or has it already, and its
 * UIDNEXT becomes at least the second number.  So mail that moves from another
 * server keeps its UIDs, and clients keep what they have.  For gwuser import.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"

struct args {
	struct slice	 name;
	enum err	 name_error;
	uint32_t	 uidvalidity;
	uint32_t	 uidnext;
};

void
cmd_xuids_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	imap_parser_sp(p);
	a->uidvalidity = imap_parser_nz_number(p);
	imap_parser_sp(p);
	a->uidnext = imap_parser_nz_number(p);
}

void
cmd_xuids_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	const struct ipc_store_uids m = { c->s->handle, a->uidvalidity, a->uidnext, a->name };

	if (a->name_error != ERR_OK)
		imap_cmd_error(c, a->name_error);
	else
		(void)imap_cmd_call(c, IPC_STORE, IPC_MSG_store_uids, &m, imap_cmd_on_ok,
		    "UIDs are as asked for");
}
