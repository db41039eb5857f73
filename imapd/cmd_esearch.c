/* SPDX-License-Identifier: ISC */
/*
 * ESEARCH (RFC 7377): "ESEARCH" [SP "IN" SP "(" filter-mailboxes
 * *(SP filter-mailboxes) ")"] [SP "RETURN" SP "(" [option *(SP option)] ")"]
 * SP search-program.  One ESEARCH response, in UIDs, for each mailbox in which
 * something was found; without IN the selected one is meant.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_context.h"
#include "imapd/imap_found.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_return.h"
#include "imapd/imap_saved.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_search.h"
#include "imapd/imap_sources.h"
#include "imapd/imap_update.h"

struct args {
	struct imap_scan_run	 run;		/* first */
	struct imap_sources	 sources;
	struct imap_return	 ret;
	struct imap_update_ask	 update;
	struct imap_search	 program;
	struct imap_found	 found;		/* in the current mailbox */
	bool			 had_selected;
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_saved_end(c, &a->ret);
	imap_scan_free(&a->run.scan);
	imap_sources_fini(&a->sources);
	imap_found_fini(&a->found);
}

/* RFC 7377 s2.2 */
static void
check(const struct imap_cmd *c, struct imap_parser *p)
{
	const struct args *a = c->priv;
	bool selects = imap_sources_has(&a->sources, IMAP_FILTER_SELECTED);

	if (c->s->state != IMAP_SELECTED && (selects || (a->ret.opts & IMAP_RETURN_UPDATE)))
		imap_parser_fail(p, "No mailbox is selected");
	if ((a->ret.opts & IMAP_RETURN_SAVE) && !(selects && a->sources.count == 1))
		imap_parser_fail(p, "SAVE is for the selected mailbox alone");
}

void
cmd_esearch_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	c->fini = fini;
	imap_found_init(&a->found, IMAP_FOUND_MAX);
	imap_parser_sp(p);
	imap_sources_parse(p, &a->sources);
	imap_return_parse(p, &a->ret);
	check(c, p);
	a->update.uid = true;
	imap_update_parse(c, p, &a->ret, &a->update);
	imap_search_parse(p, &a->program);
	imap_update_parsed(p, &a->update);
}

/* RFC 7377 s2.1: where it was found. */
static void
put_where(struct imap_cmd *c, struct buf *b)
{
	const struct args *a = c->priv;

	buf_put_str(b, " MAILBOX ");
	imap_mailbox_put(c->s, b, a->sources.name);
	buf_printf(b, " UIDVALIDITY %u", a->sources.view->uidvalidity);
}

static void
put(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_asked asked = {
		.tag = c->tag, .uid = true, .has_modseq = a->program.wants_modseq,
		.extended = true,
	};
	struct buf where;

	buf_init(&where, 4 * IMAP_MAILBOX_MAX);
	put_where(c, &where);
	asked.where = buf_slice(&where);
	/* RFC 7377 s2.1: of mailboxes without a match nothing is said. */
	if (a->found.count > 0)
		imap_return_put(imap_session_out(c->s), &a->ret, &asked, &a->found);
	a->had_selected = a->had_selected || a->sources.is_selected;
	if (a->sources.is_selected) {
		a->update.where = asked.where;
		imap_update_keep(c, &a->update, &a->found);
	}
	buf_fini(&where);
}

static void	step(struct imap_cmd *);

static void
on_searched(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->found.is_full) {
		imap_cmd_no(c, "LIMIT", "Too many messages found");
		return;
	}
	imap_found_order(&a->found);
	if (!imap_saved_keep(c, &a->ret, &a->found))
		return;
	put(c);
	imap_found_fini(&a->found);
	c->resume = step;
	step(c);
}

static void
answer(struct imap_cmd *c)
{
	const struct args *a = c->priv;

	/* RFC 7377 s2.2: only the selected mailbox is followed. */
	if (a->update.wanted && !a->had_selected)
		imap_context_put_refusal(imap_session_out(c->s), c->tag,
		    "The selected mailbox is not searched");
	imap_cmd_ok(c, "Search completed");
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .on_match = imap_scan_into_found,
		.arg = &a->found, .limit = IMAP_SCAN_REFUSED,
	};
	enum err e = imap_sources_next(&a->sources);

	if (e == ERR_END)
		answer(c);
	if (e != ERR_OK)
		return;
	want.view = a->sources.is_selected ? NULL : a->sources.view;
	imap_scan_run(c, &want, on_searched);
}

void
cmd_esearch_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_sources_start(&a->sources, c);
	c->resume = step;
	step(c);
}
