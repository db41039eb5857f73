/* SPDX-License-Identifier: ISC */
/*
 * APPEND (RFC 3501 s6.3.11): "APPEND" SP mailbox [SP flag-list]
 * [SP date-time] SP (literal / literal8).
 *
 * The command starts when its literal is announced.  Before the client is
 * told to send it: the mailbox must exist (TRYCREATE), the size must be
 * allowed, the sealer must have an epoch.  Then the literal streams through
 * the MIME parser and the sealer; sealed bytes are kept up to what fits in
 * the request, beyond that they go to a file of the store's.  The line's end
 * behind the literal completes the command and the message is handed over.
 */
#include <string.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_mailbox.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

#define SEALED_MAX	(SEALER_INLINE_MAX + (512u << 10))

enum stage { CHECKING, GRANTING, RECEIVING, MAKING_FILE, SEALED, APPENDING };

struct args {
	struct slice	 name;
	enum err	 name_error;
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
	bool		 has_tail;	/* the command's last line came */
	int		 fd;		/* the store's file, -1: none */
	uint32_t	 handle_serial;	/* of the store session that reserved the epoch */
};

/* ---- grammar ---- */

static void
parse(struct args *a, struct imap_parser *p)
{
	imap_parser_sp(p);
	a->name = imap_mailbox_parse(p, &a->name_error);
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
	a->literal8 = imap_parser_take(p, '~');
	if (imap_parser_peek(p) != '{')
		imap_parser_fail(p, "Expected the message as a literal");
}

bool
cmd_append_wants(struct slice text)
{
	struct arena arena;
	struct imap_parser p;
	struct args *a;
	bool wants = false;

	arena_init(&arena, 256u << 10);
	imap_parser_init(&p, text, &arena);
	(void)imap_parser_tag(&p);
	imap_parser_sp(&p);
	a = arena_alloc(&arena, 1, sizeof(*a));
	if (a != NULL && slice_ieq_str(imap_parser_atom(&p), "APPEND")) {
		parse(a, &p);
		wants = imap_parser_ok(&p) &&
		    slice_find(slice_of(p.p, (size_t)(p.end - p.p)), '\n') ==
		    (size_t)(p.end - p.p);
	}
	arena_fini(&arena);
	return wants;
}

void
cmd_append_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	a->fd = -1;
	if (c->s->lexer.state != IMAP_LEX_WAIT)
		imap_parser_fail(p, "Expected the message as a literal");
	parse(a, p);
	if (imap_parser_ok(p))
		p->p = p->end;		/* {n}: lexer.literal_bytes */
	a->size = c->s->lexer.literal_bytes;
}

/* ---- life ---- */

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->fd >= 0)
		c->s->host->file_close(c->s->host_arg, a->fd);
	if (!a->made)
		return;
	sealer_message_fini(c->s->shared->sealer, &a->message);
	mime_fini(&a->mime);
	buf_fini(&a->sealed);
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

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct args *a = arg;
	struct imap_cmd *c = s->cmd;
	const struct ipc_store_appended *m;
	struct buf code;

	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_NOTFOUND) {
		imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	m = imap_cmd_expect(c, r, IPC_MSG_store_appended);
	if (m == NULL) {
		/* It may be the epoch that the store no longer knows. */
		sealer_drop(s->shared->sealer, &a->owner, a->append.epoch);
		return;
	}
	log_event(LOG_append, log_session(s->sid), log_text("mailbox", a->name),
	    log_num("uid", m->uid), log_num("size", a->size));
	buf_init(&code, 64);
	buf_printf(&code, "APPENDUID %u %u", m->uidvalidity, m->uid);
	imap_cmd_ok_code(c, imap_cmd_text(c, &code), "Append completed");
	buf_fini(&code);
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
	a->stage = APPENDING;
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

static void
on_line(struct imap_cmd *c, struct slice line)
{
	struct args *a = c->priv;

	a->has_tail = true;
	c->wants_input = false;
	if (line.n > 0)
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

static void
step(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (a->waiting)
		return;
	switch (a->stage) {
	case CHECKING:
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
	const struct ipc_store_fail *f = r->m;

	a->waiting = false;
	if (r->error == ERR_OK && r->type == IPC_MSG_store_fail && f->error == ERR_NOTFOUND)
		imap_cmd_no(s->cmd, "TRYCREATE", "There is no such mailbox");
	else
		(void)imap_cmd_expect(s->cmd, r, IPC_MSG_store_status_reply);
}

void
cmd_append_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_status m = { .handle = s->handle, .name = a->name };

	if (a->size > s->shared->message_max) {
		log_event(LOG_limit, log_session(s->sid), log_str("name", "append_size_limit"),
		    log_num("value", a->size));
		imap_cmd_no(c, "TOOBIG", "The message is too large");
		/* RFC 7888 s4 */
		if (s->lexer.nonsync && a->size > 2 * s->shared->message_max)
			imap_cmd_then_bye(c, "Literal too large");
		return;
	}
	if (a->name_error != ERR_OK) {
		imap_cmd_error(c, a->name_error);
		return;
	}
	if (a->size == 0) {
		imap_cmd_no(c, "CANNOT", "The message is empty");
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
	c->resume = step;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_status, &m, on_checked, a);
}
