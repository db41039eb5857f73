/* SPDX-License-Identifier: ISC */
/*
 * One message: its header read for the trace, its boxes read twice (letter_open.h),
 * once for each key that it may be sealed to and once more for the mail that goes to
 * the sealer.
 */
#include "imapd/imap_arrivals.h"

#include <string.h>

#include "imapd/imap_arrival_priv.h"
#include "lib/mail/hdr.h"

#define FEED_BYTES	(1u << 20)	/* in one turn of the loop */

void
imap_arrival_close(struct imap_arrival *t)
{
	if (t->is_open)
		letter_open_fini(&t->open);
	t->is_open = false;
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
id_of(struct imap_arrival *t, struct slice header, const char *hostname)
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
read_boxes(struct imap_arrival *t)
{
	imap_source_turn(&t->source, ARRIVAL_BOXES);
	t->in = t->pending = SLICE_NONE;
	t->ended = t->has_key = false;
}

static void
begin_letter(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	const struct slice header = buf_slice(&t->header);
	const char *hostname = c->s->shared->hostname;
	const struct letter_open_facts f = { .bytes = UINT32_MAX, .trace = trace_of(header),
		.domain = slice_str(hostname), .message_id = id_of(t, header, hostname),
		.arrived_s = t->internal_s };

	imap_arrival_close(t);
	letter_open_init(&t->open, &f);
	t->is_open = true;
	t->stage = ARRIVAL_OPENING;
	read_boxes(t);
}

/* When the command was answered, it is not the message's fault. */
static void
unreadable(struct imap_cmd *c, enum err e)
{
	if (c->answer != IMAP_ANSWER_NONE)
		return;
	if (e == ERR_IO || e == ERR_TIMEOUT || e == ERR_GONE)
		imap_arrival_wait(c);
	else
		imap_arrival_move(c);
}

bool
imap_arrival_read(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
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
	struct imap_arrival *t = c->priv;

	if (t->newest == 0)
		t->newest = c->s->key_generation;
	t->tries++;
	if (t->tries < IMAP_ARRIVALS_KEYS && t->tries < t->newest) {
		t->generation = t->newest - t->tries;
		begin_letter(c);
	} else if (t->is_closed) {
		imap_arrival_wait(c);
	} else {
		imap_arrival_move(c);
	}
}

static void
on_key(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_cmtp_boxes *m = r->m;
	const struct ipc_key_fail *f = r->m;
	struct imap_cmd *c = s->cmd;
	struct imap_arrival *t = arg;

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
		imap_arrival_give_up(c);
	} else if (f->error == ERR_NOTFOUND || f->error == ERR_STATE) {
		t->is_closed |= f->error == ERR_STATE;
		try_earlier(c);
	} else if (f->error == ERR_CORRUPT) {
		imap_arrival_move(c);
	} else {
		imap_arrival_give_up(c);
	}
}

static void
ask_key(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	const struct ipc_cmtp_box_open m = { .token = slice_of(c->s->token, c->s->token_bytes),
		.generation = t->generation, .ephemeral = letter_open_ephemeral(&t->open) };

	imap_arrival_ask(c, IPC_KEYD, IPC_MSG_cmtp_box_open, &m, on_key);
}

/* ---- the boxes ---- */

/* ERR_OK: t->in has some of them, or t->ended. */
static enum err
more_boxes(struct imap_arrival *t)
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
bool
imap_arrival_open(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
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
		t->stage = ARRIVAL_GRANTING;
	} else if (letter_open_fits(&t->open)) {
		imap_arrival_move(c);		/* damaged */
	} else {
		try_earlier(c);
	}
	return true;
}

/* ---- the mail ---- */

bool
imap_arrival_grant(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	enum err e = imap_deposit_begin(&t->deposit, letter_open_bytes(&t->open));

	if (e == ERR_AGAIN)
		return false;
	if (e == ERR_TOOBIG) {
		imap_arrival_move(c);
	} else if (e != ERR_OK) {
		imap_arrival_give_up(c);
	} else {
		letter_open_again(&t->open);
		t->stage = ARRIVAL_FEEDING;
		read_boxes(t);
	}
	return true;
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_arrival *t = arg;
	int fd = -1;

	t->waiting = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_file_ok)
		fd = ipc_take_fd(r->in, 0);
	if (fd < 0 || imap_deposit_take_file(&t->deposit, fd) != ERR_OK)
		imap_arrival_give_up(s->cmd);
}

void
imap_arrival_file(struct imap_cmd *c, enum imap_arrival_stage after)
{
	const struct ipc_store_file m = { 0 };
	struct imap_arrival *t = c->priv;

	t->stage = ARRIVAL_MAKING_FILE;
	t->after = after;
	imap_arrival_ask(c, IPC_STORE, IPC_MSG_store_file, &m, on_file);
}

/* What came out of the letter.  false: a file is to be made first. */
static bool
put_pending(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;

	while (t->pending.n > 0) {
		struct slice piece = slice_head(t->pending, LETTER_OPEN_PIECE);

		if (imap_deposit_put(&t->deposit, piece) != ERR_OK) {
			imap_arrival_give_up(c);
			return false;
		}
		t->pending = slice_from(t->pending, piece.n);
		if (imap_deposit_needs_file(&t->deposit)) {
			imap_arrival_file(c, ARRIVAL_FEEDING);
			return false;
		}
	}
	buf_reset(&t->out);
	return true;
}

/* The second time.  false: wait */
bool
imap_arrival_feed(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	enum err e = ERR_OK;

	for (size_t fed = 0; fed < FEED_BYTES; ) {
		size_t before;

		if (!put_pending(c))
			return true;
		if (t->in.n == 0 && t->ended) {
			t->stage = ARRIVAL_SEALED;
			e = letter_open_end(&t->open);
			if (e == ERR_OK)
				e = imap_deposit_end(&t->deposit);
			if (e != ERR_OK)
				imap_arrival_give_up(c);
			return true;
		}
		if ((e = more_boxes(t)) == ERR_AGAIN)
			return false;
		before = t->in.n;
		if (e == ERR_OK)
			e = letter_open_feed(&t->open, &t->in, &t->out);
		if (e != ERR_OK) {
			/* They were good a moment ago. */
			imap_arrival_give_up(c);
			return true;
		}
		fed += before - t->in.n;
		t->pending = buf_slice(&t->out);
	}
	return take_a_break(c);
}
