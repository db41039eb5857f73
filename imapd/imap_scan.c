/* SPDX-License-Identifier: ISC */
/*
 * imap_scan_step() is the whole machine: it runs until something is not there
 * yet and is called again when it may be.
 */
#include "imapd/imap_scan.h"

#include <stdlib.h>

#include "imapd/imap_match.h"
#include "imapd/imap_message.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_walk.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_date.h"

#define ROWS_PER_TURN	1000
#define OPENED_PER_TURN	16
#define HEADER_MAX	(1u << 20)

enum phase { TOP, NEXT, SUMMARY, OPEN, HEADER, TEXT, DONE };

struct imap_scan {
	struct imap_cmd		*c;
	const struct imap_search *program;
	imap_scan_fn		*fn;
	void			*arg;
	struct imap_walk	 walk;
	struct imap_message	 message;
	struct imap_match	 match;
	struct imap_search_facts facts;
	enum phase		 phase;
	bool			 waiting;
	bool			 has_header;	/* header is this message's */
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

static bool
get_sent(void *arg, bool *has, int64_t *local_s)
{
	struct imap_scan *s = arg;
	struct hdr_field f;
	struct hdr_date d;
	int64_t unix_s;
	int zone;

	if (s->has_header) {
		*has = hdr_find(buf_slice(&s->header), "Date", &f) &&
		    hdr_date_parse(f.value, &d) == ERR_OK;
		if (*has)
			*local_s = d.unix_s + d.zone_minutes * 60;
		return true;
	}
	if (s->phase == NEXT || !s->message.has_sum)
		return false;
	/* RFC 3501 s6.4.4: the date as written, whatever its zone. */
	*has = imap_message_sent(&s->message, &unix_s, &zone);
	if (*has)
		*local_s = unix_s + zone * 60;
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
	s->has_header = false;
}

/* Settled?  Then on to the next message. */
static bool
is_judged(struct imap_scan *s)
{
	enum imap_verdict v = imap_search_judge(s->program, &s->facts);

	if (v == IMAP_MAYBE)
		return false;
	if (v == IMAP_YES)
		s->fn(s->arg, &s->facts);
	s->phase = NEXT;
	return true;
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
	set_facts(s);
	imap_message_begin(&s->message);
	if (!is_judged(s))
		s->phase = SUMMARY;
	return true;
}

static bool
judge_by_summary(struct imap_scan *s)
{
	struct slice ignored;

	/* A message that does not open matches nothing in it. */
	if (s->walk.key == NULL) {
		s->phase = NEXT;
		return true;
	}
	(void)imap_message_fields(&s->message, NULL, 0, &ignored);
	if (!is_judged(s))
		s->phase = OPEN;
	return true;
}

static bool
failed(struct imap_scan *s, enum err e)
{
	if (e == ERR_AGAIN || s->c->answer != IMAP_ANSWER_NONE)
		return false;
	s->phase = NEXT;	/* unreadable: no match */
	return true;
}

static bool
open_message(struct imap_scan *s)
{
	enum err e = imap_message_ready(&s->message, IMAP_NEED_PARTS | IMAP_NEED_BODY);
	const struct mime_map *map;

	if (e != ERR_OK)
		return failed(s, e);
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
	unsigned rows = 0;
	bool goes_on = true;

	while (goes_on && s->c->answer == IMAP_ANSWER_NONE &&
	    !ses->host->is_clogged(ses->host_arg)) {
		switch (s->phase) {
		case TOP:
			goes_on = ask_top(s);
			break;
		case NEXT:
			if (++rows > (s->program->wants_header ? OPENED_PER_TURN : ROWS_PER_TURN)) {
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
	s->walk.wants_keys = s->program->wants_header;
	if (s->program->wants_cold)
		s->walk.want |= STORE_WANT_COLD;
	if (s->program->wants_header)
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
	s->facts.sent = get_sent;
	s->facts.arg = s;
	s->facts.charsets = ses->shared->charsets;
}

struct imap_scan *
imap_scan_new(struct imap_cmd *c, const struct imap_search *program, imap_scan_fn *fn,
    void *arg)
{
	uint32_t count;
	struct imap_needle *needles = make_needles(c, program, &count);
	struct imap_scan *s;

	if (needles == NULL)
		return NULL;
	s = must_alloc(1, sizeof(*s));
	s->c = c;
	s->program = program;
	s->fn = fn;
	s->arg = arg;
	buf_init(&s->header, HEADER_MAX + SEAL_FRAME_BYTES);
	buf_init(&s->piece, 2 * SEAL_FRAME_BYTES);
	imap_match_init(&s->match, needles, count, c->s->shared->charsets);
	set_common_facts(s);
	set_walk(s);
	s->phase = c->s->view.exists == 0 ? DONE : program->wants_top ? TOP : NEXT;
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
	buf_wipe(&s->header);
	buf_fini(&s->header);
	buf_wipe(&s->piece);
	buf_fini(&s->piece);
	free(s);
}
