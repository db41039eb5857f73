/* SPDX-License-Identifier: ISC */
/*
 * Life, input and end of a connection.  smtp_client_on_data reads replies and
 * hands each to the answer function of what was waited for; smtp_client_run
 * then sends what has become possible, until nothing more is.  run is entered
 * once: calls from inside host calls only change the state, and the outermost
 * run goes on from it.
 */
#include "lib/smtp/smtp_client.h"

#include <string.h>

#include "lib/smtp/smtp_client_priv.h"

void
smtp_client_init(struct smtp_client *c, const struct smtp_client_config *config,
    const struct smtp_client_host *host, void *arg)
{
	memset(c, 0, sizeof(*c));
	c->config = config;
	c->host = host;
	c->arg = arg;
	smtp_reply_parser_init(&c->parser);
}

void
smtp_client_fini(struct smtp_client *c)
{
	smtp_client_txn_free(&c->txn);
	smtp_client_hello_fini(c);
	smtp_reply_parser_fini(&c->parser);
	c->state = SMTP_CLIENT_CLOSED;
}

struct buf *
smtp_client_out(struct smtp_client *c)
{
	return c->host->out(c->arg);
}

void
smtp_client_sent(struct smtp_client *c, enum smtp_client_wait wait)
{
	if (c->outstanding++ == 0) {
		c->wait = wait;
		c->is_fresh = true;
	}
}

/* ---- words ---- */

enum smtp_stage
smtp_client_stage(const struct smtp_client *c)
{
	static const enum smtp_stage by_wait[] = {
		[SMTP_AWAIT_NONE] = SMTP_STAGE_MAIL,
		[SMTP_AWAIT_GREETING] = SMTP_STAGE_GREETING,
		[SMTP_AWAIT_EHLO] = SMTP_STAGE_EHLO, [SMTP_AWAIT_HELO] = SMTP_STAGE_EHLO,
		[SMTP_AWAIT_STARTTLS] = SMTP_STAGE_STARTTLS, [SMTP_AWAIT_AUTH] = SMTP_STAGE_AUTH,
		[SMTP_AWAIT_RSET] = SMTP_STAGE_RSET, [SMTP_AWAIT_MAIL] = SMTP_STAGE_MAIL,
		[SMTP_AWAIT_RCPT] = SMTP_STAGE_RCPT, [SMTP_AWAIT_DATA] = SMTP_STAGE_DATA,
		[SMTP_AWAIT_CHUNK] = SMTP_STAGE_BODY, [SMTP_AWAIT_END] = SMTP_STAGE_END,
		[SMTP_AWAIT_QUIT] = SMTP_STAGE_QUIT
	};

	switch (c->state) {
	case SMTP_CLIENT_NEW:
		return SMTP_STAGE_CONNECT;
	case SMTP_CLIENT_HANDSHAKE:
		return SMTP_STAGE_STARTTLS;
	case SMTP_CLIENT_SECRET:
		return SMTP_STAGE_AUTH;
	case SMTP_CLIENT_IDLE:
	case SMTP_CLIENT_CLOSED:
		return SMTP_STAGE_IDLE;
	case SMTP_CLIENT_BODY:
		return SMTP_STAGE_BODY;
	case SMTP_CLIENT_HELLO:
	case SMTP_CLIENT_LOGIN:
	case SMTP_CLIENT_ENVELOPE:
	case SMTP_CLIENT_ANSWER:
	case SMTP_CLIENT_LEAVING:
		return by_wait[c->wait];
	}
	return SMTP_STAGE_IDLE;
}

static enum smtp_client_phase
phase_of(const struct smtp_client *c)
{
	switch (c->state) {
	case SMTP_CLIENT_NEW:
	case SMTP_CLIENT_IDLE:
	case SMTP_CLIENT_CLOSED:
		return SMTP_PHASE_NONE;
	case SMTP_CLIENT_HELLO:
	case SMTP_CLIENT_HANDSHAKE:
	case SMTP_CLIENT_SECRET:
	case SMTP_CLIENT_LOGIN:
		return SMTP_PHASE_HELO;
	case SMTP_CLIENT_ENVELOPE:
		if (c->wait == SMTP_AWAIT_RSET)
			return SMTP_PHASE_RSET;
		if (c->wait == SMTP_AWAIT_RCPT)
			return SMTP_PHASE_RCPT;
		return c->wait == SMTP_AWAIT_DATA ? SMTP_PHASE_DATA_INIT : SMTP_PHASE_MAIL;
	case SMTP_CLIENT_BODY:
		return SMTP_PHASE_DATA_XFER;
	case SMTP_CLIENT_ANSWER:
		return SMTP_PHASE_DATA_DONE;
	case SMTP_CLIENT_LEAVING:
		return SMTP_PHASE_RSET;
	}
	return SMTP_PHASE_NONE;
}

void
smtp_client_result(const struct smtp_client *c, struct smtp_result *r)
{
	smtp_result_reply(r, smtp_client_stage(c), c->config->host, c->parser.code,
	    c->parser.dsn, c->parser.reply);
}

/* ---- the end ---- */

void
smtp_client_fail(struct smtp_client *c, enum smtp_client_end end,
    const struct smtp_result *why, bool leave)
{
	struct smtp_result kept = *why;

	if (c->state == SMTP_CLIENT_CLOSED)
		return;
	c->state = SMTP_CLIENT_CLOSED;
	/* RFC 5321 s3.8: QUIT first; its answer is not waited for. */
	if (leave)
		buf_put_str(smtp_client_out(c), "QUIT\r\n");
	smtp_client_hello_fini(c);
	if (c->txn != NULL) {
		smtp_client_txn_tell_rest(c, &kept);
		smtp_client_txn_free(&c->txn);
		c->host->done(c->arg);
	}
	c->host->deadline(c->arg, SMTP_PHASE_NONE);
	c->host->closed(c->arg, end, &kept);
}

void
smtp_client_refused(struct smtp_client *c, enum smtp_client_end end)
{
	struct smtp_result r;

	smtp_client_result(c, &r);
	smtp_client_fail(c, end, &r, end != SMTP_END_CLOSING);
}

/* RFC 3463 s3.6: X.5.0, protocol trouble; never the sender's fault. */
void
smtp_client_violation(struct smtp_client *c, const char *what)
{
	struct smtp_result r;
	enum smtp_stage stage = smtp_client_stage(c);

	smtp_result_own(&r, stage, "4.5.0", "protocol violation by host %.150s while %s: %s",
	    c->config->host, smtp_stage_doing(stage), what);
	smtp_client_fail(c, SMTP_END_VIOLATION, &r, false);
}

static void
left(struct smtp_client *c)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_QUIT, "2.0.0", "%s", "");
	smtp_client_fail(c, SMTP_END_QUIT, &r, false);
}

/* ---- going on ---- */

static bool
step(struct smtp_client *c)
{
	if (c->is_early) {
		smtp_client_violation(c, "it spoke out of turn");
		c->is_early = false;
		return true;
	}
	switch (c->state) {
	case SMTP_CLIENT_IDLE:
		if (c->is_quitting) {
			buf_put_str(smtp_client_out(c), "QUIT\r\n");
			smtp_client_sent(c, SMTP_AWAIT_QUIT);
			c->state = SMTP_CLIENT_LEAVING;
			return true;
		}
		if (c->was_ready)
			return false;
		c->was_ready = true;
		c->host->ready(c->arg);
		return true;
	case SMTP_CLIENT_ENVELOPE:
	case SMTP_CLIENT_BODY:
		return smtp_client_txn_step(c);
	case SMTP_CLIENT_NEW:
	case SMTP_CLIENT_HELLO:
	case SMTP_CLIENT_HANDSHAKE:
	case SMTP_CLIENT_SECRET:
	case SMTP_CLIENT_LOGIN:
	case SMTP_CLIENT_ANSWER:
	case SMTP_CLIENT_LEAVING:
	case SMTP_CLIENT_CLOSED:
		return false;
	}
	return false;
}

void
smtp_client_run(struct smtp_client *c)
{
	if (c->is_busy)
		return;
	c->is_busy = true;
	while (step(c))
		;
	if (c->is_fresh && c->state != SMTP_CLIENT_CLOSED)
		c->host->deadline(c->arg, phase_of(c));
	c->is_fresh = false;
	c->is_busy = false;
}

void
smtp_client_start(struct smtp_client *c)
{
	if (c->state != SMTP_CLIENT_NEW)
		return;
	c->is_tls = c->config->tls == SMTP_CLIENT_TLS_IMPLICIT;
	c->state = SMTP_CLIENT_HELLO;
	smtp_client_sent(c, SMTP_AWAIT_GREETING);
	smtp_client_run(c);
}

void
smtp_client_quit(struct smtp_client *c)
{
	c->is_quitting = true;
	smtp_client_run(c);
}

/* ---- replies ---- */

/* A reply that nothing was asked for. */
static void
unasked(struct smtp_client *c)
{
	/* RFC 5321 s3.8: 421 may come at any time. A host that will not read
	 * the text to its end says so in front of the dot; it cannot be
	 * stopped but by closing. */
	if (c->parser.code == 421 || (c->state == SMTP_CLIENT_BODY && c->parser.code >= 400))
		smtp_client_refused(c, SMTP_END_CLOSING);
	else
		smtp_client_violation(c, "reply without a command");
}

static void
dispatch(struct smtp_client *c)
{
	switch (c->wait) {
	case SMTP_AWAIT_NONE:
		break;
	case SMTP_AWAIT_GREETING:
		smtp_client_hello_on_greeting(c);
		break;
	case SMTP_AWAIT_EHLO:
		smtp_client_hello_on_ehlo(c);
		break;
	case SMTP_AWAIT_HELO:
		smtp_client_hello_on_helo(c);
		break;
	case SMTP_AWAIT_STARTTLS:
		smtp_client_hello_on_starttls(c);
		break;
	case SMTP_AWAIT_AUTH:
		smtp_client_hello_on_auth(c);
		break;
	case SMTP_AWAIT_RSET:
		smtp_client_txn_on_rset(c);
		break;
	case SMTP_AWAIT_MAIL:
		smtp_client_txn_on_mail(c);
		break;
	case SMTP_AWAIT_RCPT:
		smtp_client_txn_on_rcpt(c);
		break;
	case SMTP_AWAIT_DATA:
		smtp_client_txn_on_data(c);
		break;
	case SMTP_AWAIT_CHUNK:
		smtp_client_txn_on_chunk(c);
		break;
	case SMTP_AWAIT_END:
		smtp_client_txn_on_end(c);
		break;
	case SMTP_AWAIT_QUIT:
		left(c);
		break;
	}
}

/* more: input is there behind the reply. */
static void
take_reply(struct smtp_client *c, bool more)
{
	unsigned code = c->parser.code;

	if (c->outstanding == 0) {
		unasked(c);
		return;
	}
	/*
	 * What came with the last answer was sent before our next command:
	 * it answers nothing (with STARTTLS, RFC 3207 s4.2 has somebody in
	 * between write it).  A refusal, and what became of the message, is
	 * heeded all the same.
	 */
	c->is_early = more && c->outstanding == 1 && c->wait != SMTP_AWAIT_QUIT;
	if (c->is_early && code < 400 && c->wait != SMTP_AWAIT_END)
		return;
	c->outstanding--;
	c->is_fresh = true;
	if (code == 421 && c->wait != SMTP_AWAIT_QUIT)
		smtp_client_refused(c, SMTP_END_CLOSING);
	else
		dispatch(c);
}

/* RFC 5321 s4.1.1.1: each line but the first of the reply to EHLO. */
static void
take_line(struct smtp_client *c)
{
	if (c->outstanding > 0 && c->wait == SMTP_AWAIT_EHLO && c->parser.code / 100 == 2 &&
	    c->parser.line_count > 1 && !c->parser.is_cut)
		smtp_caps_take_line(&c->heard, c->parser.text);
}

size_t
smtp_client_on_data(struct smtp_client *c, struct slice in)
{
	size_t all = in.n;
	enum smtp_reply_event event;

	if (c->is_busy)
		return 0;
	while (in.n > 0 && c->state != SMTP_CLIENT_CLOSED) {
		c->is_busy = true;
		event = smtp_reply_parser_feed(&c->parser, &in);
		if (event == SMTP_REPLY_BAD)
			smtp_client_violation(c, c->parser.bad);
		if (event == SMTP_REPLY_LINE || event == SMTP_REPLY_END)
			take_line(c);
		if (event == SMTP_REPLY_END)
			take_reply(c, in.n > 0);
		c->is_busy = false;
		smtp_client_run(c);
	}
	return all - in.n;
}

/* ---- events ---- */

void
smtp_client_on_drained(struct smtp_client *c)
{
	/* The text moved: it does not stand still. */
	c->is_fresh = c->is_fresh || c->state == SMTP_CLIENT_BODY;
	smtp_client_run(c);
}

static bool
is_over(const struct smtp_client *c)
{
	return c->state == SMTP_CLIENT_NEW || c->state == SMTP_CLIENT_CLOSED;
}

static void
broken(struct smtp_client *c, enum smtp_client_end end, const char *what)
{
	struct smtp_result r;
	enum smtp_stage stage = smtp_client_stage(c);

	if (is_over(c))
		return;
	if (c->state == SMTP_CLIENT_LEAVING) {
		left(c);
		return;
	}
	/* RFC 3463 s3.5: X.4.2, bad connection. */
	smtp_result_own(&r, stage, "4.4.2", "%s %.150s %swhile %s",
	    end == SMTP_END_LOST ? "lost connection with" : "conversation with",
	    c->config->host, what, smtp_stage_doing(stage));
	smtp_client_fail(c, end, &r, false);
}

void
smtp_client_on_deadline(struct smtp_client *c)
{
	broken(c, SMTP_END_TIMEOUT, "timed out ");
}

void
smtp_client_on_eof(struct smtp_client *c)
{
	broken(c, SMTP_END_LOST, "");
}
