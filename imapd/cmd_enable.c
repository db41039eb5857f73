/* SPDX-License-Identifier: ISC */
/*
 * ENABLE (RFC 5161 s3.1): "ENABLE" 1*(SP capability).  What is not known is
 * passed over; the answer tells what is new.
 */
#include "imapd/imap_caps.h"
#include "imapd/imap_cmd.h"

struct args { unsigned bits; };

void
cmd_enable_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	do
		a->bits |= imap_caps_find(imap_parser_atom(p));
	while (imap_parser_take(p, ' '));
}

void
cmd_enable_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct buf *out = imap_session_out(s);

	buf_put_str(out, "* ENABLED");
	imap_caps_put_enabled(out, a->bits & ~s->enabled);
	buf_put_str(out, "\r\n");
	imap_session_enable(s, a->bits);
	imap_cmd_ok(c, "Enabled");
}
