/* SPDX-License-Identifier: ISC */
/*
 * The runner.  Input becomes commands in begin(); whatever happened, settle()
 * then looks whether the running command has its answer, lets imap_sync tell
 * the client of changes, sends the tagged response and asks for more input.
 */
#include "imapd/imap_session.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_append_text.h"
#include "imapd/imap_call.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_context.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_parser.h"
#include "imapd/imap_sync.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

static void	settle(struct imap_session *);

/* ---- life ---- */

struct imap_session *
imap_session_new(const struct imap_host *host, void *host_arg,
    struct imap_shared *shared, uint64_t sid, const char *client)
{
	struct imap_session *s = must_alloc(1, sizeof(*s));

	s->host = host;
	s->host_arg = host_arg;
	s->shared = shared;
	s->sid = sid;
	s->state = IMAP_NOAUTH;
	s->client = strdup(client);
	must(s->client != NULL);
	imap_lexer_init(&s->lexer);
	s->lexer.line_max = shared->line_max;
	list_init(&s->calls);
	list_init(&s->guests);
	return s;
}

static struct imap_cmd *
cmd_new(struct imap_session *s)
{
	struct imap_cmd *c = must_alloc(1, sizeof(*c));

	arena_init(&c->arena, IMAP_CMD_ARENA_MAX);
	c->s = s;
	c->moved_ms = s->host->now_ms(s->host_arg);
	return c;
}

static void
cmd_free(struct imap_cmd **pc)
{
	struct imap_cmd *c = *pc;

	*pc = NULL;
	if (c == NULL)
		return;
	cmd_free(&c->outer);
	if (c->fini != NULL)
		c->fini(c);
	imap_limit_free(&c->limit);
	/* LOGIN and AUTHENTICATE: a password with escapes is copied there. */
	if (c->verb != NULL && c->verb->states == IMAP_NOAUTH)
		arena_wipe(&c->arena);
	arena_fini(&c->arena);
	free(c);
}

static void
view_free(struct imap_session *s)
{
	free(s->view.keywords);
	free(s->view.saved);
	imap_context_free_all(&s->view.contexts);
	imap_recent_fini(&s->view.recent);
	memset(&s->view, 0, sizeof(s->view));
}

uint32_t
imap_view_handle(const struct imap_session *s)
{
	return s->view.guest != NULL ? s->view.guest->handle : s->handle;
}

const unsigned char *
imap_view_salt(const struct imap_session *s, const struct imap_view *v)
{
	return v->guest != NULL ? v->guest->thread_salt : s->thread_salt;
}

struct slice
imap_view_grant(const struct imap_session *s)
{
	return s->view.guest != NULL ? imap_guest_grant(s->view.guest) : SLICE_NONE;
}

void
imap_session_unselect(struct imap_session *s)
{
	if (s->view.guest != NULL)
		s->host->set_guest(s->host_arg, 0);
	view_free(s);
	imap_notify_unselected(s);
	if (s->state == IMAP_SELECTED)
		s->state = IMAP_AUTH;
}

void
imap_session_drop_token(struct imap_session *s)
{
	struct ipc_logout m = { .token = slice_of(s->token, s->token_bytes) };

	/* A keyd that is gone has forgotten it already. */
	if (s->token_bytes > 0 && s->host->send(s->host_arg, IPC_KEYD, IPC_MSG_logout,
	    &m) != ERR_OK)
		s->token_bytes = 0;
	secret_wipe(s->token, sizeof(s->token));
	s->token_bytes = 0;
}

/* Tell keyd and the store that the session is over. */
static void
say_goodbye(struct imap_session *s)
{
	struct ipc_store_logout out = { .handle = s->handle };

	if (s->handle != 0 && s->host->send(s->host_arg, IPC_STORE, IPC_MSG_store_logout,
	    &out) != ERR_OK)
		s->handle = 0;		/* the store is gone: so is the handle */
	imap_session_drop_token(s);
}

void
imap_session_log_out(struct imap_session *s)
{
	imap_session_unselect(s);
	imap_notify_free(&s->notify);
	say_goodbye(s);
	imap_guests_free(s);		/* their handles ended with the session's */
	if (s->handle != 0)
		s->host->set_handle(s->host_arg, 0);
	free(s->user);
	s->user = NULL;
	s->handle = s->key_generation = 0;
	s->account = 0;
	s->sealing = 0;
	memset(s->public_key, 0, sizeof(s->public_key));
	secret_wipe(s->thread_salt, sizeof(s->thread_salt));
	s->enabled = 0;
	s->state = IMAP_NOAUTH;
	s->prelogin = 0;
	s->started_ms = s->host->now_ms(s->host_arg);
}

void
imap_session_free(struct imap_session **ps)
{
	struct imap_session *s = *ps;

	*ps = NULL;
	if (s == NULL)
		return;
	imap_call_cancel(s, true);
	/* It may have a last word to say under the handle. */
	cmd_free(&s->cmd);
	imap_notify_free(&s->notify);
	say_goodbye(s);
	view_free(s);
	imap_guests_free(s);
	imap_lexer_fini(&s->lexer);
	free(s->user);
	free(s->client);
	free(s);
}

struct buf *
imap_session_out(struct imap_session *s)
{
	return s->host->out(s->host_arg);
}

void
imap_session_bye(struct imap_session *s, const char *text, const char *reason)
{
	if (s->closing)
		return;
	/* In the middle of a line it would be taken for a part of it. */
	if (s->cmd == NULL || !s->cmd->mid_response)
		buf_printf(imap_session_out(s), "* BYE %s\r\n", text);
	s->state = IMAP_LOGOUT;
	s->closing = true;
	/* A login that is answered now is given back by imap_server. */
	imap_call_cancel(s, true);
	s->host->close(s->host_arg, reason);
}

void
imap_session_set_deadline(struct imap_session *s)
{
	uint64_t at = s->state == IMAP_NOAUTH ? s->started_ms + s->shared->login_ms :
	    s->host->now_ms(s->host_arg) + s->shared->idle_ms;

	s->host->deadline(s->host_arg, at);
}

void
imap_session_start(struct imap_session *s, const char *tls_version, bool may_tls)
{
	struct buf *out = imap_session_out(s);

	s->tls_version = tls_version;
	s->tls = tls_version != NULL;
	s->may_tls = may_tls;
	s->started_ms = s->host->now_ms(s->host_arg);
	buf_put_str(out, "* OK [CAPABILITY ");
	imap_session_put_capabilities(s, out);
	buf_put_str(out, "] Godwit ready\r\n");
	imap_session_set_deadline(s);
}

static void
resume(struct imap_session *s)
{
	if (s->cmd != NULL && s->cmd->answer == IMAP_ANSWER_NONE && s->cmd->resume != NULL)
		s->cmd->resume(s->cmd);
}

void
imap_session_go_on(struct imap_session *s)
{
	resume(s);
	settle(s);
}

/* ---- the end of a command ---- */

static void
put_answer(struct imap_cmd *c)
{
	static const char *const words[] = { "", "OK", "NO", "BAD" };
	struct buf *out = imap_session_out(c->s);

	if (c->tag.n > 0)
		buf_put_slice(out, c->tag);
	else
		buf_put_char(out, '*');
	buf_printf(out, " %s ", words[c->answer]);
	if (c->code != NULL)
		buf_printf(out, "[%s] ", c->code);
	else if (c->tells_highest && c->answer == IMAP_ANSWER_OK)
		buf_printf(out, "[HIGHESTMODSEQ %llu] ",
		    (unsigned long long)imap_sync_highest(c->s));
	buf_put_str(out, c->text);
	buf_put_str(out, "\r\n");
}

static void
change_compression(struct imap_session *s, bool on)
{
	if (s->host->compress(s->host_arg, on) != ERR_OK) {
		imap_session_bye(s, "Compression is not available", "compression");
		return;
	}
	s->compressed = on;
	s->cut = true;
}

static void
finish(struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;
	const char *bye = c->bye;
	bool start_tls = c->start_tls && c->answer == IMAP_ANSWER_OK;
	bool compress = c->compress && c->answer == IMAP_ANSWER_OK;
	bool logout = c->logout;

	/* What the command did not wait for is no longer wanted. */
	imap_call_cancel(s, false);
	imap_sync_bound_highest(s);
	imap_limit_put(c);
	put_answer(c);
	if (c->answer == IMAP_ANSWER_BAD)
		s->errors++;
	s->cmd = NULL;
	cmd_free(&c);
	if (s->notify != NULL)
		s->notify->failed = false;
	imap_lexer_line_mode(&s->lexer, false);
	if (s->lexer.state == IMAP_LEX_DONE)
		imap_lexer_next(&s->lexer);
	else if (s->lexer.state == IMAP_LEX_WAIT)
		imap_lexer_refuse(&s->lexer);
	if (logout) {
		s->state = IMAP_LOGOUT;
		s->closing = true;
		s->host->close(s->host_arg, "logout");
		return;
	}
	/* RFC 8437 s4.1: compression ends with the login. */
	if (compress || (s->compressed && s->state == IMAP_NOAUTH))
		change_compression(s, compress);
	if (bye != NULL)
		imap_session_bye(s, bye, "bye");
	else if (s->errors >= IMAP_ERRORS_MAX)
		imap_session_bye(s, "Too many errors", "errors");
	else if (start_tls && s->host->start_tls(s->host_arg) != ERR_OK)
		imap_session_bye(s, "TLS is not available", "tls");
	else
		imap_session_set_deadline(s);
	s->handshake = start_tls;
}

/* RFC 3501 s5.2: changes are told before the command completes. */
static bool
wants_sync(const struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;

	if (s->state != IMAP_SELECTED || c->synced || c->verb == NULL ||
	    c->answer == IMAP_ANSWER_BAD || (c->verb->flags & IMAP_CMD_CHANGES_MAILBOX))
		return false;
	/* What the client did itself is told, even when nothing else shall be. */
	if (!imap_notify_tells(s, IMAP_NOTIFY_NEW) &&
	    (c->verb->flags & (IMAP_CMD_SYNC | IMAP_CMD_POLL)) != IMAP_CMD_SYNC)
		return false;
	return (c->verb->flags & IMAP_CMD_SYNC) || c->modseq > s->view.r;
}

/* What could not be told now is told later. */
static void
on_synced(struct imap_session *s, enum err e)
{
	if (e != ERR_OK)
		s->view.behind = true;
	if (s->cmd != NULL)
		s->cmd->synced = true;
}

static bool
sync_begins(struct imap_session *s, bool expunges)
{
	if (imap_sync_start(s, expunges, on_synced) == ERR_OK)
		return true;
	s->view.behind = true;
	return false;
}

/* ---- inner commands ---- */

struct imap_cmd *
imap_session_push(struct imap_session *s, const struct imap_verb *verb,
    void (*ended)(struct imap_session *))
{
	struct imap_cmd *c = cmd_new(s);

	c->verb = verb;
	c->ended = ended;
	c->outer = s->cmd;
	if (c->outer != NULL)
		c->tag = c->outer->tag;
	s->cmd = c;
	return c;
}

/* The client's own, or NULL. */
static struct imap_cmd *
outermost(const struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;

	while (c != NULL && c->outer != NULL)
		c = c->outer;
	return c;
}

/* It has its answer: on with the one around it. */
static void
pop(struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;
	void (*ended)(struct imap_session *) = c->ended;

	imap_call_cancel(s, false);
	s->cmd = c->outer;
	c->outer = NULL;
	cmd_free(&c);
	ended(s);
	resume(s);
}

/* ---- news that were asked for by NOTIFY ---- */

/* No command runs, or one that only waits; and the client reads. */
static bool
lets_notify(const struct imap_session *s)
{
	return s->notify != NULL && !s->handshake && !s->host->is_clogged(s->host_arg) &&
	    (s->cmd == NULL ||
	    (s->cmd->lets_notify && s->cmd->answer == IMAP_ANSWER_NONE));
}

/* By an inner command; the one around it is an IDLE, if there is one. */
static void
tell_news(struct imap_session *s)
{
	if (lets_notify(s) && imap_notify_is_due(s))
		imap_notify_run(imap_session_push(s, NULL, imap_sync_bound_highest));
}

static void
settle(struct imap_session *s)
{
	if (s->busy)
		return;
	s->busy = true;
	while (!s->closing && s->cmd != NULL && s->cmd->answer != IMAP_ANSWER_NONE) {
		bool expunges = !s->cmd->no_expunge && !(s->cmd->verb != NULL &&
		    (s->cmd->verb->flags & IMAP_CMD_NO_EXPUNGE) && !s->cmd->uid);

		if (s->cmd->ended != NULL) {
			pop(s);
			continue;
		}
		if (s->sync.done != NULL || (wants_sync(s) && sync_begins(s, expunges)))
			break;
		finish(s);
	}
	/* On the next turn, so that the client's commands come first. */
	if (!s->closing && lets_notify(s) && imap_notify_is_due(s))
		s->host->defer(s->host_arg);
	s->busy = false;
	if (!s->closing && (s->cmd == NULL || s->cmd->wants_input))
		s->host->wake(s->host_arg);
}

/* ---- the start of a command ---- */

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

/* A command runs and waits for nothing from the client. */
static bool
is_at_work(const struct imap_session *s)
{
	return s->state != IMAP_NOAUTH && s->cmd != NULL && !s->cmd->wants_input &&
	    s->cmd->answer == IMAP_ANSWER_NONE && s->cmd->verb != NULL;
}

/* RFC 9585 s3: it takes long, and nobody shall think that we are gone. */
static void
tell_progress(struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;

	if (!c->mid_response)
		buf_printf(imap_session_out(s), "* OK [INPROGRESS (\"%.*s\" NIL NIL)] "
		    "Still at it\r\n", SLICE_FMT(c->tag));
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
	s->cmd = c = cmd_new(s);
	run(c, text);
	if (is_at_work(s))
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

/* ---- events ---- */

static bool
can_take(const struct imap_session *s)
{
	if (s->closing || s->relogin || s->handshake)
		return false;
	return s->cmd == NULL ? !s->host->is_clogged(s->host_arg) :
	    s->cmd->wants_input && s->cmd->answer == IMAP_ANSWER_NONE;
}

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
	resume(s);
}

/* A second literal behind that of APPEND. */
static void
on_second(struct imap_session *s)
{
	struct imap_cmd *c = s->cmd;

	if (c->on_announced != NULL && !is_too_eager(s)) {
		c->on_announced(c, buf_slice(&s->lexer.text));
		resume(s);
		return;
	}
	imap_lexer_refuse(&s->lexer);
	c->on_line(c, SLICE_LIT("literal"));
}

static void
take_event(struct imap_session *s, enum imap_lex event)
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

size_t
imap_session_on_data(struct imap_session *s, struct slice in)
{
	size_t used = 0;

	if (s->state != IMAP_NOAUTH && s->cmd == NULL)
		imap_session_set_deadline(s);
	else if (s->cmd != NULL && s->cmd->wants_input)
		s->cmd->moved_ms = s->host->now_ms(s->host_arg);
	while (used < in.n && can_take(s) && !s->cut) {
		enum imap_lex event;
		size_t n;

		/* Only the bytes count here: settle() must not ask for more. */
		s->busy = true;
		n = imap_lexer_feed(&s->lexer, slice_from(in, used), &event);
		used += n;
		take_event(s, event);
		s->busy = false;
		settle(s);
		if (n == 0 && event == IMAP_LEX_MORE)
			break;
	}
	if (s->cut)
		s->host->defer(s->host_arg);	/* to be woken for the rest */
	s->cut = false;
	return s->closing ? in.n : used;
}

void
imap_session_on_tls(struct imap_session *s, const char *tls_version)
{
	s->tls_version = tls_version;
	s->tls = true;
	s->handshake = false;
	/* RFC 3501 s6.2.1: what was learnt before TLS is forgotten. */
	imap_lexer_next(&s->lexer);
	settle(s);
}

void
imap_session_on_drained(struct imap_session *s)
{
	if (s->closing)
		return;
	if (s->cmd != NULL)
		s->cmd->moved_ms = s->host->now_ms(s->host_arg);
	resume(s);
	settle(s);
}

void
imap_session_on_turn(struct imap_session *s)
{
	if (!s->closing)
		tell_news(s);
	imap_session_on_drained(s);
}

void
imap_session_on_deadline(struct imap_session *s)
{
	uint64_t now = s->host->now_ms(s->host_arg);
	struct imap_cmd *outer = s->cmd != NULL && s->cmd->outer != NULL ? outermost(s) : NULL;

	if (s->closing)
		return;
	if (s->state == IMAP_NOAUTH) {
		imap_session_bye(s, "Too slow to log in", "timeout");
	} else if (outer != NULL && outer->on_deadline != NULL) {
		/* It idles; but not into the middle of what is told. */
		if (!s->cmd->mid_response)
			outer->on_deadline(outer);
		else
			s->host->deadline(s->host_arg, now + s->shared->keepalive_ms);
		settle(s);
	} else if (s->cmd != NULL && s->cmd->on_deadline != NULL) {
		s->cmd->on_deadline(s->cmd);
		settle(s);
	} else if (is_at_work(s) && !s->host->is_clogged(s->host_arg)) {
		tell_progress(s);		/* it is we who are slow */
		s->host->deadline(s->host_arg, now + IMAP_PROGRESS_MS);
	} else if (is_at_work(s) && now - s->cmd->moved_ms < s->shared->idle_ms) {
		s->host->deadline(s->host_arg, now + IMAP_PROGRESS_MS);
	} else if (s->cmd != NULL && s->cmd->wants_input &&
	    now - s->cmd->moved_ms < s->shared->idle_ms) {
		/* A message may come slowly, as long as it comes. */
		s->host->deadline(s->host_arg, s->cmd->moved_ms + s->shared->idle_ms);
	} else if (s->cmd != NULL && !s->cmd->wants_input &&
	    !s->host->is_clogged(s->host_arg)) {
		imap_session_set_deadline(s);
	} else {
		/* RFC 3501 s5.4 */
		imap_session_bye(s, "Idle for too long", "timeout");
	}
}

void
imap_session_on_notify(struct imap_session *s, uint32_t handle, uint64_t mailbox)
{
	struct imap_cmd *c = outermost(s);

	if (s->closing)
		return;
	if (s->notify != NULL) {
		imap_notify_on_news(s, handle, mailbox);
		settle(s);
		return;
	}
	if (s->state != IMAP_SELECTED || s->view.mailbox != mailbox ||
	    imap_view_handle(s) != handle || c == NULL || c->on_notify == NULL)
		return;
	c->on_notify(c);
	settle(s);
}

void
imap_session_on_entries(struct imap_session *s, uint64_t mailbox, struct slice names)
{
	if (s->closing)
		return;
	imap_notify_on_entries(s, mailbox, names);
	settle(s);
}

void
imap_session_on_shutdown(struct imap_session *s)
{
	imap_session_bye(s, "[UNAVAILABLE] The service stops, come again", "shutdown");
}
