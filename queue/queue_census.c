/* SPDX-License-Identifier: ISC */
#include "queue/queue_census.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "queue/queue_shape.h"

#define REPLY_BYTES	60000u

struct census {
	struct queue_ages	 ages;
	unsigned		 states;	/* enum queue_shape_state */
	uint32_t		 lines;
};

struct row {
	struct queue_site	*site;
	struct queue_shape	 shape;
	uint64_t		 total;
};

/* ---- what is asked ---- */

static const struct {
	const char		*name;
	enum queue_shape_state	 state;
} names[] = {
	{ "incoming", QUEUE_SHAPE_INCOMING }, { "active", QUEUE_SHAPE_ACTIVE },
	{ "deferred", QUEUE_SHAPE_DEFERRED }, { "hold", QUEUE_SHAPE_HOLD },
};

static enum err
take_word(struct census *c, struct slice word)
{
	size_t i;

	for (i = 0; i < lengthof(names); i++)
		if (slice_eq_str(word, names[i].name)) {
			c->states |= names[i].state;
			return ERR_OK;
		}
	if (slice_eq_str(word, "l")) {
		c->ages.is_linear = true;
		return ERR_OK;
	}
	if (slice_starts(word, "b"))
		return num_parse_u32(slice_from(word, 1), QUEUE_AGES_MAX, &c->ages.count);
	if (slice_starts(word, "t"))
		return num_parse_u32(slice_from(word, 1), QUEUE_AGES_MINUTES, &c->ages.minutes);
	if (slice_starts(word, "n"))
		return num_parse_u32(slice_from(word, 1), QUEUE_CENSUS_SITES, &c->lines);
	return ERR_SYNTAX;
}

static enum err
parse(struct census *c, struct slice args)
{
	struct slice word;
	enum err e = ERR_OK;

	*c = (struct census){ .ages = QUEUE_AGES_DEFAULT, .lines = QUEUE_CENSUS_SITES };
	while (e == ERR_OK && args.n > 0) {
		args = slice_cut(args, '\0', &word);
		e = take_word(c, word);
	}
	if (c->states == 0)
		c->states = QUEUE_SHAPE_ALL;
	return e == ERR_OK && !queue_ages_ok(&c->ages) ? ERR_SYNTAX : e;
}

/* ---- the table ---- */

static int
by_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->total < y->total ? 1 : x->total > y->total ? -1 :
	    slice_cmp(queue_site_name(x->site), queue_site_name(y->site));
}

static size_t
fill_rows(struct queue *q, const struct census *c, struct row **rows, struct queue_shape *all)
{
	uint64_t now = loop_real_ms(q->loop);
	size_t n = 0, cap = 0, i;
	struct queue_site *site;
	struct queue_walk w;

	queue_walk_start(q->sites, &w);
	while ((site = queue_walk_step(q->sites, &w)) != NULL) {
		if (n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			*rows = must_realloc(*rows, cap, sizeof(**rows));
		}
		(*rows)[n] = (struct row){ .site = site };
		queue_shape_fill(q->sites, site, now, &c->ages, c->states, &(*rows)[n].shape);
		for (i = 0; i < c->ages.count; i++) {
			(*rows)[n].total += (*rows)[n].shape.rcpts[i];
			all->rcpts[i] += (*rows)[n].shape.rcpts[i];
		}
		n += (*rows)[n].total > 0;
	}
	queue_walk_stop(&w);
	return n;
}

void
queue_census_run(struct queue *q, struct slice args, uint64_t id, queue_list_fn *fn, void *arg)
{
	struct queue_shape all = { 0 };
	struct row *rows = NULL;
	struct census c;
	struct buf b;
	size_t i, n;

	if (parse(&c, args) != ERR_OK) {
		fn(arg, id, EX_USAGE, false, SLICE_LIT("bad arguments"));
		return;
	}
	n = fill_rows(q, &c, &rows, &all);
	if (n > 1)
		qsort(rows, n, sizeof(*rows), by_total);
	buf_init(&b, REPLY_BYTES);
	queue_ages_put_head(&b, &c.ages);
	queue_ages_put_row(&b, &c.ages, SLICE_LIT("TOTAL"), all.rcpts);
	/* As many as fit: rows are wide when there are many columns. */
	for (i = 0; i < n && i < c.lines && b.n + QUEUE_AGES_ROW_BYTES <= REPLY_BYTES; i++)
		queue_ages_put_row(&b, &c.ages, queue_site_name(rows[i].site),
		    rows[i].shape.rcpts);
	fn(arg, id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
	free(rows);
}
