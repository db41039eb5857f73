/* SPDX-License-Identifier: ISC */
/*
 * SORT (RFC 5256 s3, RFC 5267, RFC 5957): "SORT" [SP "RETURN" SP "("
 * [option *(SP option)] ")"] SP "(" sort-criterion *(SP sort-criterion) ")"
 * SP charset SP search-key *(SP search-key).
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_saved.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_sort.h"
#include "imapd/imap_update.h"

struct args {
	struct imap_scan_run	 run;		/* first */
	struct imap_return	 ret;
	struct imap_update_ask	 update;
	struct imap_sort	 by;
	struct imap_search	 program;
	struct imap_sorter	 sorter;
	uint64_t		 modseq;
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_saved_end(c, &a->ret);
	imap_scan_free(&a->run.scan);
	imap_sorter_fini(&a->sorter);
}

void
cmd_sort_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	c->fini = fini;
	imap_sorter_init(&a->sorter, &a->by, IMAP_SORT_BYTES_MAX);
	imap_parser_sp(p);
	imap_return_parse(p, &a->ret);
	a->update.sorted = true;
	imap_update_parse(c, p, &a->ret, &a->update);
	imap_sort_parse(p, &a->by);
	imap_parser_sp(p);
	imap_search_parse_sort(p, &a->program);
	imap_update_parsed(p, &a->update);
}

static void
on_match(void *arg, const struct imap_search_facts *f)
{
	struct args *a = arg;

	imap_sorter_add(&a->sorter, f, f->entry);
	if (f->modseq > a->modseq)
		a->modseq = f->modseq;
}

static void
answer(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_asked asked = {
		.tag = c->tag, .uid = c->uid, .sorted = true,
		.has_modseq = a->program.wants_modseq,
	};
	struct imap_found found;

	if (a->sorter.is_full) {
		imap_cmd_no(c, "LIMIT", "Too many messages to sort");
		return;
	}
	imap_found_init(&found, IMAP_FOUND_MAX);
	imap_sorter_end(&a->sorter, &found);
	found.modseq = a->modseq;
	if (imap_saved_keep(c, &a->ret, &found)) {
		imap_return_put(imap_session_out(c->s), &a->ret, &asked, &found);
		imap_update_keep(c, &a->update, &found);
		imap_cmd_ok(c, "Sort completed");
	}
	imap_found_fini(&found);
}

void
cmd_sort_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .cold = true, .entry = a->by.wants_entry,
		.on_match = on_match, .arg = a, .limit = IMAP_SCAN_REFUSED,
	};

	imap_scan_run(c, &want, answer);
}
