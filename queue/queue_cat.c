/* SPDX-License-Identifier: ISC */
#include "queue/queue_cat.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_load.h"

#define FRONT_MAX	(8u << 20)	/* 10000 recipients and what surrounds them */

enum want { WANT_ENVELOPE = 1, WANT_HEADER = 2, WANT_BODY = 4 };

struct cat {
	struct list		 link;		/* q->cats */
	struct queue		*q;
	struct queue_call	 call;		/* that waits */
	struct queue_load	 load;
	struct timer		 idle;
	uint64_t		 token;		/* the cursor */
	unsigned		 want;
	bool			 is_loaded;
	bool			 is_busy;	/* in the pool */
	bool			 in_body;	/* behind the empty line */
	bool			 at_line;	/* at the start of one */
	enum err		 error;
	uint64_t		 off;		/* of the message */
	struct buf		 front;		/* text that comes first */
	char			 piece[QUEUE_CAT_PIECE];
	size_t			 piece_n;
};

static void
free_cat(struct cat *c)
{
	list_remove(&c->link);
	timer_stop(&c->idle);
	queue_load_fini(&c->load);
	buf_wipe(&c->front);
	buf_fini(&c->front);
	secret_wipe(c->piece, sizeof(c->piece));
	free(c);
}

static void
on_idle(void *arg)
{
	free_cat(arg);
}

/* ---- in the pool ---- */

static enum err
read_plain(struct cat *c, size_t n)
{
	size_t done;
	ssize_t r;

	for (done = 0; done < n; done += (size_t)r) {
		r = pread(c->load.fd, c->piece + done, n - done, (off_t)(c->off + done));
		if (r == -1 && errno == EINTR)
			r = 0;
		else if (r <= 0)
			return ERR_IO;
	}
	return ERR_OK;
}

static enum err
read_chunks(struct cat *c, size_t n)
{
	struct chunkfile_reader *r;
	enum err e;

	e = chunkfile_reader_new(&r, c->load.fd, c->load.env.file_key, c->load.env.size);
	if (e != ERR_OK)
		return e;
	e = chunkfile_reader_get(r, c->off, c->piece, n);
	chunkfile_reader_free(&r);
	return e;
}

/* Header or body alone: keep what is wanted, by the empty line. */
static void
filter(struct cat *c)
{
	size_t i, kept = 0;

	for (i = 0; i < c->piece_n; i++) {
		if (c->want & (c->in_body ? WANT_BODY : WANT_HEADER))
			c->piece[kept++] = c->piece[i];
		if (c->piece[i] == '\n') {
			c->in_body |= c->at_line;
			c->at_line = true;
		} else if (c->piece[i] != '\r')
			c->at_line = false;
	}
	c->piece_n = kept;
}

static bool
has_more(const struct cat *c)
{
	if (!(c->want & (WANT_HEADER | WANT_BODY)) || (c->in_body && !(c->want & WANT_BODY)))
		return false;
	return c->off < c->load.env.size;
}

/* Until something is there to show. */
static void
read_piece(struct cat *c)
{
	size_t n;

	c->piece_n = 0;
	while (c->error == ERR_OK && c->piece_n == 0 && has_more(c)) {
		n = c->load.env.size - c->off < QUEUE_CAT_PIECE ?
		    (size_t)(c->load.env.size - c->off) : QUEUE_CAT_PIECE;
		c->error = c->load.env.form == QUEUE_FORM_FILE ? read_chunks(c, n) :
		    read_plain(c, n);
		c->piece_n = c->error == ERR_OK ? n : 0;
		c->off += n;
		filter(c);
	}
}

static void
work(void *arg)
{
	struct cat *c = arg;

	if (!c->is_loaded) {
		queue_load_run(&c->load);
		c->error = c->load.error;
	}
	/* The front goes first, in pages of its own. */
	if (c->is_loaded && c->front.n == 0)
		read_piece(c);
}

/* ---- the envelope ---- */

static void
put_time(struct buf *b, const char *name, uint64_t real_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(real_ms / 1000), &d);
	buf_printf(b, "%s: %04d-%02d-%02dT%02d:%02d:%02dZ\n", name, d.year, d.month, d.day,
	    d.hour, d.minute, d.second);
}

static void
put_field(struct buf *b, const char *name, struct slice value)
{
	if (value.n == 0)
		return;
	buf_printf(b, "%s: ", name);
	buf_put_slice(b, value);
	buf_put_char(b, '\n');
}

static void
put_rcpt(struct buf *b, const struct queue_rcpt *r)
{
	static const char *const names[] = { [QUEUE_RCPT_PENDING] = "recipient",
		[QUEUE_RCPT_SENT] = "done_recipient", [QUEUE_RCPT_BOUNCED] = "bounced_recipient",
		[QUEUE_RCPT_EXPIRED] = "expired_recipient",
		[QUEUE_RCPT_MOVED] = "moved_recipient" };

	put_field(b, names[r->status], r->address);
	if (!slice_eq(r->address, r->original))
		put_field(b, "original_recipient", r->original);
	if (r->is_forwarded)
		put_field(b, "forwarded", SLICE_LIT("yes"));
	put_field(b, "dsn_orig_rcpt", r->orcpt);
	put_field(b, "reason", queue_envelope_reason(r));
}

static void
put_envelope(struct buf *b, const struct queue_load *l)
{
	const struct queue_envelope *e = &l->env;
	uint32_t i;

	buf_printf(b, "message_size: %llu\nrecipients: %u\n", (unsigned long long)e->size,
	    e->rcpt_count);
	put_time(b, "message_arrival_time", e->arrival_ms);
	if (l->progress.next_ms > 0)
		put_time(b, "next_attempt_time", l->progress.next_ms);
	buf_printf(b, "attempts: %u\n", l->progress.attempts);
	if (e->kind != QUEUE_KIND_MAIL)
		put_field(b, "kind", queue_envelope_kind(e));
	put_field(b, "client", e->client);
	put_field(b, "helo", e->helo);
	put_field(b, "message_id", e->message_id);
	put_field(b, "dsn_envelope_id", e->envid);
	put_field(b, "sender", e->sender.n > 0 ? e->sender : SLICE_LIT("<>"));
	put_field(b, "forward_sender", e->forward_sender);
	for (i = 0; i < e->rcpt_count; i++)
		put_rcpt(b, &e->rcpts[i]);
}

/* ---- pages ---- */

static void
fail(struct cat *c)
{
	queue_tool_answer(&c->call, c->error == ERR_NOTFOUND ? 1 : EX_IOERR,
	    slice_str(c->error == ERR_NOTFOUND ? "no such message" : err_text(c->error)));
	free_cat(c);
}

static void
answer(struct cat *c)
{
	char token[ENC_ID_BYTES + 1];
	struct slice text;
	struct buf b;
	bool more;

	text = c->front.n > 0 ? slice_head(buf_slice(&c->front), QUEUE_CAT_PIECE) :
	    slice_of(c->piece, c->piece_n);
	more = c->front.n > text.n || has_more(c);
	buf_init(&b, QUEUE_CAT_PIECE + 64);
	b.secret = true;
	buf_put_slice(&b, text);
	if (c->front.n > 0)
		buf_consume(&c->front, text.n);
	if (more) {
		enc_id_str(token, c->token);
		buf_printf(&b, "\n%s\n", token);
	}
	c->is_busy = false;
	c->call.fn(c->call.arg, c->call.id, EX_OK, more, buf_slice(&b));
	buf_fini(&b);
	if (more)
		timer_set(&c->idle, loop_now(c->q->loop) + QUEUE_CAT_IDLE_MS);
	else
		free_cat(c);
}

static void go_on(struct cat *);

static void
on_worked(void *arg)
{
	struct cat *c = arg;

	c->q->works--;
	if (c->error != ERR_OK) {
		fail(c);
		return;
	}
	if (!c->is_loaded) {
		c->is_loaded = true;
		if (c->want & WANT_ENVELOPE)
			put_envelope(&c->front, &c->load);
		if (c->front.n == 0 && has_more(c)) {
			go_on(c);
			return;
		}
	}
	answer(c);
}

static void
go_on(struct cat *c)
{
	timer_stop(&c->idle);
	c->is_busy = true;
	c->q->works++;
	if (loop_work(c->q->loop, work, on_worked, c) != ERR_OK) {
		c->error = ERR_SYS;
		on_worked(c);
	}
}

/* ---- requests ---- */

static unsigned
parse_want(struct slice s)
{
	static const char letters[] = "ehb";
	unsigned want = 0;
	size_t i, k;

	for (i = 0; i < s.n; i++) {
		k = slice_find(SLICE_LIT(letters), s.p[i]);
		if (k >= sizeof(letters) - 1)
			return 0;
		want |= 1u << k;
	}
	return want;
}

static struct cat *
find_cat(struct queue *q, struct slice cursor)
{
	uint64_t token;
	struct list *l;

	if (enc_get_id(slice_trim(cursor), &token) != ERR_OK)
		return NULL;
	for (l = q->cats.next; l != &q->cats; l = l->next)
		if (obj_of(l, struct cat, link)->token == token)
			return obj_of(l, struct cat, link);
	return NULL;
}

static void
start(struct queue *q, const struct queue_item *it, unsigned want,
    const struct queue_call *call)
{
	const struct queue_spool_key *k = queue_seal_find_key(&q->keys, it->key_id);
	struct cat *c;

	if (k == NULL) {
		queue_tool_answer(call, EX_TEMPFAIL, SLICE_LIT("its key is not there yet"));
		return;
	}
	c = must_alloc(1, sizeof(*c));
	c->q = q;
	c->call = *call;
	c->want = want;
	c->at_line = true;
	c->token = cry_random_u64();
	c->load = (struct queue_load){ .id = it->id, .spot = it->spot, .result = it->result,
	    .spool_key = *k, .dir = q->dir, .want_body = want & (WANT_HEADER | WANT_BODY),
	    .fd = -1 };
	queue_envelope_init(&c->load.env);
	buf_init(&c->front, FRONT_MAX);
	timer_init(&c->idle, q->loop, on_idle, c);
	list_push(&q->cats, &c->link);
	log_event(LOG_operator, log_str("action", want == WANT_ENVELOPE ? "envelope" : "read"),
	    log_id("m", it->id), log_num("uid", call->uid));
	go_on(c);
}

static unsigned
count_cats(const struct queue *q)
{
	const struct list *l;
	unsigned n = 0;

	for (l = q->cats.next; l != &q->cats; l = l->next)
		n++;
	return n;
}

static void
start_new(struct queue *q, struct slice which, unsigned want, const struct queue_call *call)
{
	const struct queue_item *it = NULL;
	uint64_t id;

	if (enc_get_id(which, &id) == ERR_OK)
		it = queue_table_find(&q->table, id);
	if (it == NULL || (it->state != QUEUE_S5_STORED && it->state != QUEUE_S6_TRIED))
		queue_tool_answer(call, 1, SLICE_LIT("no such message"));
	else if (count_cats(q) >= QUEUE_CATS_MAX)
		queue_tool_answer(call, EX_TEMPFAIL, SLICE_LIT("too many are being read"));
	else
		start(q, it, want, call);
}

void
queue_cat_page(struct queue *q, struct slice args, const struct queue_call *call)
{
	struct slice which, want, cursor;
	struct cat *c;

	args = slice_cut(args, '\0', &which);
	args = slice_cut(args, '\0', &want);
	(void)slice_cut(args, '\0', &cursor);
	if (parse_want(want) == 0)
		queue_tool_answer(call, EX_USAGE, SLICE_LIT("bad arguments"));
	else if (cursor.n == 0)
		start_new(q, which, parse_want(want), call);
	else if ((c = find_cat(q, cursor)) == NULL || c->is_busy)
		queue_tool_answer(call, EX_TEMPFAIL, SLICE_LIT("took too long between pages"));
	else {
		c->call = *call;
		go_on(c);
	}
}

void
queue_cat_fini(struct queue *q)
{
	struct list *l;

	while ((l = list_first(&q->cats)) != NULL)
		free_cat(obj_of(l, struct cat, link));
}
