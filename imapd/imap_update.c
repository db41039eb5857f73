/* SPDX-License-Identifier: ISC */
#include "imapd/imap_update.h"

#include "imapd/imap_call.h"
#include "imapd/imap_context.h"
#include "imapd/imap_fetch.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_news.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_sort.h"
#include "lib/base/must.h"

#define TOO_MUCH	"Too much to follow"

/* ---- the searching command ---- */

void
imap_update_parse(struct imap_cmd *c, struct imap_parser *p, const struct imap_return *r,
    struct imap_update_ask *a)
{
	a->wanted = (r->opts & IMAP_RETURN_UPDATE) != 0;
	a->uid = a->uid || c->uid;
	a->text = slice_of(p->p, (size_t)(p->end - p->p));
	a->fetch = r->fetch;
	/* RFC 9051 appendix E */
	if (r->fetch_is_rev1 && imap_session_is(c->s, IMAP_EN_REV2))
		imap_parser_fail(p, "RFC822 items are BODY sections in IMAP4rev2");
	/* RFC 5267 s4.3 */
	if (a->wanted && imap_context_find(c->s->view.contexts, c->tag) != NULL)
		imap_parser_fail(p, "A search with this tag is being followed");
}

void
imap_update_parsed(struct imap_parser *p, struct imap_update_ask *a)
{
	a->has_numbers = p->took_numbers;
	/* A copy: the command may save another before it is kept. */
	if (a->wanted && p->took_saved && p->saved.n > 0) {
		a->saved = arena_dup(p->arena, p->saved);
		if (a->saved.p == NULL)
			imap_parser_fail(p, "Command too large");
	}
}

void
imap_update_keep(struct imap_cmd *c, const struct imap_update_ask *a,
    const struct imap_found *found)
{
	struct imap_context_new n = {
		.tag = c->tag, .text = a->text, .saved = a->saved, .uid = a->uid,
		.where = a->where, .sorted = a->sorted, .seen = c->s->view.r,
		.fetch = a->fetch, .uidnext = c->s->view.uidnext,
	};

	if (!a->wanted)
		return;
	if (a->has_numbers)
		imap_context_put_refusal(imap_session_out(c->s), c->tag,
		    "Sequence numbers cannot be followed");
	else if (imap_limit_was_cut(c))
		imap_context_put_refusal(imap_session_out(c->s), c->tag,
		    "Not all messages were looked at");
	else if (imap_context_add(&c->s->view.contexts, &n, found) != ERR_OK)
		imap_context_put_refusal(imap_session_out(c->s), c->tag, TOO_MUCH);
}

/* ---- the inner command ---- */

struct args {
	struct imap_scan_run	 run;		/* first */
	struct imap_context	*x;		/* being looked at */
	uint64_t		 upto;		/* modseq */
	struct imap_search	 program;
	struct imap_sort	 by;
	struct imap_found	 in, gone;	/* came to match, no longer match */
	struct imap_sorter	 sorter;
};

static void	next(struct imap_cmd *);

static void
end_scan(struct args *a)
{
	imap_scan_free(&a->run.scan);
	imap_found_fini(&a->in);
	imap_found_fini(&a->gone);
	imap_sorter_fini(&a->sorter);
}

static void
fini(struct imap_cmd *c)
{
	end_scan(c->priv);
}

/* It cannot be followed any longer. */
static void
give_up(struct imap_cmd *c, const char *why)
{
	struct args *a = c->priv;

	imap_context_put_refusal(imap_session_out(c->s), imap_context_tag(a->x), why);
	(void)imap_context_cancel(&c->s->view.contexts, imap_context_tag(a->x));
}

/* All that changed in it was told. */
static void
done(struct imap_cmd *c)
{
	struct args *a = c->priv;

	a->x->seen = a->upto;
	a->x->uidnext = c->s->view.uidnext;
	if (imap_context_is_over(c->s->view.contexts))
		give_up(c, TOO_MUCH);
	next(c);
}

/* ---- first scan: what changed ---- */

static void
on_match(void *arg, const struct imap_search_facts *f)
{
	struct args *a = arg;

	if (!imap_results_has(&a->x->results, f->uid))
		imap_found_add(&a->in, f->uid, f->seq, 0);
}

static void
on_miss(void *arg, const struct imap_search_facts *f)
{
	struct args *a = arg;

	if (imap_results_has(&a->x->results, f->uid))
		imap_found_add(&a->gone, f->uid, f->seq, 0);
}

static void	sort_all(struct imap_cmd *);

static void
tell_changes(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_context_change(a->x, &a->in, &a->gone, imap_session_out(c->s));
	if (a->x->results.sorted && a->in.count > 0)
		sort_all(c);
	else
		done(c);
}

static const struct imap_verb update = { .name = "update" };

static void
on_fetched(struct imap_session *s)
{
	tell_changes(s->cmd);
}

/*
 * RFC 5465 s7: EXISTS, FETCH and then ESEARCH.  By a command of its own, which
 * marks nothing as seen: the client did not ask for it now.
 */
static void
fetch(struct imap_session *s, struct slice text, const struct buf *pairs)
{
	struct imap_cmd *c = imap_session_push(s, &update, on_fetched);
	struct slice set = arena_dup(&c->arena, buf_slice(pairs));
	struct imap_items *items = set.n > 0 ? imap_news_items(c, text) : NULL;

	if (items == NULL) {
		imap_cmd_ok(c, "");
		return;
	}
	items->sets_seen = false;
	c->by_uid = true;
	imap_fetch_start(c, items, set, SLICE_NONE);
}

/* Of those that match now, the ones that were not there before; false: none. */
static bool
tell_new(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	uint32_t i = a->in.count;
	struct buf pairs;

	if (a->x->fetch.n == 0)
		return false;
	while (i > 0 && a->in.v[i - 1].uid >= a->x->uidnext)
		i--;
	if (i == a->in.count)
		return false;
	buf_init(&pairs, 8 * (size_t)IMAP_FOUND_MAX);
	imap_found_put_pairs(&a->in, i, a->in.count, &pairs);
	fetch(c->s, a->x->fetch, &pairs);
	buf_fini(&pairs);
	return true;
}

static void
on_changes(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->in.is_full || a->gone.is_full) {
		give_up(c, TOO_MUCH);
		next(c);
		return;
	}
	imap_found_order(&a->in);
	imap_found_order(&a->gone);
	if (!tell_new(c))
		tell_changes(c);
}

/* ---- second scan: where it came into a sorted result ---- */

static void
on_any_match(void *arg, const struct imap_search_facts *f)
{
	struct args *a = arg;

	imap_sorter_add(&a->sorter, f, f->entry);
}

static void
on_sorted(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_found now;
	bool ok = !a->sorter.is_full;

	imap_found_init(&now, IMAP_FOUND_MAX);
	imap_sorter_end(&a->sorter, &now);
	ok = ok && imap_context_order(a->x, &now, imap_session_out(c->s));
	imap_found_fini(&now);
	if (ok) {
		done(c);
		return;
	}
	give_up(c, "The order cannot be followed");
	next(c);
}

static void
sort_all(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .cold = true, .entry = a->by.wants_entry,
		.on_match = on_any_match, .arg = a,
	};

	imap_sorter_init(&a->sorter, &a->by, IMAP_SORT_BYTES_MAX);
	imap_scan_run(c, &want, on_sorted);
}

/* ---- one after the other ---- */

/* The text as it was read before; false: it no longer reads. */
static bool
read_program(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_parser p;

	imap_parser_init(&p, a->x->text, &c->arena);
	p.utf8_names = imap_session_is(c->s, IMAP_EN_UTF8_NAMES);
	p.saved = a->x->saved;
	if (!a->x->results.sorted) {
		imap_search_parse(&p, &a->program);
		return imap_parser_end(&p) && !(a->program.has_charset &&
		    imap_session_is(c->s, IMAP_EN_UTF8));
	}
	imap_sort_parse(&p, &a->by);
	imap_parser_sp(&p);
	imap_search_parse_sort(&p, &a->program);
	return imap_parser_end(&p);
}

static void
scan_changes(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .changed_since = a->x->seen,
		.on_match = on_match, .on_miss = on_miss, .arg = a,
	};

	/* One message that came may change what the others are. */
	if (a->program.is_relative) {
		want.changed_since = 0;
		want.whole = true;
	}
	imap_found_init(&a->in, IMAP_FOUND_MAX);
	imap_found_init(&a->gone, IMAP_FOUND_MAX);
	imap_scan_run(c, &want, on_changes);
}

static struct imap_context *
find_due(const struct imap_session *s, uint64_t upto)
{
	struct imap_context *x = s->view.contexts;

	while (x != NULL && x->seen >= upto)
		x = x->next;
	return x;
}

static void
next(struct imap_cmd *c)
{
	struct args *a = c->priv;

	while ((a->x = find_due(c->s, a->upto)) != NULL) {
		imap_call_cancel(c->s, false);
		end_scan(a);
		/* RFC 9586 s3: numbers would mean nothing to it. */
		if (!a->x->uid && imap_session_is(c->s, IMAP_EN_UIDONLY)) {
			give_up(c, "There are no sequence numbers now");
		} else if (!read_program(c)) {
			give_up(c, "It cannot be read any longer");
		} else {
			scan_changes(c);
			return;
		}
	}
	imap_cmd_ok(c, "");
}

void
imap_update_expunged(struct imap_session *s, struct slice pairs)
{
	imap_context_expunged(s->view.contexts, pairs, imap_session_out(s));
}

bool
imap_update_start(struct imap_session *s, void (*ended)(struct imap_session *))
{
	struct imap_cmd *c;
	struct args *a;

	/* Not R: NOTIFY may have kept flags back (RFC 5465). */
	if (find_due(s, s->sync.modseq) == NULL)
		return false;
	c = imap_session_push(s, &update, ended);
	a = imap_cmd_alloc(c, sizeof(*a));
	must(a != NULL);		/* the arena is new */
	c->priv = a;
	c->fini = fini;
	a->upto = s->sync.modseq;
	next(c);
	return true;
}
