/* SPDX-License-Identifier: ISC */
/*
 * EXPUNGE (RFC 3501 s6.4.3): no arguments.
 * UID EXPUNGE (RFC 4315 s2.1): "EXPUNGE" SP sequence-set.
 * The EXPUNGE responses are those of imap_sync.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_expunge.h"
#include "imapd/imap_seqset.h"

struct args { struct slice set; };

void
cmd_expunge_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	if (!c->uid)
		return;
	imap_parser_sp(p);
	imap_seqset_read(p, &a->set);
}

static void
on_done(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Expunge completed");
}

void
cmd_expunge_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (c->s->view.readonly)
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
	else
		imap_expunge_start(c, a->set, on_done);
}
