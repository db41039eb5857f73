/* SPDX-License-Identifier: ISC */
#include "queue/queue_super.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "queue/queue_msg.h"
#include "queue/queue_run.h"
#include "queue/queue_shape.h"
#include "queue/queue_spool.h"

#define SHAPE_SITES	500u
#define REPLY_BYTES	60000u

/* ---- what can be done to one message ---- */

typedef void parcel_fn(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);

static void
each_parcel(struct queue *q, struct queue_item *it, parcel_fn *fn)
{
	uint64_t now = loop_real_ms(q->loop);
	struct list *l;

	for (l = it->parts.next; l != &it->parts; l = l->next)
		fn(q->sites, &obj_of(l, struct queue_bundle, in_item)->parcel, now);
}

/* It is loaded, which tries what is due, and its RESULT says what is new. */
static void
look_at(struct queue *q, struct queue_item *it)
{
	if (it->msg != NULL)
		it->msg->has_changed = true;
	else {
		it->wants_mark = true;
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	}
}

static bool
hold(struct queue *q, struct queue_item *it)
{
	if (it->flags & QUEUE_HELD)
		return false;
	it->flags |= QUEUE_HELD;
	each_parcel(q, it, queue_parcel_hold);
	look_at(q, it);
	return true;
}

static bool
release(struct queue *q, struct queue_item *it)
{
	if (!(it->flags & QUEUE_HELD))
		return false;
	it->flags &= (uint8_t)~QUEUE_HELD;
	each_parcel(q, it, queue_parcel_release);
	look_at(q, it);
	return true;
}

/* As if it had just come: by the routes as they are now. */
static bool
requeue(struct queue *q, struct queue_item *it)
{
	if (it->msg != NULL || it->is_loading)
		return false;
	it->flags &= (uint8_t)~QUEUE_HELD;
	it->attempts = 0;
	it->is_requeued = true;
	queue_line_drop(q, it);
	look_at(q, it);
	return true;
}

static bool
expire(struct queue *q, struct queue_item *it)
{
	it->is_doomed = true;
	it->flags &= (uint8_t)~QUEUE_HELD;
	each_parcel(q, it, queue_parcel_expire);
	if (it->msg == NULL)
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	return true;
}

static bool
delete(struct queue *q, struct queue_item *it)
{
	if (it->msg != NULL) {
		it->msg->is_deleted = true;
		queue_msg_settle(it->msg);
	} else if (it->is_loading)
		it->is_deleted = true;
	else
		queue_msg_finish_item(q, it);
	return true;
}

static bool
flush(struct queue *q, struct queue_item *it)
{
	each_parcel(q, it, queue_parcel_flush);
	if (heap_has(&it->due))
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	return true;
}

/* ---- verbs ---- */

struct verb {
	const char	*name;
	bool		(*fn)(struct queue *, struct queue_item *);
	const char	*said;
};

static const struct verb verbs[] = {
	{ "h", hold, "Placed on hold" },
	{ "H", release, "Released from hold" },
	{ "r", requeue, "Requeued" },
	{ "e", expire, "Expired" },
	{ "d", delete, "Deleted" },
};

static bool
is_listed(const struct queue_item *it)
{
	return (it->state == QUEUE_S5_STORED || it->state == QUEUE_S6_TRIED) &&
	    !it->is_deleted && (it->msg == NULL || !it->msg->is_deleted);
}

static void
wake(struct queue *q)
{
	queue_run_arm(q);
	queue_line_go(q);
}

static void
say(const struct verb *v, uint64_t count, uint64_t id, queue_super_fn *fn, void *arg)
{
	struct buf b;

	buf_init(&b, 200);
	buf_printf(&b, "%s: %llu message%s\n", v->said, (unsigned long long)count,
	    count == 1 ? "" : "s");
	fn(arg, id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}

static void
run_one(struct queue *q, const struct verb *v, struct slice which, uint64_t id,
    queue_super_fn *fn, void *arg)
{
	struct queue_item *it = NULL;
	uint64_t msg;

	if (enc_get_id(which, &msg) == ERR_OK)
		it = queue_table_find(&q->table, msg);
	if (it == NULL || !is_listed(it)) {
		fn(arg, id, EX_DATAERR, false, SLICE_LIT("no such message"));
		return;
	}
	if (!v->fn(q, it)) {
		fn(arg, id, EX_TEMPFAIL, false, SLICE_LIT("nothing to change for this message"));
		return;
	}
	wake(q);
	say(v, 1, id, fn, arg);
}

/* The cursor: the id looked at last, and how many were changed. */
static void
run_all(struct queue *q, const struct verb *v, struct slice cursor, uint64_t id,
    queue_super_fn *fn, void *arg)
{
	struct queue_item *it, *next;
	uint64_t last = 0, count = 0;
	struct slice first, rest;
	char text[ENC_ID_BYTES + 1];
	unsigned n = 0;
	struct list *l;
	struct buf b;

	rest = slice_cut(slice_trim(cursor), ' ', &first);
	if (cursor.n > 0 && (enc_get_id(first, &last) != ERR_OK ||
	    num_parse_u64(rest, UINT64_MAX, &count) != ERR_OK)) {
		fn(arg, id, EX_USAGE, false, SLICE_LIT("bad arguments"));
		return;
	}
	for (it = queue_table_after(&q->table, last); it != NULL && n < QUEUE_SUPER_PAGE;
	    it = next, n++) {
		l = list_next(&q->table.order, &it->order);
		next = l != NULL ? obj_of(l, struct queue_item, order) : NULL;
		last = it->id;
		if (is_listed(it))
			count += v->fn(q, it);
	}
	wake(q);
	if (it == NULL) {
		say(v, count, id, fn, arg);
		return;
	}
	buf_init(&b, 200);
	enc_id_str(text, last);
	buf_printf(&b, "%s %llu\n", text, (unsigned long long)count);
	fn(arg, id, EX_OK, true, buf_slice(&b));
	buf_fini(&b);
}

void
queue_super_run(struct queue *q, struct slice args, uint64_t id, queue_super_fn *fn, void *arg)
{
	struct slice op, which, cursor;
	size_t i;

	args = slice_cut(args, '\0', &op);
	args = slice_cut(args, '\0', &which);
	(void)slice_cut(args, '\0', &cursor);
	for (i = 0; i < lengthof(verbs) && !slice_eq_str(op, verbs[i].name); i++)
		;
	if (i == lengthof(verbs))
		fn(arg, id, EX_USAGE, false, SLICE_LIT("bad arguments"));
	else if (slice_eq_str(which, "ALL"))
		run_all(q, &verbs[i], cursor, id, fn, arg);
	else
		run_one(q, &verbs[i], which, id, fn, arg);
}

/* ---- flush ---- */

static bool
flush_id(struct queue *q, struct slice which)
{
	struct queue_item *it = NULL;
	uint64_t msg;

	if (enc_get_id(which, &msg) == ERR_OK)
		it = queue_table_find(&q->table, msg);
	return it != NULL && is_listed(it) && flush(q, it);
}

void
queue_super_flush(struct queue *q, struct slice args, uint64_t id, queue_super_fn *fn,
    void *arg)
{
	struct slice how, which;
	bool found = true;

	args = slice_cut(args, '\0', &how);
	(void)slice_cut(args, '\0', &which);
	if (how.n == 0)
		(void)queue_run_flush(q);
	else if (slice_eq_str(how, "s"))
		found = queue_sites_flush(q->sites, which, loop_real_ms(q->loop)) > 0;
	else if (slice_eq_str(how, "i"))
		found = flush_id(q, which);
	else {
		fn(arg, id, EX_USAGE, false, SLICE_LIT("bad arguments"));
		return;
	}
	wake(q);
	if (found)
		fn(arg, id, EX_OK, false, SLICE_NONE);
	else
		fn(arg, id, EX_DATAERR, false, slice_eq_str(how, "i") ?
		    SLICE_LIT("no such message") : SLICE_LIT("no mail for this site"));
}

/* ---- shape ---- */

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
queue_super_shape(struct queue *q, uint64_t id, queue_super_fn *fn, void *arg)
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
	for (i = 0; i < n && i < SHAPE_SITES; i++)
		put_row(&b, queue_site_name(rows[i].site), &rows[i].shape, rows[i].total);
	fn(arg, id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
	free(rows);
}
