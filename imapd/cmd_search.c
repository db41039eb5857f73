/* SPDX-License-Identifier: ISC */
/*
 * SEARCH (RFC 3501 s6.4.4, RFC 9051 s6.4.4, RFC 4731, RFC 5182, RFC 5267, RFC 9394):
 * "SEARCH" [SP "RETURN" SP "(" [option *(SP option)] ")"] SP search-program;
 * see imap_return.c for the options and imap_search.c for the keys.
 */
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_found.h"
#include "imapd/imap_return.h"
#include "imapd/imap_saved.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_search.h"
#include "imapd/imap_update.h"

struct args {
	struct imap_scan_run	 run;		/* first */
	struct imap_return	 ret;
	struct imap_update_ask	 update;
	struct imap_search	 program;
	struct imap_found	 found;
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_saved_end(c, &a->ret);
	imap_scan_free(&a->run.scan);
	imap_found_fini(&a->found);
}

void
cmd_search_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	c->fini = fini;
	imap_found_init(&a->found, IMAP_FOUND_MAX);
	imap_parser_sp(p);
	imap_return_parse(p, &a->ret);
	imap_update_parse(c, p, &a->ret, &a->update);
	imap_search_parse(p, &a->program);
	imap_update_parsed(p, &a->update);
}

static void
answer(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_asked asked = {
		.tag = c->tag, .uid = c->uid, .has_modseq = a->program.wants_modseq,
		/* RFC 9051 s6.4.4: there is no SEARCH response. */
		.extended = imap_session_is(c->s, IMAP_EN_REV2),
	};

	if (a->found.is_full) {
		imap_cmd_no(c, "LIMIT", "Too many messages found");
		return;
	}
	imap_found_order(&a->found);
	if (!imap_saved_keep(c, &a->ret, &a->found))
		return;
	imap_return_put(imap_session_out(c->s), &a->ret, &asked, &a->found);
	imap_update_keep(c, &a->update, &a->found);
	imap_cmd_ok(c, "Search completed");
}

void
cmd_search_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .on_match = imap_scan_into_found,
		.arg = &a->found, .limit = IMAP_SCAN_HIGHEST,
	};

	imap_scan_run(c, &want, answer);
}
