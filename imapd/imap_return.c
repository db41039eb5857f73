/* SPDX-License-Identifier: ISC */
#include "imapd/imap_return.h"

#include "imapd/imap_items.h"
#include "imapd/imap_seqset.h"
#include "lib/base/cc.h"

/* ---- parse ---- */

static const struct { const char *name; enum imap_return_opt opt; } options[] = {
	{ "MIN", IMAP_RETURN_MIN }, { "MAX", IMAP_RETURN_MAX }, { "ALL", IMAP_RETURN_ALL },
	{ "COUNT", IMAP_RETURN_COUNT }, { "SAVE", IMAP_RETURN_SAVE },
	{ "PARTIAL", IMAP_RETURN_PARTIAL }, { "CONTEXT", IMAP_RETURN_CONTEXT },
	{ "UPDATE", IMAP_RETURN_UPDATE },
};

/* They say nothing of this answer. */
#define SILENT	(IMAP_RETURN_SAVE | IMAP_RETURN_CONTEXT | IMAP_RETURN_UPDATE)

void
imap_window_parse(struct imap_parser *p, struct imap_window *w)
{
	uint32_t swap;

	w->from_end = imap_parser_take(p, '-');
	w->first = imap_parser_nz_number(p);
	imap_parser_want(p, ':');
	if (w->from_end)
		imap_parser_want(p, '-');
	w->last = imap_parser_nz_number(p);
	/* RFC 9394 s3.1: 500:1 is 1:500 */
	if (w->first > w->last) {
		swap = w->first;
		w->first = w->last;
		w->last = swap;
	}
}

/* RFC 5465 s8: its grammar has no space before the list, its examples do. */
static void
parse_fetch(struct imap_parser *p, struct imap_return *r)
{
	struct imap_items items;
	const char *start;
	size_t sp = imap_parser_peek(p) == ' ';

	if ((size_t)(p->end - p->p) <= sp || p->p[sp] != '(')
		return;
	start = p->p += sp;
	imap_items_parse(p, false, &items);
	r->fetch = slice_of(start, (size_t)(p->p - start));
	r->fetch_is_rev1 = items.is_rev1;
}

static void
parse_option(struct imap_parser *p, struct imap_return *r)
{
	struct slice name = imap_parser_atom(p);

	for (size_t i = 0; i < lengthof(options); i++) {
		if (!slice_ieq_str(name, options[i].name))
			continue;
		if ((r->opts & options[i].opt) && options[i].opt == IMAP_RETURN_PARTIAL)
			imap_parser_fail(p, "PARTIAL twice");
		r->opts |= options[i].opt;
		if (options[i].opt == IMAP_RETURN_PARTIAL) {
			imap_parser_sp(p);
			imap_window_parse(p, &r->window);
		}
		if (options[i].opt == IMAP_RETURN_UPDATE)
			parse_fetch(p, r);
		return;
	}
	imap_parser_fail(p, "Unknown result option");
}

void
imap_return_parse(struct imap_parser *p, struct imap_return *r)
{
	*r = (struct imap_return){ 0 };
	if (!imap_parser_take_word(p, "RETURN (")) {
		r->opts = IMAP_RETURN_ALL;
		return;
	}
	r->is_given = true;
	while (imap_parser_ok(p) && !imap_parser_take(p, ')')) {
		if (r->opts != 0)
			imap_parser_sp(p);
		parse_option(p, r);
	}
	imap_parser_sp(p);
	/* RFC 4731 s3.1: an empty list is ALL. */
	if (r->opts == 0)
		r->opts = IMAP_RETURN_ALL;
	/* RFC 9394 s3.1 */
	if ((r->opts & IMAP_RETURN_PARTIAL) && (r->opts & IMAP_RETURN_ALL))
		imap_parser_fail(p, "PARTIAL and ALL exclude each other");
}

void
imap_window_cut(const struct imap_window *w, uint32_t count, uint32_t *from, uint32_t *to)
{
	uint32_t first = w->first <= count ? w->first - 1 : count;
	uint32_t last = w->last <= count ? w->last : count;

	*from = w->from_end ? count - last : first;
	*to = w->from_end ? count - first : last;
}

/* ---- answer ---- */

static uint32_t
number(const struct imap_asked *a, const struct imap_found *f, uint32_t i)
{
	return a->uid ? f->v[i].uid : f->v[i].seq;
}

/* RFC 5267 s3.1: a range in a sorted answer rises, as anywhere. */
static void
put_set(struct buf *b, const struct imap_asked *a, const struct imap_found *f,
    uint32_t from, uint32_t to)
{
	struct imap_run run = { 0 };

	for (uint32_t i = from; i < to; i++)
		imap_seqset_run_add(b, &run, number(a, f, i));
	imap_seqset_run_end(b, &run);
}

static void
put_window(struct buf *b, const struct imap_window *w, const struct imap_asked *a,
    const struct imap_found *f)
{
	const char *sign = w->from_end ? "-" : "";
	uint32_t from, to;

	imap_window_cut(w, f->count, &from, &to);
	buf_printf(b, " PARTIAL (%s%u:%s%u ", sign, w->first, sign, w->last);
	if (from == to)
		buf_put_str(b, "NIL");
	else
		put_set(b, a, f, from, to);
	buf_put_char(b, ')');
}

/* RFC 4731 s3.2: of MIN alone its own, of MIN and MAX both, else of all. */
static uint64_t
modseq_of(const struct imap_return *r, const struct imap_asked *a, const struct imap_found *f)
{
	unsigned opts = r->opts & ~(unsigned)SILENT;

	if (a->sorted)
		return f->modseq;
	if (opts == IMAP_RETURN_MIN)
		return f->first_modseq;
	if (opts == IMAP_RETURN_MAX)
		return f->last_modseq;
	if (opts == (IMAP_RETURN_MIN | IMAP_RETURN_MAX))
		return f->first_modseq > f->last_modseq ? f->first_modseq : f->last_modseq;
	return f->modseq;
}

static void
put_extended(struct buf *b, const struct imap_return *r, const struct imap_asked *a,
    const struct imap_found *f)
{
	buf_put_str(b, "* ESEARCH (TAG \"");
	buf_put_slice(b, a->tag);
	buf_put_char(b, '"');
	buf_put_slice(b, a->where);
	buf_put_str(b, a->uid ? ") UID" : ")");
	if (f->count > 0 && (r->opts & IMAP_RETURN_MIN))
		buf_printf(b, " MIN %u", number(a, f, 0));
	if (f->count > 0 && (r->opts & IMAP_RETURN_MAX))
		buf_printf(b, " MAX %u", number(a, f, f->count - 1));
	if (r->opts & IMAP_RETURN_COUNT)
		buf_printf(b, " COUNT %u", f->count);
	if (f->count > 0 && (r->opts & IMAP_RETURN_ALL)) {
		buf_put_str(b, " ALL ");
		put_set(b, a, f, 0, f->count);
	}
	if (r->opts & IMAP_RETURN_PARTIAL)
		put_window(b, &r->window, a, f);
	if (f->count > 0 && a->has_modseq) {
		buf_put_str(b, " MODSEQ ");
		buf_put_num(b, modseq_of(r, a, f));
	}
	buf_put_str(b, "\r\n");
}

/* RFC 3501 s7.2.5, RFC 5256 s4 */
static void
put_plain(struct buf *b, const struct imap_asked *a, const struct imap_found *f)
{
	buf_put_str(b, a->sorted ? "* SORT" : "* SEARCH");
	for (uint32_t i = 0; i < f->count; i++) {
		buf_put_char(b, ' ');
		buf_put_num(b, number(a, f, i));
	}
	if (f->count > 0 && a->has_modseq) {
		buf_put_str(b, " (MODSEQ ");
		buf_put_num(b, f->modseq);
		buf_put_char(b, ')');
	}
	buf_put_str(b, "\r\n");
}

void
imap_return_put(struct buf *b, const struct imap_return *r, const struct imap_asked *a,
    const struct imap_found *f)
{
	/* RFC 5182 s2.1 */
	if ((r->opts & IMAP_RETURN_SAVE) && (r->opts & ~(unsigned)SILENT) == 0)
		return;
	if (r->is_given || a->extended)
		put_extended(b, r, a, f);
	else
		put_plain(b, a, f);
}

static void
keep(struct imap_found *kept, const struct imap_found *f, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		imap_found_add(kept, f->v[i].uid, f->v[i].seq, 0);
}

void
imap_return_put_saved(struct buf *b, const struct imap_return *r, const struct imap_found *f)
{
	const unsigned some = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL;
	const unsigned whole = IMAP_RETURN_ALL | IMAP_RETURN_COUNT;
	uint32_t from = 0, to = f->count;
	struct imap_found kept;

	imap_found_init(&kept, f->max);
	if ((r->opts & some) && !(r->opts & whole)) {
		to = 0;
		if (r->opts & IMAP_RETURN_PARTIAL)
			imap_window_cut(&r->window, f->count, &from, &to);
		if (f->count > 0 && (r->opts & IMAP_RETURN_MIN) && (from > 0 || to == 0))
			keep(&kept, f, 0, 1);
		if (f->count > 0 && (r->opts & IMAP_RETURN_MAX) && to < f->count &&
		    (f->count > 1 || kept.count == 0))
			keep(&kept, f, f->count - 1, f->count);
	}
	keep(&kept, f, from, to);
	imap_found_order(&kept);
	imap_found_put_pairs(&kept, 0, kept.count, b);
	imap_found_fini(&kept);
}
