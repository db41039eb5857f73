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
#include "imapd/imap_limit.h"
#include "imapd/imap_scan_priv.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"

/* What a turn of the loop may cost, in rows. */
#define TURN_MAX	1000

/* ---- passes ---- */

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
		imap_columns_init(&s->columns, s->c, &s->walk.at, IMAP_COLUMN_ENTRIES);
		imap_column_writer_init(&s->writer, s->c, &s->walk.at, IMAP_COLUMN_ENTRIES);
		s->walk.on_rows = imap_scan_look_rows;
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
	s->phase = s->left.count > 0 ? IMAP_PHASE_NEXT : IMAP_PHASE_DONE;
	imap_found_fini(&s->left);
	if (s->phase == IMAP_PHASE_DONE)
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
		s->phase = IMAP_PHASE_REST;
	if (e != ERR_OK)
		return e == ERR_END;
	imap_scan_look_begin(s);
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
	s->phase = IMAP_PHASE_NEXT;
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
		case IMAP_PHASE_TOP:
			goes_on = ask_top(s);
			break;
		case IMAP_PHASE_NEXT:
			if (s->cost >= TURN_MAX) {
				ses->host->defer(ses->host_arg);
				return ERR_AGAIN;
			}
			goes_on = next(s);
			break;
		case IMAP_PHASE_COLUMN:
			goes_on = imap_scan_look_columns(s);
			break;
		case IMAP_PHASE_SUMMARY:
			goes_on = imap_scan_look_summary(s);
			break;
		case IMAP_PHASE_OPEN:
			goes_on = imap_scan_look_open(s);
			break;
		case IMAP_PHASE_HEADER:
			goes_on = imap_scan_look_header(s);
			break;
		case IMAP_PHASE_TEXT:
			goes_on = imap_scan_look_text(s);
			break;
		case IMAP_PHASE_REST:
			goes_on = imap_column_writer_end(&s->writer);
			if (goes_on)
				s->phase = IMAP_PHASE_DONE;
			break;
		case IMAP_PHASE_DONE:
			return ERR_END;
		}
	}
	return s->c->answer != IMAP_ANSWER_NONE ? ERR_GONE :
	    s->phase == IMAP_PHASE_DONE ? ERR_END : ERR_AGAIN;
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
	s->facts.charsets = ses->shared->charsets;
	imap_scan_look_init(s);
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
	buf_init(&s->header, IMAP_SCAN_HEADER_MAX + SEAL_FRAME_BYTES);
	buf_init(&s->piece, 2 * SEAL_FRAME_BYTES);
	imap_match_init(&s->match, needles, count, c->s->shared->charsets);
	imap_found_init(&s->left, IMAP_FOUND_MAX);
	buf_init(&s->left_pairs, 8 * IMAP_FOUND_MAX);
	set_common_facts(s);
	first_pass(s, set);
	s->phase = s->view->exists == 0 ? IMAP_PHASE_DONE :
	    want->program->wants_top ? IMAP_PHASE_TOP : IMAP_PHASE_NEXT;
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
