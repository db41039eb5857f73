/* SPDX-License-Identifier: ISC */
#include "queue/queue_map_tool.h"

#include <stdlib.h>
#include <sysexits.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/conf/conf_map.h"
#include "lib/db/db.h"
#include "queue/queue_map.h"

#define TEXT_MAX	55000u
#define ARGS_MAX	60000u

enum step { STEP_OPEN, STEP_PUT, STEP_DEL, STEP_FINISH };

struct build {
	struct list		 link;
	struct queue		*q;
	uint64_t		 number;
	uint64_t		 touched_ms;	/* mono */
	bool			 is_busy;	/* in the pool: what follows is its */
	struct queue_call	 call;
	enum step		 step;
	struct queue_map	*copied;	/* held; NULL: none */
	struct queue_map_new	*map;
	enum queue_map_kind	 kind;
	struct queue_map_head	 head;
	bool			 replace;
	struct buf		 rows;
	struct buf		 text;		/* of the answer */
	enum err		 error;
	char			 name[CONF_MAP_NAME_MAX + 1];
	char			 file[CONF_MAP_FILE_MAX];
};

/* ---- answers ---- */

static uint8_t
exit_of(enum err e)
{
	switch ((int)e) {
	case ERR_NOTFOUND:
		return 1;
	case ERR_SYNTAX:
	case ERR_LIMIT:
		return EX_DATAERR;
	case ERR_BUSY:
	case ERR_AGAIN:
		return EX_TEMPFAIL;
	default:
		return EX_IOERR;
	}
}

static void
refuse(const struct queue_call *call, enum err e)
{
	queue_tool_answer(call, exit_of(e), slice_str(err_text(e)));
}

static void
bad_args(const struct queue_call *call)
{
	queue_tool_answer(call, EX_USAGE, SLICE_LIT("bad arguments"));
}

static struct slice
next_arg(struct slice *args)
{
	struct slice one;

	*args = slice_cut(*args, '\0', &one);
	return one;
}

/* A name without its type. */
static bool
is_name(struct slice name)
{
	struct slice again;
	char text[CONF_MAP_NAME_MAX + sizeof("lmdb:")] = "lmdb:";

	return slice_to_cstr(name, text + 5, sizeof(text) - 5) &&
	    conf_map_parse(slice_str(text), &again) == ERR_OK;
}

/* ---- list, get, dump ---- */

static const char *
kind_name(enum queue_map_kind kind)
{
	return kind == QUEUE_MAP_ALIASES ? "aliases" : "table";
}

static void
put_map(struct buf *b, const struct queue_map *t)
{
	static const char *const uses[] = { "-", "aliases", "recipients", "aliases,recipients" };
	const struct queue_map_head *h;
	enum err why;

	h = queue_map_head(t, &why);
	buf_printf(b, "%s\t%.*s\t", uses[queue_map_uses(t) & 3], SLICE_FMT(queue_map_name(t)));
	if (h != NULL)
		buf_printf(b, "ready\t%s\t%llu\n", kind_name(h->kind),
		    (unsigned long long)h->rows);
	else
		buf_printf(b, "%s\t-\t0\n", why == ERR_NOTFOUND ? "missing" : "damaged");
}

void
queue_map_tool_list(struct queue *q, struct slice args, const struct queue_call *call)
{
	const struct queue_map *t;
	uint32_t idx = 0;
	struct slice cursor = slice_trim(next_arg(&args));
	struct buf b;

	if (cursor.n > 0 && num_parse_u32(cursor, UINT32_MAX - 1, &idx) != ERR_OK) {
		bad_args(call);
		return;
	}
	buf_init(&b, TEXT_MAX);
	while ((t = queue_maps_at(q->maps, idx)) != NULL && b.n < TEXT_MAX / 2) {
		if (queue_map_uses(t) != 0)
			put_map(&b, t);
		idx++;
	}
	if (t != NULL)
		buf_printf(&b, "%u\n", idx);
	call->fn(call->arg, call->id, EX_OK, t != NULL, buf_slice(&b));
	buf_fini(&b);
}

void
queue_map_tool_get(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct slice name = next_arg(&args), key = next_arg(&args), value;
	struct queue_map *t;
	enum err e;

	if (!is_name(name) || args.n > 0) {
		bad_args(call);
		return;
	}
	t = queue_maps_hold(q->maps, name, true);
	if (queue_map_head(t, &e) != NULL && (e = queue_map_find(t, key, &value)) == ERR_OK)
		queue_tool_answer(call, EX_OK, value);
	else if (e == ERR_NOTFOUND && queue_map_head(t, &e) != NULL)
		queue_tool_answer(call, 1, SLICE_NONE);
	else if (e == ERR_NOTFOUND)
		queue_tool_answer(call, EX_NOINPUT, SLICE_LIT("not built"));
	else
		refuse(call, e);
	queue_map_release(&t);
}

struct page {
	struct buf	 text;
	size_t		 mark;		/* where the last row begins */
};

static bool
put_row(void *arg, struct slice key, struct slice value)
{
	struct page *p = arg;

	/* A row and the key behind it as cursor always fit. */
	if (p->text.n + key.n + value.n + 2 > TEXT_MAX)
		return false;
	buf_printf(&p->text, "%.*s\t%.*s\n", SLICE_FMT(key), SLICE_FMT(value));
	return true;
}

/* cursor: of the page before; empty at the first. */
static enum err
read_page(struct db *db, struct slice cursor, struct buf *text, char next[DB_KEY_MAX],
    size_t *next_n)
{
	struct page p = { .mark = 0 };
	struct slice key, value;
	struct db_txn *t;
	enum err e;

	*next_n = 0;
	if ((e = db_begin(db, false, &t)) != ERR_OK)
		return e;
	p.text = *text;
	e = db_find(t, DB_CEIL, cursor.n > 0 ? cursor : SLICE_LIT("\x01"), &key, &value);
	while (e == ERR_OK && put_row(&p, key, value))
		e = db_step(t, DB_CEIL, &key, &value);
	if (e == ERR_OK) {
		(void)!slice_to_cstr(key, next, DB_KEY_MAX);
		*next_n = key.n;
	}
	*text = p.text;
	db_abort(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

void
queue_map_tool_dump(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct slice name = next_arg(&args), cursor = next_arg(&args);
	char next[DB_KEY_MAX];
	size_t next_n = 0;
	struct queue_map *t;
	struct buf b;
	enum err e;

	if (!is_name(name) || cursor.n > DB_KEY_MAX) {
		bad_args(call);
		return;
	}
	buf_init(&b, 2 * TEXT_MAX);
	t = queue_maps_hold(q->maps, name, cursor.n == 0);
	if (queue_map_head(t, &e) != NULL)
		e = read_page(queue_map_db(t), cursor, &b, next, &next_n);
	if (e == ERR_OK) {
		if (next_n > 0)
			buf_printf(&b, "%.*s\n", (int)next_n, next);
		call->fn(call->arg, call->id, EX_OK, next_n > 0, buf_slice(&b));
	} else if (e == ERR_NOTFOUND)
		queue_tool_answer(call, EX_NOINPUT, SLICE_LIT("not built"));
	else
		refuse(call, e);
	queue_map_release(&t);
	buf_fini(&b);
}

/* ---- making one ---- */

static void
free_build(struct build **bp)
{
	struct build *b = *bp;

	*bp = NULL;
	queue_map_new_free(&b->map);
	queue_map_release(&b->copied);
	list_remove(&b->link);
	buf_fini(&b->rows);
	buf_fini(&b->text);
	free(b);
}

void
queue_map_tool_fini(struct queue *q)
{
	struct build *b;
	struct list *l;

	while ((l = list_first(&q->map_builds)) != NULL) {
		b = obj_of(l, struct build, link);
		must(!b->is_busy);
		free_build(&b);
	}
}

/* In the pool. */
static void
run_step(void *arg)
{
	struct build *b = arg;
	uint64_t count = 0;

	switch (b->step) {
	case STEP_OPEN:
		b->error = queue_map_new_open(&b->map, queue_maps_dir(b->q->maps), b->file,
		    b->kind, &queue_map_limits_default);
		if (b->error == ERR_OK && b->copied != NULL)
			b->error = queue_map_new_copy(b->map, queue_map_db(b->copied));
		break;
	case STEP_PUT:
		b->error = queue_map_new_put(b->map, buf_slice(&b->rows), b->replace, &b->text);
		break;
	case STEP_DEL:
		b->error = queue_map_new_del(b->map, buf_slice(&b->rows), &count);
		buf_printf(&b->text, "%llu", (unsigned long long)count);
		break;
	case STEP_FINISH:
		b->error = queue_map_new_finish(b->map, &b->head);
		break;
	}
}

static void
put_in_use(struct build *b)
{
	b->error = queue_maps_replace(b->q->maps, slice_str(b->name), b->map);
	buf_printf(&b->text, "%llu", (unsigned long long)b->head.rows);
	if (b->error == ERR_OK)
		log_event(LOG_table, log_str("name", b->name), log_str("state", "built"),
		    log_num("count", b->head.rows), log_num("uid", b->call.uid));
}

static void
on_step(void *arg)
{
	struct build *b = arg;

	b->is_busy = false;
	b->q->works--;
	b->touched_ms = loop_now(b->q->loop);
	if (b->step == STEP_OPEN) {
		queue_map_release(&b->copied);
		buf_printf(&b->text, "%llu", (unsigned long long)b->number);
	}
	if (b->step == STEP_FINISH && b->error == ERR_OK)
		put_in_use(b);
	if (b->error == ERR_OK)
		queue_tool_answer(&b->call, EX_OK, buf_slice(&b->text));
	else
		refuse(&b->call, b->error);
	if (b->error != ERR_OK || b->step == STEP_FINISH)
		free_build(&b);
}

static void
start(struct build *b, enum step step, struct slice rows, const struct queue_call *call)
{
	b->step = step;
	b->call = *call;
	b->error = ERR_OK;
	buf_reset(&b->text);
	buf_reset(&b->rows);
	buf_put_slice(&b->rows, rows);
	b->is_busy = true;
	b->q->works++;
	if (loop_work(b->q->loop, run_step, on_step, b) != ERR_OK) {
		b->error = ERR_SYS;
		on_step(b);
	}
}

/* Room for a new one: what rests, or has its name, goes. */
static enum err
make_room(struct queue *q, struct slice name)
{
	uint64_t now = loop_now(q->loop);
	struct list *l, *next;
	struct build *b;
	unsigned count = 0;

	LIST_EACH(l, next, &q->map_builds) {
		b = obj_of(l, struct build, link);
		if (b->is_busy && slice_eq_str(name, b->name))
			return ERR_BUSY;
		if (!b->is_busy && (slice_eq_str(name, b->name) ||
		    now - b->touched_ms >= QUEUE_MAP_REST_MS))
			free_build(&b);
		else
			count++;
	}
	return count < QUEUE_MAP_BUILDS ? ERR_OK : ERR_BUSY;
}

void
queue_map_tool_begin(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct slice name = next_arg(&args), kind = next_arg(&args), copy = next_arg(&args);
	struct build *b;
	enum err e;

	if (!is_name(name) || (!slice_eq_str(kind, "aliases") && !slice_eq_str(kind, "table"))) {
		bad_args(call);
		return;
	}
	if ((e = make_room(q, name)) != ERR_OK ||
	    (e = queue_maps_need_dir(q->maps)) != ERR_OK) {
		refuse(call, e);
		return;
	}
	b = must_alloc(1, sizeof(*b));
	b->q = q;
	b->number = ++q->map_number;
	b->kind = slice_eq_str(kind, "aliases") ? QUEUE_MAP_ALIASES : QUEUE_MAP_TABLE;
	(void)!slice_to_cstr(name, b->name, sizeof(b->name));
	conf_map_file(name, b->file);
	buf_init(&b->rows, ARGS_MAX);
	buf_init(&b->text, TEXT_MAX);
	list_push(&q->map_builds, &b->link);
	if (slice_eq_str(copy, "yes")) {
		b->copied = queue_maps_hold(q->maps, name, true);
		if (queue_map_head(b->copied, &e) == NULL && e != ERR_NOTFOUND) {
			refuse(call, e);
			free_build(&b);
			return;
		}
		if (e == ERR_NOTFOUND)
			queue_map_release(&b->copied);
	}
	start(b, STEP_OPEN, SLICE_NONE, call);
}

/* The build that the arguments begin with; NULL: the call is answered. */
static struct build *
build_of(struct queue *q, struct slice *args, const struct queue_call *call)
{
	struct build *b;
	struct list *l;
	uint64_t number;

	if (num_parse_u64(next_arg(args), UINT64_MAX, &number) != ERR_OK) {
		bad_args(call);
		return NULL;
	}
	for (l = q->map_builds.next; l != &q->map_builds; l = l->next) {
		b = obj_of(l, struct build, link);
		if (b->number == number && !b->is_busy)
			return b;
	}
	refuse(call, ERR_AGAIN);
	return NULL;
}

void
queue_map_tool_put(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct build *b = build_of(q, &args, call);

	if (b == NULL)
		return;
	b->replace = slice_eq_str(next_arg(&args), "yes");
	start(b, STEP_PUT, args, call);
}

void
queue_map_tool_del(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct build *b = build_of(q, &args, call);

	if (b != NULL)
		start(b, STEP_DEL, args, call);
}

void
queue_map_tool_commit(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct build *b = build_of(q, &args, call);

	if (b != NULL)
		start(b, STEP_FINISH, SLICE_NONE, call);
}

void
queue_map_tool_abort(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct build *b = build_of(q, &args, call);

	if (b == NULL)
		return;
	free_build(&b);
	queue_tool_answer(call, EX_OK, SLICE_NONE);
}
