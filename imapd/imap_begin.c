/* SPDX-License-Identifier: ISC */
#include "imapd/imap_begin.h"

#include "imapd/imap_append_text.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_parser.h"
#include "imapd/imap_sync.h"
#include "lib/base/log.h"

static void
on_caught_up(struct imap_session *s, enum err e)
{
	if (e == ERR_OK)
		imap_guest_prepare(s->cmd);
	else
		imap_cmd_error(s->cmd, e);
}

/*
 * A client may name the UID that it was just told by APPENDUID, although the
 * report that brings this message into its view could not be made: then that
 * comes first, since an unknown UID would be passed over with an OK.
 */
static void
catch_up(struct imap_cmd *c)
{
	enum err e = imap_sync_start(c->s, false, on_caught_up);

	if (e != ERR_OK)
		imap_cmd_error(c, e);
}

static void
run(struct imap_cmd *c, struct slice text)
{
	struct imap_session *s = c->s;
	struct imap_parser p;
	struct slice name;

	imap_parser_init(&p, text, &c->arena);
	p.uid_only = imap_session_is(s, IMAP_EN_UIDONLY);
	p.utf8_names = imap_session_is(s, IMAP_EN_UTF8_NAMES);
	p.saved = slice_of(s->view.saved, s->view.saved_bytes);
	c->tag = arena_dup(&c->arena, imap_parser_tag(&p));
	imap_parser_sp(&p);
	name = imap_parser_atom(&p);
	if (slice_ieq_str(name, "UID")) {
		c->uid = true;
		imap_parser_sp(&p);
		name = imap_parser_atom(&p);
	}
	if (!imap_parser_ok(&p)) {
		imap_cmd_bad(c, p.what);
		return;
	}
	c->verb = imap_cmd_find(name);
	if (c->verb == NULL || ((c->verb->flags & IMAP_CMD_OPERATOR) && !s->is_operator) ||
	    (c->uid && !(c->verb->flags & IMAP_CMD_HAS_UID))) {
		c->verb = NULL;
		imap_cmd_bad(c, "Unknown command");
		return;
	}
	if (!(c->verb->states & s->state)) {
		imap_cmd_bad(c, s->state == IMAP_NOAUTH ? "Please log in first" :
		    c->verb->states == IMAP_NOAUTH ? "Already logged in" :
		    "No mailbox is selected");
		c->verb = NULL;
		return;
	}
	if (p.uid_only && !c->uid && (c->verb->flags & IMAP_CMD_NUMBERS)) {
		imap_cmd_bad(c, IMAP_UIDREQUIRED);
		return;
	}
	c->verb->parse(c, &p);
	if (!imap_parser_end(&p)) {
		imap_cmd_bad(c, p.what);
		return;
	}
	if (c->answer != IMAP_ANSWER_NONE)
		return;
	c->no_expunge = p.took_numbers;
	c->by_uid = c->uid || p.took_saved;
	c->owner_count = p.owner_count;
	for (unsigned i = 0; i < p.owner_count; i++)
		c->owners[i] = p.owners[i];
	if (c->uid && s->view.behind)
		catch_up(c);
	else
		imap_guest_prepare(c);
}

static void
begin(struct imap_session *s, struct slice text)
{
	struct imap_cmd *c;

	s->commands++;
	if (s->state == IMAP_NOAUTH && ++s->prelogin > IMAP_PRELOGIN_MAX) {
		imap_session_bye(s, "Too many commands before login", "limit");
		return;
	}
	s->cmd = c = imap_cmd_new(s);
	run(c, text);
	if (imap_cmd_is_at_work(c))
		s->host->deadline(s->host_arg, c->moved_ms + IMAP_PROGRESS_MS);
	/* Others borrow their arguments from the text until they end. */
	if (c->verb != NULL && (c->verb->flags & IMAP_CMD_LINES) &&
	    s->lexer.state == IMAP_LEX_DONE && c->answer == IMAP_ANSWER_NONE)
		imap_lexer_next(&s->lexer);
}

/* The tag of a command that is not to be parsed, or "*". */
static void
put_bad(struct imap_session *s, const char *text)
{
	struct arena a;
	struct imap_parser p;
	struct slice tag;

	arena_init(&a, 256);
	imap_parser_init(&p, buf_slice(&s->lexer.text), &a);
	tag = imap_parser_tag(&p);
	buf_printf(imap_session_out(s), "%.*s BAD %s\r\n",
	    tag.n > 0 ? (int)tag.n : 1, tag.n > 0 ? tag.p : "*", text);
	arena_fini(&a);
	if (++s->errors >= IMAP_ERRORS_MAX)
		imap_session_bye(s, "Too many errors", "errors");
}

/*
 * RFC 7888 s4: what is too large and announced as non-synchronizing comes
 * all the same; swallow it when that is cheap, else hang up.
 */
static void
refuse_literal(struct imap_session *s)
{
	uint64_t swallow = s->state == IMAP_NOAUTH ? IMAP_LITERAL_MAX : s->shared->message_max;

	put_bad(s, "[TOOBIG] Literal too large");
	log_event(LOG_limit, log_session(s->sid), log_str("name", "literal"),
	    log_num("value", s->lexer.literal_bytes));
	if (s->lexer.nonsync && s->lexer.literal_bytes > swallow)
		imap_session_bye(s, "Literal too large", "limit");
	imap_lexer_refuse(&s->lexer);
}

/* RFC 7888 s5: LITERAL- allows no more without asking. */
static bool
is_too_eager(const struct imap_session *s)
{
	return !s->shared->literal_plus && s->lexer.nonsync &&
	    s->lexer.literal_bytes > IMAP_LITERAL_MINUS_MAX;
}

static void
on_literal(struct imap_session *s)
{
	uint64_t max = s->state == IMAP_NOAUTH ? s->shared->prelogin_literal_max :
	    IMAP_LITERAL_MAX;

	if (is_too_eager(s)) {
		refuse_literal(s);
		return;
	}
	if (s->state != IMAP_NOAUTH && imap_append_text_wants(buf_slice(&s->lexer.text))) {
		begin(s, buf_slice(&s->lexer.text));
		return;
	}
	if (s->lexer.literal_bytes > max || s->lexer.literal_bytes + s->lexer.text.n +
	    s->lexer.line_max + 64 > IMAP_COMMAND_MAX) {
		refuse_literal(s);
		return;
	}
	if (!s->lexer.nonsync)
		buf_put_str(imap_session_out(s), "+ OK\r\n");
	imap_lexer_accept(&s->lexer);
}

/* ---- events of the lexer ---- */

static void
on_line(struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;

	if (c == NULL) {
		begin(s, buf_slice(&s->lexer.text));
		return;
	}
	c->on_line(c, buf_slice(&s->lexer.text));
	if (s->lexer.state == IMAP_LEX_DONE)
		imap_lexer_next(&s->lexer);
	imap_cmd_resume(s->cmd);
}

/* A second literal behind that of APPEND. */
static void
on_second(struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;

	if (c->on_announced != NULL && !is_too_eager(s)) {
		c->on_announced(c, buf_slice(&s->lexer.text));
		imap_cmd_resume(s->cmd);
		return;
	}
	imap_lexer_refuse(&s->lexer);
	c->on_line(c, SLICE_LIT("literal"));
}

void
imap_begin_take(struct imap_session *s, enum imap_lex event)
{
	switch (event) {
	case IMAP_LEX_MORE:
		break;
	case IMAP_LEX_COMMAND:
		on_line(s);
		break;
	case IMAP_LEX_LITERAL:
		if (s->cmd == NULL)
			on_literal(s);
		else
			on_second(s);
		break;
	case IMAP_LEX_DATA:
		s->cmd->on_literal(s->cmd, s->lexer.data, s->lexer.is_last);
		break;
	case IMAP_LEX_TOOLONG:
		put_bad(s, "[LIMIT] Command line too long");
		log_event(LOG_limit, log_session(s->sid), log_str("name", "line"));
		break;
	}
}
