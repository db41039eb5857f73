/* SPDX-License-Identifier: ISC */
/*
 * The command starts when its first literal is announced, or is complete when
 * it has none.  Before the client is told to send: the mailbox must exist
 * (TRYCREATE; a short message that comes without asking hears it from
 * store_append), and the message to be replaced; the size must be allowed, the
 * sealer must have an epoch.  Then the literal streams through the MIME parser
 * and the sealer; sealed bytes are kept up to what fits in the request, beyond
 * that they go to a file of the store's.  A message that is put together
 * (CATENATE) gathers in a draft first, since its size must be known.  The end
 * of the line completes the command and the message is handed over; when
 * another follows, the store keeps this one until the last came (store_append,
 * more).
 *
 * scan() does what the text says until something has to be waited for; step()
 * goes on where that was.
 */
#include "imapd/imap_append.h"

#include <string.h>

#include "imapd/imap_append_text.h"
#include "imapd/imap_catenate.h"
#include "imapd/imap_deposit.h"
#include "imapd/imap_fresh.h"
#include "imapd/imap_header8.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_mailbox.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_place.h"
#include "imapd/imap_seqset.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

#define FEED_BYTES	(1u << 20)	/* of a draft, in one turn of the loop */
#define UNCHECKED_BYTES	SEALER_INLINE_MAX	/* sealed before the mailbox is known to exist */

enum stage {
	CHECKING,	/* the mailbox */
	FINDING,	/* what is replaced */
	SCANNING,	/* nothing is waited for: see the text */
	URL,		/* a part is read */
	GRANTING,	/* an epoch */
	RECEIVING,	/* a literal */
	FEEDING,	/* the draft to the sealer */
	MAKING_FILE,	/* of the store's; then after */
	SEALED,
	APPENDING
};

struct args {
	uint32_t	 replaced_uid;
	uint64_t	 size_sum;	/* of all */
	struct imap_append_text text;
	enum stage	 stage, after;
	uint64_t	 size;
	struct imap_header8 header8;
	struct imap_place place;	/* of the mailbox */
	struct imap_deposit deposit;
	struct imap_catenate catenate;
	struct imap_column_writer columns;
	uint32_t	 messages;	/* begun */
	bool		 waiting;
	bool		 made;		/* deposit and catenate are in use */
	bool		 streams;	/* a literal, or the line behind it, is to come */
	bool		 goes_on;	/* another message follows */
};

/* ---- grammar ---- */

/* Kept as long as the command; false: answered. */
static bool
keep_text(struct imap_cmd *c, struct slice s, struct slice *kept)
{
	*kept = arena_dup(&c->arena, s);
	if (kept->n < s.n)
		imap_cmd_bad(c, "Command too large");
	return kept->n == s.n;
}

void
imap_append_parse(struct imap_cmd *c, struct imap_parser *p, bool replace)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));
	const char *what;
	struct slice rest;

	if (a == NULL)
		return;
	c->priv = a;
	imap_append_text_parse(&a->text, p, replace, c->s->lexer.state == IMAP_LEX_WAIT);
	a->text.utf8 = imap_session_is(c->s, IMAP_EN_UTF8);
	if (!imap_parser_ok(p) ||
	    !keep_text(c, slice_of(p->p, (size_t)(p->end - p->p)), &rest))
		return;
	imap_append_text_more(&a->text, rest, a->text.announces);
	p->p = p->end;
	/* All that is said so far, before any of it is done. */
	if (imap_append_text_last(&a->text, &what) == IMAP_APPEND_BAD)
		imap_parser_fail(p, what);
}

/* ---- life ---- */

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	if (!a->made)
		return;
	imap_deposit_fini(&a->deposit);
	imap_catenate_fini(&a->catenate);
	imap_column_writer_fini(&a->columns);
	imap_fresh_failed(c->s);
}

/* Refused while the literal or the rest of the line is still to come. */
static void
stop(struct imap_cmd *c)
{
	struct args *a = c->priv;

	c->wants_input = false;
	if (a->streams)
		imap_lexer_abandon(&c->s->lexer);
}

static void
stop_with(struct imap_cmd *c, enum err e)
{
	imap_cmd_error(c, e);
	stop(c);
}

/* ---- handing over ---- */

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

	log_event(LOG_append, log_session(s->sid), log_text("mailbox", a->text.name),
	    log_num("uid", m->uid), log_num("size", a->size_sum));
	if (a->place.guest == s->view.guest)
		imap_notify_own_uids(s, m->uidvalidity, m->uid, m->uid + m->count - 1);
	buf_init(&code, 64);
	buf_printf(&code, "APPENDUID %u %u", m->uidvalidity, m->uid);
	/* RFC 4315 s4: a set of UIDs, for RFC 3502 */
	if (m->count > 1)
		buf_printf(&code, ":%u", m->uid + m->count - 1);
	if (a->text.replaced.n == 0) {
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
	m = imap_deposit_result(&a->deposit, r);
	if (refusal_of(r) == ERR_NOTFOUND) {
		imap_cmd_no(c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	if (refusal_of(r) == ERR_GONE && a->text.replaced.n > 0) {
		imap_cmd_no(c, "EXPUNGEISSUED", "The message is no longer there");
		return;
	}
	if (m == NULL) {
		(void)imap_cmd_expect(c, r, IPC_MSG_store_appended);
	} else if (a->goes_on) {
		a->stage = SCANNING;
	} else {
		imap_fresh_appended(c, m, &a->columns);
		tell_appended(c, m);
	}
}

/* The message is complete. */
static void
seal(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e = imap_deposit_end(&a->deposit);

	a->stage = SEALED;
	if (e != ERR_OK)
		stop_with(c, e);
	else if (a->place.guest == NULL)
		imap_fresh_add(c->s, &a->deposit.mime);
}

static void
hand_over(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;
	struct ipc_store_append *m = &a->deposit.append;
	const struct imap_append_text *t = &a->text;
	enum err e;

	m->mailbox = a->place.name;
	m->flags = t->flags.system;
	m->keywords = t->flags.keywords;
	m->internal_s = t->has_date ? (t->internal_s > 0 ? (uint64_t)t->internal_s : 0) :
	    s->host->real_s(s->host_arg);
	m->more = a->goes_on;
	a->size_sum += a->size;
	m->replace_mailbox = a->text.replaced.n > 0 ? s->view.mailbox : 0;
	m->replace_uid = a->text.replaced.n > 0 ? a->replaced_uid : 0;
	a->stage = APPENDING;
	e = imap_deposit_send(&a->deposit, on_appended, a);
	a->waiting = e == ERR_OK;
	if (e != ERR_OK)
		imap_cmd_error(c, e);
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_cmd *c = s->cmd;
	struct args *a = arg;
	int fd;

	a->waiting = false;
	if (imap_cmd_expect(c, r, IPC_MSG_store_file_ok) == NULL) {
		stop(c);
		return;
	}
	fd = ipc_take_fd(r->in, 0);
	if (fd < 0)
		stop_with(c, ERR_GONE);
	else if (imap_draft_needs_file(&a->catenate.draft))
		imap_draft_take_file(&a->catenate.draft, fd);
	else if (imap_deposit_take_file(&a->deposit, fd) != ERR_OK)
		stop_with(c, ERR_FULL);
}

/* What no longer fits in a request, or in memory, needs a file. */
static void
make_file(struct imap_cmd *c, enum stage after)
{
	struct args *a = c->priv;
	struct ipc_store_file m = { 0 };

	a->stage = MAKING_FILE;
	a->after = after;
	c->wants_input = false;
	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_file, &m, on_file, a);
	if (!a->waiting)
		stop(c);
}

/* ---- receiving ---- */

/* false: refused */
static bool
is_clean(struct imap_cmd *c, struct slice data)
{
	const struct args *a = c->priv;

	/* RFC 3501 s9: CHAR8 excludes NUL.  RFC 3516 s4.4: no binary content here. */
	if (slice_find(data, '\0') == data.n)
		return true;
	if (a->text.literal8)
		imap_cmd_no(c, "UNKNOWN-CTE", "NUL in the message");
	else
		imap_cmd_bad(c, "NUL in the message");
	stop(c);
	return false;
}

/* Bytes of the message, in order; false: refused. */
static bool
take_bytes(struct imap_cmd *c, struct slice data)
{
	struct args *a = c->priv;
	enum err e;

	/* RFC 9755 s4 */
	imap_header8_feed(&a->header8, data);
	if (a->header8.found && !imap_session_is(c->s, IMAP_EN_UTF8_NAMES)) {
		imap_cmd_no(c, "CANNOT", "ENABLE UTF8=ACCEPT first: 8-bit header fields");
		stop(c);
		return false;
	}
	e = imap_deposit_put(&a->deposit, data);
	if (e != ERR_OK)
		stop_with(c, e);
	return e == ERR_OK;
}

static void
on_literal(struct imap_cmd *c, struct slice data, bool last)
{
	struct args *a = c->priv;

	(void)last;
	if (!is_clean(c, data))
		return;
	if (!a->text.catenates) {
		if (take_bytes(c, data) && imap_deposit_needs_file(&a->deposit))
			make_file(c, RECEIVING);
		return;
	}
	imap_draft_put(&a->catenate.draft, data);
	if (a->catenate.draft.error != ERR_OK)
		stop_with(c, a->catenate.draft.error);
	else if (imap_draft_needs_file(&a->catenate.draft))
		make_file(c, RECEIVING);
}

/* What is behind a literal: looked through before any of it is done. */
static bool
take_text(struct imap_cmd *c, struct slice line, bool announces)
{
	struct args *a = c->priv;
	const char *what;
	struct slice kept;

	if (!keep_text(c, line, &kept))
		return false;
	imap_append_text_more(&a->text, kept, announces);
	switch (imap_append_text_last(&a->text, &what)) {
	case IMAP_APPEND_BAD:
		imap_cmd_bad(c, what);
		return false;
	case IMAP_APPEND_URL_LITERAL:
		return false;
	case IMAP_APPEND_MESSAGE:
	case IMAP_APPEND_LITERAL:
	case IMAP_APPEND_URL:
	case IMAP_APPEND_DONE:
	case IMAP_APPEND_END:
		break;
	}
	a->streams = false;
	a->stage = SCANNING;
	c->wants_input = false;
	return true;
}

static void
on_line(struct imap_cmd *c, struct slice line)
{
	struct args *a = c->priv;

	a->streams = false;
	c->wants_input = false;
	(void)take_text(c, line, false);
}

/*
 * Another part or message (RFC 3502 s6.3.11): done when all before it is.  A
 * URL may be a literal too; it becomes a part of the text.
 */
static void
on_announced(struct imap_cmd *c, struct slice line)
{
	struct imap_lexer *l = &c->s->lexer;

	if (take_text(c, line, true) || c->answer != IMAP_ANSWER_NONE)
		return;
	if (l->literal_bytes > IMAP_URL_MAX ||
	    line.n + l->literal_bytes > IMAP_COMMAND_MAX) {
		imap_cmd_bad(c, "URL too long");
		return;
	}
	if (!l->nonsync)
		buf_put_str(imap_session_out(c->s), "+ OK\r\n");
	imap_lexer_accept(l);
}

static void
receive(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;

	a->stage = RECEIVING;
	a->streams = true;
	c->wants_input = true;
	if (!s->lexer.nonsync)
		buf_put_str(imap_session_out(s), "+ OK\r\n");
	imap_lexer_stream(&s->lexer);
}

/* The size is known: what is there of the message, or is to come, is sealed. */
static void
grant(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e = imap_deposit_begin(&a->deposit, a->size);

	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK)
		imap_cmd_error(c, e);
	else if (a->text.catenates)
		a->stage = FEEDING;
	else
		receive(c);
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
		.handle = imap_view_handle(s), .mailbox = s->view.mailbox, .v = s->view.v,
		.uidnext = s->view.uidnext, .by_uid = c->by_uid, .limit = 1,
		.set = a->text.replaced,
	};

	a->waiting = imap_cmd_call(c, IPC_STORE, IPC_MSG_store_fetch, &m, on_found, a);
}

/* ---- what the text says ---- */

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
		if (s->lexer.nonsync && s->lexer.literal_bytes > 2 * s->shared->message_max)
			imap_cmd_then_bye(c, "Literal too large");
	} else if (a->size == 0) {
		/* RFC 3502 s6.3.11: so a client gives up */
		imap_cmd_no(c, "CANNOT", "The message is empty");
	}
	return c->answer == IMAP_ANSWER_NONE;
}

static void
begin_message(struct imap_cmd *c)
{
	struct args *a = c->priv;
	uint32_t max = imap_limit_saves(c->s);

	/* RFC 9738 s3.1: all or none */
	if (++a->messages > max && max != 0) {
		imap_limit_refuse(c, max);
		return;
	}
	imap_deposit_next(&a->deposit);
	a->header8 = (struct imap_header8){ 0 };
	imap_catenate_begin(&a->catenate);
}

/* The message, or a part of it: RFC 4469 s4.2 */
static void
begin_literal(struct imap_cmd *c)
{
	struct args *a = c->priv;
	uint64_t bytes = c->s->lexer.literal_bytes;

	a->size = a->text.catenates ? a->catenate.draft.bytes + bytes : bytes;
	if (a->text.catenates && a->size == 0)
		receive(c);
	else if (size_is_good(c) && a->text.catenates)
		receive(c);
	else if (c->answer == IMAP_ANSWER_NONE)
		a->stage = GRANTING;
}

static void
end_message(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e;

	a->goes_on = !imap_parser_at_end(&a->text.parser);
	if (!a->text.catenates) {
		seal(c);
		return;
	}
	e = imap_draft_end(&a->catenate.draft);
	if (e != ERR_OK)
		imap_cmd_error(c, e);
	a->size = a->catenate.draft.bytes;
	if (c->answer == IMAP_ANSWER_NONE && size_is_good(c))
		a->stage = GRANTING;
}

static void
scan(struct imap_cmd *c)
{
	struct args *a = c->priv;

	switch (imap_append_text_next(&a->text)) {
	case IMAP_APPEND_MESSAGE:
		begin_message(c);
		break;
	case IMAP_APPEND_LITERAL:
		begin_literal(c);
		break;
	case IMAP_APPEND_URL:
		a->stage = URL;
		imap_catenate_url(&a->catenate, a->text.url);
		break;
	case IMAP_APPEND_DONE:
		end_message(c);
		break;
	case IMAP_APPEND_BAD:
	case IMAP_APPEND_URL_LITERAL:
	case IMAP_APPEND_END:
		imap_cmd_bad(c, a->text.parser.what != NULL ? a->text.parser.what :
		    "Syntax error");
		break;
	}
}

/* ---- the machine ---- */

static bool
read_url(struct imap_cmd *c)
{
	struct args *a = c->priv;
	enum err e = imap_catenate_step(&a->catenate);

	if (c->answer == IMAP_ANSWER_NONE && imap_draft_needs_file(&a->catenate.draft))
		make_file(c, e == ERR_OK ? SCANNING : URL);
	else if (e == ERR_OK)
		a->stage = SCANNING;
	return a->stage != URL;
}

/* The draft to the sealer, some of it in a turn. */
static bool
feed(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct buf *piece = &a->catenate.piece;
	enum err e;

	for (size_t fed = 0; fed < FEED_BYTES; fed += piece->n) {
		buf_reset(piece);
		e = imap_draft_read(&a->catenate.draft, piece);
		if (e == ERR_END) {
			imap_catenate_begin(&a->catenate);
			seal(c);
			return true;
		}
		if (e != ERR_OK)
			imap_cmd_error(c, e);
		if (e != ERR_OK || !take_bytes(c, buf_slice(piece)))
			return true;
		if (imap_deposit_needs_file(&a->deposit)) {
			make_file(c, FEEDING);
			return true;
		}
	}
	c->s->host->defer(c->s->host_arg);
	return false;
}

/* false: nothing more can be done now */
static bool
advance(struct imap_cmd *c)
{
	struct args *a = c->priv;

	switch (a->stage) {
	case CHECKING:
		a->stage = FINDING;
		if (a->text.replaced.n > 0)
			find_replaced(c);
		return true;
	case FINDING:
		a->stage = SCANNING;
		return true;
	case SCANNING:
		scan(c);
		return true;
	case URL:
		return read_url(c);
	case GRANTING:
		grant(c);
		return a->stage != GRANTING;
	case FEEDING:
		return feed(c);
	case MAKING_FILE:
		a->stage = a->after;
		c->wants_input = a->stage == RECEIVING;
		return true;
	case SEALED:
		if (imap_deposit_needs_file(&a->deposit))
			make_file(c, SEALED);
		else
			hand_over(c);
		return true;
	case RECEIVING:
	case APPENDING:
		break;
	}
	return false;
}

static void
step(struct imap_cmd *c)
{
	const struct args *a = c->priv;

	while (c->answer == IMAP_ANSWER_NONE && !a->waiting && advance(c))
		;
}

static void
on_checked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct args *a = arg;

	a->waiting = false;
	imap_place_checked(s->cmd, &a->place, r);
}

/*
 * A short message that is on its way whatever is said: the store refuses it as
 * it would have refused the question, and is asked once less.
 */
static bool
needs_check(const struct imap_cmd *c)
{
	const struct args *a = c->priv;
	const struct imap_lexer *l = &c->s->lexer;

	return a->place.guest != NULL || a->text.replaced.n > 0 ||
	    l->state != IMAP_LEX_WAIT || !l->nonsync || l->literal_bytes > UNCHECKED_BYTES;
}

void
imap_append_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;

	if (a->text.name_error == ERR_OK)
		a->text.name_error = imap_place_of(s, a->text.name, &a->place);
	if (a->text.name_error != ERR_OK) {
		imap_cmd_error(c, a->text.name_error);
		return;
	}
	if (a->text.replaced.n > 0 && s->view.readonly) {
		imap_cmd_no(c, "READ-ONLY", "The mailbox is open for reading only");
		return;
	}
	/* One transaction does both: it is of one account. */
	if (a->text.replaced.n > 0 && a->place.guest != s->view.guest) {
		imap_cmd_no(c, "CANNOT", "The mailboxes have different owners");
		return;
	}
	if (a->text.replaced.n > 0 && !c->by_uid && !imap_seqset_fits(a->text.replaced, s->view.exists)) {
		imap_cmd_bad(c, "No such message");
		return;
	}
	imap_deposit_init(&a->deposit, c);
	a->deposit.handle = a->place.handle;
	a->deposit.owner = imap_place_owner(s, &a->place);
	imap_catenate_init(&a->catenate, c);
	a->made = true;
	c->fini = fini;
	c->on_literal = on_literal;
	c->on_line = on_line;
	c->on_announced = on_announced;
	c->resume = step;
	if (needs_check(c))
		a->waiting = imap_place_check(c, &a->place, on_checked, a);
	else
		step(c);
}
