/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 3501 s6.4.6): "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP
 * modseq ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / (flag *(SP
 * flag))).
 *
 * The store changes slice by slice; each answer is reported at once.  With
 * .SILENT a first pass touches only what nobody changed since our last
 * report: for the rest, found by STORE_CONFLICT, the client's idea of the
 * flags is wrong, so that a second pass leaves it to imap_sync to tell it.
 * New keywords have no known number before imap_sync brings it: then too
 * reporting is left to it.  Where nothing is to be told of a row, the store does
 * not tell it (quiet): it is known by its modseq then, or, when nobody changed
 * anything since our last report, that one is simply later now.
 *
 * UNCHANGEDSINCE (RFC 7162 s3.1.3): messages that changed since are told as
 * they are and named in MODIFIED.  One modseq stands for all flags of a message
 * and nobody remembers what a client knew of them, so a change of other flags
 * fails the condition too (deviates: s3.1.12, SHOULD; the row that is told says
 * what the client may try again).
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_row.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_sync.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

#define NO_CONDITION	UINT64_MAX
#define MODIFIED_MAX	(4u << 20)	/* bytes of the set in the answer */

struct args {
	struct slice	 set;
	struct imap_flags flags;
	enum store_op	 op;
	bool		 silent;
	bool		 leave;		/* reporting is imap_sync's */
	bool		 quiet;
	bool		 waiting;
	bool		 by_uid;
	bool		 conditional;	/* UNCHANGEDSINCE was given */
	uint64_t	 unchanged_since;
	uint32_t	 resume;
	bool		 done;
	struct buf	 conflicts;	/* UID pairs */
	struct buf	 modified;	/* "MODIFIED 1:3,5" */
	struct imap_run	 run;
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	buf_fini(&a->conflicts);
	buf_fini(&a->modified);
}

/* store-modifier: only one is known. */
static void
parse_modifiers(struct args *a, struct imap_parser *p)
{
	a->unchanged_since = NO_CONDITION;
	if (!imap_parser_take(p, '('))
		return;
	if (!imap_parser_take_word(p, "UNCHANGEDSINCE"))
		imap_parser_fail(p, "Unknown modifier");
	imap_parser_sp(p);
	a->unchanged_since = imap_parser_modseq(p);
	a->conditional = true;
	imap_parser_want(p, ')');
	imap_parser_sp(p);
}

void
cmd_store_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	buf_init(&a->conflicts, 8 * STORE_SET_MAX);
	buf_init(&a->modified, MODIFIED_MAX);
	c->fini = fini;
	imap_parser_sp(p);
	imap_seqset_read(p, &a->set);
	imap_parser_sp(p);
	parse_modifiers(a, p);
	a->op = imap_parser_take(p, '+') ? STORE_ADD :
	    imap_parser_take(p, '-') ? STORE_REMOVE : STORE_REPLACE;
	if (!imap_parser_take_word(p, "FLAGS"))
		imap_parser_fail(p, "Expected FLAGS");
	a->silent = imap_parser_take_word(p, ".SILENT");
	imap_parser_sp(p);
	imap_flags_parse(p, true, &a->flags);
}

/* RFC 7162 s3.1.3: a new MODSEQ is told in spite of .SILENT. */
static void
put_row(struct imap_cmd *c, const struct ipc_row *row, bool silent)
{
	unsigned due = imap_row_due(c->s);
	unsigned parts = silent ? due :
	    due | IMAP_ROW_FLAGS | (c->uid ? (unsigned)IMAP_ROW_UID : 0);

	/* A keyword that others made has no name here yet: imap_sync tells it. */
	if (!imap_flags_are_named(imap_sync_names(c->s), row->flags, row->more))
		return;
	imap_cmd_told(c, row->seq, row->uid, row->modseq);
	if (parts != 0)
		imap_row_tell(c->s, row, parts);
}

/* It changed since the client's modseq. */
static void
put_modified(struct imap_cmd *c, struct ipc_row *row)
{
	struct args *a = c->priv;

	imap_seqset_run_add(&a->modified, &a->run, c->uid ? row->uid : row->seq);
	row->flags &= ~(uint32_t)STORE_CONFLICT;
	if (!a->leave)
		put_row(c, row, false);
}

static void
take_rows(struct imap_cmd *c, struct slice rows)
{
	struct args *a = c->priv;
	struct ipc_reader r = ipc_reader_of(rows);
	struct ipc_row row;

	while (ipc_reader_more(&r)) {
		ipc_row_get(&r, &row);
		if (r.bad)
			break;
		if ((row.flags & STORE_CONFLICT) && a->conditional)
			put_modified(c, &row);
		else if (row.flags & STORE_CONFLICT)
			imap_seqset_add(&a->conflicts, row.uid);
		else if (!a->leave)
			put_row(c, &row, a->silent);
	}
}

/* What was changed needs no report, and no row came of it. */
static void
take_quiet(struct imap_cmd *c, const struct ipc_store_rows *m)
{
	struct imap_view *v = &c->s->view;

	if (m->before <= v->r)
		v->r = m->modseq;
	else if (m->modseq > m->before)
		imap_cmd_told_all(c, m->modseq);
}

static void
on_rows(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;
	const struct ipc_store_rows *m = imap_cmd_expect(c, r, IPC_MSG_store_rows);

	a->waiting = false;
	if (m == NULL)
		return;
	c->modseq = m->modseq;
	if (a->quiet && !a->leave)
		take_quiet(c, m);
	take_rows(c, m->rows);
	a->resume = m->resume;
	a->done = !m->more;
}

/* Conflicts of the first pass become the set of the second. */
static bool
second_pass(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->conditional || a->unchanged_since == NO_CONDITION || a->conflicts.n == 0)
		return false;
	/* Too scattered for a set: all again, the client hears of every row. */
	if (buf_err(&a->conflicts) == ERR_OK) {
		a->set = buf_slice(&a->conflicts);
		a->by_uid = true;
	}
	a->unchanged_since = NO_CONDITION;
	a->leave = true;
	a->resume = 0;
	a->done = false;
	return true;
}

static void
answer(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_seqset_run_end(&a->modified, &a->run);
	if (buf_err(&a->modified) != ERR_OK)
		imap_cmd_error(c, ERR_LIMIT);
	else if (a->run.any)
		imap_cmd_ok_code(c, imap_cmd_text(c, &a->modified), "Conditional store failed");
	else
		imap_cmd_ok(c, "Store completed");
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_flags m = {
		.handle = imap_view_handle(c->s),
		.mailbox = c->s->view.mailbox,
		.v = c->s->view.v,
		.uidnext = c->s->view.uidnext,
		.by_uid = a->by_uid,
		.op = (uint8_t)a->op,
		.flags = a->flags.system,
		.unchanged_since = a->unchanged_since,
		.resume = a->resume,
		.keywords = a->flags.keywords,
		.set = a->set,
	};

	if (a->waiting || c->s->host->is_clogged(c->s->host_arg))
		return;
	if (a->done && !second_pass(c)) {
		answer(c);
		return;
	}
	m.by_uid = a->by_uid;
	m.unchanged_since = a->unchanged_since;
	m.resume = a->resume;
	m.set = a->set;
	m.quiet = a->quiet = a->leave || (a->silent && imap_row_due(c->s) == 0);
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_flags, &m, on_rows, a);
}

static void
start(struct imap_cmd *c, struct slice set)
{
	struct args *a = c->priv;

	a->set = set;
	a->by_uid = c->by_uid;
	buf_put_str(&a->modified, "MODIFIED ");
	if (a->conditional)
		imap_session_enable(c->s, IMAP_EN_CONDSTORE);
	if (!a->conditional && a->silent)
		a->unchanged_since = c->s->view.r;
	/* The flags that others gave it since our report are news here. */
	if (a->conditional && a->unchanged_since > c->s->view.r)
		a->silent = false;
	a->leave = !imap_flags_known(imap_sync_names(c->s), a->flags.keywords);
	c->resume = step;
	step(c);
}

void
cmd_store_run(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	const struct imap_limit_want limit = {
		.max = imap_limit_messages(c->s), .set = a->set, .by_uid = c->by_uid,
	};

	if (c->s->view.readonly)
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
	else if (!c->by_uid && !imap_seqset_fits(a->set, c->s->view.exists))
		imap_cmd_bad(c, "No such message");
	else
		imap_limit_run(c, &limit, start);
}
