/* SPDX-License-Identifier: ISC */
#include "imapd/imap_resync.h"

#include "imapd/imap_flags.h"
#include "imapd/imap_row.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_vanished.h"
#include "imapd/imap_walk.h"
#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"

#define ROWS_PER_TURN	256

enum phase { GONE, MATCH, CHANGED };

struct imap_resync {
	struct imap_cmd		*c;
	void			(*done)(struct imap_cmd *);
	uint32_t		 uidvalidity;
	uint64_t		 modseq;
	struct slice		 known;		/* UIDs; empty: all */
	struct slice		 match_seqs, match_uids;
	enum phase		 phase;
	struct imap_vanished	 vanished;
	struct imap_walk	 walk;
	uint32_t		 matched;	/* UID up to which nothing vanished */
};

/* ---- the parameter ---- */

/* A set without "*": known-uids, known-sequence-set, known-uid-set. */
static void
read_known(struct imap_parser *p, struct slice *pairs)
{
	struct slice text = imap_parser_set_text(p);

	*pairs = SLICE_NONE;
	if (imap_parser_ok(p) && (imap_seqset_parse(text, p->arena, pairs) != ERR_OK ||
	    imap_seqset_max(*pairs) == STORE_STAR))
		imap_parser_fail(p, "Invalid set of known messages");
}

static uint64_t
count_numbers(struct slice pairs)
{
	uint64_t n = 0;

	for (size_t i = 0; i + 8 <= pairs.n; i += 8)
		n += (uint64_t)dec_le32(pairs.p + i + 4) - dec_le32(pairs.p + i) + 1;
	return n;
}

static void
parse_match(struct imap_resync *r, struct imap_parser *p)
{
	imap_parser_want(p, '(');
	imap_parser_numbers(p);
	read_known(p, &r->match_seqs);
	imap_parser_sp(p);
	read_known(p, &r->match_uids);
	imap_parser_want(p, ')');
	if (count_numbers(r->match_seqs) != count_numbers(r->match_uids))
		imap_parser_fail(p, "The known sequence numbers and UIDs differ in number");
}

struct imap_resync *
imap_resync_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct imap_resync *r = imap_cmd_alloc(c, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->c = c;
	imap_parser_want(p, '(');
	r->uidvalidity = imap_parser_nz_number(p);
	imap_parser_sp(p);
	r->modseq = imap_parser_modseq(p);
	if (r->modseq == 0)
		imap_parser_fail(p, "Expected a mod-sequence");
	if (imap_parser_take(p, ' ')) {
		if (imap_parser_peek(p) != '(') {
			read_known(p, &r->known);
			if (imap_parser_take(p, ' '))
				parse_match(r, p);
		} else {
			parse_match(r, p);
		}
	}
	imap_parser_want(p, ')');
	return r;
}

/* ---- what vanished ---- */

/* The UID that stands where this sequence number does; 0: none. */
static uint32_t
known_uid(const struct imap_resync *r, uint32_t seq)
{
	uint64_t at = 0;

	for (size_t i = 0; i + 8 <= r->match_seqs.n; i += 8) {
		uint32_t first = dec_le32(r->match_seqs.p + i);
		uint32_t last = dec_le32(r->match_seqs.p + i + 4);

		if (seq >= first && seq <= last) {
			at += seq - first;
			break;
		}
		at += (uint64_t)last - first + 1;
	}
	for (size_t i = 0; i + 8 <= r->match_uids.n; i += 8) {
		uint32_t first = dec_le32(r->match_uids.p + i);
		uint64_t n = (uint64_t)dec_le32(r->match_uids.p + i + 4) - first + 1;

		if (at < n)
			return first + (uint32_t)at;
		at -= n;
	}
	return 0;
}

static void
walk_start(struct imap_resync *r, struct slice set, bool by_uid)
{
	imap_walk_fini(&r->walk);
	r->walk = (struct imap_walk){ .set = set, .by_uid = by_uid };
	if (by_uid)
		r->walk.changed_since = r->modseq;
	imap_walk_start(&r->walk, r->c);
}

static struct slice
all_uids(void)
{
	static const unsigned char all[8] = { 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };

	return slice_of(all, sizeof(all));
}

/* Of the known UIDs those behind the last that matched; false: no memory. */
static bool
cut_known(struct imap_resync *r)
{
	struct slice from = r->known.n > 0 ? r->known : all_uids();
	unsigned char *dst = imap_cmd_alloc(r->c, from.n);
	size_t n = 0;

	if (dst == NULL)
		return false;
	for (size_t i = 0; i + 8 <= from.n; i += 8) {
		uint32_t first = dec_le32(from.p + i), last = dec_le32(from.p + i + 4);

		if (last <= r->matched)
			continue;
		enc_le32(dst + n, first > r->matched ? first : r->matched + 1);
		enc_le32(dst + n + 4, last);
		n += 8;
	}
	r->vanished.set = slice_of(dst, n);
	return true;
}

static void
begin_changed(struct imap_resync *r)
{
	walk_start(r, r->known.n > 0 ? r->known : all_uids(), true);
	r->phase = CHANGED;
}

static bool
step_gone(struct imap_resync *r)
{
	enum err e = imap_vanished_next(&r->vanished);

	if (e == ERR_OK) {
		begin_changed(r);
	} else if (e == ERR_STATE) {
		walk_start(r, r->match_seqs, false);
		r->phase = MATCH;
	}
	return e == ERR_OK || e == ERR_STATE;
}

static bool
step_match(struct imap_resync *r)
{
	enum err e = imap_walk_next(&r->walk);

	if (e == ERR_OK) {
		if (known_uid(r, r->walk.row.seq) == r->walk.row.uid)
			r->matched = r->walk.row.uid;
		return true;
	}
	if (e != ERR_END)
		return false;
	r->vanished = (struct imap_vanished){ .c = r->c, .since = r->modseq };
	r->phase = GONE;
	if (!cut_known(r))
		return false;
	/* All that it knows is still there. */
	if (r->vanished.set.n == 0)
		begin_changed(r);
	return true;
}

/* ---- what changed ---- */

/*
 * With a keyword that others made since the mailbox was selected the row has
 * changed since then too: imap_sync tells it, with the name.
 */
static bool
step_changed(struct imap_resync *r)
{
	enum err e = imap_walk_next(&r->walk);
	struct imap_session *s = r->c->s;
	const struct ipc_row *row = &r->walk.row;

	if (e == ERR_OK && imap_flags_are_named(imap_sync_names(s), row->flags, row->more))
		imap_row_tell(s, row, IMAP_ROW_UID | IMAP_ROW_FLAGS | IMAP_ROW_MODSEQ);
	else if (e == ERR_END)
		r->done(r->c);
	return e == ERR_OK;
}

static void
fini(struct imap_cmd *c)
{
	struct imap_resync *r = c->priv;

	imap_walk_fini(&r->walk);
	/* RFC 3501 s6.3.1: after a failed SELECT none is selected. */
	if (c->answer == IMAP_ANSWER_NO)
		imap_session_unselect(c->s);
}

static void
step(struct imap_cmd *c)
{
	struct imap_resync *r = c->priv;
	struct imap_session *s = c->s;
	unsigned rows = 0;
	bool goes_on = true;

	while (goes_on && c->answer == IMAP_ANSWER_NONE && !s->host->is_clogged(s->host_arg)) {
		if (++rows > ROWS_PER_TURN) {
			s->host->defer(s->host_arg);
			return;
		}
		goes_on = r->phase == GONE ? step_gone(r) :
		    r->phase == MATCH ? step_match(r) : step_changed(r);
	}
}

void
imap_resync_start(struct imap_resync *r, void (*done)(struct imap_cmd *))
{
	struct imap_cmd *c = r->c;

	/* RFC 7162 s3.2.5: another mailbox by that name, or none known of it. */
	if (r->uidvalidity != c->s->view.uidvalidity || c->s->view.uidnext == 1) {
		done(c);
		return;
	}
	r->done = done;
	r->vanished = (struct imap_vanished){
		.c = c, .since = r->modseq, .set = r->known,
		.exact_only = r->match_seqs.n > 0,
	};
	c->priv = r;
	c->fini = fini;
	c->resume = step;
	step(c);
}
