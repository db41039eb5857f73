/* SPDX-License-Identifier: ISC */
/*
 * The runner.  Input becomes commands in imap_begin.c; whatever happened,
 * settle() then looks whether the running command has its answer, which
 * imap_finish.c sends after the changes of the mailbox, and asks for more input.
 */
#include "imapd/imap_session.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_ahead.h"
#include "imapd/imap_arrivals.h"
#include "imapd/imap_begin.h"
#include "imapd/imap_call.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_context.h"
#include "imapd/imap_finish.h"
#include "imapd/imap_fresh.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_memo.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_sync.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/store_proto.h"

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

static void
view_free(struct imap_session *s)
{
	free(s->view.keywords);
	free(s->view.saved);
	imap_context_free_all(&s->view.contexts);
	imap_recent_fini(&s->view.recent);
	imap_memo_free(&s->memo);
	imap_fresh_free(s);
	memset(&s->view, 0, sizeof(s->view));
}

uint32_t
imap_view_handle(const struct imap_session *s)
{
	return s->view.guest != NULL ? s->view.guest->handle : s->handle;
}

uint64_t
imap_session_pulse(const struct imap_session *s)
{
	return s->host->pulse != NULL && s->account != 0 ?
	    s->host->pulse(s->host_arg, s->account) : 0;
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
	s->account = s->pulse = 0;
	s->sealing = 0;
	s->arrivals_due = false;
	s->arrivals_at_ms = 0;
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
	imap_cmd_free(&s->cmd);
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

void
imap_session_go_on(struct imap_session *s)
{
	imap_cmd_resume(s->cmd);
	settle(s);
}

/* ---- inner commands ---- */

struct imap_cmd *
imap_session_push(struct imap_session *s, const struct imap_verb *verb,
    void (*ended)(struct imap_session *))
{
	struct imap_cmd *c = imap_cmd_new(s);

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
	imap_cmd_free(&c);
	ended(s);
	imap_cmd_resume(s->cmd);
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
		if (s->cmd->ended != NULL)
			pop(s);
		else if (!imap_finish_cmd(s))
			break;
	}
	/* On the next turn, so that the client's commands come first. */
	if (!s->closing && ((lets_notify(s) && imap_notify_is_due(s)) ||
	    imap_arrivals_is_due(s) || imap_ahead_is_due(s)))
		s->host->defer(s->host_arg);
	s->busy = false;
	if (!s->closing && (s->cmd == NULL || s->cmd->wants_input))
		s->host->wake(s->host_arg);
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
		imap_begin_take(s, event);
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
	imap_cmd_resume(s->cmd);
	settle(s);
}

void
imap_session_on_turn(struct imap_session *s)
{
	if (!s->closing)
		tell_news(s);
	if (!s->closing)
		imap_arrivals_turn(s);
	if (!s->closing)
		imap_ahead_turn(s);
	imap_session_on_drained(s);
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
	} else if (imap_cmd_is_at_work(s->cmd) && !s->host->is_clogged(s->host_arg)) {
		tell_progress(s);		/* it is we who are slow */
		s->host->deadline(s->host_arg, now + IMAP_PROGRESS_MS);
	} else if (imap_cmd_is_at_work(s->cmd) && now - s->cmd->moved_ms < s->shared->idle_ms) {
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
	if (mailbox == STORE_NOTIFY_ARRIVALS) {
		if (handle == s->handle)
			imap_arrivals_on_news(s);
		settle(s);
		return;
	}
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
