/* SPDX-License-Identifier: ISC */
/*
 * NOTIFY (RFC 5465 s3.1): "NOTIFY" SP ("NONE" / "SET" [SP "STATUS"] SP
 * event-groups).  What was asked for before holds until this one succeeds.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_notify.h"

struct args { struct imap_notify *now; };

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_notify_free(&a->now);
}

void
cmd_notify_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	c->fini = fini;
	a->now = imap_notify_new(c->s->shared->notify_mailboxes);
	imap_parser_sp(p);
	if (imap_parser_take_word(p, "NONE"))
		return;
	if (!imap_parser_take_word(p, "SET"))
		imap_parser_fail(p, "Expected SET or NONE");
	imap_notify_spec_parse(p, &a->now->spec);
}

/* RFC 5465 s3.1: events that are not known are no syntax error. */
static void
refuse(struct imap_cmd *c)
{
	struct buf code;

	buf_init(&code, 300);
	buf_put_str(&code, "BADEVENT (");
	imap_notify_spec_put_events(&code);
	buf_put_char(&code, ')');
	imap_cmd_no(c, imap_cmd_text(c, &code), "Some events are not supported");
	buf_fini(&code);
}

void
cmd_notify_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_notify *now = a->now;

	if (now->spec.bad_event) {
		refuse(c);
		return;
	}
	a->now = NULL;
	c->fini = NULL;
	imap_notify_start(c, now);
}
