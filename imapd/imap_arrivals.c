/* SPDX-License-Identifier: ISC */
/*
 * One message after the other: found by its UID, its header read for the trace, its
 * boxes read twice (letter_open.h), once for each key that it may be sealed to and
 * once more for the mail that goes to the sealer, and handed over.
 *
 * advance() does what can be done now; step() is called again when an answer came.
 */
#include "imapd/imap_arrivals.h"

#include <string.h>

#include "imapd/imap_deposit.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_source.h"
#include "lib/base/log.h"
#include "lib/cmtp/letter_open.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/hdr.h"

#define FEED_BYTES	(1u << 20)	/* in one turn of the loop */
#define HEADER_MAX	(32u << 10)	/* of a carrier */
#define LOGIN_MS	2000		/* that a login waits at most */
#define ID_MAX		300

enum stage {
	ASKING,		/* what is there */
	FINDING,	/* the next one */
	READING,	/* its header */
	OPENING,	/* its boxes, the first time */
	GRANTING,	/* an epoch */
	FEEDING,	/* the mail to the sealer */
	MAKING_FILE,	/* of the store's; then after */
	SEALED,
	APPENDING,
	MOVING		/* it does not open */
};
enum { HEADER, BOXES, ITEMS };

struct turn {
	enum stage		 stage, after;
	bool			 waiting;
	unsigned		 left;		/* that may still be handled */
	uint64_t		 until_ms;	/* 0: no matter */
	struct imap_walk_at	 at;
	uint32_t		 uid;		/* the one at hand, or the last */
	unsigned		 skipped;	/* that wait for a key */
	bool			 is_found;	/* one, since it was asked what is there */
	/* one message */
	struct imap_source	 source;
	struct imap_item	 items[ITEMS];
	uint32_t		 path[1];
	uint64_t		 internal_s;
	struct buf		 header;
	char			 id[ID_MAX];
	struct letter_open	 open;
	bool			 is_open;	/* open is in use */
	struct buf		 piece;		/* of the boxes */
	struct slice		 in;		/* of piece: still to be fed */
	bool			 ended;		/* no more pieces */
	bool			 has_key;	/* what waited for it comes before more */
	struct buf		 out;
	struct slice		 pending;	/* of out: for the sealer */
	struct imap_deposit	 deposit;
	/* the keys that it may be sealed to */
	uint32_t		 newest, generation;	/* 0: the account's present one */
	unsigned		 tries;
	bool			 is_closed;	/* one of them is not at hand */
};

static void
close_letter(struct turn *t)
{
	if (t->is_open)
		letter_open_fini(&t->open);
	t->is_open = false;
}

static void
fini(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct turn *t = c->priv;

	/* It was not all done: later. */
	if (c->answer != IMAP_ANSWER_OK) {
		s->arrivals_due = true;
		s->arrivals_at_ms = s->host->now_ms(s->host_arg) + IMAP_ARRIVALS_RETRY_MS;
	}
	close_letter(t);
	imap_source_fini(&t->source);
	imap_deposit_fini(&t->deposit);
	buf_wipe(&t->piece);
	buf_fini(&t->piece);
	buf_wipe(&t->out);
	buf_fini(&t->out);
	buf_fini(&t->header);
}

/* Nobody is told. */
static void
give_up(struct imap_cmd *c)
{
	imap_cmd_no(c, NULL, "");
}

static void
ask(struct imap_cmd *c, enum ipc_role role, enum ipc_type type, const void *m, imap_reply_fn *fn)
{
	struct turn *t = c->priv;

	t->waiting = imap_cmd_call(c, role, type, m, fn, t);
}

/* ---- what is there ---- */

static void
on_asked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_arrivals_reply *m = r->m;
	struct turn *t = arg;

	t->waiting = false;
	if (r->error != ERR_OK) {
		give_up(s->cmd);
	} else if (r->type != IPC_MSG_store_arrivals_reply || m->exists == 0) {
		/* None, or another session sees to it. */
		imap_cmd_ok(s->cmd, "");
	} else {
		t->at = (struct imap_walk_at){ .handle = s->handle, .mailbox = m->mailbox,
		    .v = m->modseq, .uidnext = m->uidnext };
		t->stage = FINDING;
		t->is_found = false;
	}
}

static void
look(struct imap_cmd *c, bool done)
{
	const struct ipc_store_arrivals m = { .handle = c->s->handle, .done = done };

	ask(c, IPC_STORE, IPC_MSG_store_arrivals, &m, on_asked);
}

static struct slice
pair(char p[8], uint32_t first, uint32_t last)
{
	struct buf b;

	buf_init(&b, 8);
	imap_seqset_put_pair(&b, first, last);
	memcpy(p, buf_data(&b), 8);
	buf_fini(&b);
	return slice_of(p, 8);
}

/* ---- what does not open ---- */

static void
tell(struct imap_cmd *c, const char *what)
{
	const struct turn *t = c->priv;

	log_event(LOG_arrival, log_session(c->s->sid), log_num("number", t->uid),
	    log_str("state", what));
}

static void
next(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	struct imap_session *s = c->s;

	close_letter(t);
	t->stage = FINDING;
	t->left--;
	if (t->left > 0 && (t->until_ms == 0 || s->host->now_ms(s->host_arg) < t->until_ms))
		return;
	s->arrivals_due = true;
	imap_cmd_ok(c, "");
}

static void
on_moved(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct turn *t = arg;

	t->waiting = false;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_copied) {
		give_up(s->cmd);
		return;
	}
	tell(s->cmd, "sealed");
	next(s->cmd);
}

static void
move(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	char set[8];
	const struct ipc_store_copy m = { .handle = t->at.handle, .mailbox = t->at.mailbox,
		.v = t->at.v, .uidnext = t->at.uidnext, .by_uid = true, .move = true,
		.to = SLICE_LIT("INBOX"), .set = pair(set, t->uid, t->uid) };

	t->stage = MOVING;
	ask(c, IPC_STORE, IPC_MSG_store_copy, &m, on_moved);
}

/* ---- the next one ---- */

static void
on_found(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_rows *m = r->m;
	struct imap_cmd *c = s->cmd;
	struct turn *t = arg;
	struct ipc_reader rd;
	struct ipc_row row;

	t->waiting = false;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_rows) {
		give_up(c);
		return;
	}
	rd = ipc_reader_of(m->rows);
	if (!ipc_reader_more(&rd)) {
		/* The end of those that were there: others may have come. */
		t->stage = ASKING;
		t->skipped += !t->is_found;
		return;
	}
	t->is_found = true;
	ipc_row_get(&rd, &row);
	t->uid = row.uid;
	t->newest = t->generation = 0;
	t->tries = 0;
	t->is_closed = false;
	if (s->sealing == SEALING_CLIENT) {
		move(c);
		return;
	}
	t->stage = READING;
	buf_reset(&t->header);
	imap_source_begin(&t->source, &t->at, t->uid, t->items, ITEMS);
}

static void
find(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	char set[8];
	const struct ipc_store_fetch m = { .handle = t->at.handle, .mailbox = t->at.mailbox,
		.v = t->at.v, .uidnext = t->at.uidnext, .by_uid = true, .limit = 1,
		.resume = t->uid, .set = pair(set, 1, STORE_STAR) };

	ask(c, IPC_STORE, IPC_MSG_store_fetch, &m, on_found);
}

/* ---- its header ---- */

/* Whole fields that stand before those of the carrier itself. */
static struct slice
trace_of(struct slice header)
{
	struct hdr_field f;

	return hdr_find(header, "Date", &f) ? slice_head(header, (size_t)(f.raw.p - header.p)) :
	    SLICE_NONE;
}

/* The queue's number of it, at this host. */
static struct slice
id_of(struct turn *t, struct slice header, const char *hostname)
{
	struct slice id = SLICE_NONE, rest;
	struct hdr_field f;
	struct buf b;

	if (!hdr_find(header, "Message-ID", &f))
		return SLICE_NONE;
	rest = f.value;
	if (!hdr_next_msgid(&rest, &id))
		return SLICE_NONE;
	buf_init(&b, sizeof(t->id));
	buf_printf(&b, "<%.*s@%s>", SLICE_FMT(slice_head(id, slice_find(id, '.'))), hostname);
	if (buf_err(&b) == ERR_OK)
		memcpy(t->id, buf_data(&b), b.n);
	id = buf_err(&b) == ERR_OK ? slice_of(t->id, b.n) : SLICE_NONE;
	buf_fini(&b);
	return id;
}

/* Once more from the first box on. */
static void
read_boxes(struct turn *t)
{
	imap_source_turn(&t->source, BOXES);
	t->in = t->pending = SLICE_NONE;
	t->ended = t->has_key = false;
}

static void
begin_letter(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	const struct slice header = buf_slice(&t->header);
	const char *hostname = c->s->shared->hostname;
	const struct letter_open_facts f = { .bytes = UINT32_MAX, .trace = trace_of(header),
		.domain = slice_str(hostname), .message_id = id_of(t, header, hostname),
		.arrived_s = t->internal_s };

	close_letter(t);
	letter_open_init(&t->open, &f);
	t->is_open = true;
	t->stage = OPENING;
	read_boxes(t);
}

/* It stays where it is, for another session. */
static void
wait_for_it(struct imap_cmd *c)
{
	struct turn *t = c->priv;

	tell(c, "waits");
	t->skipped++;
	next(c);
}

/* When the command was answered, it is not the message's fault. */
static void
unreadable(struct imap_cmd *c, enum err e)
{
	if (c->answer != IMAP_ANSWER_NONE)
		return;
	if (e == ERR_IO || e == ERR_TIMEOUT || e == ERR_GONE)
		wait_for_it(c);
	else
		move(c);
}

/* false: wait */
static bool
read_header(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	enum err e = imap_source_ready(&t->source);

	while (e == ERR_OK)
		e = imap_source_read(&t->source, &t->header);
	if (e == ERR_AGAIN)
		return false;
	if (e != ERR_END || buf_err(&t->header) != ERR_OK) {
		unreadable(c, e != ERR_END ? e : ERR_TOOBIG);
		return true;
	}
	t->internal_s = t->source.walk.cold.internal_s;
	begin_letter(c);
	return true;
}

/* ---- keys ---- */

/* It is not sealed to that key: to an earlier one? */
static void
try_earlier(struct imap_cmd *c)
{
	struct turn *t = c->priv;

	if (t->newest == 0)
		t->newest = c->s->key_generation;
	t->tries++;
	if (t->tries < IMAP_ARRIVALS_KEYS && t->tries < t->newest) {
		t->generation = t->newest - t->tries;
		begin_letter(c);
	} else if (t->is_closed) {
		wait_for_it(c);
	} else {
		move(c);
	}
}

static void
on_key(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_cmtp_boxes *m = r->m;
	const struct ipc_key_fail *f = r->m;
	struct imap_cmd *c = s->cmd;
	struct turn *t = arg;

	t->waiting = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_cmtp_boxes &&
	    m->public_key.n == CRY_KEY_BYTES && m->shared.n == CRY_KEY_BYTES) {
		t->generation = m->generation;
		if (t->newest == 0)
			t->newest = m->generation;
		letter_open_key(&t->open, (const unsigned char *)m->shared.p,
		    (const unsigned char *)m->public_key.p);
		t->has_key = true;
	} else if (r->error != ERR_OK || r->type != IPC_MSG_key_fail) {
		give_up(c);
	} else if (f->error == ERR_NOTFOUND || f->error == ERR_STATE) {
		t->is_closed |= f->error == ERR_STATE;
		try_earlier(c);
	} else if (f->error == ERR_CORRUPT) {
		move(c);
	} else {
		give_up(c);
	}
}

static void
ask_key(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	const struct ipc_cmtp_box_open m = { .token = slice_of(c->s->token, c->s->token_bytes),
		.generation = t->generation, .ephemeral = letter_open_ephemeral(&t->open) };

	ask(c, IPC_KEYD, IPC_MSG_cmtp_box_open, &m, on_key);
}

/* ---- the boxes ---- */

/* ERR_OK: t->in has some of them, or t->ended. */
static enum err
more_boxes(struct turn *t)
{
	enum err e;

	if (t->in.n > 0 || t->ended)
		return ERR_OK;
	if ((e = imap_source_ready(&t->source)) != ERR_OK)
		return e;
	buf_reset(&t->piece);
	e = imap_source_read(&t->source, &t->piece);
	t->ended = e == ERR_END;
	t->in = buf_slice(&t->piece);
	return e == ERR_END ? ERR_OK : e;
}

static bool
take_a_break(struct imap_cmd *c)
{
	c->s->host->defer(c->s->host_arg);
	return false;
}

/* The first time: they are looked through.  false: wait */
static bool
open_boxes(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	enum err e = ERR_OK;

	for (size_t fed = 0; fed < FEED_BYTES; ) {
		size_t before;

		if (t->in.n == 0 && t->ended && !t->has_key)
			break;
		if ((e = t->has_key ? ERR_OK : more_boxes(t)) == ERR_AGAIN)
			return false;
		if (e != ERR_OK) {
			unreadable(c, e);
			return true;
		}
		before = t->in.n;
		t->has_key = false;
		e = letter_open_feed(&t->open, &t->in, NULL);
		fed += before - t->in.n;
		if (e == ERR_AGAIN) {
			ask_key(c);
			return true;
		}
		if (e != ERR_OK)
			break;
	}
	if (e == ERR_OK && !(t->in.n == 0 && t->ended))
		return take_a_break(c);
	if (e == ERR_OK)
		e = letter_open_end(&t->open);
	if (e == ERR_OK) {
		imap_deposit_next(&t->deposit);
		t->stage = GRANTING;
	} else if (letter_open_fits(&t->open)) {
		move(c);		/* damaged */
	} else {
		try_earlier(c);
	}
	return true;
}

/* ---- the mail ---- */

static void
grant(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	enum err e = imap_deposit_begin(&t->deposit, letter_open_bytes(&t->open));

	if (e == ERR_AGAIN)
		return;
	if (e == ERR_TOOBIG) {
		move(c);
	} else if (e != ERR_OK) {
		give_up(c);
	} else {
		letter_open_again(&t->open);
		t->stage = FEEDING;
		read_boxes(t);
	}
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct turn *t = arg;
	int fd = -1;

	t->waiting = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_file_ok)
		fd = ipc_take_fd(r->in, 0);
	if (fd < 0 || imap_deposit_take_file(&t->deposit, fd) != ERR_OK)
		give_up(s->cmd);
}

static void
make_file(struct imap_cmd *c, enum stage after)
{
	const struct ipc_store_file m = { 0 };
	struct turn *t = c->priv;

	t->stage = MAKING_FILE;
	t->after = after;
	ask(c, IPC_STORE, IPC_MSG_store_file, &m, on_file);
}

/* What came out of the letter.  false: a file is to be made first. */
static bool
put_pending(struct imap_cmd *c)
{
	struct turn *t = c->priv;

	while (t->pending.n > 0) {
		struct slice piece = slice_head(t->pending, LETTER_OPEN_PIECE);

		if (imap_deposit_put(&t->deposit, piece) != ERR_OK) {
			give_up(c);
			return false;
		}
		t->pending = slice_from(t->pending, piece.n);
		if (imap_deposit_needs_file(&t->deposit)) {
			make_file(c, FEEDING);
			return false;
		}
	}
	buf_reset(&t->out);
	return true;
}

/* The second time.  false: wait */
static bool
feed(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	enum err e = ERR_OK;

	for (size_t fed = 0; fed < FEED_BYTES; ) {
		size_t before;

		if (!put_pending(c))
			return true;
		if (t->in.n == 0 && t->ended) {
			t->stage = SEALED;
			e = letter_open_end(&t->open);
			if (e == ERR_OK)
				e = imap_deposit_end(&t->deposit);
			if (e != ERR_OK)
				give_up(c);
			return true;
		}
		if ((e = more_boxes(t)) == ERR_AGAIN)
			return false;
		before = t->in.n;
		if (e == ERR_OK)
			e = letter_open_feed(&t->open, &t->in, &t->out);
		if (e != ERR_OK) {
			/* They were good a moment ago. */
			give_up(c);
			return true;
		}
		fed += before - t->in.n;
		t->pending = buf_slice(&t->out);
	}
	return take_a_break(c);
}

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct turn *t = arg;
	struct imap_cmd *c = s->cmd;

	t->waiting = false;
	if (imap_deposit_result(&t->deposit, r) != NULL) {
		tell(c, "opened");
		next(c);
	} else if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_GONE) {
		next(c);		/* somebody else was faster */
	} else {
		give_up(c);
	}
}

static void
hand_over(struct imap_cmd *c)
{
	struct turn *t = c->priv;
	struct ipc_store_append *m = &t->deposit.append;

	m->mailbox = SLICE_LIT("INBOX");
	m->internal_s = t->internal_s;
	m->replace_mailbox = t->at.mailbox;
	m->replace_uid = t->uid;
	t->stage = APPENDING;
	if (imap_deposit_send(&t->deposit, on_appended, t) == ERR_OK)
		t->waiting = true;
	else
		give_up(c);
}

/* ---- the machine ---- */

/* false: nothing more can be done now */
static bool
advance(struct imap_cmd *c)
{
	struct turn *t = c->priv;

	switch (t->stage) {
	case ASKING:
		look(c, t->skipped > 0);
		return true;
	case FINDING:
		find(c);
		return true;
	case READING:
		return read_header(c);
	case OPENING:
		return open_boxes(c);
	case GRANTING:
		grant(c);
		return t->stage != GRANTING;
	case FEEDING:
		return feed(c);
	case MAKING_FILE:
		t->stage = t->after;
		return true;
	case SEALED:
		if (imap_deposit_needs_file(&t->deposit))
			make_file(c, SEALED);
		else
			hand_over(c);
		return true;
	case APPENDING:
	case MOVING:
		break;
	}
	return false;
}

static void
step(struct imap_cmd *c)
{
	const struct turn *t = c->priv;

	while (c->answer == IMAP_ANSWER_NONE && !t->waiting && advance(c))
		;
}

void
imap_arrivals_run(struct imap_cmd *c, unsigned max)
{
	struct imap_session *s = c->s;
	struct turn *t = imap_cmd_alloc(c, sizeof(*t));

	if (t == NULL)
		return;
	c->priv = t;
	t->left = max;
	if (max == IMAP_ARRIVALS_LOGIN)
		t->until_ms = s->host->now_ms(s->host_arg) + LOGIN_MS;
	t->path[0] = 2;
	t->items[HEADER] = (struct imap_item){ .kind = IMAP_ITEM_SECTION,
		.what = MIME_SECTION_HEADER };
	t->items[BOXES] = (struct imap_item){ .kind = IMAP_ITEM_BINARY, .path = t->path,
		.path_count = 1 };
	imap_source_init(&t->source, c);
	imap_deposit_init(&t->deposit, c);
	buf_init(&t->header, HEADER_MAX);
	buf_init(&t->piece, 2 * SEAL_FRAME_BYTES);
	buf_init(&t->out, LETTER_OPEN_OUT_MAX);
	s->arrivals_due = false;
	c->fini = fini;
	c->resume = step;
	step(c);
}

/* ---- when ---- */

bool
imap_arrivals_is_due(const struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;

	if (!s->arrivals_due || s->opens_nothing || s->handle == 0 || s->relogin || s->handshake ||
	    s->sync.done != NULL || (s->state != IMAP_AUTH && s->state != IMAP_SELECTED) ||
	    s->host->now_ms(s->host_arg) < s->arrivals_at_ms)
		return false;
	/* Nothing runs, or IDLE. */
	return c == NULL || (c->outer == NULL && c->on_notify != NULL && c->wants_input &&
	    c->answer == IMAP_ANSWER_NONE);
}

static void
on_ended(struct imap_session *s)
{
	/* The store tells of what is new in INBOX. */
	(void)s;
}

void
imap_arrivals_turn(struct imap_session *s)
{
	if (imap_arrivals_is_due(s))
		imap_arrivals_run(imap_session_push(s, NULL, on_ended), IMAP_ARRIVALS_TURN);
}

void
imap_arrivals_on_news(struct imap_session *s)
{
	s->arrivals_due = true;
}
