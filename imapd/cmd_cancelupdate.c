/* SPDX-License-Identifier: ISC */
/*
 * CANCELUPDATE (RFC 5267 s4.3.5): 1*(SP quoted), tags of searches that the
 * client follows.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_context.h"

struct args { struct slice tags[IMAP_CONTEXTS_MAX]; unsigned count; };

void
cmd_cancelupdate_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	do {
		if (imap_parser_peek(p) != '"')
			imap_parser_fail(p, "Expected a quoted tag");
		else if (a->count == IMAP_CONTEXTS_MAX)
			imap_parser_fail(p, "Too many tags");
		else
			a->tags[a->count++] = imap_parser_string(p);
	} while (imap_parser_ok(p) && imap_parser_take(p, ' '));
}

void
cmd_cancelupdate_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	bool all = true;

	for (unsigned i = 0; i < a->count; i++)
		all = imap_context_cancel(&c->s->view.contexts, a->tags[i]) && all;
	if (all)
		imap_cmd_ok(c, "No further updates");
	else
		imap_cmd_no(c, NULL, "No search with this tag is followed");
}
