/* SPDX-License-Identifier: ISC */
/*
 * UIDBATCHES (RFC 10022): "UIDBATCHES" SP nz-number [SP nz-number ":"
 * nz-number]: ranges of UIDs, from the newest message to UID 1 and without a
 * gap, each with as many messages as the client said, the last with the rest.
 * The second argument asks for some of them, the first is the newest.  Only the
 * rows at the bounds are read: by sequence number, which no client sees.
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_walk.h"
#include "lib/ipc/store_proto.h"

#define SIZE_MIN	500		/* messages of a batch */
#define SPAN_MAX	100000		/* messages of the batches that are asked for */
#define BATCHES_MAX	(STORE_SET_MAX - 1)

struct args {
	uint32_t	 size;
	uint32_t	 first, last;	/* batches, from 1; first 0: all */
	uint32_t	 total;		/* that there are */
	uint32_t	*bounds;	/* UIDs, ascending */
	uint32_t	 bound_count, bound_max;
	struct imap_walk walk;
};

void
cmd_uidbatches_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	imap_parser_sp(p);
	a->size = imap_parser_nz_number(p);
	if (!imap_parser_take(p, ' '))
		return;
	a->first = imap_parser_nz_number(p);
	imap_parser_want(p, ':');
	a->last = imap_parser_nz_number(p);
	if (a->first > a->last)
		imap_parser_fail(p, "[CLIENTBUG] Batches count upwards");
}

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_walk_fini(&a->walk);
}

/* The sequence number that a batch ends at; not of the last one: that is 1. */
static uint32_t
low_of(const struct imap_cmd *c, uint32_t batch)
{
	const struct args *a = c->priv;

	return c->s->view.exists - batch * a->size + 1;
}

/* Bounds that are messages, from below: the range above the first is its top. */
static struct slice
bounds_of(struct imap_cmd *c)
{
	struct args *a = c->priv;
	uint32_t above = a->first > 1 ? a->first - 1 : 1;
	struct slice set;
	struct buf b;

	buf_init(&b, 8 * STORE_SET_MAX);
	for (uint32_t k = a->last; k >= above; k--) {
		if (k == a->total)
			continue;
		imap_seqset_add(&b, low_of(c, k));
		a->bound_max++;
	}
	if (a->first == 1) {
		imap_seqset_add(&b, c->s->view.exists);
		a->bound_max++;
	}
	set = arena_dup(&c->arena, buf_slice(&b));
	a->bounds = arena_alloc(&c->arena, a->bound_max, sizeof(*a->bounds));
	buf_fini(&b);
	return a->bounds != NULL ? set : SLICE_NONE;
}

static void
tell(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct buf *out = imap_session_out(c->s);
	uint32_t i = a->bound_count, high = 0;

	buf_printf(out, "* UIDBATCHES (TAG \"%.*s\")", SLICE_FMT(c->tag));
	if (i > 0)
		high = a->bounds[--i] - (a->first > 1);
	for (uint32_t k = a->first; k <= a->last && a->bound_max > 0; k++) {
		uint32_t low = k < a->total && i > 0 ? a->bounds[--i] : 1;

		buf_printf(out, "%c%u:%u", k == a->first ? ' ' : ',', high, low);
		high = low - 1;
	}
	buf_put_str(out, "\r\n");
	imap_cmd_ok(c, "Uidbatches completed");
}

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e;

	while ((e = imap_walk_next(&a->walk)) == ERR_OK)
		if (a->bound_count < a->bound_max)
			a->bounds[a->bound_count++] = a->walk.row.uid;
	if (e != ERR_END || c->answer != IMAP_ANSWER_NONE)
		return;
	if (a->bound_count == a->bound_max)
		tell(c);
	else
		imap_cmd_error(c, ERR_CONFLICT);
}

/* What is asked, of what there is; false: the command was answered. */
static bool
choose(struct imap_cmd *c)
{
	struct args *a = c->priv;
	uint32_t count = c->s->view.exists;

	if (a->size < SIZE_MIN) {
		imap_cmd_no(c, "TOOFEW", "A batch has at least 500 messages");
		return false;
	}
	if (a->first > 0 && (uint64_t)(a->last - a->first + 1) * a->size > SPAN_MAX) {
		imap_cmd_no(c, "TOOMANY", "More than 100000 messages in these batches");
		return false;
	}
	a->total = count / a->size + (count % a->size > 0);
	if (a->first == 0) {
		a->first = 1;
		a->last = a->total;
	}
	if (a->last > a->total)
		a->last = a->total;
	if (a->last >= a->first && a->last - a->first >= BATCHES_MAX) {
		imap_cmd_no(c, "TOOMANY", "Too many batches");
		return false;
	}
	return true;
}

void
cmd_uidbatches_run(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (!choose(c))
		return;
	if (a->first > a->last) {
		tell(c);
		return;
	}
	a->walk.set = bounds_of(c);
	if (a->walk.set.n == 0) {
		imap_cmd_error(c, ERR_LIMIT);
		return;
	}
	imap_walk_start(&a->walk, c);
	c->fini = fini;
	c->resume = step;
	step(c);
}
