/* SPDX-License-Identifier: ISC */
#include "imapd/imap_filter.h"

#include "imapd/imap_mailbox.h"
#include "lib/base/cc.h"

static const struct { const char *name; bool has_names; } kinds[] = {
	[IMAP_FILTER_SELECTED] = { "SELECTED", false },
	[IMAP_FILTER_SELECTED_DELAYED] = { "SELECTED-DELAYED", false },
	[IMAP_FILTER_INBOXES] = { "INBOXES", false },
	[IMAP_FILTER_PERSONAL] = { "PERSONAL", false },
	[IMAP_FILTER_SUBSCRIBED] = { "SUBSCRIBED", false },
	[IMAP_FILTER_SUBTREE] = { "SUBTREE", true },
	[IMAP_FILTER_SUBTREE_ONE] = { "SUBTREE-ONE", true },
	[IMAP_FILTER_MAILBOXES] = { "MAILBOXES", true },
};

/* ---- parse ---- */

static void
parse_name(struct imap_parser *p, struct imap_filter *f)
{
	enum err e = ERR_OK;
	struct slice name;

	if (f->count == IMAP_FILTER_NAMES_MAX) {
		imap_parser_fail(p, "Too many mailboxes named");
		return;
	}
	name = imap_mailbox_parse(p, &e);
	if (imap_parser_ok(p) && e == ERR_OK)
		f->names[f->count++] = name;
}

/* one-or-more-mailbox */
static void
parse_names(struct imap_parser *p, struct imap_filter *f)
{
	f->names = arena_alloc(p->arena, IMAP_FILTER_NAMES_MAX, sizeof(*f->names));
	if (f->names == NULL) {
		imap_parser_fail(p, "Command too large");
		return;
	}
	imap_parser_sp(p);
	if (!imap_parser_take(p, '(')) {
		parse_name(p, f);
		return;
	}
	do
		parse_name(p, f);
	while (imap_parser_ok(p) && imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

void
imap_filter_parse(struct imap_parser *p, struct imap_filter *f)
{
	struct slice word = imap_parser_atom(p);

	*f = (struct imap_filter){ 0 };
	for (size_t i = 0; i < lengthof(kinds); i++) {
		if (!slice_ieq_str(word, kinds[i].name))
			continue;
		f->kind = (enum imap_filter_kind)i;
		if (kinds[i].has_names)
			parse_names(p, f);
		return;
	}
	imap_parser_fail(p, "Unknown mailbox specifier");
}

/* ---- use ---- */

/* How many levels name lies below top: 0 is top itself, -1 not below it. */
static int
levels_below(struct slice name, struct slice top)
{
	int n = 0;

	if (!slice_eq(slice_head(name, top.n), top))
		return -1;
	if (name.n > top.n && name.p[top.n] != '/')
		return -1;
	for (size_t i = top.n; i < name.n; i++)
		n += name.p[i] == '/';
	return n;
}

static bool
fits_name(enum imap_filter_kind kind, struct slice name, struct slice top)
{
	int n = levels_below(name, top);

	return kind == IMAP_FILTER_MAILBOXES ? n == 0 :
	    kind == IMAP_FILTER_SUBTREE_ONE ? n == 0 || n == 1 : n >= 0;
}

bool
imap_filter_fits(const struct imap_filter *f, struct slice name, bool is_subscribed,
    bool is_personal)
{
	switch (f->kind) {
	case IMAP_FILTER_SELECTED:
	case IMAP_FILTER_SELECTED_DELAYED:
		return false;
	case IMAP_FILTER_INBOXES:
		/* RFC 5465 s6.3: deliver puts mail nowhere else. */
		return is_personal && slice_eq_str(name, "INBOX");
	case IMAP_FILTER_PERSONAL:
		return is_personal;
	case IMAP_FILTER_SUBSCRIBED:
		return is_subscribed;
	case IMAP_FILTER_SUBTREE:
	case IMAP_FILTER_SUBTREE_ONE:
	case IMAP_FILTER_MAILBOXES:
		for (size_t i = 0; i < f->count; i++)
			if (fits_name(f->kind, name, f->names[i]))
				return true;
		return false;
	}
	return false;
}
