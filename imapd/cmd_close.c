/* SPDX-License-Identifier: ISC */
/* CLOSE (RFC 3501 s6.4.2): no arguments; expunges without telling. */
#include "imapd/imap_cmd.h"
#include "imapd/imap_expunge.h"
#include "lib/ipc/store_proto.h"

void
cmd_close_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)c;
	(void)p;
}

static void
on_done(struct imap_cmd *c)
{
	imap_session_unselect(c->s);
	/* RFC 7162 s3.2.8: the client was not told what vanished. */
	c->tells_highest = false;
	imap_cmd_ok(c, "Close completed");
}

void
cmd_close_run(struct imap_cmd *c)
{
	/* RFC 4314 s4: without the right it closes, and expunges nothing. */
	if (c->s->view.readonly || !(c->s->view.rights & STORE_RIGHT_E))
		on_done(c);
	else
		imap_expunge_start(c, SLICE_NONE, on_done);
}
