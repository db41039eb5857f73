/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 3501 s6.4.6): "STORE" SP sequence-set SP ["+" / "-"] "FLAGS"
 * [".SILENT"] SP (flag-list / (flag *(SP flag))).
 *
 * The store changes slice by slice; each answer is reported at once.  With
 * .SILENT a first pass touches only what nobody changed since our last
 * report: for the rest, found by STORE_CONFLICT, the client's idea of the
 * flags is wrong, so that a second pass leaves it to imap_sync to tell it.
 * New keywords have no known number before imap_sync brings it: then too
 * reporting is left to it.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_sync.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

#define NO_CONDITION	UINT64_MAX

struct args {
	struct slice	 set;
	struct imap_flags flags;
	enum store_op	 op;
	bool		 silent;
	bool		 leave;		/* reporting is imap_sync's */
	bool		 waiting;
	bool		 by_uid;
	uint64_t	 unchanged_since;
	uint32_t	 resume;
	bool		 done;
	struct buf	 conflicts;	/* UID pairs */
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	buf_fini(&a->conflicts);
}

void
cmd_store_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	buf_init(&a->conflicts, 8 * STORE_SET_MAX);
	c->fini = fini;
	imap_parser_sp(p);
	imap_seqset_read(p, &a->set);
	imap_parser_sp(p);
	a->op = imap_parser_take(p, '+') ? STORE_ADD :
	    imap_parser_take(p, '-') ? STORE_REMOVE : STORE_REPLACE;
	if (!imap_parser_take_word(p, "FLAGS"))
		imap_parser_fail(p, "Expected FLAGS");
	a->silent = imap_parser_take_word(p, ".SILENT");
	imap_parser_sp(p);
	imap_flags_parse(p, true, &a->flags);
}

static void
put_row(struct imap_cmd *c, const struct ipc_row *row)
{
	struct imap_session *s = c->s;
	struct buf *out = imap_session_out(s);

	buf_printf(out, "* %u FETCH (", row->seq);
	if (c->uid)
		buf_printf(out, "UID %u ", row->uid);
	buf_put_str(out, "FLAGS (");
	imap_flags_put(out, row->flags, imap_sync_names(s),
	    imap_recent_has(&s->view.recent, row->uid));
	buf_put_str(out, "))\r\n");
}

static void
add_conflict(struct args *a, uint32_t uid)
{
	unsigned char pair[8];
	char *last;

	if (a->conflicts.n >= 8) {
		last = buf_data(&a->conflicts) + a->conflicts.n - 4;
		if (dec_le32(last) + 1 == uid) {
			enc_le32(last, uid);
			return;
		}
	}
	enc_le32(pair, uid);
	enc_le32(pair + 4, uid);
	buf_put(&a->conflicts, pair, sizeof(pair));
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
		if (row.flags & STORE_CONFLICT) {
			add_conflict(a, row.uid);
			continue;
		}
		if (a->leave)
			continue;
		imap_cmd_told(c, row.seq, row.uid, row.modseq);
		if (!a->silent)
			put_row(c, &row);
	}
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
	take_rows(c, m->rows);
	a->resume = m->resume;
	a->done = !m->more;
}

/* Conflicts of the first pass become the set of the second. */
static bool
second_pass(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->unchanged_since == NO_CONDITION || a->conflicts.n == 0)
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
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_flags m = {
		.handle = c->s->handle,
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
		imap_cmd_ok(c, "Store completed");
		return;
	}
	m.by_uid = a->by_uid;
	m.unchanged_since = a->unchanged_since;
	m.resume = a->resume;
	m.set = a->set;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_flags, &m, on_rows, a);
}

void
cmd_store_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (c->s->view.readonly) {
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
		return;
	}
	if (!c->by_uid && !imap_seqset_fits(a->set, c->s->view.exists)) {
		imap_cmd_bad(c, "No such message");
		return;
	}
	a->by_uid = c->by_uid;
	a->unchanged_since = a->silent ? c->s->view.r : NO_CONDITION;
	a->leave = !imap_flags_known(imap_sync_names(c->s), a->flags.keywords);
	c->resume = step;
	step(c);
}
