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

#include "imapd/imap_append_priv.h"
#include "imapd/imap_fresh.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_seqset.h"
#include "lib/base/log.h"

#define FEED_BYTES	(1u << 20)	/* of a draft, in one turn of the loop */
#define UNCHECKED_BYTES	SEALER_INLINE_MAX	/* sealed before the mailbox is known to exist */

/* ---- grammar ---- */

/* Kept as long as the command; false: answered. */
bool
imap_append_keep_text(struct imap_cmd *c, struct slice s, struct slice *kept)
{
	*kept = arena_dup(&c->arena, s);
	if (kept->n < s.n)
		imap_cmd_bad(c, "Command too large");
	return kept->n == s.n;
}

void
imap_append_parse(struct imap_cmd *c, struct imap_parser *p, bool replace)
{
	struct imap_append *a = imap_cmd_alloc(c, sizeof(*a));
	const char *what;
	struct slice rest;

	if (a == NULL)
		return;
	c->priv = a;
	imap_append_text_parse(&a->text, p, replace, c->s->lexer.state == IMAP_LEX_WAIT);
	a->text.utf8 = imap_session_is(c->s, IMAP_EN_UTF8);
	if (!imap_parser_ok(p) ||
	    !imap_append_keep_text(c, slice_of(p->p, (size_t)(p->end - p->p)), &rest))
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
	struct imap_append *a = c->priv;

	if (!a->made)
		return;
	imap_deposit_fini(&a->deposit);
	if (a->catenate != NULL)
		imap_catenate_fini(a->catenate);
	for (unsigned k = 0; k < IMAP_FRESH_KINDS && a->columns != NULL; k++)
		imap_column_writer_fini(&a->columns[k]);
	imap_fresh_failed(c->s);
}

/* Refused while the literal or the rest of the line is still to come. */
void
imap_append_stop(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;

	c->wants_input = false;
	if (a->streams)
		imap_lexer_abandon(&c->s->lexer);
}

void
imap_append_stop_with(struct imap_cmd *c, enum err e)
{
	imap_cmd_error(c, e);
	imap_append_stop(c);
}

/* The size is known: what is there of the message, or is to come, is sealed. */
static void
grant(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	enum err e = imap_deposit_begin(&a->deposit, a->size);

	if (e == ERR_AGAIN)
		return;
	if (e != ERR_OK)
		imap_cmd_error(c, e);
	else if (a->text.catenates)
		a->stage = IMAP_STAGE_FEEDING;
	else
		imap_append_take_literal(c);
}

/* ---- what goes ---- */

static void
on_found(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_append *a = arg;
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
	struct imap_append *a = c->priv;
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
	const struct imap_append *a = c->priv;
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

/* It gathers in a draft. */
static void
begin_catenate(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;

	if (a->catenate == NULL) {
		if ((a->catenate = imap_cmd_alloc(c, sizeof(*a->catenate))) == NULL)
			return;
		imap_catenate_init(a->catenate, c);
	}
	imap_catenate_begin(a->catenate);
}

static void
begin_message(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	uint32_t max = imap_limit_saves(c->s);

	/* RFC 9738 s3.1: all or none */
	if (++a->messages > max && max != 0) {
		imap_limit_refuse(c, max);
		return;
	}
	imap_deposit_next(&a->deposit);
	a->header8 = (struct imap_header8){ 0 };
	if (a->text.catenates)
		begin_catenate(c);
}

/* The message, or a part of it: RFC 4469 s4.2 */
static void
begin_literal(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	uint64_t bytes = c->s->lexer.literal_bytes;

	a->size = a->text.catenates ? a->catenate->draft.bytes + bytes : bytes;
	if (a->text.catenates && a->size == 0)
		imap_append_take_literal(c);
	else if (size_is_good(c) && a->text.catenates)
		imap_append_take_literal(c);
	else if (c->answer == IMAP_ANSWER_NONE)
		a->stage = IMAP_STAGE_GRANTING;
}

static void
end_message(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	enum err e;

	a->goes_on = !imap_parser_at_end(&a->text.parser);
	if (!a->text.catenates) {
		imap_append_hand_end(c);
		return;
	}
	e = imap_draft_end(&a->catenate->draft);
	if (e != ERR_OK)
		imap_cmd_error(c, e);
	a->size = a->catenate->draft.bytes;
	if (c->answer == IMAP_ANSWER_NONE && size_is_good(c))
		a->stage = IMAP_STAGE_GRANTING;
}

static void
scan(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;

	switch (imap_append_text_next(&a->text)) {
	case IMAP_APPEND_MESSAGE:
		begin_message(c);
		break;
	case IMAP_APPEND_LITERAL:
		begin_literal(c);
		break;
	case IMAP_APPEND_URL:
		a->stage = IMAP_STAGE_URL;
		imap_catenate_url(a->catenate, a->text.url);
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
	struct imap_append *a = c->priv;
	enum err e = imap_catenate_step(a->catenate);

	if (c->answer == IMAP_ANSWER_NONE && imap_draft_needs_file(&a->catenate->draft))
		imap_append_hand_file(c, e == ERR_OK ? IMAP_STAGE_SCANNING : IMAP_STAGE_URL);
	else if (e == ERR_OK)
		a->stage = IMAP_STAGE_SCANNING;
	return a->stage != IMAP_STAGE_URL;
}

/* The draft to the sealer, some of it in a turn. */
static bool
feed(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
	struct buf *piece = &a->catenate->piece;
	enum err e;

	for (size_t fed = 0; fed < FEED_BYTES; fed += piece->n) {
		buf_reset(piece);
		e = imap_draft_read(&a->catenate->draft, piece);
		if (e == ERR_END) {
			imap_catenate_begin(a->catenate);
			imap_append_hand_end(c);
			return true;
		}
		if (e != ERR_OK)
			imap_cmd_error(c, e);
		if (e != ERR_OK || !imap_append_take_bytes(c, buf_slice(piece)))
			return true;
		if (imap_deposit_needs_file(&a->deposit)) {
			imap_append_hand_file(c, IMAP_STAGE_FEEDING);
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
	struct imap_append *a = c->priv;

	switch (a->stage) {
	case IMAP_STAGE_CHECKING:
		a->stage = IMAP_STAGE_FINDING;
		if (a->text.replaced.n > 0)
			find_replaced(c);
		return true;
	case IMAP_STAGE_FINDING:
		a->stage = IMAP_STAGE_SCANNING;
		return true;
	case IMAP_STAGE_SCANNING:
		scan(c);
		return true;
	case IMAP_STAGE_URL:
		return read_url(c);
	case IMAP_STAGE_GRANTING:
		grant(c);
		return a->stage != IMAP_STAGE_GRANTING;
	case IMAP_STAGE_FEEDING:
		return feed(c);
	case IMAP_STAGE_MAKING_FILE:
		a->stage = a->after;
		c->wants_input = a->stage == IMAP_STAGE_RECEIVING;
		return true;
	case IMAP_STAGE_SEALED:
		if (imap_deposit_needs_file(&a->deposit))
			imap_append_hand_file(c, IMAP_STAGE_SEALED);
		else
			imap_append_hand_over(c);
		return true;
	case IMAP_STAGE_RECEIVING:
	case IMAP_STAGE_APPENDING:
		break;
	}
	return false;
}

static void
step(struct imap_cmd *c)
{
	const struct imap_append *a = c->priv;

	while (c->answer == IMAP_ANSWER_NONE && !a->waiting && advance(c))
		;
}

static void
on_checked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_append *a = arg;

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
	const struct imap_append *a = c->priv;
	const struct imap_lexer *l = &c->s->lexer;

	return a->place.guest != NULL || a->text.replaced.n > 0 ||
	    l->state != IMAP_LEX_WAIT || !l->nonsync || l->literal_bytes > UNCHECKED_BYTES;
}

void
imap_append_run(struct imap_cmd *c)
{
	struct imap_append *a = c->priv;
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
	a->made = true;
	c->fini = fini;
	imap_append_take_init(c);
	c->resume = step;
	if (needs_check(c))
		a->waiting = imap_place_check(c, &a->place, on_checked, a);
	else
		step(c);
}
