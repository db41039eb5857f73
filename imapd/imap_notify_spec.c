/* SPDX-License-Identifier: ISC */
#include "imapd/imap_notify_spec.h"

#include <string.h>

#include "imapd/imap_items.h"
#include "imapd/imap_mailbox.h"
#include "lib/base/cc.h"

static const struct { const char *name; unsigned bit; } events[] = {
	{ "MessageNew", IMAP_NOTIFY_NEW },
	{ "MessageExpunge", IMAP_NOTIFY_EXPUNGE },
	{ "FlagChange", IMAP_NOTIFY_FLAGS },
	{ "MailboxName", IMAP_NOTIFY_NAME },
	{ "SubscriptionChange", IMAP_NOTIFY_SUBSCRIPTION },
	{ "MailboxMetadataChange", IMAP_NOTIFY_METADATA },
	{ "ServerMetadataChange", IMAP_NOTIFY_SERVER },
};

void
imap_notify_spec_init(struct imap_notify_spec *n)
{
	memset(n, 0, sizeof(*n));
	arena_init(&n->arena, IMAP_NOTIFY_BYTES_MAX);
}

void
imap_notify_spec_fini(struct imap_notify_spec *n)
{
	arena_fini(&n->arena);
}

/* ---- parse ---- */

static bool
is_selected(const struct imap_filter *f)
{
	return f->kind == IMAP_FILTER_SELECTED || f->kind == IMAP_FILTER_SELECTED_DELAYED;
}

/* The items are read again for each message: what stays is their text. */
static void
parse_fetch(struct imap_parser *p, struct imap_notify_spec *n, const struct imap_filter *f)
{
	struct imap_items items;
	const char *start = p->p;
	size_t bytes;

	imap_items_parse(p, false, &items);
	if (!imap_parser_ok(p))
		return;
	bytes = (size_t)(p->p - start);
	if (!is_selected(f))
		imap_parser_fail(p, "Only of the selected mailbox messages are told");
	else if (bytes > IMAP_NOTIFY_FETCH_MAX)
		imap_parser_fail(p, "Too much to tell of new messages");
	else
		n->fetch = arena_dup(&n->arena, slice_of(start, bytes));
}

static unsigned
parse_event(struct imap_parser *p, struct imap_notify_spec *n, const struct imap_filter *f)
{
	struct slice word = imap_parser_atom(p);

	for (size_t i = 0; i < lengthof(events); i++) {
		if (!slice_ieq_str(word, events[i].name))
			continue;
		if (events[i].bit == IMAP_NOTIFY_NEW && p->end - p->p > 1 &&
		    p->p[0] == ' ' && p->p[1] == '(') {
			imap_parser_sp(p);
			parse_fetch(p, n, f);
		}
		return events[i].bit;
	}
	n->bad_event = true;
	return 0;
}

/* events: a list, or NONE */
static unsigned
parse_events(struct imap_parser *p, struct imap_notify_spec *n, const struct imap_filter *f)
{
	unsigned bits = 0, messages;

	if (!imap_parser_take(p, '(')) {
		if (!slice_ieq_str(imap_parser_atom(p), "NONE"))
			imap_parser_fail(p, "Expected events or NONE");
		return 0;
	}
	do
		bits |= parse_event(p, n, f);
	while (imap_parser_ok(p) && imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
	/* RFC 5465 s5: those two only together, and with FlagChange. */
	messages = bits & IMAP_NOTIFY_MESSAGES;
	if (messages != 0 && (bits & IMAP_NOTIFY_NEW) == 0)
		imap_parser_fail(p, "MessageNew is needed, too");
	if (messages != 0 && (bits & IMAP_NOTIFY_EXPUNGE) == 0)
		imap_parser_fail(p, "MessageExpunge is needed, too");
	/* s6.1 */
	if (is_selected(f) && bits != messages)
		imap_parser_fail(p, "Of the selected mailbox only messages are told");
	return bits;
}

/* filter-mailboxes; RFC 7377's addition to them is not for NOTIFY. */
static void
parse_filter(struct imap_parser *p, struct imap_notify_spec *n, struct imap_filter *f)
{
	struct arena *before = p->arena;

	/* Names are to stay. */
	p->arena = &n->arena;
	imap_filter_parse(p, f);
	p->arena = before;
	if (f->kind == IMAP_FILTER_SUBTREE_ONE)
		imap_parser_fail(p, "Unknown mailbox specifier");
}

static void
parse_group(struct imap_parser *p, struct imap_notify_spec *n)
{
	struct imap_filter f;
	unsigned bits;

	imap_parser_want(p, '(');
	parse_filter(p, n, &f);
	imap_parser_sp(p);
	bits = parse_events(p, n, &f);
	imap_parser_want(p, ')');
	if (!imap_parser_ok(p))
		return;
	if (is_selected(&f)) {
		if (n->has_selected)
			imap_parser_fail(p, "The selected mailbox twice");
		n->has_selected = true;
		n->selected = bits;
		n->delayed = f.kind == IMAP_FILTER_SELECTED_DELAYED;
	} else if (n->count == IMAP_NOTIFY_GROUPS_MAX) {
		imap_parser_fail(p, "Too many groups of events");
	} else {
		n->groups[n->count++] = (struct imap_notify_group){ f, bits };
		n->all |= bits;
	}
}

void
imap_notify_spec_parse(struct imap_parser *p, struct imap_notify_spec *n)
{
	imap_parser_sp(p);
	if (imap_parser_take_word(p, "STATUS")) {
		n->status = true;
		imap_parser_sp(p);
	}
	do
		parse_group(p, n);
	while (imap_parser_ok(p) && imap_parser_take(p, ' '));
}

/* ---- use ---- */

unsigned
imap_notify_spec_events(const struct imap_notify_spec *n, struct slice name,
    bool is_subscribed)
{
	struct slice address, rest;
	bool is_personal = !imap_mailbox_owner(name, &address, &rest);
	unsigned bits = 0;

	for (size_t i = 0; i < n->count; i++)
		if (imap_filter_fits(&n->groups[i].filter, name, is_subscribed, is_personal))
			bits |= n->groups[i].events;
	return bits;
}

void
imap_notify_spec_put_events(struct buf *b)
{
	for (size_t i = 0; i < lengthof(events); i++)
		buf_printf(b, "%s%s", i > 0 ? " " : "", events[i].name);
}
