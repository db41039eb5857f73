/* SPDX-License-Identifier: ISC */
#include "imapd/imap_sort.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"

/* text: what of the entry is compared; IMAP_TEXT_COUNT: a number. */
static const struct key {
	const char	*name;
	enum imap_text	 text;
	bool		 wants_entry;
} keys[] = {
	[IMAP_SORT_ARRIVAL] = { "ARRIVAL", IMAP_TEXT_COUNT, false },
	[IMAP_SORT_CC] = { "CC", IMAP_TEXT_CC_BOX, true },
	[IMAP_SORT_DATE] = { "DATE", IMAP_TEXT_COUNT, true },
	[IMAP_SORT_DISPLAYFROM] = { "DISPLAYFROM", IMAP_TEXT_FROM_SHOW, true },
	[IMAP_SORT_DISPLAYTO] = { "DISPLAYTO", IMAP_TEXT_TO_SHOW, true },
	[IMAP_SORT_FROM] = { "FROM", IMAP_TEXT_FROM_BOX, true },
	[IMAP_SORT_SIZE] = { "SIZE", IMAP_TEXT_COUNT, false },
	[IMAP_SORT_SUBJECT] = { "SUBJECT", IMAP_TEXT_BASE, true },
	[IMAP_SORT_TO] = { "TO", IMAP_TEXT_TO_BOX, true },
};

/* ---- parse ---- */

static void
parse_criterion(struct imap_parser *p, struct imap_sort *s)
{
	struct imap_sort_criterion *c = &s->v[s->count];
	struct slice name = imap_parser_atom(p);

	if (s->count == IMAP_SORT_CRITERIA_MAX) {
		imap_parser_fail(p, "Too many sort criteria");
		return;
	}
	c->reverse = slice_ieq_str(name, "REVERSE");
	if (c->reverse) {
		imap_parser_sp(p);
		name = imap_parser_atom(p);
	}
	for (size_t i = 0; i < lengthof(keys); i++) {
		if (!slice_ieq_str(name, keys[i].name))
			continue;
		c->key = (enum imap_sort_key)i;
		s->wants_entry = s->wants_entry || keys[i].wants_entry;
		s->count++;
		return;
	}
	imap_parser_fail(p, "Unknown sort criterion");
}

void
imap_sort_parse(struct imap_parser *p, struct imap_sort *s)
{
	memset(s, 0, sizeof(*s));
	imap_parser_want(p, '(');
	do
		parse_criterion(p, s);
	while (imap_parser_ok(p) && imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

/* ---- keys ---- */

void
imap_sorter_init(struct imap_sorter *s, const struct imap_sort *by, size_t max_bytes)
{
	memset(s, 0, sizeof(*s));
	s->by = by;
	buf_init(&s->keys, max_bytes);
}

void
imap_sorter_fini(struct imap_sorter *s)
{
	buf_wipe(&s->keys);
	buf_fini(&s->keys);
	free(s->v);
	s->v = NULL;
}

static int64_t
number_of(enum imap_sort_key key, const struct imap_search_facts *f,
    const struct imap_entry *e)
{
	if (key == IMAP_SORT_SIZE)
		return f->size;
	/* RFC 5256 s2.2: no or no valid Date: when it came */
	return key == IMAP_SORT_DATE && e->has_sent ? e->sent_s : f->internal_s;
}

/* Texts hold no NUL, so that one ends them before all others. */
static void
put_key(struct buf *b, const struct imap_sort_criterion *c, const struct imap_search_facts *f,
    const struct imap_entry *e)
{
	const struct key *k = &keys[c->key];
	size_t at = b->n;
	unsigned char number[8];
	char *p;

	if (k->text == IMAP_TEXT_COUNT) {
		enc_be64(number, (uint64_t)number_of(c->key, f, e) ^ 1ull << 63);
		buf_put(b, number, sizeof(number));
	} else {
		buf_put_slice(b, e->text[k->text]);
		buf_put_char(b, '\0');
	}
	p = buf_data(b);
	for (; c->reverse && at < b->n; at++)
		p[at] = (char)~p[at];
}

/* The first bytes as a number, so that most comparisons need no more. */
static uint64_t
head_of(struct slice key)
{
	unsigned char first[8] = { 0 };

	memcpy(first, key.p, key.n < 8 ? key.n : 8);
	return dec_be64(first);
}

void
imap_sorter_add(struct imap_sorter *s, const struct imap_search_facts *f,
    const struct imap_entry *e)
{
	struct imap_sort_item *i;
	size_t off = s->keys.n;

	for (unsigned k = 0; k < s->by->count; k++)
		put_key(&s->keys, &s->by->v[k], f, e);
	if (buf_err(&s->keys) != ERR_OK || s->count == IMAP_FOUND_MAX)
		s->is_full = true;
	if (s->is_full)
		return;
	if (s->count == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 64;
		s->v = must_realloc(s->v, s->cap, sizeof(*s->v));
	}
	i = &s->v[s->count++];
	*i = (struct imap_sort_item){
		.off = (uint32_t)off, .bytes = (uint32_t)(s->keys.n - off),
		.uid = f->uid, .seq = f->seq,
	};
	i->head = head_of(slice_from(buf_slice(&s->keys), off));
}

/* ---- order ---- */

static int
compare(const void *a, const void *b, void *arg)
{
	const struct imap_sort_item *x = a, *y = b;
	const char *p = arg;
	int order;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	order = slice_cmp(slice_of(p + x->off, x->bytes), slice_of(p + y->off, y->bytes));
	/* RFC 5256 s3: REVERSE does not turn this round. */
	return order != 0 ? order : x->uid < y->uid ? -1 : x->uid > y->uid;
}

void
imap_sorter_end(struct imap_sorter *s, struct imap_found *found)
{
	if (s->count > 0)
		qsort_r(s->v, s->count, sizeof(*s->v), compare, buf_data(&s->keys));
	for (uint32_t i = 0; i < s->count; i++)
		imap_found_add(found, s->v[i].uid, s->v[i].seq, 0);
	imap_sorter_fini(s);
}
