/* SPDX-License-Identifier: ISC */
/*
 * GETMETADATA (RFC 5464 s4.2): "GETMETADATA" [SP options] SP mailbox SP
 * entries.  The RFC's examples have the options behind the mailbox: both are
 * read.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_metadata.h"

struct args {
	struct slice			 name;
	enum err			 name_error;
	struct imap_metadata_ask	 ask;
	struct imap_metadata_get	 get;
	struct slice			 after;		/* of the list of mailboxes */
	bool				 knows_use;
	bool				 waiting;
};

static void
parse_option(struct imap_parser *p, struct imap_metadata_ask *ask)
{
	struct slice word = imap_parser_atom(p);

	imap_parser_sp(p);
	if (slice_ieq_str(word, "MAXSIZE")) {
		ask->has_max = true;
		ask->max_bytes = imap_parser_number(p);
	} else if (slice_ieq_str(word, "DEPTH")) {
		word = imap_parser_astring(p);
		if (slice_eq_str(word, "0"))
			ask->depth = IMAP_DEPTH_0;
		else if (slice_eq_str(word, "1"))
			ask->depth = IMAP_DEPTH_1;
		else if (slice_ieq_str(word, "infinity"))
			ask->depth = IMAP_DEPTH_INFINITY;
		else
			imap_parser_fail(p, "DEPTH is 0, 1 or infinity");
	} else {
		imap_parser_fail(p, "Unknown option");
	}
}

/* After "(". */
static void
parse_options(struct imap_parser *p, struct imap_metadata_ask *ask)
{
	imap_parser_want(p, '(');
	do
		parse_option(p, ask);
	while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
	imap_parser_sp(p);
}

/* Entries begin with a slash, in quotes or not; options with a letter. */
static bool
has_options(const struct imap_parser *p)
{
	return p->end - p->p > 1 && p->p[0] == '(' && p->p[1] != '/' && p->p[1] != '"' &&
	    p->p[1] != '{';
}

void
cmd_getmetadata_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	struct slice wire;

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	if (has_options(p))
		parse_options(p, &a->ask);
	wire = imap_parser_astring(p);
	if (wire.n > 0)
		a->name = imap_mailbox_take(p, wire, &a->name_error);
	imap_parser_sp(p);
	if (has_options(p))
		parse_options(p, &a->ask);
	if (imap_parser_peek(p) == '(')
		imap_metadata_parse_names(p, &a->ask);
	else
		a->ask.names[a->ask.count++] = imap_metadata_parse_name(p);
}

static void
done(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct buf code;

	if (a->get.longest == 0) {
		imap_cmd_ok(c, "Getmetadata completed");
		return;
	}
	buf_init(&code, 64);
	buf_printf(&code, "METADATA LONGENTRIES %u", a->get.longest);
	imap_cmd_ok_code(c, imap_cmd_text(c, &code), "Getmetadata completed");
	buf_fini(&code);
}

static void
on_metadata(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_metadata_reply *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_metadata_reply);
	enum err e;

	a->waiting = false;
	if (m == NULL)
		return;
	e = imap_metadata_put(s->cmd, &a->get, m);
	if (e == ERR_OK)
		done(s->cmd);
	else if (e != ERR_AGAIN)
		imap_cmd_error(s->cmd, e);
}

/* The uses of a mailbox are told by the list alone. */
static void
on_mailboxes(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_mailboxes *m =
	    imap_cmd_expect(s->cmd, r, IPC_MSG_store_mailboxes);
	struct ipc_mailbox one = { 0 };
	struct ipc_reader rd;

	a->waiting = false;
	if (m == NULL)
		return;
	rd = ipc_reader_of(m->mailboxes);
	while (!a->knows_use && ipc_reader_more(&rd)) {
		ipc_mailbox_get(&rd, &one);
		if (rd.bad)
			break;
		if (slice_eq(one.name, a->name)) {
			a->get.special = one.special;
			a->knows_use = true;
		}
	}
	a->knows_use |= !m->more || one.name.n == 0;
	a->after = arena_dup(&s->cmd->arena, one.name);
	if (!a->knows_use && a->after.p == NULL)
		imap_cmd_error(s->cmd, ERR_LIMIT);
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_list m = { .handle = c->s->handle, .after = a->after };

	if (a->waiting || c->s->host->is_clogged(c->s->host_arg))
		return;
	if (a->knows_use)
		a->waiting = imap_metadata_request(c, &a->get, on_metadata, a);
	else
		a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_list, &m,
		    on_mailboxes, a);
}

void
cmd_getmetadata_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct slice address, rest;

	if (a->name_error != ERR_OK) {
		imap_cmd_error(c, ERR_NOTFOUND);
		return;
	}
	a->get.ask = &a->ask;
	a->get.mailbox = a->name;
	/* The uses of another's mailboxes are his. */
	a->knows_use = a->name.n == 0 || imap_mailbox_owner(a->name, &address, &rest) ||
	    !imap_metadata_is_asked(&a->ask, SLICE_LIT(IMAP_METADATA_USE));
	c->resume = step;
	step(c);
}
