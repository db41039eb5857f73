/* SPDX-License-Identifier: ISC */
/* One message: what is known of it, and how more is found out. */
#include "imapd/imap_scan_priv.h"

#define SUMMARY_COST	4	/* in rows, beside TURN_MAX of imap_scan.c */
#define TEXT_COST	50

static bool
get_header(void *arg, struct slice name, struct slice *fields)
{
	struct imap_scan *s = arg;

	if (!s->has_header)
		return !s->by_columns && s->phase != IMAP_PHASE_NEXT &&
		    imap_message_fields(&s->message, &name, 1, fields);
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
	s->phase = IMAP_PHASE_NEXT;
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

/* Which messages will be looked for in column blocks: those that their rows
 * leave open. */
void
imap_scan_look_rows(struct imap_walk *w, struct ipc_reader rd, void *arg)
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

/* ---- phases of one message: true to go on at once ---- */

void
imap_scan_look_init(struct imap_scan *s)
{
	s->facts.header = get_header;
	s->facts.arg = s;
}

void
imap_scan_look_begin(struct imap_scan *s)
{
	s->cost++;
	set_facts(s, &s->facts, &s->walk.row, &s->walk.cold);
	s->has_header = false;
	imap_message_begin(&s->message);
	if (s->walk.is_sealed)
		s->facts.size = imap_message_size(&s->message);
	if (!is_judged(s))
		s->phase = s->by_columns ? IMAP_PHASE_COLUMN : IMAP_PHASE_SUMMARY;
}

bool
imap_scan_look_columns(struct imap_scan *s)
{
	uint32_t uid = s->facts.uid;
	enum err e = imap_columns_entry(&s->columns, uid, &s->entry);

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
	s->phase = IMAP_PHASE_NEXT;
	return true;
}

bool
imap_scan_look_summary(struct imap_scan *s)
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
		s->phase = IMAP_PHASE_OPEN;
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

bool
imap_scan_look_open(struct imap_scan *s)
{
	enum err e = imap_message_ready(&s->message, IMAP_NEED_PARTS | IMAP_NEED_BODY);
	const struct mime_map *map;
	uint64_t end;

	if (e != ERR_OK)
		return failed(s, e);
	s->cost += TEXT_COST;
	map = s->message.map;
	buf_reset(&s->header);
	s->header_bytes = map->count == 0 ? 0 : map->spans[0].header_bytes < IMAP_SCAN_HEADER_MAX ?
	    map->spans[0].header_bytes : IMAP_SCAN_HEADER_MAX;
	/* Who wants the text opens nothing twice; sealed bytes are no text. */
	end = s->walk.is_sealed ? s->message.object.sealed.head.n : UINT64_MAX;
	e = imap_object_range(&s->message.object, 0,
	    s->program->wants_text ? end : s->header_bytes);
	if (e != ERR_OK)
		return failed(s, e);
	s->phase = IMAP_PHASE_HEADER;
	return true;
}

bool
imap_scan_look_header(struct imap_scan *s)
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
	s->phase = IMAP_PHASE_TEXT;
	return true;
}

bool
imap_scan_look_text(struct imap_scan *s)
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
