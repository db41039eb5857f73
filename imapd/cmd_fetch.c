/* SPDX-License-Identifier: ISC */
/*
 * FETCH (RFC 3501 s6.4.5): "FETCH" SP sequence-set SP ("ALL" / "FULL" /
 * "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers].
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_fetch.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_seqset.h"

struct args { struct slice set; struct imap_items items; };

void
cmd_fetch_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	imap_seqset_read(p, &a->set);
	imap_parser_sp(p);
	imap_items_parse(p, c->uid, &a->items);
	imap_items_parse_modifiers(p, c->uid, &a->items);
}

/* What vanished of the whole set is told, whatever is left of it. */
static void
start(struct imap_cmd *c, struct slice set)
{
	struct args *a = c->priv;

	imap_fetch_start(c, &a->items, set, a->set);
}

/* RFC 9738 s3.1: what PARTIAL takes is known before anything is counted. */
static void
limit(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct imap_limit_want want = {
		.max = imap_limit_messages(c->s), .set = a->set, .by_uid = c->by_uid,
		.changed_since = a->items.changed_since,
	};

	if (a->items.has_window && want.max != 0 &&
	    a->items.window.last - a->items.window.first >= want.max) {
		imap_limit_refuse(c, want.max);
		return;
	}
	if (a->items.has_window)
		want.max = 0;
	imap_limit_run(c, &want, start);
}

void
cmd_fetch_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;

	if (!c->by_uid && !imap_seqset_fits(a->set, c->s->view.exists))
		imap_cmd_bad(c, "No such message");
	else if (a->items.vanished && !imap_session_is(c->s, IMAP_EN_QRESYNC))
		/* RFC 7162 s3.2.6 */
		imap_cmd_bad(c, "ENABLE QRESYNC first");
	else if (a->items.is_rev1 && imap_session_is(c->s, IMAP_EN_REV2))
		/* RFC 9051 appendix E */
		imap_cmd_bad(c, "RFC822 items are BODY sections in IMAP4rev2");
	else
		limit(c);
}
