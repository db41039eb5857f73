/* SPDX-License-Identifier: ISC */
#include "queue/queue_census.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/must.h"
#include "queue/queue_shape.h"

#define REPLY_BYTES	60000u

struct row {
	struct queue_site	*site;
	struct queue_shape	 shape;
	uint64_t		 total;
};

static int
by_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->total < y->total ? 1 : x->total > y->total ? -1 :
	    slice_cmp(queue_site_name(x->site), queue_site_name(y->site));
}

static void
put_row(struct buf *b, struct slice name, const struct queue_shape *s, uint64_t total)
{
	unsigned i;

	buf_printf(b, "%40.*s %7llu", SLICE_FMT(slice_head(name, 40)),
	    (unsigned long long)total);
	for (i = 0; i < QUEUE_SHAPE_AGES; i++)
		buf_printf(b, " %5llu", (unsigned long long)s->rcpts[i]);
	buf_put_char(b, '\n');
}

static size_t
fill_rows(struct queue *q, struct row **rows, struct row *all)
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
		queue_shape_fill(q->sites, site, now, &(*rows)[n].shape);
		for (i = 0; i < QUEUE_SHAPE_AGES; i++) {
			(*rows)[n].total += (*rows)[n].shape.rcpts[i];
			all->shape.rcpts[i] += (*rows)[n].shape.rcpts[i];
		}
		all->total += (*rows)[n].total;
		n += (*rows)[n].total > 0;
	}
	queue_walk_stop(&w);
	return n;
}

void
queue_census_run(struct queue *q, uint64_t id, queue_list_fn *fn, void *arg)
{
	struct row *rows = NULL, all = { 0 };
	size_t i, n = fill_rows(q, &rows, &all);
	struct buf b;

	if (n > 1)
		qsort(rows, n, sizeof(*rows), by_total);
	buf_init(&b, REPLY_BYTES);
	buf_printf(&b, "%40s %7s %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s\n", "", "T", "5",
	    "10", "20", "40", "80", "160", "320", "640", "1280", "1280+");
	put_row(&b, SLICE_LIT("TOTAL"), &all.shape, all.total);
	for (i = 0; i < n && i < QUEUE_CENSUS_SITES; i++)
		put_row(&b, queue_site_name(rows[i].site), &rows[i].shape, rows[i].total);
	fn(arg, id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
	free(rows);
}
