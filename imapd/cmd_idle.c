/* SPDX-License-Identifier: ISC */
/*
 * IDLE (RFC 2177 s3): no arguments; then "DONE" CRLF without a tag.  The
 * store is asked to tell of changes; each notice leads to imap_sync at once.
 * After NOTIFY a client is told here what it asked for there and nothing else
 * (RFC 5465 s4): that is imap_notify's then.
 * Also legal without a mailbox: then nothing but the keepalive is sent.
 * What is known to have changed is told in one write with the "+": a client
 * reads it together, and wakes up once.  (Thunderbird 153 sleeps through what
 * comes in the moment after the "+".)
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_fresh.h"
#include "imapd/imap_memo.h"
#include "imapd/imap_notify.h"
#include "imapd/imap_sync.h"

struct args {
	uint64_t	 until_ms;
	uint32_t	 watching;	/* handle_serial of the store session that was told; 0: none */
	bool		 dirty;
	bool		 failed;	/* the last report: tried again with the keepalive */
};

void
cmd_idle_parse(struct imap_cmd *c, struct imap_parser *p)
{
	(void)p;
	c->priv = imap_cmd_alloc(c, sizeof(struct args));
}

static void
watch(struct imap_cmd *c, uint64_t mailbox)
{
	struct imap_session *s = c->s;
	struct args *a = c->priv;
	struct ipc_store_watch m = { .handle = imap_view_handle(s), .mailbox = mailbox };

	if (s->host->send(s->host_arg, IPC_STORE, IPC_MSG_store_watch, &m) == ERR_OK)
		a->watching = mailbox != 0 ? s->handle_serial : 0;
}

static void
on_synced(struct imap_session *s, enum err e)
{
	struct args *a = s->cmd->priv;

	/* That of a lost store comes by itself: see step. */
	a->failed = e != ERR_OK;
}

/* Also after the store came back with another handle. */
static void
step(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct args *a = c->priv;

	if (s->notify != NULL || s->state != IMAP_SELECTED || imap_view_handle(s) == 0)
		return;
	/* An inner command is at work: this one goes on behind it. */
	if (s->cmd != c)
		return;
	if (a->watching != s->handle_serial) {
		watch(c, s->view.mailbox);
		a->dirty = true;
	}
	if (!a->dirty || s->sync.done != NULL || s->host->is_clogged(s->host_arg))
		return;
	a->dirty = false;
	if (imap_sync_start(s, true, on_synced) != ERR_OK)
		a->dirty = true;
}

static void
on_notify(struct imap_cmd *c)
{
	struct args *a = c->priv;

	a->dirty = true;
	step(c);
}

static void
set_deadline(struct imap_cmd *c)
{
	const struct args *a = c->priv;
	struct imap_session *s = c->s;
	uint64_t next = s->host->now_ms(s->host_arg) + s->shared->keepalive_ms;

	s->host->deadline(s->host_arg, next < a->until_ms ? next : a->until_ms);
}

static void
on_deadline(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_session *s = c->s;

	if (s->host->now_ms(s->host_arg) >= a->until_ms) {
		imap_session_bye(s, "Idle for too long", "timeout");
		return;
	}
	/* Keeps the paths of phones and routers open, and finds the dead. */
	if (!s->host->is_clogged(s->host_arg))
		buf_put_str(imap_session_out(s), "* OK Still here\r\n");
	set_deadline(c);
	if (s->notify != NULL)
		s->notify->failed = false;
	if (a->failed) {
		a->failed = false;
		on_notify(c);
	}
}

static void
on_line(struct imap_cmd *c, struct slice line)
{
	struct args *a = c->priv;

	c->wants_input = false;
	imap_sync_say_first(c->s);
	if (a->watching != 0)
		watch(c, 0);
	if (slice_ieq_str(line, "DONE"))
		imap_cmd_ok(c, "Idle completed");
	else
		imap_cmd_bad(c, "Expected DONE");
}

void
cmd_idle_run(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct args *a = c->priv;

	a->until_ms = s->host->now_ms(s->host_arg) + s->shared->idle_ms;
	c->on_line = on_line;
	c->on_notify = on_notify;
	c->on_deadline = on_deadline;
	c->resume = step;
	c->wants_input = true;
	imap_memo_free(&s->memo);	/* who waits holds no text of mail */
	imap_fresh_free(s);
	imap_lexer_line_mode(&s->lexer, true);
	s->sync.first = "+ idling\r\n";
	if (s->notify != NULL)
		imap_sync_say_first(s);
	set_deadline(c);
	c->lets_notify = s->notify != NULL;
	imap_notify_idles(s);
	step(c);
	if (s->sync.done == NULL)
		imap_sync_say_first(s);
}
