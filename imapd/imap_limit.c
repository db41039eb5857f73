/* SPDX-License-Identifier: ISC */
#include "imapd/imap_limit.h"

#include <stdlib.h>

#include "imapd/imap_found.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_walk.h"
#include "lib/base/enc.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"

#define CODE_MAX	64

struct imap_limit {
	struct imap_limit_want	 want;
	imap_limit_fn		*goes_on;
	struct imap_walk	 walk;
	struct imap_hit		*highest;	/* want.max of them, in a ring */
	uint64_t		 count;
	uint32_t		 lowest_uid;	/* taken, of more; 0: all were */
};

uint32_t
imap_limit_messages(const struct imap_session *s)
{
	return s->is_operator ? 0 : s->shared->message_limit;
}

uint32_t
imap_limit_saves(const struct imap_session *s)
{
	uint32_t max = imap_limit_messages(s);

	return max != 0 || s->is_operator ? max : s->shared->save_limit;
}

/* ---- answers ---- */

static const char *
code_of(struct imap_cmd *c, uint32_t max, uint32_t uid)
{
	const char *code;
	struct buf b;

	buf_init(&b, CODE_MAX);
	buf_printf(&b, "MESSAGELIMIT %u", max);
	if (uid != 0)
		buf_printf(&b, " %u", uid);
	code = imap_cmd_text(c, &b);
	buf_fini(&b);
	return code;
}

static void
refuse(struct imap_cmd *c, uint32_t max, uint32_t uid)
{
	imap_cmd_no(c, code_of(c, max, uid), "Too many messages for one command");
}

void
imap_limit_refuse(struct imap_cmd *c, uint32_t max)
{
	refuse(c, max, 0);
}

bool
imap_limit_was_cut(const struct imap_cmd *c)
{
	return c->limit != NULL && c->limit->lowest_uid != 0;
}

/* RFC 9738 s3.1 */
void
imap_limit_put(struct imap_cmd *c)
{
	const struct imap_limit *l = c->limit;
	const char *code;

	if (!imap_limit_was_cut(c) || c->answer != IMAP_ANSWER_OK)
		return;
	code = code_of(c, l->want.max, l->lowest_uid);
	if (c->code == NULL && !c->tells_highest)
		c->code = code;
	else
		buf_printf(imap_session_out(c->s), "* NO [%s] Only the highest were taken\r\n",
		    code);
}

/* ---- the set ---- */

/*
 * Without what lies below low.  A range that begins above it stays as it is,
 * since "9:*" may count down.
 */
static struct slice
cut_set(struct imap_cmd *c, struct slice set, uint32_t low)
{
	struct buf b;
	struct slice cut;

	buf_init(&b, set.n);
	for (size_t i = 0; i + 8 <= set.n; i += 8) {
		uint32_t first = dec_le32(set.p + i), last = dec_le32(set.p + i + 4);

		if (last >= low)
			imap_seqset_put_pair(&b, first < low ? low : first, last);
	}
	cut = arena_dup(&c->arena, buf_slice(&b));
	if (cut.n < b.n)
		imap_cmd_error(c, ERR_LIMIT);
	buf_fini(&b);
	return cut;
}

static void
end_count(struct imap_cmd *c)
{
	struct imap_limit *l = c->limit;
	struct slice set = l->want.set;
	struct imap_hit low = { 0 };

	imap_walk_fini(&l->walk);
	if (l->count > l->want.max)
		low = l->highest[l->count % l->want.max];
	free(l->highest);
	l->highest = NULL;
	c->resume = NULL;
	if (low.uid != 0 && l->want.how != IMAP_LIMIT_CUT) {
		refuse(c, l->want.max, l->want.how == IMAP_LIMIT_REFUSE_HINT ? low.uid : 0);
		return;
	}
	l->lowest_uid = low.uid;
	if (low.uid != 0)
		set = cut_set(c, set, l->want.by_uid ? low.uid : low.seq);
	if (c->answer == IMAP_ANSWER_NONE)
		l->goes_on(c, set);
}

static void
step(struct imap_cmd *c)
{
	struct imap_limit *l = c->limit;
	const struct imap_limit_want *w = &l->want;
	enum err e;

	while ((e = imap_walk_next(&l->walk)) == ERR_OK) {
		const struct ipc_row *row = &l->walk.row;

		if (w->counts == NULL || w->counts(c, row))
			l->highest[l->count++ % w->max] = (struct imap_hit){ row->uid, row->seq };
	}
	if (e == ERR_END)
		end_count(c);
}

void
imap_limit_run(struct imap_cmd *c, const struct imap_limit_want *w, imap_limit_fn *goes_on)
{
	const struct imap_view *view = w->view != NULL ? w->view : &c->s->view;
	struct imap_limit *l;

	imap_limit_free(&c->limit);
	if (w->max == 0 || view->exists <= w->max) {
		goes_on(c, w->set);
		return;
	}
	c->limit = l = must_alloc(1, sizeof(*l));
	l->want = *w;
	l->goes_on = goes_on;
	l->highest = must_alloc(w->max, sizeof(*l->highest));
	l->walk.set = w->set;
	l->walk.by_uid = w->by_uid;
	l->walk.changed_since = w->changed_since;
	imap_walk_start(&l->walk, c);
	l->walk.at = imap_walk_at(c->s, view);
	c->resume = step;
	step(c);
}

void
imap_limit_free(struct imap_limit **pl)
{
	struct imap_limit *l = *pl;

	*pl = NULL;
	if (l == NULL)
		return;
	imap_walk_fini(&l->walk);
	free(l->highest);
	free(l);
}
