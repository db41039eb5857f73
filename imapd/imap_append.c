/* SPDX-License-Identifier: ISC */
/*
 * The command starts when its literal is announced.  Before the client is
 * told to send it: the mailbox must exist (TRYCREATE), and the message to be
 * replaced; the size must be allowed, the sealer must have an epoch.  Then the
 * literal streams through the MIME parser and the sealer; sealed bytes are
 * kept up to what fits in the request, beyond that they go to a file of the
 * store's.  The line's end behind the literal completes the command and the
 * message is handed over; when another message is announced there, the store
 * keeps this one until the last came (store_append, more).
 */
#include "imapd/imap_append.h"

#include <string.h>

#include "imapd/imap_flags.h"
#include "imapd/imap_header8.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_seqset.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

#define SEALED_MAX	(SEALER_INLINE_MAX + (512u << 10))

enum stage { CHECKING, FINDING, GRANTING, RECEIVING, MAKING_FILE, SEALED, APPENDING };

struct args {
	struct slice	 name;
	enum err	 name_error;
	struct slice	 replaced;	/* pair of the message that goes, RFC 8508; or none */
	uint32_t	 replaced_uid;
	uint32_t	 kept;		/* messages that the store may keep for the last one */
	uint64_t	 size_sum;	/* of all */
	struct imap_flags flags;
	int64_t		 internal_s;
	bool		 has_date;
	enum stage	 stage;
	bool		 literal8;	/* RFC 3516 s4.4: NUL is no mistake in it */
	uint64_t	 size, got;
	struct sealer_owner owner;
	struct sealer_message message;
	struct mime	 mime;
	struct buf	 sealed;
	struct ipc_store_append append;
	bool		 waiting;
	bool		 made;		/* message, mime and sealed are in use */
	bool		 has_tail;	/* what is behind the literal came */
	bool		 goes_on;	/* it announced another message: */
	struct slice	 next;
	bool		 wrapped;	/* UTF8 (literal8), RFC 9755 s4 */
	struct imap_header8 header8;
	int		 fd;		/* the store's file, -1: none */
	uint32_t	 handle_serial;	/* of the store session that reserved the epoch */
};

/* ---- grammar ---- */

/* append-message of RFC 4466 s6, up to the literal's number */
static void
parse_message(struct args *a, struct imap_parser *p)
{
	a->flags = (struct imap_flags){ 0 };
	a->has_date = false;
	imap_parser_sp(p);
	if (imap_parser_peek(p) == '(') {
		imap_flags_parse(p, false, &a->flags);
		imap_parser_sp(p);
	}
	if (imap_parser_peek(p) == '"') {
		a->internal_s = imap_parser_datetime(p);
		a->has_date = true;
		imap_parser_sp(p);
	}
	a->wrapped = imap_parser_take_word(p, "UTF8 (");
	a->literal8 = imap_parser_take(p, '~');
	if (imap_parser_peek(p) != '{' || (a->wrapped && !a->literal8))
		imap_parser_fail(p, "Expected the message as a literal");
}

/* seq-number, or a UID */
static void
parse_replaced(struct args *a, struct imap_parser *p)
{
	struct buf pair;

	imap_parser_sp(p);
	a->replaced_uid = imap_parser_nz_number(p);
	buf_init(&pair, 8);
	imap_seqset_add(&pair, a->replaced_uid);
	a->replaced = arena_dup(p->arena, buf_slice(&pair));
	if (a->replaced.n < pair.n)
		imap_parser_fail(p, "Command too large");
	buf_fini(&pair);
}

static void
parse(struct args *a, struct imap_parser *p, bool replace)
{
	if (replace)
		parse_replaced(a, p);
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
	parse_message(a, p);
}

/* The verb that takes a message, if the text begins with one. */
static bool
parse_verb(struct imap_parser *p, bool *replace)
{
	struct slice name = imap_parser_atom(p);

	if (slice_ieq_str(name, "UID")) {
		imap_parser_sp(p);
		name = imap_parser_atom(p);
	}
	*replace = slice_ieq_str(name, "REPLACE");
	return *replace || slice_ieq_str(name, "APPEND");
}

bool
imap_append_wants(struct slice text)
{
	struct arena arena;
	struct imap_parser p;
	struct args *a;
	bool replace, wants = false;

	arena_init(&arena, 256u << 10);
	imap_parser_init(&p, text, &arena);
	(void)imap_parser_tag(&p);
	imap_parser_sp(&p);
	a = arena_alloc(&arena, 1, sizeof(*a));
	if (a != NULL && parse_verb(&p, &replace)) {
		parse(a, &p, replace);
		wants = imap_parser_ok(&p) &&
		    slice_find(slice_of(p.p, (size_t)(p.end - p.p)), '\n') ==
		    (size_t)(p.end - p.p);
	}
	arena_fini(&arena);
	return wants;
}

void
imap_append_parse(struct imap_cmd *c, struct imap_parser *p, bool replace)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	a->fd = -1;
	if (c->s->lexer.state != IMAP_LEX_WAIT)
		imap_parser_fail(p, "Expected the message as a literal");
	parse(a, p, replace);
	if (a->wrapped && !imap_session_is(c->s, IMAP_EN_UTF8))
		imap_parser_fail(p, "ENABLE UTF8=ACCEPT first");
	if (imap_parser_ok(p))
		p->p = p->end;		/* {n}: lexer.literal_bytes */
	a->size = c->s->lexer.literal_bytes;
}

/* ---- life ---- */

/* A message is done with: nothing of it is left. */
static void
drop_message(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->fd >= 0)
		c->s->host->file_close(c->s->host_arg, a->fd);
	a->fd = -1;
	sealer_message_fini(c->s->shared->sealer, &a->message);
	buf_reset(&a->sealed);
}

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_append_cancel m = { .handle = c->s->handle };

	if (!a->made)
		return;
	drop_message(c);
	mime_fini(&a->mime);
	buf_fini(&a->sealed);
	/* A store that is gone forgot them, and so it is when this cannot be sent. */
	if (a->kept > 0 && a->handle_serial == c->s->handle_serial && m.handle != 0 &&
	    c->s->host->send(c->s->host_arg, IPC_STORE, IPC_MSG_store_append_cancel,
	    &m) != ERR_OK)
		a->kept = 0;
}

/* Refused while the literal or the rest of the line is still to come. */
static void
stop(struct imap_cmd *c)
{
	struct args *a = c->priv;

	c->wants_input = false;
	if (a->stage >= RECEIVING && !a->has_tail)
		imap_lexer_abandon(&c->s->lexer);
}

static void
stop_with(struct imap_cmd *c, enum err e)
{
	imap_cmd_error(c, e);
	stop(c);
}

/* ---- handing over ---- */

static void next_message(struct imap_cmd *);

/* ERR_OK, or what the store refused it with. */
static enum err
refusal_of(const struct imap_reply *r)
{
	return r->error == ERR_OK && r->type == IPC_MSG_store_fail ?
	    ((const struct ipc_store_fail *)r->m)->error : ERR_OK;
}

static void
tell_appended(struct imap_cmd *c, const struct ipc_store_appended *m)
{
	const struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct buf code;

	log_event(LOG_append, log_session(s->sid), log_text("mailbox", a->name),
	    log_num("uid", m->uid), log_num("size", a->size_sum));
	buf_init(&code, 64);
	buf_printf(&code, "APPENDUID %u %u", m->uidvalidity, m->uid);
	/* RFC 4315 s4: a set of UIDs, for RFC 3502 */
	if (m->count > 1)
		buf_printf(&code, ":%u", m->uid + m->count - 1);
	if (a->replaced.n == 0) {
		imap_cmd_ok_code(c, imap_cmd_text(c, &code), "Append completed");
	} else {
		/* RFC 8508 s4.3: before the EXPUNGE response. */
		buf_printf(imap_session_out(s), "* OK [%s] Replacement is there\r\n",
		    buf_cstr(&code));
		/* RFC 8508 s4.5: as for EXPUNGE. */
		c->tells_highest = imap_session_is(s, IMAP_EN_CONDSTORE);
		imap_cmd_ok(c, "Replace completed");
	}
	buf_fini(&code);
}

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	struct imap_cmd *c = s->cmd;
	const struct ipc_store_appended *m;

	a->waiting = false;
	/* The store forgot the others with the one that it refused. */
	if (r->error == ERR_OK && r->type != IPC_MSG_store_appended)
		a->kept = 0;
	if (refusal_of(r) == ERR_NOTFOUND) {
		imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	if (refusal_of(r) == ERR_GONE && a->replaced.n > 0) {
		imap_cmd_no(c, "EXPUNGEISSUED", "The message is no longer there");
		return;
	}
	m = imap_cmd_expect(c, r, IPC_MSG_store_appended);
	if (m == NULL) {
		/* It may be the epoch that the store no longer knows. */
		sealer_drop(s->shared->sealer, &a->owner, a->append.epoch);
	} else if (!a->goes_on) {
		a->kept = 0;
		tell_appended(c, m);
	} else {
		next_message(c);
	}
}

static enum err
flush_to_file(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e = c->s->host->file_write(c->s->host_arg, a->fd, buf_slice(&a->sealed));

	buf_reset(&a->sealed);
	return e;
}

/* The literal is complete: the sealer's rest, summary and wrap. */
static void
seal(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	enum err e;

	a->stage = SEALED;
	mime_end(&a->mime);
	e = sealer_end(s->shared->sealer, &a->message, &a->mime, SLICE_NONE,
	    s->shared->charsets, &a->sealed, &a->append);
	if (e != ERR_OK)
		stop_with(c, e);
}

static void
hand_over(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_append *m = &a->append;
	enum err e;

	/* Epoch, content id and file are of a store that is gone. */
	if (a->handle_serial != s->handle_serial) {
		imap_cmd_error(c, ERR_GONE);
		return;
	}
	if (a->fd >= 0 && flush_to_file(c) != ERR_OK) {
		imap_cmd_error(c, ERR_FULL);
		return;
	}
	m->handle = s->handle;
	m->mailbox = a->name;
	m->flags = a->flags.system;
	m->keywords = a->flags.keywords;
	m->internal_s = a->has_date ? (a->internal_s > 0 ? (uint64_t)a->internal_s : 0) :
	    s->host->real_s(s->host_arg);
	m->body = a->fd >= 0 ? SLICE_NONE : buf_slice(&a->sealed);
	m->more = a->goes_on;
	/* Whatever the answer: it may come too late. */
	a->kept += m->more;
	a->size_sum += a->size;
	m->replace_mailbox = a->replaced.n > 0 ? s->view.mailbox : 0;
	m->replace_uid = a->replaced.n > 0 ? a->replaced_uid : 0;
	a->stage = APPENDING;
	a->waiting = true;
	e = imap_session_call(s, IPC_STORE, IPC_MSG_store_append, m,
	    a->fd >= 0 ? &a->fd : NULL, a->fd >= 0 ? 1 : 0, on_appended, a);
	if (e != ERR_OK)
		imap_cmd_error(c, ERR_GONE);
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;

	a->waiting = false;
	if (imap_cmd_expect(c, r, IPC_MSG_store_file_ok) == NULL) {
		stop(c);
		return;
	}
	a->fd = ipc_take_fd(r->in, 0);
	if (a->fd < 0)
		stop_with(c, ERR_GONE);
}

/* What no longer fits in a request needs a file. */
static void
make_file(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct ipc_store_file m = { 0 };

	a->stage = MAKING_FILE;
	c->wants_input = false;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_file, &m, on_file, a);
	if (!a->waiting)
		stop(c);
}

/* ---- receiving ---- */

static void
on_literal(struct imap_cmd *c, struct slice data, bool last)
{
	struct args *a = c->priv;
	enum err e = ERR_OK;

	(void)last;
	a->got += data.n;
	/* RFC 3501 s9: CHAR8 excludes NUL.  RFC 3516 s4.4: no binary content here. */
	if (slice_find(data, '\0') < data.n) {
		if (a->literal8)
			imap_cmd_no(c, "UNKNOWN-CTE", "NUL in the message");
		else
			imap_cmd_bad(c, "NUL in the message");
		stop(c);
		return;
	}
	/* RFC 9755 s4 */
	imap_header8_feed(&a->header8, data);
	if (a->header8.found && !imap_session_is(c->s, IMAP_EN_UTF8_NAMES)) {
		imap_cmd_no(c, "CANNOT", "ENABLE UTF8=ACCEPT first: 8-bit header fields");
		stop(c);
		return;
	}
	mime_feed(&a->mime, data);
	while (data.n > 0 && e == ERR_OK) {
		struct slice piece = slice_head(data, 65536);

		e = sealer_put(&a->message, piece, &a->sealed);
		data = slice_from(data, piece.n);
		if (e == ERR_OK && a->fd >= 0)
			e = flush_to_file(c);
	}
	if (e != ERR_OK)
		stop_with(c, e);
	else if (a->fd < 0 && a->sealed.n + 1024 > SEALER_INLINE_MAX)
		make_file(c);
}

/* Behind the literal: the end. */
static void
on_line(struct imap_cmd *c, struct slice line)
{
	struct args *a = c->priv;

	a->has_tail = true;
	c->wants_input = false;
	if (!slice_eq_str(line, a->wrapped ? ")" : ""))
		imap_cmd_bad(c, "Unexpected text behind the message");
}

/*
 * Or another message (RFC 3502 s6.3.11).  What is said of it is read when the
 * one before was handed over.
 */
static void
on_announced(struct imap_cmd *c, struct slice line)
{
	struct args *a = c->priv;

	a->has_tail = true;
	a->goes_on = true;
	c->wants_input = false;
	a->next = arena_dup(&c->arena, line);
	if (a->replaced.n > 0)
		imap_cmd_bad(c, "REPLACE takes one message");
	else if (a->next.n < line.n)
		imap_cmd_bad(c, "Command too large");
	else if (a->wrapped && !slice_starts(line, ")"))
		imap_cmd_bad(c, "Unexpected text behind the message");
}

static void
on_granted(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;
	const struct ipc_store_epoch_ok *m = imap_cmd_expect(c, r, IPC_MSG_store_epoch_ok);
	enum err e;

	a->waiting = false;
	if (m == NULL)
		return;
	e = sealer_grant(s->shared->sealer, &a->owner, m, s->host->now_ms(s->host_arg));
	if (e != ERR_OK)
		imap_cmd_error(c, e);
}

static void
receive(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;

	a->stage = RECEIVING;
	a->has_tail = a->goes_on = false;
	a->header8 = (struct imap_header8){ 0 };
	if (a->kept == 0)
		a->handle_serial = s->handle_serial;
	c->wants_input = true;
	if (!s->lexer.nonsync)
		buf_put_str(imap_session_out(s), "+ OK\r\n");
	imap_lexer_stream(&s->lexer);
}

static void
grant(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_epoch m = { .handle = s->handle, .account = s->account };
	enum err e = sealer_begin(s->shared->sealer, &a->message, &a->owner, a->size,
	    s->host->now_ms(s->host_arg));

	if (e == ERR_OK)
		receive(c);
	else if (e == ERR_AGAIN)
		a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_epoch, &m,
		    on_granted, a);
	else
		imap_cmd_error(c, e);
}

/* ---- what goes ---- */

static void
on_found(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;
	const struct ipc_store_rows *m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_rows);
	struct ipc_reader rd;
	struct ipc_row row;

	a->waiting = false;
	if (m == NULL)
		return;
	rd = ipc_reader_of(m->rows);
	if (!ipc_reader_more(&rd)) {
		imap_cmd_no(s->cmd, "NONEXISTENT", "There is no such message");
		return;
	}
	ipc_row_get(&rd, &row);
	a->replaced_uid = row.uid;
}

static void
find_replaced(struct imap_cmd *c)
{
	struct args *a = c->priv;
	const struct imap_session *s = c->s;
	struct ipc_store_fetch m = {
		.handle = s->handle, .mailbox = s->view.mailbox, .v = s->view.v,
		.uidnext = s->view.uidnext, .by_uid = c->by_uid, .limit = 1,
		.set = a->replaced,
	};

	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_fetch, &m, on_found, a);
}

/* ---- the machine ---- */

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->waiting)
		return;
	switch (a->stage) {
	case CHECKING:
		a->stage = FINDING;
		if (a->replaced.n > 0) {
			find_replaced(c);
			return;
		}
		/* FALLTHROUGH */
	case FINDING:
		a->stage = GRANTING;
		/* FALLTHROUGH */
	case GRANTING:
		grant(c);
		break;
	case MAKING_FILE:
		if (flush_to_file(c) != ERR_OK) {
			stop_with(c, ERR_FULL);
			return;
		}
		if (a->has_tail) {
			a->stage = SEALED;
			hand_over(c);
			return;
		}
		a->stage = RECEIVING;
		c->wants_input = true;
		/* FALLTHROUGH */
	case RECEIVING:
		if (!a->has_tail)
			return;
		seal(c);
		if (c->answer != IMAP_ANSWER_NONE)
			return;
		/* FALLTHROUGH */
	case SEALED:
		if (a->fd < 0 && a->sealed.n > SEALER_INLINE_MAX)
			make_file(c);
		else
			hand_over(c);
		break;
	case APPENDING:
		break;
	}
}

static void
on_checked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;

	a->waiting = false;
	if (refusal_of(r) == ERR_NOTFOUND)
		imap_cmd_no(s->cmd, "TRYCREATE", "There is no such mailbox");
	else
		(void)imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
}

/* false: answered */
static bool
size_is_good(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	const struct imap_session *s = c->s;

	if (a->size > s->shared->message_max) {
		log_event(LOG_limit, log_session(s->sid), log_str("name", "append_size_limit"),
		    log_num("value", a->size));
		imap_cmd_no(c, "TOOBIG", "The message is too large");
		/* RFC 7888 s4 */
		if (s->lexer.nonsync && a->size > 2 * s->shared->message_max)
			imap_cmd_then_bye(c, "Literal too large");
	} else if (a->size == 0) {
		/* RFC 3502 s6.3.11: so a client gives up */
		imap_cmd_no(c, "CANNOT", "The message is empty");
	}
	return c->answer == IMAP_ANSWER_NONE;
}

/* The store has the one before; read what was said of the next. */
static void
next_message(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_parser p;

	imap_parser_init(&p, a->next, &c->arena);
	if (a->wrapped)
		imap_parser_want(&p, ')');
	parse_message(a, &p);
	if (a->wrapped && !imap_session_is(c->s, IMAP_EN_UTF8))
		imap_parser_fail(&p, "ENABLE UTF8=ACCEPT first");
	a->size = c->s->lexer.literal_bytes;
	drop_message(c);
	sealer_message_init(&a->message);
	if (!imap_parser_ok(&p)) {
		imap_cmd_bad(c, p.what);
		return;
	}
	if (!size_is_good(c))
		return;
	mime_start(&a->mime);
	a->stage = GRANTING;
}

void
imap_append_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_status m = { .handle = s->handle, .name = a->name };

	if (!size_is_good(c))
		return;
	if (a->name_error != ERR_OK) {
		imap_cmd_error(c, a->name_error);
		return;
	}
	if (a->replaced.n > 0 && s->view.readonly) {
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
		return;
	}
	if (a->replaced.n > 0 && !c->by_uid && !imap_seqset_fits(a->replaced, s->view.exists)) {
		imap_cmd_bad(c, "No such message");
		return;
	}
	a->owner.account = s->account;
	a->owner.generation = s->key_generation;
	memcpy(a->owner.public_key, s->public_key, sizeof(a->owner.public_key));
	sealer_message_init(&a->message);
	mime_init(&a->mime);
	mime_start(&a->mime);
	buf_init(&a->sealed, SEALED_MAX);
	a->made = true;
	c->fini = fini;
	c->on_literal = on_literal;
	c->on_line = on_line;
	c->on_announced = on_announced;
	c->resume = step;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_checked, a);
}
