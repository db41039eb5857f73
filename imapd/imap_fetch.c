/* SPDX-License-Identifier: ISC */
/*
 * step() is the whole machine: it runs until something is not there yet and
 * is called again when it may be.  A response line is begun only when all
 * that it needs but body bytes is at hand, so that a message which cannot be
 * opened is left out and the command ends with NO.
 */
#include "imapd/imap_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_cards.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_message.h"
#include "imapd/imap_needs.h"
#include "imapd/imap_objectid.h"
#include "imapd/imap_partial.h"
#include "imapd/imap_row.h"
#include "imapd/imap_section.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_sync.h"
#include "imapd/imap_vanished.h"
#include "imapd/imap_walk.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

#define ROWS_PER_TURN		1024	/* of what the index tells: 0.3 ms */
#define OPENED_PER_TURN		64	/* of messages: some ms */

enum phase { WINDOW, SEEN, VANISHED, NEXT, CARD, PREPARE, ITEM, MEASURE, STREAM, REST };

struct fetch {
	struct imap_cmd		*c;
	const struct imap_items	*items;
	struct imap_partial	 partial;
	struct imap_vanished	 vanished;
	struct imap_walk	 walk;
	struct imap_message	 message;
	struct imap_cards	 cards;
	enum phase		 phase;
	uint32_t		 idx;		/* of the item */
	bool			 any;		/* an item was told of this message */
	bool			 waiting;	/* for store_flags */
	bool			 opens;		/* more is told than what rows have */
	bool			 walked;	/* all messages are told */
	bool			 seen_late;	/* \Seen only for those that were told */
	struct buf		 told;		/* seen_late: their UIDs, in pairs */
	bool			 failed;	/* some message was left out */
	bool			 keeps;		/* what the summaries say */
	bool			 unknown_code;	/* as here: its encoding is not known */
	uint32_t		 resume;
	struct imap_section	 section;	/* of MEASURE and STREAM */
};

static void
fini(struct imap_cmd *c)
{
	struct fetch *f = c->priv;

	imap_message_fini(&f->message);
	imap_cards_fini(&f->cards);
	imap_walk_fini(&f->walk);
	imap_partial_fini(&f->partial);
	imap_section_fini(&f->section);
	buf_fini(&f->told);
	free(f);
}

/* ---- \Seen first; with CHANGEDSINCE for what passed it, behind ---- */

static void
after_seen(struct fetch *f)
{
	buf_reset(&f->told);
	f->resume = 0;
	f->phase = !f->seen_late && f->items->vanished ? VANISHED : NEXT;
}

static void
on_seen(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct fetch *f = arg;
	const struct ipc_store_rows *m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_rows);

	f->waiting = false;
	if (m == NULL)
		return;
	s->cmd->modseq = m->modseq;
	f->resume = m->resume;
	if (!m->more)
		after_seen(f);
}

static void
ask_seen(struct fetch *f)
{
	const struct imap_session *s = f->c->s;
	struct ipc_store_flags m = {
		.handle = imap_view_handle(s), .mailbox = s->view.mailbox, .v = s->view.v,
		.uidnext = s->view.uidnext, .by_uid = f->seen_late || f->walk.by_uid,
		.op = STORE_ADD, .flags = STORE_SEEN, .unchanged_since = UINT64_MAX,
		.resume = f->resume, .quiet = true,
		.set = f->seen_late ? buf_slice(&f->told) : f->walk.set,
	};

	f->waiting = imap_cmd_call(f->c, IPC_STORE, IPC_MSG_store_flags, &m, on_seen, f);
}

/* ---- items ---- */

/* Give up in the middle of a literal: nothing true could follow. */
static void
abort_session(struct fetch *f)
{
	struct imap_session *s = f->c->s;

	imap_cmd_no(f->c, "CORRUPTION", "A message could not be read to its end");
	s->closing = true;
	s->host->close(s->host_arg, "corrupt message");
}

/* The literal's length is known, or that there is none. */
static void
begin_literal(struct fetch *f, enum err e)
{
	const struct imap_item *i = &f->items->v[f->idx];
	const struct imap_section *x = &f->section;
	struct buf *out = imap_session_out(f->c->s);

	if (e == ERR_AGAIN) {
		f->phase = MEASURE;
		return;
	}
	f->phase = ITEM;
	if (e != ERR_OK && e != ERR_NOTFOUND) {
		abort_session(f);
	} else if (i->kind == IMAP_ITEM_BINARY_SIZE) {
		buf_put_num(out, x->bytes);
	} else if (e == ERR_NOTFOUND) {
		buf_put_str(out, "NIL");
	} else {
		buf_printf(out, "%s{%llu}\r\n", x->has_nul ? "~" : "",
		    (unsigned long long)x->bytes);
		f->phase = x->bytes > 0 ? STREAM : ITEM;
	}
	f->idx += f->phase == ITEM;
}

static void
begin_section(struct fetch *f, const struct imap_item *i, struct buf *out)
{
	buf_put_slice(out, i->label);
	buf_put_char(out, ' ');
	begin_literal(f, imap_section_begin(&f->section, &f->message, i));
}

static bool
measure(struct fetch *f)
{
	enum err e = imap_section_ready(&f->section);

	if (e != ERR_AGAIN)
		begin_literal(f, e);
	return e != ERR_AGAIN;
}

static bool
stream(struct fetch *f)
{
	enum err e = imap_section_tell(&f->section, imap_session_out(f->c->s));

	if (e == ERR_END) {
		f->idx++;
		f->phase = ITEM;
	} else if (e != ERR_OK && e != ERR_AGAIN) {
		abort_session(f);
	}
	return e == ERR_OK || e == ERR_END;
}

static bool
knows_encodings(struct fetch *f)
{
	struct imap_part part;

	for (uint32_t k = 0; k < f->items->count; k++) {
		const struct imap_item *i = &f->items->v[k];

		if ((IMAP_ITEMS_BINARY >> i->kind & 1) && imap_message_locate(&f->message,
		    i->path, i->path_count, MIME_SECTION_ALL, &part) == ERR_OK &&
		    part.code == MIME_CODE_UNKNOWN)
			return false;
	}
	return true;
}

/* ---- one item ---- */

static void
put_date(struct buf *out, const char *name, uint64_t at_s)
{
	buf_put_str(out, name);
	if (at_s > 0)
		clock_put_imap(out, at_s);
	else
		buf_put_str(out, "NIL");
}

/* RFC 8474 s5 */
static void
put_id(struct buf *out, const char *name, enum imap_objectid kind, uint64_t id)
{
	buf_put_str(out, name);
	if (id == 0) {
		buf_put_str(out, "NIL");
		return;
	}
	buf_put_char(out, '(');
	imap_objectid_put(out, kind, id);
	buf_put_char(out, ')');
}

static void
put_item(struct fetch *f)
{
	const struct imap_item *i = &f->items->v[f->idx];
	struct imap_session *s = f->c->s;
	const struct ipc_row *row = &f->walk.row;
	struct buf *out = imap_session_out(s);

	if (f->any)
		buf_put_char(out, ' ');
	f->any = true;
	if (i->kind >= IMAP_ITEM_SECTION) {
		begin_section(f, i, out);
		return;
	}
	f->idx++;
	switch (i->kind) {
	case IMAP_ITEM_FLAGS:
		(void)imap_row_put(s, out, row, IMAP_ROW_FLAGS, false);
		break;
	case IMAP_ITEM_UID:
		(void)imap_row_put(s, out, row, IMAP_ROW_UID, false);
		break;
	case IMAP_ITEM_MODSEQ:
		(void)imap_row_put(s, out, row, IMAP_ROW_MODSEQ, false);
		break;
	case IMAP_ITEM_INTERNALDATE:
		buf_put_str(out, "INTERNALDATE ");
		clock_put_imap(out, f->walk.cold.internal_s);
		break;
	case IMAP_ITEM_SIZE:
		buf_put_str(out, "RFC822.SIZE ");
		buf_put_num(out, imap_message_size(&f->message));
		break;
	case IMAP_ITEM_SAVEDATE:
		/* RFC 8514 s4.2 */
		put_date(out, "SAVEDATE ", f->walk.cold.saved_s);
		break;
	case IMAP_ITEM_EMAILID:
		put_id(out, "EMAILID ", IMAP_EMAILID, f->walk.cold.content);
		break;
	case IMAP_ITEM_THREADID:
		put_id(out, "THREADID ", IMAP_THREADID, f->walk.cold.thread);
		break;
	case IMAP_ITEM_ENVELOPE:
		buf_put_str(out, "ENVELOPE ");
		imap_message_put_envelope(&f->message, out);
		break;
	case IMAP_ITEM_BODY:
	case IMAP_ITEM_BODYSTRUCTURE:
		buf_put_str(out, i->kind == IMAP_ITEM_BODY ? "BODY " : "BODYSTRUCTURE ");
		imap_message_put_structure(&f->message, out,
		    i->kind == IMAP_ITEM_BODYSTRUCTURE);
		break;
	case IMAP_ITEM_PREVIEW:
		buf_put_str(out, "PREVIEW ");
		imap_message_put_preview(&f->message, out);
		break;
	case IMAP_ITEM_SECTION:
	case IMAP_ITEM_BINARY:
	case IMAP_ITEM_BINARY_SIZE:
		break;
	}
}

/* What was not asked for and must be told of a row that this command changed. */
static unsigned
changed_parts(const struct fetch *f)
{
	unsigned parts = IMAP_ROW_FLAGS | imap_row_due(f->c->s);

	if (imap_items_has(f->items, IMAP_ITEM_FLAGS))
		parts &= ~(unsigned)IMAP_ROW_FLAGS;
	if (imap_items_has(f->items, IMAP_ITEM_UID))
		parts &= ~(unsigned)IMAP_ROW_UID;
	if (imap_items_has(f->items, IMAP_ITEM_MODSEQ))
		parts &= ~(unsigned)IMAP_ROW_MODSEQ;
	return parts;
}

static void
end_message(struct fetch *f)
{
	struct imap_session *s = f->c->s;
	const struct ipc_row *row = &f->walk.row;
	struct buf *out = imap_session_out(s);
	bool has_flags = imap_items_has(f->items, IMAP_ITEM_FLAGS);

	/* RFC 3501 s6.4.5: a flag changed by this command is told. */
	if (f->items->sets_seen && !f->seen_late && row->modseq > s->view.r) {
		(void)imap_row_put(s, out, row, changed_parts(f), true);
		has_flags = true;
	}
	if (has_flags && row->modseq > s->view.r &&
	    imap_flags_are_named(imap_sync_names(s), row->flags, row->more))
		imap_cmd_told(f->c, row->seq, row->uid, row->modseq);
	buf_put_str(out, ")\r\n");
	f->c->mid_response = false;
	if (f->seen_late)
		imap_seqset_add(&f->told, row->uid);
	f->phase = f->told.n == 8 * STORE_SET_MAX ? SEEN : NEXT;
}

/* ---- the machine ---- */

static void
done(struct fetch *f)
{
	if (f->unknown_code)
		imap_cmd_no(f->c, "UNKNOWN-CTE", "Some parts have an unknown encoding");
	else if (f->failed && f->c->s->opens_nothing)
		imap_cmd_no(f->c, "NOPERM", IMAP_OPENS_NOTHING);
	else if (f->failed)
		imap_cmd_no(f->c, "CORRUPTION", "Some messages could not be opened");
	else
		imap_cmd_ok(f->c, "Fetch completed");
}

static bool
next(struct fetch *f)
{
	enum err e = f->walked ? ERR_END : imap_walk_next(&f->walk);

	if (e == ERR_END && f->cards.phase == IMAP_CARDS_READING && !f->walked)
		e = imap_cards_again(&f->cards) == ERR_OK ? imap_walk_next(&f->walk) : ERR_END;
	f->walked = e == ERR_END;
	if (f->walked)
		f->phase = f->told.n > 0 ? SEEN : REST;
	if (e != ERR_OK)
		return e == ERR_END;
	imap_message_begin(&f->message);
	f->phase = f->cards.phase == IMAP_CARDS_READING ? CARD : PREPARE;
	return true;
}

static bool
find_card(struct fetch *f)
{
	enum err e = imap_cards_find(&f->cards);

	f->phase = e == ERR_AGAIN ? CARD : e == ERR_OK ? PREPARE : NEXT;
	return e != ERR_AGAIN;
}

/* UIDFETCH begins with the UID that UID FETCH puts first: not twice. */
static uint32_t
first_item(const struct fetch *f)
{
	return imap_session_is(f->c->s, IMAP_EN_UIDONLY) && f->items->count > 1 &&
	    f->items->v[0].kind == IMAP_ITEM_UID;
}

static bool
prepare(struct fetch *f)
{
	enum err e = !f->opens ? ERR_OK :
	    imap_message_ready(&f->message, imap_needs_of(&f->message, f->items));

	if (e == ERR_AGAIN || f->c->answer != IMAP_ANSWER_NONE)
		return false;
	if (e != ERR_OK || (f->opens && !knows_encodings(f))) {
		f->failed = true;
		f->unknown_code = f->unknown_code || e == ERR_OK;
		f->phase = NEXT;
		return true;
	}
	if (f->keeps && f->c->s->memo != NULL)
		imap_message_keep(&f->message, f->c->s->memo);
	if (f->cards.phase == IMAP_CARDS_MAKING)
		imap_cards_make(&f->cards, &f->message);
	imap_row_begin(f->c->s, imap_session_out(f->c->s), &f->walk.row);
	f->c->mid_response = true;
	f->idx = first_item(f);
	f->any = false;
	f->phase = ITEM;
	return true;
}

static bool
tell_vanished(struct fetch *f)
{
	enum err e = imap_vanished_next(&f->vanished);

	if (e == ERR_OK)
		f->phase = NEXT;
	return e == ERR_OK;
}

/* What comes first when the set is known. */
static enum phase
first_phase(struct fetch *f)
{
	if (f->items->sets_seen && !f->c->s->view.readonly &&
	    (f->c->s->view.rights & STORE_RIGHT_S)) {
		f->seen_late = f->items->changed_since != 0 || f->items->has_window;
		if (!f->seen_late)
			return SEEN;
	}
	return f->items->vanished ? VANISHED : NEXT;
}

static bool
cut_window(struct fetch *f)
{
	if (imap_partial_next(&f->partial) != ERR_OK)
		return false;
	f->walk.set = buf_slice(&f->partial.pairs);
	f->walk.by_uid = true;
	f->walked = f->walk.set.n == 0;
	f->phase = first_phase(f);
	return true;
}

/* For the client.  What rows tell is short: asked once for each message. */
static bool
must_wait(const struct fetch *f)
{
	const struct imap_session *s = f->c->s;

	if (f->phase == PREPARE || (f->phase == ITEM && (f->idx == f->items->count ||
	    f->items->v[f->idx].kind < IMAP_ITEM_ENVELOPE)))
		return false;
	return s->host->is_clogged(s->host_arg);
}

static void
step(struct imap_cmd *c)
{
	struct fetch *f = c->priv;
	struct imap_session *s = c->s;
	unsigned rows = 0;
	bool goes_on = true;

	while (goes_on && c->answer == IMAP_ANSWER_NONE && !s->closing && !must_wait(f)) {
		switch (f->phase) {
		case WINDOW:
			goes_on = cut_window(f);
			break;
		case SEEN:
			if (!f->waiting)
				ask_seen(f);
			goes_on = false;
			break;
		case VANISHED:
			goes_on = tell_vanished(f);
			break;
		case NEXT:
			if (++rows > (f->walk.wants_keys ? OPENED_PER_TURN : ROWS_PER_TURN)) {
				s->host->defer(s->host_arg);
				return;
			}
			goes_on = next(f);
			break;
		case CARD:
			goes_on = find_card(f);
			break;
		case PREPARE:
			goes_on = prepare(f);
			break;
		case ITEM:
			if (f->idx == f->items->count)
				end_message(f);
			else
				put_item(f);
			break;
		case MEASURE:
			goes_on = measure(f);
			break;
		case STREAM:
			goes_on = stream(f);
			break;
		case REST:
			goes_on = f->cards.phase == IMAP_CARDS_NONE || imap_cards_end(&f->cards);
			if (goes_on)
				done(f);
			break;
		}
	}
}

/* Whole bodies and what rows tell: no summary is needed. */
static bool
wants_only_bodies(const struct fetch *f)
{
	if (!f->opens)
		return false;
	for (uint32_t i = 0; i < f->items->count; i++) {
		const struct imap_item *it = &f->items->v[i];

		if (it->kind >= IMAP_ITEM_ENVELOPE && (it->kind != IMAP_ITEM_SECTION ||
		    it->path_count > 0 || it->what != MIME_SECTION_ALL))
			return false;
	}
	return true;
}

/* Of bodies most is wanted: not of a header, nor of a piece. */
static bool
opens_ahead(const struct fetch *f)
{
	for (uint32_t i = 0; i < f->items->count; i++)
		if (f->items->v[i].is_partial)
			return false;
	return f->walk.first_bytes == IMAP_READ_BYTES;
}

/*
 * For who lists the user's own mailbox: many messages have a key for 64 of them,
 * and few cost neither store nor keyd again in the same session.
 */
static void
use_kept(struct fetch *f)
{
	const unsigned texts = 1u << IMAP_ITEM_ENVELOPE | 1u << IMAP_ITEM_BODY |
	    1u << IMAP_ITEM_BODYSTRUCTURE;
	struct imap_session *s = f->c->s;
	unsigned kinds = f->items->kinds;

	if (!(kinds & texts) || s->view.guest != NULL || (kinds & ~(texts |
	    IMAP_ITEMS_OF_ROW | IMAP_ITEMS_COLD | 1u << IMAP_ITEM_SIZE)))
		return;
	if (imap_cards_are_worth(s, f->walk.set, f->walk.by_uid)) {
		imap_cards_start(&f->cards, &f->walk, kinds & IMAP_ITEMS_COLD ?
		    STORE_WANT_COLD : 0);
		return;
	}
	if (s->memo_is_stale)
		imap_memo_free(&s->memo);
	s->memo_is_stale = false;
	if (s->memo == NULL)
		s->memo = imap_memo_new(&s->shared->memo_bytes);
	f->keeps = true;
	if (f->walk.set.n >= 8 && imap_memo_may_have(s->memo, f->walk.by_uid,
	    dec_le32(f->walk.set.p)))
		f->walk.memo = s->memo;
}

void
imap_fetch_start(struct imap_cmd *c, const struct imap_items *items, struct slice set,
    struct slice vanished)
{
	struct fetch *f = must_alloc(1, sizeof(*f));

	f->c = c;
	f->items = items;
	f->walk.set = set;
	f->walk.by_uid = c->by_uid;
	f->opens = (items->kinds & ~(IMAP_ITEMS_OF_ROW | IMAP_ITEMS_COLD)) != 0 ||
	    (imap_items_has(items, IMAP_ITEM_SIZE) && imap_session_may_be_sealed(c->s));
	if (items->kinds & IMAP_ITEMS_COLD)
		f->walk.want = STORE_WANT_COLD;
	f->walk.wants_keys = f->opens;
	if (f->opens)
		f->walk.want |= STORE_WANT_CONTENT | STORE_WANT_SUMMARY;
	f->walk.first_bytes = imap_needs_first_bytes(items);
	f->walk.opens_ahead = opens_ahead(f);
	imap_walk_start(&f->walk, c);
	imap_message_init(&f->message, &f->walk);
	imap_section_init(&f->section);
	if (wants_only_bodies(f))
		f->walk.want &= (uint8_t)~STORE_WANT_SUMMARY;
	f->walk.changed_since = items->changed_since;
	use_kept(f);
	f->vanished = (struct imap_vanished){ .c = c, .since = items->changed_since,
		.set = vanished };
	buf_init(&f->told, 8 * STORE_SET_MAX);
	f->phase = items->has_window ? WINDOW : first_phase(f);
	if (items->has_window)
		imap_partial_start(&f->partial, c, set, &items->window);
	if (imap_items_has(items, IMAP_ITEM_MODSEQ))
		imap_session_enable(c->s, IMAP_EN_CONDSTORE);
	c->priv = f;
	c->fini = fini;
	c->resume = step;
	step(c);
}
