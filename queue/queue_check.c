/* SPDX-License-Identifier: ISC */
#include "queue/queue_check.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/must.h"
#include "lib/base/num.h"

#define TEXT_MAX	4000u
#define META_MAX	((size_t)QUEUE_INDEX_MAX * QUEUE_ENTRY_BYTES)

struct check {
	struct queue		*q;
	struct queue_call	 call;
	int			 dir;
	uint64_t		 number;	/* segment */
	uint64_t		 until;		/* bytes that are durable */
	uint64_t		 live_bytes;
	enum err		 error;
	uint64_t		 records;
	uint64_t		 damaged;
	uint64_t		 segments;	/* so far, with this one */
	uint64_t		 all_damaged;
};

/* ---- in the pool ---- */

static enum err
check_record(const struct queue_segment_reader *s, uint64_t off, struct queue_record *r,
    struct buf *meta)
{
	const struct queue_spot spot = { .number = s->head.number, .off = off };
	enum err e;

	buf_reset(meta);
	e = queue_segment_get(s, &spot, r, meta);
	if (e == ERR_OK && queue_record_bytes(r) > s->bytes - off)
		e = ERR_CORRUPT;
	return e != ERR_OK ? e : queue_segment_check_body(s, off, r);
}

/* Behind a damaged record: as its head says, if that one is good. */
static bool
skip(const struct queue_segment_reader *s, uint64_t *off)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	struct queue_record r;

	if (queue_segment_read(s, *off, head, sizeof(head)) != ERR_OK ||
	    queue_record_get(slice_of(head, sizeof(head)), &r, s->head.salt) != ERR_OK ||
	    queue_record_bytes(&r) > s->bytes - *off)
		return false;
	*off += queue_record_bytes(&r);
	return true;
}

static void
check_all(struct check *c, const struct queue_segment_reader *s, struct buf *meta)
{
	uint64_t off = QUEUE_HEAD_BYTES, end = s->bytes < c->until ? s->bytes : c->until;
	struct queue_record r;

	while (off + QUEUE_HEAD_BYTES <= end) {
		if (check_record(s, off, &r, meta) == ERR_OK) {
			c->records++;
			off += queue_record_bytes(&r);
			if (r.type == QUEUE_INDEX)
				return;
			continue;
		}
		c->damaged++;
		if (!skip(s, &off))
			return;		/* what follows is found at the next start */
	}
}

static void
check_segment(void *arg)
{
	struct check *c = arg;
	struct queue_segment_reader s;
	struct buf meta;

	if ((c->error = queue_segment_open(&s, c->dir, c->number, false)) != ERR_OK)
		return;
	buf_init(&meta, META_MAX);
	check_all(c, &s, &meta);
	buf_fini(&meta);
	queue_segment_close(&s);
}

/* ---- pages ---- */

static void
put_segment(struct buf *b, struct check *c)
{
	char name[QUEUE_SEGMENT_NAME];

	queue_segment_name(name, c->number);
	if (c->error == ERR_NOTFOUND)
		return;			/* it was removed meanwhile */
	c->segments++;
	buf_printf(b, "%s  %llu bytes  %llu live  %llu records", name,
	    (unsigned long long)c->until, (unsigned long long)c->live_bytes,
	    (unsigned long long)c->records);
	if (c->error != ERR_OK) {
		buf_printf(b, "  %s", err_text(c->error));
		c->damaged = 1;
	}
	if (c->damaged > 0)
		buf_printf(b, "  %llu damaged", (unsigned long long)c->damaged);
	buf_put_char(b, '\n');
	c->all_damaged += c->damaged;
}

static void
answer(struct check *c)
{
	uint8_t code = EX_OK;
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (c->number > 0) {
		put_segment(&b, c);
		buf_printf(&b, "%llu %llu %llu\n", (unsigned long long)c->number,
		    (unsigned long long)c->segments, (unsigned long long)c->all_damaged);
	} else {
		buf_printf(&b, "%llu segment%s, %llu messages, %llu damaged\n",
		    (unsigned long long)c->segments, c->segments == 1 ? "" : "s",
		    (unsigned long long)c->q->table.count,
		    (unsigned long long)c->all_damaged);
		code = c->all_damaged > 0;
	}
	c->call.fn(c->call.arg, c->call.id, code, c->number > 0, buf_slice(&b));
	buf_fini(&b);
	free(c);
}

static void
on_checked(void *arg)
{
	struct check *c = arg;

	c->q->works--;
	answer(c);
}

/* The segment behind the one of the cursor; none: the sum of all is left. */
static void
choose(struct check *c, uint64_t after)
{
	const struct list *l, *segs = &c->q->table.segs;
	const struct queue_seg *s;

	for (l = segs->next; l != segs; l = l->next) {
		s = obj_of(l, struct queue_seg, link);
		if (s->number <= after)
			continue;
		c->number = s->number;
		c->live_bytes = s->live_bytes;
		c->until = s->bytes;
		return;
	}
}

static enum err
parse_cursor(struct check *c, struct slice s, uint64_t *after)
{
	struct slice one;
	enum err e;

	*after = 0;
	if (s.n == 0)
		return ERR_OK;
	s = slice_cut(slice_trim(s), ' ', &one);
	if ((e = num_parse_u64(one, UINT64_MAX, after)) != ERR_OK)
		return e;
	s = slice_cut(s, ' ', &one);
	if ((e = num_parse_u64(one, UINT64_MAX, &c->segments)) != ERR_OK)
		return e;
	return num_parse_u64(s, UINT64_MAX, &c->all_damaged);
}

void
queue_check_page(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct check *c = must_alloc(1, sizeof(*c));
	struct slice cursor;
	uint64_t after;

	c->q = q;
	c->call = *call;
	c->dir = q->dir;
	(void)slice_cut(args, '\0', &cursor);
	if (parse_cursor(c, cursor, &after) != ERR_OK) {
		queue_tool_answer(call, EX_USAGE, SLICE_LIT("bad arguments"));
		free(c);
		return;
	}
	choose(c, after);
	if (c->number == 0) {
		answer(c);
		return;
	}
	q->works++;
	if (loop_work(q->loop, check_segment, on_checked, c) != ERR_OK) {
		c->error = ERR_SYS;
		on_checked(c);
	}
}
