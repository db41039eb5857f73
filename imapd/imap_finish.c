/* SPDX-License-Identifier: ISC */
#include "imapd/imap_finish.h"

#include "imapd/imap_call.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_limit.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_sync.h"

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
	imap_cmd_free(&c);
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

bool
imap_finish_cmd(struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;
	bool expunges = !c->no_expunge && !(c->verb != NULL &&
	    (c->verb->flags & IMAP_CMD_NO_EXPUNGE) && !c->uid);

	if (s->sync.done != NULL || (wants_sync(s) && imap_sync_is_due(s) &&
	    sync_begins(s, expunges)))
		return false;
	finish(s);
	return true;
}
