/* SPDX-License-Identifier: ISC */
/*
 * EXPUNGE (RFC 3501 s6.4.3): no arguments.
 * UID EXPUNGE (RFC 4315 s2.1): "EXPUNGE" SP sequence-set.
 * The EXPUNGE responses are those of imap_sync.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_expunge.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_seqset.h"
#include "lib/ipc/store_proto.h"

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

static bool
is_deleted(struct imap_cmd *c, const struct ipc_row *row)
{
	(void)c;
	return (row->flags & STORE_DELETED) != 0;
}

static void
start(struct imap_cmd *c, struct slice set)
{
	imap_expunge_start(c, set, on_done);
}

void
cmd_expunge_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	/* RFC 9738 s3.1: EXPUNGE is not limited. */
	const struct imap_limit_want limit = {
		.max = c->uid ? imap_limit_messages(c->s) : 0, .set = a->set, .by_uid = true,
		.counts = is_deleted,
	};

	if (c->s->view.readonly)
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
	else
		imap_limit_run(c, &limit, start);
}
