/* SPDX-License-Identifier: ISC */
/*
 * imap_scan_step() is the whole machine: it runs until something is not there
 * yet and is called again when it may be.
 */
#include "imapd/imap_scan.h"

#include <stdlib.h>

#include "imapd/imap_entry.h"
#include "imapd/imap_match.h"
#include "imapd/imap_message.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_walk.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

/* What a turn of the loop may cost, in rows. */
#define TURN_MAX	1000
#define SUMMARY_COST	4
#define TEXT_COST	50
#define HEADER_MAX	(1u << 20)

enum phase { TOP, NEXT, SUMMARY, OPEN, HEADER, TEXT, DONE };

struct imap_scan {
	struct imap_cmd		*c;
	const struct imap_search *program;
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
	bool			 has_header;	/* header is this message's */
	struct imap_entry	 entry;
	struct buf		 entry_bytes;
	struct buf		 header;
	struct buf		 piece;
};

/* ---- facts ---- */

static bool
get_header(void *arg, struct slice name, struct slice *fields)
{
	struct imap_scan *s = arg;

	if (!s->has_header)
		return s->phase != NEXT && imap_message_fields(&s->message, &name, 1, fields);
	*fields = buf_slice(&s->header);
	return true;
}

static void
set_facts(struct imap_scan *s)
{
	const struct ipc_row *row = &s->walk.row;
	struct imap_session *ses = s->c->s;

	s->facts.seq = row->seq;
	s->facts.uid = row->uid;
	s->facts.flags = row->flags;
	s->facts.more = row->more;
	s->facts.modseq = row->modseq;
	s->facts.size = s->walk.cold.size;
	s->facts.internal_s = (int64_t)s->walk.cold.internal_s;
	s->facts.saved_s = (int64_t)s->walk.cold.saved_s;
	s->facts.content = s->walk.cold.content;
	s->facts.thread = s->walk.cold.thread;
	s->facts.recent = imap_recent_has(&ses->view.recent, row->uid);
	s->facts.match = NULL;
	s->facts.entry = NULL;
	s->has_header = false;
}

/* From fields that hold all that an entry is made of. */
static void
make_entry(struct imap_scan *s, struct slice fields)
{
	struct imap_session *ses = s->c->s;

	if (!s->wants_entry || s->facts.entry != NULL)
		return;
	buf_reset(&s->entry_bytes);
	imap_entry_put(&s->entry_bytes, ses->shared->charsets, ses->thread_salt, fields);
	if (imap_entry_get(&s->entry, buf_slice(&s->entry_bytes)) == ERR_OK)
		s->facts.entry = &s->entry;
}

static void
give(struct imap_scan *s)
{
	static const struct imap_entry none;

	if (s->want.entry && s->facts.entry == NULL)
		s->facts.entry = &none;
	s->want.on_match(s->want.arg, &s->facts);
}

/* Settled?  Then on to the next message. */
static bool
is_judged(struct imap_scan *s)
{
	s->verdict = imap_search_judge(s->program, &s->facts);
	if (s->verdict == IMAP_MAYBE ||
	    (s->verdict == IMAP_YES && s->want.entry && s->facts.entry == NULL))
		return false;
	if (s->verdict == IMAP_YES)
		give(s);
	s->phase = NEXT;
	return true;
}

/* A message that does not open matches nothing in it. */
static void
give_up(struct imap_scan *s)
{
	if (s->verdict == IMAP_YES)
		give(s);
	s->phase = NEXT;
}

/* ---- phases: true to go on at once ---- */

static bool
next(struct imap_scan *s)
{
	enum err e = imap_walk_next(&s->walk);

	if (e == ERR_END)
		s->phase = DONE;
	if (e != ERR_OK)
		return false;
	s->cost++;
	set_facts(s);
	imap_message_begin(&s->message);
	if (!is_judged(s))
		s->phase = SUMMARY;
	return true;
}

static bool
judge_by_summary(struct imap_scan *s)
{
	struct slice fields;

	s->cost += SUMMARY_COST;
	if (s->walk.key == NULL) {
		give_up(s);
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
	give_up(s);
	return true;
}

static bool
open_message(struct imap_scan *s)
{
	enum err e = imap_message_ready(&s->message, IMAP_NEED_PARTS | IMAP_NEED_BODY);
	const struct mime_map *map;

	if (e != ERR_OK)
		return failed(s, e);
	s->cost += TEXT_COST;
	map = s->message.map;
	buf_reset(&s->header);
	e = imap_object_range(&s->message.object, 0,
	    map->count == 0 ? 0 : map->spans[0].header_bytes < HEADER_MAX ?
	    map->spans[0].header_bytes : HEADER_MAX);
	if (e != ERR_OK)
		return failed(s, e);
	s->phase = HEADER;
	return true;
}

static bool
read_header(struct imap_scan *s)
{
	enum err e = imap_object_read(&s->message.object, &s->header);

	if (e == ERR_OK)
		return true;
	if (e != ERR_END)
		return failed(s, e);
	s->has_header = true;
	make_entry(s, buf_slice(&s->header));
	if (is_judged(s))
		return true;
	imap_match_start(&s->match, s->message.map);
	e = imap_object_range(&s->message.object, 0, UINT64_MAX);
	if (e != ERR_OK)
		return failed(s, e);
	s->phase = TEXT;
	return true;
}

static bool
read_text(struct imap_scan *s)
{
	enum err e;

	buf_reset(&s->piece);
	e = imap_object_read(&s->message.object, &s->piece);
	if (e == ERR_OK) {
		imap_match_feed(&s->match, buf_slice(&s->piece));
		if (s->match.missing > 0)
			return true;
		e = ERR_END;		/* all found: the rest does not matter */
	}
	if (e != ERR_END)
		return failed(s, e);
	imap_match_end(&s->match);
	s->facts.match = &s->match;
	if (!is_judged(s))
		s->phase = NEXT;
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
	const struct imap_session *ses = s->c->s;
	struct ipc_store_fetch m = {
		.handle = ses->handle, .mailbox = ses->view.mailbox, .v = ses->view.v,
		.uidnext = ses->view.uidnext, .by_uid = true, .limit = 1,
		.set = slice_of(star, sizeof(star)),
	};

	if (!s->waiting)
		s->waiting = imap_cmd_call(s->c, IPC_STORE, IPC_MSG_store_fetch, &m, on_top, s);
	return false;
}

enum err
imap_scan_step(struct imap_scan *s)
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
set_walk(struct imap_scan *s)
{
	static const unsigned char all[8] = { 1, 0, 0, 0, 255, 255, 255, 255 };

	if (!imap_search_set(s->program, &s->walk.set, &s->walk.by_uid))
		s->walk.set = slice_of(all, sizeof(all));
	s->walk.wants_keys = s->program->wants_header || s->want.entry;
	if (s->program->wants_cold || s->want.cold)
		s->walk.want |= STORE_WANT_COLD;
	if (s->walk.wants_keys)
		s->walk.want |= STORE_WANT_CONTENT | STORE_WANT_SUMMARY;
	if (s->program->wants_text)
		s->walk.first_bytes = IMAP_READ_BYTES;
	imap_walk_start(&s->walk, s->c);
	imap_message_init(&s->message, &s->walk);
}

static void
set_common_facts(struct imap_scan *s)
{
	struct imap_session *ses = s->c->s;

	s->facts.keywords = imap_sync_names(ses);
	s->facts.top_seq = ses->view.exists;
	s->facts.now_s = (int64_t)ses->host->real_s(ses->host_arg);
	s->facts.header = get_header;
	s->facts.arg = s;
	s->facts.charsets = ses->shared->charsets;
}

struct imap_scan *
imap_scan_new(struct imap_cmd *c, const struct imap_scan_want *want)
{
	struct imap_needle *needles;
	struct imap_scan *s;
	uint32_t count;

	if (want->program->bad_charset) {
		/* RFC 3501 s7.1 */
		imap_cmd_no(c, "BADCHARSET (US-ASCII UTF-8)", "Unknown charset");
		return NULL;
	}
	needles = make_needles(c, want->program, &count);
	if (needles == NULL)
		return NULL;
	s = must_alloc(1, sizeof(*s));
	s->c = c;
	s->program = want->program;
	s->want = *want;
	s->wants_entry = want->entry || want->program->wants_entry;
	buf_init(&s->entry_bytes, IMAP_ENTRY_MAX);
	buf_init(&s->header, HEADER_MAX + SEAL_FRAME_BYTES);
	buf_init(&s->piece, 2 * SEAL_FRAME_BYTES);
	imap_match_init(&s->match, needles, count, c->s->shared->charsets);
	set_common_facts(s);
	set_walk(s);
	s->phase = c->s->view.exists == 0 ? DONE : want->program->wants_top ? TOP : NEXT;
	return s;
}

void
imap_scan_free(struct imap_scan **ps)
{
	struct imap_scan *s = *ps;

	*ps = NULL;
	if (s == NULL)
		return;
	imap_message_fini(&s->message);
	imap_walk_fini(&s->walk);
	imap_match_fini(&s->match);
	buf_wipe(&s->entry_bytes);
	buf_fini(&s->entry_bytes);
	buf_wipe(&s->header);
	buf_fini(&s->header);
	buf_wipe(&s->piece);
	buf_fini(&s->piece);
	free(s);
}
