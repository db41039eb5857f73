/* SPDX-License-Identifier: ISC */
#include "imapd/imap_listing.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_mailbox.h"
#include "lib/ipc/ipc_codec.h"

static bool
matches(const struct imap_listing *l, struct slice name)
{
	for (size_t i = 0; i < l->pattern_count; i++)
		if (imap_mailbox_match(l->patterns[i], name))
			return true;
	return false;
}

static enum err
put_row(struct imap_listing *l, struct imap_listing_row row)
{
	struct imap_listing_row *more;
	size_t cap = l->cap > 0 ? 2 * l->cap : 32;

	if (l->count == l->cap) {
		more = arena_alloc(l->arena, cap, sizeof(*more));
		if (more == NULL)
			return ERR_LIMIT;
		if (l->count > 0)
			memcpy(more, l->rows, l->count * sizeof(*more));
		l->rows = more;
		l->cap = cap;
	}
	row.name = arena_dup(l->arena, row.name);
	if (row.name.p == NULL)
		return ERR_LIMIT;
	l->rows[l->count++] = row;
	return ERR_OK;
}

static bool
is_below(struct slice name, struct slice parent)
{
	return name.n > parent.n && name.p[parent.n] == '/' &&
	    memcmp(name.p, parent.p, parent.n) == 0;
}

/* Those that match and were not taken with the name before. */
static enum err
put_parents(struct imap_listing *l, struct slice name, bool hidden)
{
	struct slice *before = &l->before[hidden], parent = name;
	enum err e;

	for (;;) {
		size_t at = slice_rfind(parent, '/');

		if (at == parent.n)
			break;
		parent = slice_head(parent, at);
		if (is_below(*before, parent))
			break;
		if (!matches(l, parent))
			continue;
		e = put_row(l, (struct imap_listing_row){ .name = parent, .below = true,
		    .hidden = hidden });
		if (e != ERR_OK)
			return e;
	}
	*before = arena_dup(l->arena, name);
	return before->p != NULL ? ERR_OK : ERR_LIMIT;
}

enum err
imap_listing_add(struct imap_listing *l, const struct ipc_mailbox *m)
{
	struct imap_listing_row row = {
		.name = m->name, .special = m->special, .exists = !m->noselect,
		.children = m->children, .subscribed = m->subscribed, .rights = m->rights,
	};
	bool match = matches(l, m->name);
	struct slice owner, rest;
	enum err e = ERR_OK;

	/* A subscribed name without a mailbox is told to who asks for those. */
	row.selected = l->only_subscribed ? m->subscribed : row.exists || m->children;
	if (l->only_special && m->special == 0)
		row.selected = false;
	/* Of another's mailbox one row says that it is subscribed, one that it exists. */
	if (match && (row.selected || l->parents || imap_mailbox_owner(m->name, &owner, &rest)))
		e = put_row(l, row);
	if (e == ERR_OK && row.selected && l->parents)
		e = put_parents(l, m->name, !match);
	return e;
}

static int
compare(const void *a, const void *b)
{
	const struct imap_listing_row *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

static void
merge(struct imap_listing_row *into, const struct imap_listing_row *row)
{
	into->special |= row->special;
	into->rights |= row->rights;
	into->exists |= row->exists;
	into->children |= row->children;
	into->subscribed |= row->subscribed;
	into->selected |= row->selected;
	into->below |= row->below;
	into->hidden |= row->hidden;
}

void
imap_listing_end(struct imap_listing *l)
{
	size_t n = 0, told = 0;

	if (l->count == 0)
		return;
	qsort(l->rows, l->count, sizeof(*l->rows), compare);
	for (size_t i = 1; i < l->count; i++) {
		if (slice_eq(l->rows[i].name, l->rows[n].name))
			merge(&l->rows[n], &l->rows[i]);
		else
			l->rows[++n] = l->rows[i];
	}
	for (size_t i = 0; i <= n; i++)
		if (l->rows[i].selected || l->rows[i].hidden)
			l->rows[told++] = l->rows[i];
	l->count = told;
}
