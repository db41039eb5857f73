/* SPDX-License-Identifier: ISC */
/*
 * scan_step() is the whole machine: it runs until something is not there yet
 * and is called again when it may be.
 *
 * Where entries decide there are two passes.  The first walks bare rows and
 * judges by column blocks; messages that stay open are left.  The second walks
 * those with their summaries, and makes the columns that were missing.
 */
#include "imapd/imap_scan.h"

#include <stdlib.h>

#include "imapd/imap_call.h"
#include "imapd/imap_column_writer.h"
#include "imapd/imap_columns.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_found.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_match.h"
#include "imapd/imap_message.h"
#include "imapd/imap_walk.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"

/* What a turn of the loop may cost, in rows. */
#define TURN_MAX	1000
#define SUMMARY_COST	4
#define TEXT_COST	50
#define HEADER_MAX	(1u << 20)

enum phase { TOP, NEXT, COLUMN, SUMMARY, OPEN, HEADER, TEXT, REST, DONE };

struct imap_scan {
	struct imap_cmd		*c;
	const struct imap_search *program;
	const struct imap_view	*view;
	struct imap_scan_want	 want;
	struct imap_walk	 walk;
	struct imap_message	 message;
	struct imap_match	 match;
	struct imap_search_facts facts;
	enum phase		 phase;
	enum imap_verdict	 verdict;	/* on the message, so far */
	unsigned		 cost;		/* of this turn */
	bool			 waiting;
	bool			 wants_entry;	/* by the program or the caller */
	bool			 by_columns;	/* the first pass */
	bool			 has_header;	/* header is this message's */
	struct imap_columns	 columns;
	struct imap_column_writer writer;
	struct imap_found	 left;		/* for the second pass */
	struct buf		 left_pairs;
	struct imap_entry_maker	 maker;
	struct imap_entry	 entry;
	struct buf		 entry_bytes;
	struct buf		 header;	/* and what came with it */
	size_t			 header_bytes;
	struct buf		 piece;
};

/* ---- facts ---- */

static bool
get_header(void *arg, struct slice name, struct slice *fields)
{
	struct imap_scan *s = arg;

	if (!s->has_header)
		return !s->by_columns && s->phase != NEXT && imap_message_fields(&s->message, &name, 1, fields);
	*fields = slice_head(buf_slice(&s->header), s->header_bytes);
	return true;
}

static void
set_facts(const struct imap_scan *s, struct imap_search_facts *f, const struct ipc_row *row,
    const struct ipc_cold *cold)
{
	f->seq = row->seq;
	f->uid = row->uid;
	f->flags = row->flags;
	f->more = row->more;
	f->modseq = row->modseq;
	f->size = cold->size;
	f->internal_s = (int64_t)cold->internal_s;
	f->saved_s = (int64_t)cold->saved_s;
	f->content = cold->content;
	f->thread = cold->thread;
	f->recent = imap_recent_has(&s->view->recent, row->uid);
	f->match = NULL;
	f->entry = NULL;
}

/* From fields that hold all that an entry is made of. */
static void
make_entry(struct imap_scan *s, struct slice fields)
{
	if (!s->wants_entry || s->facts.entry != NULL)
		return;
	buf_reset(&s->entry_bytes);
	imap_entry_put(&s->maker, &s->entry_bytes, fields);
	/* Of the owner's columns the store lets guests only read. */
	if (s->view->guest == NULL)
		imap_column_writer_add(&s->writer, s->facts.uid, buf_slice(&s->entry_bytes));
	if (imap_entry_get(&s->entry, buf_slice(&s->entry_bytes)) == ERR_OK)
		s->facts.entry = &s->entry;
}

/* On to the next message; one that did not open matches nothing in it. */
static void
settle(struct imap_scan *s)
{
	static const struct imap_entry none;

	if (s->verdict == IMAP_YES && s->want.entry && s->facts.entry == NULL)
		s->facts.entry = &none;
	if (s->verdict == IMAP_YES)
		s->want.on_match(s->want.arg, &s->facts);
	else if (s->want.on_miss != NULL)
		s->want.on_miss(s->want.arg, &s->facts);
	s->phase = NEXT;
}

/* Settled?  Then on to the next message. */
static bool
is_judged(struct imap_scan *s)
{
	s->verdict = imap_search_judge(s->program, &s->facts);
	if (s->verdict == IMAP_MAYBE ||
	    (s->verdict == IMAP_YES && s->want.entry && s->facts.entry == NULL))
		return false;
	settle(s);
	return true;
}

/* ---- passes ---- */

/* Which messages will be looked for in column blocks: those that their rows
 * leave open. */
static void
on_rows(struct imap_walk *w, struct ipc_reader rd, void *arg)
{
	struct imap_scan *s = arg;
	struct imap_search_facts f = s->facts;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;

	f.header = NULL;
	while (imap_walk_read(w, &rd, &row, &cold, &ct)) {
		enum imap_verdict v;

		set_facts(s, &f, &row, &cold);
		v = imap_search_judge(s->program, &f);
		if (v == IMAP_MAYBE || (v == IMAP_YES && s->want.entry))
			imap_columns_want(&s->columns, row.uid);
	}
	imap_columns_ask(&s->columns);
}

static void
open_walk(struct imap_scan *s)
{
	bool opens = !s->by_columns && (s->program->wants_header || s->want.entry);
	bool cold = s->program->wants_cold || s->want.cold;
	/* The size of a sealed message is that of its form. */
	bool sizes = cold && imap_session_may_be_sealed(s->c->s);

	if (cold)
		s->walk.want |= STORE_WANT_COLD;
	if (opens || sizes)
		s->walk.want |= STORE_WANT_CONTENT;
	if (opens)
		s->walk.want |= STORE_WANT_SUMMARY;
	s->walk.wants_keys = opens || sizes;
	if (opens && s->program->wants_text)
		s->walk.first_bytes = IMAP_READ_BYTES;
	imap_walk_start(&s->walk, s->c);
	if (s->want.view != NULL)
		s->walk.at = imap_walk_at(s->c->s, s->view);
	if (!s->message.made)
		imap_message_init(&s->message, &s->walk);
}

/* What is looked at. */
static struct slice
set_of(const struct imap_scan_want *w, bool *by_uid)
{
	static const unsigned char all[8] = { 1, 0, 0, 0, 255, 255, 255, 255 };
	struct slice set;

	if (!w->whole && imap_search_set(w->program, &set, by_uid))
		return set;
	*by_uid = false;
	return slice_of(all, sizeof(all));
}

static void
first_pass(struct imap_scan *s, struct slice set)
{
	(void)set_of(&s->want, &s->walk.by_uid);
	s->walk.set = set;
	s->walk.changed_since = s->want.changed_since;
	/* Blocks of columns would be sealed too, to a key that is not here. */
	s->by_columns = s->wants_entry && s->c->s->sealing != SEALING_CLIENT;
	open_walk(s);
	if (s->by_columns) {
		imap_columns_init(&s->columns, s->c, &s->walk.at);
		imap_column_writer_init(&s->writer, s->c, &s->walk.at);
		s->walk.on_rows = on_rows;
		s->walk.arg = s;
	}
}

/* True to go on. */
static bool
second_pass(struct imap_scan *s)
{
	imap_columns_close(&s->columns);
	imap_walk_fini(&s->walk);
	s->by_columns = false;
	if (s->left.is_full) {
		imap_cmd_no(s->c, "LIMIT", "Too many messages to look at");
		return false;
	}
	imap_found_put_pairs(&s->left, 0, s->left.count, &s->left_pairs);
	s->phase = s->left.count > 0 ? NEXT : DONE;
	imap_found_fini(&s->left);
	if (s->phase == DONE)
		return true;
	s->walk = (struct imap_walk){ .set = buf_slice(&s->left_pairs), .by_uid = true };
	open_walk(s);
	return true;
}

/* ---- phases: true to go on at once ---- */

static bool
next(struct imap_scan *s)
{
	enum err e = imap_walk_next(&s->walk);

	if (e == ERR_END && s->by_columns)
		return second_pass(s);
	if (e == ERR_END)
		s->phase = REST;
	if (e != ERR_OK)
		return e == ERR_END;
	s->cost++;
	set_facts(s, &s->facts, &s->walk.row, &s->walk.cold);
	s->has_header = false;
	imap_message_begin(&s->message);
	if (s->walk.is_sealed)
		s->facts.size = imap_message_size(&s->message);
	if (!is_judged(s))
		s->phase = s->by_columns ? COLUMN : SUMMARY;
	return true;
}

static bool
judge_by_columns(struct imap_scan *s)
{
	uint32_t uid = s->facts.uid;
	enum err e = imap_columns_find(&s->columns, uid, &s->entry);

	if (e == ERR_AGAIN)
		return false;
	if (e == ERR_OK) {
		s->facts.entry = &s->entry;
		if (is_judged(s))
			return true;
	} else {
		imap_column_writer_lacks(&s->writer, uid, imap_columns_plain(&s->columns));
	}
	imap_found_add(&s->left, uid, s->facts.seq, 0);
	s->phase = NEXT;
	return true;
}

static bool
judge_by_summary(struct imap_scan *s)
{
	struct slice fields;

	s->cost += SUMMARY_COST;
	if (s->walk.key == NULL && !s->walk.is_sealed) {
		if (s->c->s->opens_nothing) {
			imap_cmd_no(s->c, "NOPERM", IMAP_OPENS_NOTHING);
			return false;
		}
		settle(s);
		return true;
	}
	if (imap_message_fields(&s->message, NULL, 0, &fields))
		make_entry(s, fields);
	if (!is_judged(s))
		s->phase = OPEN;
	return true;
}

static bool
failed(struct imap_scan *s, enum err e)
{
	if (e == ERR_AGAIN || s->c->answer != IMAP_ANSWER_NONE)
		return false;
	settle(s);
	return true;
}

static bool
open_message(struct imap_scan *s)
{
	enum err e = imap_message_ready(&s->message, IMAP_NEED_PARTS | IMAP_NEED_BODY);
	const struct mime_map *map;
	uint64_t end;

	if (e != ERR_OK)
		return failed(s, e);
	s->cost += TEXT_COST;
	map = s->message.map;
	buf_reset(&s->header);
	s->header_bytes = map->count == 0 ? 0 : map->spans[0].header_bytes < HEADER_MAX ?
	    map->spans[0].header_bytes : HEADER_MAX;
	/* Who wants the text opens nothing twice; sealed bytes are no text. */
	end = s->walk.is_sealed ? s->message.object.sealed.head.n : UINT64_MAX;
	e = imap_object_range(&s->message.object, 0,
	    s->program->wants_text ? end : s->header_bytes);
	if (e != ERR_OK)
		return failed(s, e);
	s->phase = HEADER;
	return true;
}

static bool
read_header(struct imap_scan *s)
{
	enum err e = ERR_END;

	if (s->header.n < s->header_bytes)
		e = imap_object_read(&s->message.object, &s->header);
	if (e == ERR_OK)
		return true;
	if (e != ERR_END)
		return failed(s, e);
	s->has_header = true;
	make_entry(s, slice_head(buf_slice(&s->header), s->header_bytes));
	if (is_judged(s))
		return true;
	if (!s->program->wants_text) {
		settle(s);
		return true;
	}
	/* What came with the header is the text's beginning. */
	imap_match_start(&s->match, s->message.map);
	imap_match_feed(&s->match, buf_slice(&s->header));
	s->phase = TEXT;
	return true;
}

static bool
read_text(struct imap_scan *s)
{
	enum err e = ERR_END;		/* all found: the rest does not matter */

	buf_reset(&s->piece);
	if (s->match.missing > 0)
		e = imap_object_read(&s->message.object, &s->piece);
	if (e == ERR_OK) {
		imap_match_feed(&s->match, buf_slice(&s->piece));
		return true;
	}
	if (e != ERR_END)
		return failed(s, e);
	imap_match_end(&s->match);
	s->facts.match = &s->match;
	if (!is_judged(s))
		settle(s);
	return true;
}

/* "*" in a UID set is the largest UID of the view (RFC 3501 s9). */
static void
on_top(struct imap_session *ses, void *arg, const struct imap_reply *r)
{
	struct imap_scan *s = arg;
	const struct ipc_store_rows *m = imap_cmd_expect(ses->cmd, r, IPC_MSG_store_rows);
	struct ipc_reader rd;
	struct ipc_row row = { 0 };

	if (m == NULL)
		return;
	rd = ipc_reader_of(m->rows);
	if (ipc_reader_more(&rd))
		ipc_row_get(&rd, &row);
	s->facts.top_uid = row.uid;
	s->phase = NEXT;
}

static bool
ask_top(struct imap_scan *s)
{
	static const unsigned char star[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
	struct ipc_store_fetch m = {
		.handle = s->walk.at.handle, .mailbox = s->walk.at.mailbox, .v = s->walk.at.v,
		.uidnext = s->walk.at.uidnext, .by_uid = true, .limit = 1,
		.set = slice_of(star, sizeof(star)),
	};

	if (!s->waiting)
		s->waiting = imap_cmd_call(s->c, IPC_STORE, IPC_MSG_store_fetch, &m, on_top, s);
	return false;
}

/* ERR_END: all matches were given.  ERR_AGAIN: wait.  Else: answered. */
static enum err
scan_step(struct imap_scan *s)
{
	struct imap_session *ses = s->c->s;
	bool goes_on = true;

	s->cost = 0;
	while (goes_on && s->c->answer == IMAP_ANSWER_NONE &&
	    !ses->host->is_clogged(ses->host_arg)) {
		switch (s->phase) {
		case TOP:
			goes_on = ask_top(s);
			break;
		case NEXT:
			if (s->cost >= TURN_MAX) {
				ses->host->defer(ses->host_arg);
				return ERR_AGAIN;
			}
			goes_on = next(s);
			break;
		case COLUMN:
			goes_on = judge_by_columns(s);
			break;
		case SUMMARY:
			goes_on = judge_by_summary(s);
			break;
		case OPEN:
			goes_on = open_message(s);
			break;
		case HEADER:
			goes_on = read_header(s);
			break;
		case TEXT:
			goes_on = read_text(s);
			break;
		case REST:
			goes_on = imap_column_writer_end(&s->writer);
			if (goes_on)
				s->phase = DONE;
			break;
		case DONE:
			return ERR_END;
		}
	}
	return s->c->answer != IMAP_ANSWER_NONE ? ERR_GONE :
	    s->phase == DONE ? ERR_END : ERR_AGAIN;
}

/* ---- life ---- */

/* BODY and TEXT keys get their needles. */
static struct imap_needle *
make_needles(struct imap_cmd *c, const struct imap_search *program, uint32_t *count)
{
	struct imap_needle *needles = imap_cmd_alloc(c, (program->count + 1) * sizeof(*needles));

	*count = 0;
	for (uint32_t i = 0; needles != NULL && i < program->count; i++) {
		struct imap_search_node *n = &program->v[i];

		if (n->kind != IMAP_SEARCH_BODY && n->kind != IMAP_SEARCH_TEXT)
			continue;
		needles[*count].text = n->text;
		needles[*count].in_headers = n->kind == IMAP_SEARCH_TEXT;
		n->number = (*count)++;
	}
	return needles;
}


static void
set_common_facts(struct imap_scan *s)
{
	struct imap_session *ses = s->c->s;

	s->facts.keywords = slice_of(s->view->keywords, s->view->keywords_bytes);
	s->facts.top_seq = s->view->exists;
	s->facts.now_s = (int64_t)ses->host->real_s(ses->host_arg);
	s->facts.header = get_header;
	s->facts.arg = s;
	s->facts.charsets = ses->shared->charsets;
}

void
imap_scan_into_found(void *found, const struct imap_search_facts *f)
{
	imap_found_add(found, f->uid, f->seq, f->modseq);
}

/* NULL: answered */
static struct imap_scan *
scan_new(struct imap_cmd *c, const struct imap_scan_want *want, struct slice set)
{
	struct imap_needle *needles;
	struct imap_scan *s;
	uint32_t count;

	/* RFC 9755 s3: all is UTF-8 */
	if (want->program->has_charset && imap_session_is(c->s, IMAP_EN_UTF8)) {
		imap_cmd_bad(c, "No CHARSET after ENABLE UTF8=ACCEPT");
		return NULL;
	}
	if (want->program->bad_charset) {
		/* RFC 3501 s7.1 */
		imap_cmd_no(c, "BADCHARSET (US-ASCII UTF-8)", "Unknown charset");
		return NULL;
	}
	needles = make_needles(c, want->program, &count);
	if (needles == NULL)
		return NULL;
	/* RFC 7162 s3.1: a command that asks for mod-sequences enables them. */
	if (want->program->wants_modseq)
		imap_session_enable(c->s, IMAP_EN_CONDSTORE);
	s = must_alloc(1, sizeof(*s));
	s->c = c;
	s->program = want->program;
	s->want = *want;
	s->view = want->view != NULL ? want->view : &c->s->view;
	s->wants_entry = want->entry || want->program->wants_entry;
	imap_entry_maker_init(&s->maker, c->s->shared->charsets, imap_view_salt(c->s, s->view));
	buf_init(&s->entry_bytes, IMAP_ENTRY_MAX);
	buf_init(&s->header, HEADER_MAX + SEAL_FRAME_BYTES);
	buf_init(&s->piece, 2 * SEAL_FRAME_BYTES);
	imap_match_init(&s->match, needles, count, c->s->shared->charsets);
	imap_found_init(&s->left, IMAP_FOUND_MAX);
	buf_init(&s->left_pairs, 8 * IMAP_FOUND_MAX);
	set_common_facts(s);
	first_pass(s, set);
	s->phase = s->view->exists == 0 ? DONE : want->program->wants_top ? TOP : NEXT;
	return s;
}

void
imap_scan_free(struct imap_scan **ps)
{
	struct imap_scan *s = *ps;

	*ps = NULL;
	if (s == NULL)
		return;
	imap_columns_fini(&s->columns);
	imap_column_writer_fini(&s->writer);
	imap_message_fini(&s->message);
	imap_walk_fini(&s->walk);
	imap_match_fini(&s->match);
	imap_found_fini(&s->left);
	buf_fini(&s->left_pairs);
	imap_entry_maker_fini(&s->maker);
	buf_wipe(&s->entry_bytes);
	buf_fini(&s->entry_bytes);
	buf_wipe(&s->header);
	buf_fini(&s->header);
	buf_wipe(&s->piece);
	buf_fini(&s->piece);
	free(s);
}

/* ---- a command that is one scan ---- */

static void
resume(struct imap_cmd *c)
{
	struct imap_scan_run *r = c->priv;

	if (scan_step(r->scan) != ERR_END)
		return;
	c->resume = NULL;
	r->done(c);
}

static void
start(struct imap_cmd *c, struct slice set)
{
	struct imap_scan_run *r = c->priv;

	r->scan = scan_new(c, &r->want, set);
	if (r->scan == NULL)
		return;
	c->resume = resume;
	resume(c);
}

static bool
may_match(struct imap_cmd *c, const struct ipc_row *row)
{
	const struct imap_scan_run *r = c->priv;

	return imap_search_may_take(r->want.program, row->seq, row->uid);
}

void
imap_scan_run(struct imap_cmd *c, const struct imap_scan_want *want,
    void (*done)(struct imap_cmd *))
{
	struct imap_scan_run *r = c->priv;
	struct imap_limit_want limit = {
		.max = want->limit == IMAP_SCAN_ALL ? 0 : imap_limit_messages(c->s),
		.how = want->limit == IMAP_SCAN_REFUSED ? IMAP_LIMIT_REFUSE : IMAP_LIMIT_CUT,
		.view = want->view, .changed_since = want->changed_since, .counts = may_match,
	};

	if (r->scan != NULL)
		imap_call_cancel(c->s, false);
	imap_scan_free(&r->scan);
	r->want = *want;
	r->done = done;
	limit.set = set_of(want, &limit.by_uid);
	imap_limit_run(c, &limit, start);
}
