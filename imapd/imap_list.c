/* SPDX-License-Identifier: ISC */
#include "imapd/imap_list.h"

#include "imapd/imap_mailbox.h"
#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

struct args {
	struct slice	 reference, name;	/* as sent */
	struct slice	 pattern;
	struct slice	 after;			/* last name of the page before */
	struct slice	 parent;		/* last LSUB parent told */
	bool		 subscribed;
	bool		 waiting;
};

void
imap_list_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->reference = imap_parser_astring(p);
	imap_parser_sp(p);
	a->name = imap_parser_list_mailbox(p);
}

static void
put_attributes(struct buf *b, const struct ipc_mailbox *m, bool subscribed)
{
	static const struct { uint32_t bit; const char *name; } special[] = {
		{ STORE_ALL, "\\All" }, { STORE_ARCHIVE, "\\Archive" },
		{ STORE_DRAFTS, "\\Drafts" }, { STORE_SPECIAL_FLAGGED, "\\Flagged" },
		{ STORE_JUNK, "\\Junk" }, { STORE_SENT, "\\Sent" },
		{ STORE_TRASH, "\\Trash" },
	};

	if (m->noselect)
		buf_put_str(b, subscribed ? "\\Noselect" : "\\Noselect ");
	if (subscribed)
		return;
	/* RFC 3348 s3, RFC 6154 s2 */
	buf_put_str(b, m->children ? "\\HasChildren" : "\\HasNoChildren");
	for (size_t i = 0; i < lengthof(special); i++)
		if (m->special & special[i].bit)
			buf_printf(b, " %s", special[i].name);
}

static void
put_line(struct imap_cmd *c, const struct ipc_mailbox *m)
{
	const struct args *a = c->priv;
	struct buf *out = imap_session_out(c->s);

	buf_printf(out, "* %s (", a->subscribed ? "LSUB" : "LIST");
	put_attributes(out, m, a->subscribed);
	buf_put_str(out, ") \"/\" ");
	imap_mailbox_put(c->s, out, m->name);
	buf_put_str(out, "\r\n");
}

/*
 * RFC 3501 s6.3.9: with "%", a parent of subscribed names that does not match
 * itself is told as \Noselect.
 */
static void
put_subscribed_parent(struct imap_cmd *c, struct slice name)
{
	struct args *a = c->priv;
	struct slice parent = name;

	if (!slice_ends(a->pattern, "%"))
		return;
	for (;;) {
		size_t at = slice_rfind(parent, '/');
		struct ipc_mailbox m = { .noselect = true };

		if (at == parent.n)
			return;
		parent = slice_head(parent, at);
		if (!imap_mailbox_match(a->pattern, parent))
			continue;
		m.name = parent;
		if (!slice_eq(parent, a->parent))
			put_line(c, &m);
		a->parent = arena_dup(&c->arena, parent);
		return;
	}
}

static void
put_mailbox(struct imap_cmd *c, const struct ipc_mailbox *m)
{
	struct args *a = c->priv;

	if (a->subscribed && !m->subscribed)
		return;
	/* Subscribed names without a mailbox are LSUB's alone. */
	if (!a->subscribed && m->mailbox == 0 && !m->children)
		return;
	if (imap_mailbox_match(a->pattern, m->name)) {
		if (a->subscribed)
			a->parent = arena_dup(&c->arena, m->name);
		put_line(c, m);
	} else if (a->subscribed) {
		put_subscribed_parent(c, m->name);
	}
}

static void	step(struct imap_cmd *);

static void
on_mailboxes(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;
	const struct ipc_store_mailboxes *m = imap_cmd_expect(c, r, IPC_MSG_store_mailboxes);
	struct ipc_reader rd;
	struct ipc_mailbox one = { 0 };

	a->waiting = false;
	if (m == NULL)
		return;
	rd = ipc_reader_of(m->mailboxes);
	while (ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		put_mailbox(c, &one);
	}
	if (!m->more || one.name.n == 0) {
		imap_cmd_ok(c, a->subscribed ? "Lsub completed" : "List completed");
		return;
	}
	a->after = arena_dup(&c->arena, one.name);
	if (a->after.p == NULL)
		imap_cmd_error(c, ERR_LIMIT);
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_list m = { .handle = c->s->handle, .after = a->after };

	if (a->waiting || c->s->host->is_clogged(c->s->host_arg))
		return;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_list, &m, on_mailboxes, a);
}

/* The pattern is the reference with the name behind it. */
static enum err
make_pattern(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct slice parts[2];
	char *p;
	bool utf8 = imap_session_is(c->s, IMAP_EN_UTF8_NAMES);
	enum err e = imap_mailbox_pattern(a->reference, utf8, &c->arena, &parts[0]);

	if (e == ERR_OK)
		e = imap_mailbox_pattern(a->name, utf8, &c->arena, &parts[1]);
	if (e != ERR_OK)
		return e;
	p = imap_cmd_alloc(c, parts[0].n + parts[1].n + 1);
	if (p == NULL)
		return ERR_LIMIT;
	for (size_t i = 0, at = 0; i < 2; at += parts[i].n, i++)
		for (size_t j = 0; j < parts[i].n; j++)
			p[at + j] = parts[i].p[j];
	a->pattern = slice_of(p, parts[0].n + parts[1].n);
	return ERR_OK;
}

void
imap_list_run(struct imap_cmd *c, bool subscribed)
{
	struct args *a = c->priv;

	a->subscribed = subscribed;
	if (a->name.n == 0) {
		/* RFC 3501 s6.3.8: asks for the separator and the root. */
		buf_printf(imap_session_out(c->s), "* %s (\\Noselect) \"/\" \"\"\r\n",
		    subscribed ? "LSUB" : "LIST");
		imap_cmd_ok(c, subscribed ? "Lsub completed" : "List completed");
		return;
	}
	/* A name that cannot exist matches nothing. */
	if (make_pattern(c) != ERR_OK) {
		imap_cmd_ok(c, subscribed ? "Lsub completed" : "List completed");
		return;
	}
	c->resume = step;
	step(c);
}
