/* SPDX-License-Identifier: ISC */
/*
 * A message in hand is changed in its struct queue_msg and settled; of one
 * that only waits the item and its parts are changed, and it is loaded, so
 * that its state with the change is written (wants_mark).
 */
#include "queue/queue_super.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "queue/queue_again.h"
#include "queue/queue_msg.h"
#include "queue/queue_run.h"
#include "queue/queue_spool.h"

#define TEXT_MAX	55000u
#define SITE_MAX	300u
#define NO_KEY_MS	60000u	/* it is loaded later */

static void
wake(struct queue *q)
{
	queue_run_arm(q);
	queue_line_go(q);
}

/* ---- one message ---- */

static bool
is_in_spool(const struct queue_item *it)
{
	return it->state == QUEUE_S5_STORED || it->state == QUEUE_S6_TRIED;
}

/* Its state is to be written. */
static void
change(struct queue *q, struct queue_item *it)
{
	if (it->msg != NULL) {
		it->msg->has_changed = true;
		queue_msg_settle(it->msg);
		return;
	}
	it->wants_mark = true;
	if (!it->is_loading && !queue_run_load(q, it, false))
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop) + NO_KEY_MS);
}

typedef void parcel_fn(struct queue_sites *, struct queue_parcel *, uint64_t now_ms);

static void
each_part(struct queue *q, struct queue_item *it, parcel_fn *fn)
{
	uint64_t now = loop_real_ms(q->loop);
	struct list *l, *next;

	LIST_EACH(l, next, &it->parts)
		fn(q->sites, &obj_of(l, struct queue_bundle, in_item)->parcel, now);
}

/* Parts that are not with relay; with keep_picked, nor about to be. */
static void
drop_parts(struct queue *q, struct queue_item *it, bool keep_picked)
{
	struct queue_bundle *p;
	struct list *l, *next;
	uint32_t i;

	LIST_EACH(l, next, &it->parts) {
		p = obj_of(l, struct queue_bundle, in_item);
		if (p->in_job || (p->is_picked && keep_picked))
			continue;
		for (i = 0; it->msg != NULL && i < p->count; i++)
			it->msg->env.rcpts[p->idx[i]].in_line = false;
		queue_line_end(q, &p);
	}
}

static bool
delete(struct queue *q, struct queue_item *it)
{
	struct queue_msg *m = it->msg;

	if (it->is_deleted)
		return false;
	it->is_deleted = true;
	if (m != NULL) {
		m->is_deleted = true;
		m->is_round = m->wants_local = false;
		drop_parts(q, it, false);
		queue_msg_settle(m);
	} else if (!it->is_loading)
		queue_msg_finish_item(q, it);
	return true;
}

static bool
hold(struct queue *q, struct queue_item *it)
{
	if (it->flags & QUEUE_HELD)
		return false;
	it->flags |= QUEUE_HELD;
	each_part(q, it, queue_parcel_hold);
	change(q, it);
	return true;
}

static bool
release(struct queue *q, struct queue_item *it)
{
	if (!(it->flags & QUEUE_HELD))
		return false;
	it->flags &= (uint8_t)~QUEUE_HELD;
	each_part(q, it, queue_parcel_release);
	if (it->msg == NULL)
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	change(q, it);
	return true;
}

static bool
requeue(struct queue *q, struct queue_item *it)
{
	it->flags &= (uint8_t)~QUEUE_HELD;
	each_part(q, it, queue_parcel_release);
	it->attempts = it->lost = it->away = 0;
	drop_parts(q, it, true);
	if (it->msg != NULL) {
		it->msg->retry_ms = loop_real_ms(q->loop);
		queue_again_look(it->msg);
		queue_line_sort(it->msg, 0);
	} else {
		it->is_requeued = true;
		it->is_sorted = false;	/* by the load, even a late one */
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	}
	change(q, it);
	return true;
}

static bool
expire(struct queue *q, struct queue_item *it)
{
	it->flags = (uint8_t)((it->flags & ~QUEUE_HELD) | QUEUE_DOOMED);
	change(q, it);		/* then queue_super_doom */
	return true;
}

void
queue_super_doom(struct queue *q, struct queue_item *it)
{
	if (it->is_doomed || it->is_deleted)
		return;
	it->is_doomed = true;
	each_part(q, it, queue_parcel_expire);
	if (it->msg == NULL)
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	else
		queue_msg_settle(it->msg);
	wake(q);
}

static const struct verb {
	const char	*name;
	const char	*action;	/* in the log */
	bool		(*fn)(struct queue *, struct queue_item *);
} verbs[] = {
	{ "d", "delete", delete }, { "h", "hold", hold }, { "H", "release", release },
	{ "r", "requeue", requeue }, { "e", "expire", expire },
};

/* ---- requests ---- */

struct request {
	struct list		 link;
	struct queue_call	 call;
	const struct verb	*verb;
	struct buf		 text;
	uint64_t		 ids[QUEUE_SUPER_PAGE];	/* to be waited for */
	unsigned		 n;
	unsigned		 at;
	unsigned		 count;		/* done */
	uint64_t		 cursor;	/* of all */
	uint64_t		 last;
	bool			 more;
};

static void
finish(struct request *r)
{
	char id[ENC_ID_BYTES + 1], last[ENC_ID_BYTES + 1];

	list_remove(&r->link);
	buf_printf(&r->text, "done %u\n", r->count);
	if (r->more) {
		enc_id_str(id, r->cursor);
		enc_id_str(last, r->last);
		buf_printf(&r->text, "%s %s\n", id, last);
	}
	r->call.fn(r->call.arg, r->call.id, EX_OK, r->more, buf_slice(&r->text));
	buf_fini(&r->text);
	free(r);
}

/* Something of it is on its way to or from the disk. */
static bool
is_pending(const struct queue *q, uint64_t id)
{
	const struct queue_item *it = queue_table_find(&q->table, id);

	return it != NULL && (it->is_loading || it->writes > 0);
}

void
queue_super_look(struct queue *q)
{
	struct request *r;
	struct list *l, *next;

	LIST_EACH(l, next, &q->requests) {
		r = obj_of(l, struct request, link);
		while (r->at < r->n && !is_pending(q, r->ids[r->at]))
			r->at++;
		if (r->at == r->n)
			finish(r);
	}
}

void
queue_super_fini(struct queue *q)
{
	struct request *r;
	struct list *l;

	while ((l = list_first(&q->requests)) != NULL) {
		r = obj_of(l, struct request, link);
		list_remove(l);
		buf_fini(&r->text);
		free(r);
	}
}

static void
act_noted(struct queue *q, struct request *r, struct queue_item *it)
{
	uint64_t id = it->id;

	if (!r->verb->fn(q, it))
		return;
	r->count++;
	r->ids[r->n++] = id;
}

/* ---- all messages ---- */

static enum err
parse_cursor(struct queue *q, struct request *r, struct slice s)
{
	struct slice id;
	enum err e;

	r->last = q->table.last_id;
	if (s.n == 0)
		return ERR_OK;
	s = slice_cut(slice_trim(s), ' ', &id);
	e = enc_get_id(id, &r->cursor);
	return e != ERR_OK ? e : enc_get_id(s, &r->last);
}

static void
run_all(struct queue *q, struct request *r)
{
	struct queue_item *it = queue_table_after(&q->table, r->cursor);
	struct list *l;
	unsigned seen;

	for (seen = 0; it != NULL && it->id <= r->last; seen++) {
		if (seen == QUEUE_SUPER_PAGE) {
			r->more = true;
			break;
		}
		l = list_next(&q->table.order, &it->order);
		r->cursor = it->id;
		if (is_in_spool(it))
			act_noted(q, r, it);
		it = l != NULL ? obj_of(l, struct queue_item, order) : NULL;
	}
	if (r->count > 0)
		log_event(LOG_operator, log_str("action", r->verb->action),
		    log_num("count", r->count), log_num("uid", r->call.uid));
}

/* ---- by id ---- */

static void
run_id(struct queue *q, struct request *r, uint64_t id)
{
	struct queue_item *it = queue_table_find(&q->table, id);
	char text[ENC_ID_BYTES + 1];
	unsigned before = r->count;

	enc_id_str(text, id);
	if (it == NULL || !is_in_spool(it)) {
		buf_printf(&r->text, "none %s\n", text);
		return;
	}
	act_noted(q, r, it);
	if (r->count > before)
		log_event(LOG_operator, log_str("action", r->verb->action), log_id("m", id),
		    log_num("uid", r->call.uid));
}

/* All are read before any is changed. */
static enum err
parse_ids(struct slice args, uint64_t ids[QUEUE_SUPER_IDS], unsigned *count)
{
	struct slice one;

	for (*count = 0; args.n > 0; ++*count) {
		args = slice_cut(args, '\0', &one);
		if (*count == QUEUE_SUPER_IDS)
			return ERR_LIMIT;
		if (enc_get_id(one, &ids[*count]) != ERR_OK)
			return ERR_SYNTAX;
	}
	return *count > 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err
run_request(struct queue *q, struct request *r, struct slice args)
{
	uint64_t ids[QUEUE_SUPER_IDS];
	struct slice first, rest = slice_cut(args, '\0', &first), cursor;
	unsigned i, n;
	enum err e;

	if (slice_eq_str(first, "ALL")) {
		(void)slice_cut(rest, '\0', &cursor);
		if ((e = parse_cursor(q, r, cursor)) == ERR_OK)
			run_all(q, r);
		return e == ERR_OK ? e : ERR_SYNTAX;
	}
	if ((e = parse_ids(args, ids, &n)) != ERR_OK)
		return e;
	for (i = 0; i < n; i++)
		run_id(q, r, ids[i]);
	return ERR_OK;
}

static const struct verb *
verb_of(struct slice name)
{
	size_t i;

	for (i = 0; i < lengthof(verbs); i++)
		if (slice_eq_str(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

static void
refuse(const struct queue_call *call, enum err e)
{
	if (e == ERR_LIMIT)
		queue_tool_answer(call, EX_DATAERR, SLICE_LIT("more than 1000 ids"));
	else
		queue_tool_answer(call, EX_DATAERR, SLICE_LIT("not a queue id"));
}

void
queue_super_run(struct queue *q, struct slice args, const struct queue_call *call)
{
	const struct verb *v;
	struct slice name;
	struct request *r;
	enum err e;

	args = slice_cut(args, '\0', &name);
	if ((v = verb_of(name)) == NULL) {
		queue_tool_answer(call, EX_USAGE, SLICE_LIT("bad arguments"));
		return;
	}
	if (!queue_run_is_ready(q)) {
		queue_tool_answer(call, EX_TEMPFAIL, SLICE_LIT("queue is not ready yet"));
		return;
	}
	r = must_alloc(1, sizeof(*r));
	list_init(&r->link);
	buf_init(&r->text, TEXT_MAX);
	r->call = *call;
	r->verb = v;
	if ((e = run_request(q, r, args)) != ERR_OK) {
		refuse(call, e);
		buf_fini(&r->text);
		free(r);
		return;
	}
	list_push(&q->requests, &r->link);
	wake(q);
	queue_super_look(q);
}

/* ---- flush ---- */

static bool
flush_site(struct queue *q, struct slice which)
{
	char name[SITE_MAX];
	size_t i;

	if (which.n > sizeof(name))
		return false;
	for (i = 0; i < which.n; i++)
		name[i] = ascii_lower(which.p[i]);
	return queue_sites_flush(q->sites, slice_of(name, i), loop_real_ms(q->loop)) > 0;
}

/* What there is to say against it, if anything. */
static struct slice
flush_id(struct queue *q, struct slice which)
{
	struct queue_item *it = NULL;
	uint64_t id;

	if (enc_get_id(which, &id) == ERR_OK)
		it = queue_table_find(&q->table, id);
	if (it == NULL || !is_in_spool(it))
		return SLICE_LIT("no such message");
	if (it->flags & QUEUE_HELD)
		return SLICE_LIT("the message is held (see gwsuper -H)");
	each_part(q, it, queue_parcel_flush);
	if (heap_has(&it->due))
		queue_sched_put(&q->sched, it, loop_real_ms(q->loop));
	return SLICE_NONE;
}

void
queue_super_flush(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct slice how, which, why = SLICE_NONE;

	args = slice_cut(args, '\0', &how);
	(void)slice_cut(args, '\0', &which);
	if (how.n == 0)
		(void)queue_run_flush(q);
	else if (slice_eq_str(how, "s")) {
		if (!flush_site(q, which))
			why = SLICE_LIT("no mail for this site");
	} else if (slice_eq_str(how, "i"))
		why = flush_id(q, which);
	else {
		queue_tool_answer(call, EX_USAGE, SLICE_LIT("bad arguments"));
		return;
	}
	wake(q);
	queue_tool_answer(call, why.n > 0 ? 1 : EX_OK, why);
}
