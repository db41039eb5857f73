/* SPDX-License-Identifier: ISC */
#include "imapd/imap_list.h"

#include <string.h>

#include "imapd/imap_acl.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_listing.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_metadata.h"
#include "imapd/imap_others.h"
#include "imapd/imap_place.h"
#include "imapd/imap_special.h"
#include "imapd/imap_status.h"
#include "lib/base/cc.h"

enum select { SUBSCRIBED = 1, REMOTE = 2, RECURSIVEMATCH = 4, SPECIAL_USE = 8 };

struct args {
	struct slice		 reference;		/* as sent */
	struct slice		 names[IMAP_LIST_PATTERNS_MAX];
	size_t			 name_count;
	unsigned		 select;		/* enum select bits */
	bool			 extended;		/* RFC 5258: more than LIST ref name */
	bool			 lsub;
	bool			 tells_subscribed;
	bool			 tells_rights;
	struct imap_status	 status;		/* count 0: not wanted */
	struct imap_metadata_ask metadata;		/* count 0: not wanted */
	struct imap_metadata_get get;			/* of the row just told */
	bool			 wants_status, wants_metadata;	/* still, of that row */
	struct slice		 after;			/* last name of the page before */
	struct imap_listing	 listing;
	struct imap_others	 others;
	size_t			 next;			/* row to tell */
	bool			 listed;		/* all pages of one's own are there */
	bool			 gathered;		/* and those of others */
	bool			 waiting;
};

/* ---- parse ---- */

static void
parse_select_option(struct imap_parser *p, struct args *a)
{
	static const struct { const char *name; unsigned bit; } options[] = {
		{ "SUBSCRIBED", SUBSCRIBED }, { "REMOTE", REMOTE },
		{ "RECURSIVEMATCH", RECURSIVEMATCH }, { "SPECIAL-USE", SPECIAL_USE },
	};
	struct slice word = imap_parser_atom(p);

	for (size_t i = 0; i < lengthof(options); i++) {
		if (slice_ieq_str(word, options[i].name)) {
			a->select |= options[i].bit;
			return;
		}
	}
	imap_parser_fail(p, "Unknown selection option");
}

/* list-select-opts of RFC 5258 s6. */
static void
parse_select(struct imap_parser *p, struct args *a)
{
	if (!imap_parser_take(p, '('))
		return;
	a->extended = true;
	if (!imap_parser_take(p, ')')) {
		do
			parse_select_option(p, a);
		while (imap_parser_take(p, ' '));
		imap_parser_want(p, ')');
	}
	/* s3.1: it says nothing without an option that leaves names out; of ours
	   that has to be SUBSCRIBED (SPECIAL-USE is an independent one). */
	if ((a->select & RECURSIVEMATCH) && !(a->select & SUBSCRIBED))
		imap_parser_fail(p, "RECURSIVEMATCH needs SUBSCRIBED");
	imap_parser_sp(p);
}

static void
parse_names(struct imap_parser *p, struct args *a)
{
	if (!imap_parser_take(p, '(')) {
		a->names[a->name_count++] = imap_parser_list_mailbox(p);
		return;
	}
	a->extended = true;
	do {
		if (a->name_count == IMAP_LIST_PATTERNS_MAX) {
			imap_parser_fail(p, "Too many patterns");
			return;
		}
		a->names[a->name_count++] = imap_parser_list_mailbox(p);
	} while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

static void
parse_return_option(struct imap_parser *p, bool rev2, struct args *a)
{
	struct slice word = imap_parser_atom(p);

	if (slice_ieq_str(word, "SUBSCRIBED")) {
		a->tells_subscribed = true;
	} else if (slice_ieq_str(word, "MYRIGHTS")) {
		a->tells_rights = true;
	} else if (slice_ieq_str(word, "STATUS")) {
		imap_parser_sp(p);
		imap_status_parse(p, rev2, &a->status);
	} else if (slice_ieq_str(word, "METADATA")) {
		imap_parser_sp(p);
		imap_metadata_parse_names(p, &a->metadata);
	} else if (!slice_ieq_str(word, "CHILDREN") && !slice_ieq_str(word, "SPECIAL-USE")) {
		/* Those two are always told. */
		imap_parser_fail(p, "Unknown return option");
	}
}

static void
parse_return(struct imap_parser *p, bool rev2, struct args *a)
{
	if (imap_parser_at_end(p))
		return;
	a->extended = true;
	imap_parser_sp(p);
	if (!imap_parser_take_word(p, "RETURN"))
		imap_parser_fail(p, "Expected RETURN");
	imap_parser_sp(p);
	imap_parser_want(p, '(');
	if (imap_parser_take(p, ')'))
		return;
	do
		parse_return_option(p, rev2, a);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

void
imap_list_parse(struct imap_cmd *c, struct imap_parser *p, bool lsub)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	a->lsub = lsub;
	imap_parser_sp(p);
	if (!lsub)
		parse_select(p, a);
	a->reference = imap_parser_astring(p);
	imap_parser_sp(p);
	if (lsub) {
		a->names[a->name_count++] = imap_parser_list_mailbox(p);
		return;
	}
	parse_names(p, a);
	parse_return(p, imap_session_is(c->s, IMAP_EN_REV2), a);
}

/* ---- tell ---- */

static void
done(struct imap_cmd *c)
{
	const struct args *a = c->priv;

	imap_cmd_ok(c, a->lsub ? "Lsub completed" : "List completed");
}

static void
put_attributes(struct imap_cmd *c, const struct imap_listing_row *row)
{
	const struct args *a = c->priv;
	struct buf *out = imap_session_out(c->s);
	bool new_form = a->extended || imap_session_is(c->s, IMAP_EN_REV2);

	if (a->lsub) {
		/* RFC 3501 s6.3.9: a parent of subscribed names has it, too. */
		if (!row->exists || !row->selected)
			buf_put_str(out, "\\Noselect");
		return;
	}
	if (!row->exists)
		buf_put_str(out, new_form ? "\\NonExistent " : "\\Noselect ");
	/* RFC 3348 s3, RFC 6154 s2 */
	buf_put_str(out, row->children ? "\\HasChildren" : "\\HasNoChildren");
	if (row->subscribed && a->tells_subscribed)
		buf_put_str(out, " \\Subscribed");
	imap_special_put(out, row->special);
}

static void
put_row(struct imap_cmd *c, const struct imap_listing_row *row)
{
	const struct args *a = c->priv;
	struct buf *out = imap_session_out(c->s);

	buf_printf(out, "* %s (", a->lsub ? "LSUB" : "LIST");
	put_attributes(c, row);
	buf_put_str(out, ") \"/\" ");
	imap_mailbox_put(c->s, out, row->name);
	if (row->below && (a->select & RECURSIVEMATCH))
		buf_put_str(out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	buf_put_str(out, "\r\n");
	/* RFC 8440 s3 */
	if (a->tells_rights && row->exists && row->selected)
		imap_acl_put_mine(c->s, row->name, row->rights);
}

/* RFC 5819 s2, RFC 9590 s3: a mailbox that went meanwhile has no more to tell. */
static bool
is_gone(const struct imap_reply *r)
{
	return r->error == ERR_OK && r->type == IPC_MSG_store_fail;
}

static void
on_status(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_status_reply *m;

	a->waiting = false;
	if (is_gone(r))
		return;
	m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
	if (m != NULL)
		imap_status_put(s, &a->status, m, a->listing.rows[a->next - 1].name);
}

static void
on_metadata(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_metadata_reply *m;
	enum err e;

	a->waiting = a->wants_metadata = false;
	if (is_gone(r))
		return;
	m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_metadata_reply);
	if (m == NULL)
		return;
	e = imap_metadata_put(s->cmd, &a->get, m);
	a->wants_metadata = e == ERR_AGAIN;
	if (e != ERR_OK && e != ERR_AGAIN)
		imap_cmd_error(s->cmd, e);
}

/* There were more owners than are kept open. */
static void
on_reopened(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	struct imap_guest *g;
	enum err e = imap_guest_take(s, r, &g);

	a->waiting = false;
	if (e == ERR_NOTFOUND)
		a->wants_status = a->wants_metadata = false;
	else if (e != ERR_OK)
		imap_cmd_error(s->cmd, e);
}

static bool
reopen(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct slice address, rest;
	struct ipc_store_open m;

	(void)imap_mailbox_owner(a->get.mailbox, &address, &rest);
	m = imap_guest_request(c->s, address);
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_open, &m, on_reopened, a);
	return a->waiting;
}

/* false: the command was answered. */
static bool
ask_more(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_place place;
	struct ipc_store_status m;

	if (imap_place_of(c->s, a->get.mailbox, &place) != ERR_OK)
		return reopen(c);
	if (a->wants_status) {
		a->wants_status = false;
		m = imap_status_request(&a->status, &place);
		a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m,
		    on_status, a);
	} else {
		a->waiting = imap_metadata_request(c, &a->get, on_metadata, a);
	}
	return a->waiting;
}

static void
tell(struct imap_cmd *c)
{
	struct args *a = c->priv;

	while (!a->waiting && !c->s->host->is_clogged(c->s->host_arg)) {
		const struct imap_listing_row *row;
		bool full;

		if (a->wants_status || a->wants_metadata) {
			if (!ask_more(c))
				return;
			continue;
		}
		if (a->next == a->listing.count) {
			done(c);
			return;
		}
		row = &a->listing.rows[a->next++];
		put_row(c, row);
		full = row->exists && row->selected;
		a->wants_status = full && a->status.count > 0;
		a->wants_metadata = full && a->metadata.count > 0;
		a->get = (struct imap_metadata_get){ .ask = &a->metadata,
		    .mailbox = row->name, .special = row->special };
	}
}

/* ---- gather ---- */

static enum err
add_page(struct imap_cmd *c, const struct ipc_store_mailboxes *m)
{
	struct args *a = c->priv;
	struct ipc_reader rd = ipc_reader_of(m->mailboxes);
	struct ipc_mailbox one = { 0 };
	enum err e = ERR_OK;

	while (e == ERR_OK && ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		e = imap_listing_add(&a->listing, &one);
	}
	if (e != ERR_OK)
		return e;
	a->listed = !m->more || one.name.n == 0;
	a->after = arena_dup(&c->arena, one.name);
	return a->listed || a->after.p != NULL ? ERR_OK : ERR_LIMIT;
}

static void
on_mailboxes(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;
	const struct ipc_store_mailboxes *m = imap_cmd_expect(c, r, IPC_MSG_store_mailboxes);
	enum err e;

	a->waiting = false;
	if (m == NULL)
		return;
	e = add_page(c, m);
	if (e != ERR_OK)
		imap_cmd_error(c, e);
}

static void
gather_others(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e = imap_others_step(&a->others);

	if (e == ERR_AGAIN)
		return;
	if (e != ERR_END) {
		if (c->answer == IMAP_ANSWER_NONE)
			imap_cmd_error(c, e);
		return;
	}
	a->gathered = true;
	imap_listing_end(&a->listing);
	tell(c);
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_list m = { .handle = c->s->handle, .after = a->after };

	if (a->waiting)
		return;
	if (a->gathered)
		tell(c);
	else if (a->listed)
		gather_others(c);
	else
		a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_list, &m,
		    on_mailboxes, a);
}

/* A pattern is the reference with the name behind it. */
static enum err
make_pattern(struct imap_cmd *c, struct slice name, struct slice *pattern)
{
	struct args *a = c->priv;
	bool utf8 = imap_session_is(c->s, IMAP_EN_UTF8_NAMES);
	struct slice parts[2];
	char *p;
	enum err e = imap_mailbox_pattern(a->reference, utf8, &c->arena, &parts[0]);

	if (e == ERR_OK)
		e = imap_mailbox_pattern(name, utf8, &c->arena, &parts[1]);
	if (e != ERR_OK)
		return e;
	p = arena_alloc(&c->arena, 1, parts[0].n + parts[1].n + 1);
	if (p == NULL)
		return ERR_LIMIT;
	for (size_t i = 0, at = 0; i < 2; at += parts[i].n, i++)
		if (parts[i].n > 0)
			memcpy(p + at, parts[i].p, parts[i].n);
	*pattern = slice_of(p, parts[0].n + parts[1].n);
	return ERR_OK;
}

/* A name that cannot exist matches nothing: no pattern. */
static enum err
make_patterns(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_listing *l = &a->listing;
	size_t bytes = 0;

	for (size_t i = 0; i < a->name_count; i++) {
		enum err e = make_pattern(c, a->names[i], &l->patterns[l->pattern_count]);

		if (e == ERR_SYNTAX)
			continue;
		if (e != ERR_OK)
			return e;
		bytes += l->patterns[l->pattern_count++].n;
		if (bytes > IMAP_LIST_PATTERN_BYTES)
			return ERR_LIMIT;
	}
	return ERR_OK;
}

void
imap_list_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_listing *l = &a->listing;
	enum err e;

	if (!a->extended && a->names[0].n == 0) {
		/* RFC 3501 s6.3.8: asks for the separator and the root. */
		buf_printf(imap_session_out(c->s), "* %s (\\Noselect) \"/\" \"\"\r\n",
		    a->lsub ? "LSUB" : "LIST");
		done(c);
		return;
	}
	imap_status_begin(c->s, &a->status);
	e = make_patterns(c);
	if (e != ERR_OK) {
		imap_cmd_error(c, e);
		return;
	}
	l->arena = &c->arena;
	l->only_subscribed = a->lsub || (a->select & SUBSCRIBED);
	l->only_special = (a->select & SPECIAL_USE) != 0;
	l->parents = a->lsub ? l->pattern_count > 0 && slice_ends(l->patterns[0], "%") :
	    (a->select & RECURSIVEMATCH) != 0;
	a->tells_subscribed |= l->only_subscribed;
	imap_others_start(&a->others, c, l);
	c->resume = step;
	step(c);
}
