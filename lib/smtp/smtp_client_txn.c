/* SPDX-License-Identifier: ISC */
/*
 * One message.  Commands go out in the order RSET, MAIL, RCPT..., DATA as far
 * ahead of their answers as PIPELINING permits (RFC 2920); the answers come
 * in the same order and move c->wait along.  send says which command is next,
 * c->wait which answer.
 *
 * A recipient that cannot be sent to this host is told of before the first
 * command; the others have a slot each.  limit of them are in this
 * transaction (RFC 9422 s4.2: RCPTMAX), the rest is told to come again.
 *
 * An 8-bit message goes as it is to a host without 8BITMIME: deviates from
 * RFC 6152 s3, which asks for a conversion or a bounce.  Every host in use
 * passes the bytes on, and a conversion would break signatures.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/smtp/smtp_client_check.h"
#include "lib/smtp/smtp_client_priv.h"
#include "lib/smtp/smtp_put.h"

enum send { SEND_RSET, SEND_MAIL, SEND_RCPT, SEND_DATA, SEND_NOTHING };
enum slot_at { SLOT_NEW, SLOT_TAKEN, SLOT_TOLD };

struct slot {
	uint32_t	 idx;	/* of the recipient */
	uint16_t	 at;	/* enum slot_at */
	uint16_t	 bytes;	/* of its command */
};

struct smtp_client_txn {
	struct smtp_client_message	 m;
	bool				 is_checked;
	bool				 uses_utf8;
	bool				 is_refused;	/* MAIL was */
	bool				 is_void;	/* a dot for nobody */
	bool				 is_asked;	/* want_body */
	bool				 has_failed;	/* a chunk was refused: failure */
	enum send			 send;
	uint32_t			 slot_count;
	uint32_t			 limit;		/* slots in this transaction */
	uint32_t			 sent;		/* RCPTs */
	uint32_t			 got;		/* their answers */
	uint32_t			 taken;
	uint32_t			 chunks;	/* answers due to chunks but the last */
	uint32_t			 ends;		/* answers due to the whole message */
	uint32_t			 told_end;	/* LMTP: slots before it had theirs */
	size_t				 ahead_bytes;
	size_t				 mail_bytes;
	struct smtp_body		 body;
	struct smtp_result		 failure;
	struct slot			 slots[];
};

void
smtp_client_txn_free(struct smtp_client_txn **t)
{
	free(*t);
	*t = NULL;
}

bool
smtp_client_can_next(const struct smtp_client *c)
{
	return c->state == SMTP_CLIENT_IDLE && c->was_ready && !c->is_quitting && !c->is_early &&
	    !smtp_reply_parser_is_inside(&c->parser) &&
	    (c->caps.mail_max == 0 || c->message_count < c->caps.mail_max);
}

enum err
smtp_client_next(struct smtp_client *c, const struct smtp_client_message *m)
{
	struct smtp_client_txn *t;

	if (!smtp_client_can_next(c))
		return ERR_STATE;
	if (m->rcpt_count == 0 || m->rcpt_count > SMTP_CLIENT_RCPTS_MAX)
		return ERR_LIMIT;
	t = must_alloc(1, sizeof(*t) + m->rcpt_count * sizeof(t->slots[0]));
	t->m = *m;
	t->slot_count = m->rcpt_count;
	for (uint32_t i = 0; i < m->rcpt_count; i++)
		t->slots[i].idx = i;
	c->txn = t;
	c->state = SMTP_CLIENT_ENVELOPE;
	c->wait = c->is_dirty ? SMTP_AWAIT_RSET : SMTP_AWAIT_MAIL;
	t->send = c->is_dirty ? SEND_RSET : SEND_MAIL;
	smtp_client_run(c);
	return ERR_OK;
}

/* ---- telling ---- */

static void
tell(struct smtp_client *c, struct slot *s, const struct smtp_result *r)
{
	s->at = SLOT_TOLD;
	c->host->rcpt(c->arg, s->idx, r);
}

void
smtp_client_txn_tell_rest(struct smtp_client *c, const struct smtp_result *r)
{
	struct smtp_client_txn *t = c->txn;

	for (uint32_t i = 0; i < t->slot_count; i++)
		if (t->slots[i].at != SLOT_TOLD)
			tell(c, &t->slots[i], r);
}

/* Those that the host took so far. */
static void
tell_taken(struct smtp_client *c, const struct smtp_result *r)
{
	struct smtp_client_txn *t = c->txn;

	for (uint32_t i = 0; i < t->limit; i++)
		if (t->slots[i].at == SLOT_TAKEN)
			tell(c, &t->slots[i], r);
}

static void
tell_taken_reply(struct smtp_client *c)
{
	struct smtp_result r;

	smtp_client_result(c, &r);
	r.dsn_taken = r.error == ERR_OK && smtp_caps_has(&c->caps, SMTP_CAP_DSN);
	tell_taken(c, &r);
}

/* Nothing is under way any more; what has no result comes again. */
static bool
finish(struct smtp_client *c)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_RCPT, "4.5.3", "host %.150s takes no more recipients at once",
	    c->config->host);
	r.is_again = true;
	smtp_client_txn_tell_rest(c, &r);
	smtp_client_txn_free(&c->txn);
	c->state = SMTP_CLIENT_IDLE;
	c->wait = SMTP_AWAIT_NONE;
	c->is_fresh = true;
	c->host->done(c->arg);
	return true;
}

/* ---- sending ---- */

/* Leaves the slots of those recipients that can be sent. */
static void
check(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	uint32_t kept = 0, count = t->slot_count;
	struct smtp_result r;

	t->is_checked = true;
	t->uses_utf8 = (t->m.flags & SMTP_CLIENT_UTF8_HEADER) != 0 || !smtp_client_check_is_ascii(t->m.sender);
	if (!smtp_client_check_message(c, &t->m, &r)) {
		smtp_client_txn_tell_rest(c, &r);
		(void)finish(c);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!smtp_client_check_rcpt(c, &t->m.rcpts[t->slots[i].idx], &r)) {
			tell(c, &t->slots[i], &r);
			continue;
		}
		t->uses_utf8 = t->uses_utf8 || !smtp_client_check_is_ascii(t->m.rcpts[t->slots[i].idx].address);
		t->slots[kept++] = t->slots[i];
	}
	t->slot_count = kept;
	t->limit = c->caps.rcpt_max > 0 && c->caps.rcpt_max < kept ? c->caps.rcpt_max : kept;
	if (kept == 0)
		(void)finish(c);
}

static bool
is_pipelined(const struct smtp_client *c)
{
	return smtp_caps_has(&c->caps, SMTP_CAP_PIPELINING);
}

static bool
is_chunked(const struct smtp_client *c)
{
	return smtp_caps_has(&c->caps, SMTP_CAP_CHUNKING);
}

static void
begin_body(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	enum smtp_body_form form = SMTP_BODY_DATA;

	if (is_chunked(c))
		form = (t->m.flags & SMTP_CLIENT_BINARY) != 0 ? SMTP_BODY_BINARY : SMTP_BODY_CHUNK;
	smtp_body_init(&t->body, form);
	c->state = SMTP_CLIENT_BODY;
	c->is_fresh = true;
}

/* The last command of the envelope; in chunks, the first of the text. */
static bool
send_data(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;

	if (c->outstanding == 0 && t->taken == 0) {
		c->is_dirty = true;
		return finish(c);
	}
	/*
	 * RFC 2033 s4.2 has no answer to a dot for nobody, and a chunk for
	 * nobody would be sent in vain: wait for the recipients' answers.
	 */
	if (c->outstanding > 0 && (c->config->is_lmtp || is_chunked(c)))
		return false;
	t->send = SEND_NOTHING;
	if (is_chunked(c)) {
		begin_body(c);
		return true;
	}
	buf_put_str(smtp_client_out(c), "DATA\r\n");
	smtp_client_sent(c, SMTP_AWAIT_DATA);
	return true;
}

static bool
send_envelope(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	struct buf *out = smtp_client_out(c);
	size_t before = out->n;

	if (t->is_refused)
		return c->outstanding == 0 ? finish(c) : false;
	if (c->outstanding > 0 && (!is_pipelined(c) || t->ahead_bytes >= SMTP_CLIENT_AHEAD_MAX))
		return false;
	switch (t->send) {
	case SEND_RSET:
		buf_put_str(out, "RSET\r\n");
		smtp_client_sent(c, SMTP_AWAIT_RSET);
		t->send = SEND_MAIL;
		return true;
	case SEND_MAIL:
		smtp_put_mail(out, &t->m, &c->caps, t->uses_utf8);
		smtp_client_sent(c, SMTP_AWAIT_MAIL);
		c->message_count++;
		t->mail_bytes = out->n - before;
		t->ahead_bytes += t->mail_bytes;
		t->send = SEND_RCPT;
		return true;
	case SEND_RCPT:
		if (t->sent == t->limit) {
			t->send = SEND_DATA;
			return true;
		}
		smtp_put_rcpt(out, &t->m.rcpts[t->slots[t->sent].idx], &c->caps, t->uses_utf8);
		smtp_client_sent(c, SMTP_AWAIT_RCPT);
		t->slots[t->sent].bytes = (uint16_t)(out->n - before);
		t->ahead_bytes += t->slots[t->sent++].bytes;
		return true;
	case SEND_DATA:
		return send_data(c);
	case SEND_NOTHING:
		return false;
	}
	return false;
}

/* RFC 3030 s2: as many chunks ahead as is bounded here, if PIPELINING permits. */
static bool
ask_body(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;

	if (t->is_asked || t->has_failed)
		return false;
	if (c->outstanding > 0 && (!is_pipelined(c) || c->outstanding >= SMTP_CLIENT_CHUNKS_MAX))
		return false;
	t->is_asked = true;
	c->host->want_body(c->arg);
	return true;
}

static void
fail_local(struct smtp_client *c, const char *what)
{
	struct smtp_result r;

	/* RFC 3463 s3.4: X.3.0; the connection is cut so that nothing half is taken. */
	smtp_result_own(&r, SMTP_STAGE_BODY, "4.3.0", "%s", what);
	smtp_client_fail(c, SMTP_END_LOCAL, &r, false);
}

bool
smtp_client_txn_step(struct smtp_client *c)
{
	if (!c->txn->is_checked) {
		check(c);
		return true;
	}
	if (buf_err(smtp_client_out(c)) != ERR_OK) {
		fail_local(c, "too much output waits");
		return true;
	}
	if (c->host->is_clogged(c->arg))
		return false;
	return c->state == SMTP_CLIENT_BODY ? ask_body(c) : send_envelope(c);
}

/* ---- the text ---- */

static void
put_chunk(struct smtp_client *c, struct slice s, bool is_last)
{
	struct smtp_client_txn *t = c->txn;
	struct buf *out = smtp_client_out(c);
	struct smtp_body ahead = t->body;
	size_t n = smtp_body_put(&ahead, NULL, s);

	if (is_last)
		n += smtp_body_end(&ahead, NULL);
	if (n > 0 || is_last)
		buf_printf(out, "BDAT %zu%s\r\n", n, is_last ? " LAST" : "");
	(void)smtp_body_put(&t->body, out, s);
	if (is_last) {
		(void)smtp_body_end(&t->body, out);
	} else if (n > 0) {
		smtp_client_sent(c, SMTP_AWAIT_CHUNK);
		t->chunks++;
	}
}

void
smtp_client_body(struct smtp_client *c, struct slice s, bool is_last)
{
	struct smtp_client_txn *t = c->txn;

	if (c->state != SMTP_CLIENT_BODY || !t->is_asked)
		return;
	must(s.n <= SMTP_CLIENT_BODY_MAX);
	t->is_asked = false;
	/* A chunk was refused meanwhile: its answer ends the message. */
	if (t->has_failed)
		return;
	if (is_chunked(c)) {
		put_chunk(c, s, is_last);
	} else {
		(void)smtp_body_put(&t->body, smtp_client_out(c), s);
		if (is_last)
			(void)smtp_body_end(&t->body, smtp_client_out(c));
	}
	c->is_fresh = true;
	if (is_last) {
		/* RFC 2033 s4.2: LMTP answers for each recipient that it took. */
		t->ends = c->config->is_lmtp ? t->taken : 1;
		for (uint32_t i = 0; i < t->ends; i++)
			smtp_client_sent(c, SMTP_AWAIT_END);
		c->state = SMTP_CLIENT_ANSWER;
	}
	if (buf_err(smtp_client_out(c)) != ERR_OK)
		fail_local(c, "too much output waits");
	smtp_client_run(c);
}

void
smtp_client_body_failed(struct smtp_client *c)
{
	if (c->state == SMTP_CLIENT_BODY && c->txn->is_asked)
		fail_local(c, "the message could not be read from the queue");
}

/* ---- answers ---- */

static bool
is_odd(struct smtp_client *c)
{
	if (c->parser.code / 100 != 3)
		return false;
	smtp_client_violation(c, "unexpected reply code");
	return true;
}

void
smtp_client_txn_on_rset(struct smtp_client *c)
{
	if (is_odd(c))
		return;
	if (c->parser.code >= 400) {
		smtp_client_refused(c, SMTP_END_REFUSED);
		return;
	}
	c->is_dirty = false;
	c->wait = SMTP_AWAIT_MAIL;
}

void
smtp_client_txn_on_mail(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	struct smtp_result r;

	if (is_odd(c))
		return;
	t->ahead_bytes -= t->mail_bytes;
	if (c->parser.code >= 400) {
		t->is_refused = true;
		smtp_client_result(c, &r);
		smtp_client_txn_tell_rest(c, &r);
	}
	c->wait = SMTP_AWAIT_RCPT;
}

/*
 * RFC 5321 s4.5.3.1.10: 452, or 552 from old hosts, behind recipients that
 * were taken: too many of them at once, unless the host says otherwise.
 */
static bool
is_too_many(const struct smtp_client *c)
{
	unsigned code = c->parser.code;
	struct slice dsn = slice_str(c->parser.dsn);

	return (code == 452 || code == 552) && c->txn->taken > 0 &&
	    (dsn.n == 0 || slice_ends(dsn, ".5.3"));
}

static void
take_rcpt(struct smtp_client *c, struct slot *s)
{
	struct smtp_result r;

	if (c->parser.code < 400) {
		s->at = SLOT_TAKEN;
		c->txn->taken++;
		return;
	}
	smtp_client_result(c, &r);
	r.is_again = is_too_many(c);
	if (c->parser.code == 552)
		smtp_result_soften(&r);
	tell(c, s, &r);
}

void
smtp_client_txn_on_rcpt(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	struct slot *s = &t->slots[t->got];

	if (is_odd(c))
		return;
	t->ahead_bytes -= s->bytes;
	t->got++;
	if (!t->is_refused)
		take_rcpt(c, s);
	if (t->got == t->limit)
		c->wait = SMTP_AWAIT_DATA;
}

void
smtp_client_txn_on_data(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;

	if (c->parser.code >= 400) {
		/* Without MAIL there is nothing to reset. */
		c->is_dirty = !t->is_refused;
		tell_taken_reply(c);
		(void)finish(c);
	} else if (c->parser.code != 354 || t->is_refused) {
		smtp_client_violation(c, "unexpected reply code");
	} else if (t->taken == 0) {
		/* RFC 2920 s3.1: 354 for nobody is answered by a dot. */
		buf_put_str(smtp_client_out(c), ".\r\n");
		t->is_void = true;
		t->ends = 1;
		smtp_client_sent(c, SMTP_AWAIT_END);
		c->state = SMTP_CLIENT_ANSWER;
	} else {
		begin_body(c);
	}
}

/* The refused text is at an end when no chunk's answer is due. */
static void
end_failed(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;

	if (t->chunks > 0 || t->ends > 0)
		return;
	c->is_dirty = true;
	tell_taken(c, &t->failure);
	(void)finish(c);
}

void
smtp_client_txn_on_chunk(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;

	if (is_odd(c))
		return;
	if (c->parser.code >= 400 && !t->has_failed) {
		t->has_failed = true;
		smtp_client_result(c, &t->failure);
	}
	if (--t->chunks == 0 && t->ends > 0)
		c->wait = SMTP_AWAIT_END;
	if (t->has_failed)
		end_failed(c);
}

/* LMTP: the next recipient that waits for its answer. */
static struct slot *
next_taken(struct smtp_client_txn *t)
{
	while (t->told_end < t->limit && t->slots[t->told_end].at != SLOT_TAKEN)
		t->told_end++;
	must(t->told_end < t->limit);
	return &t->slots[t->told_end++];
}

void
smtp_client_txn_on_end(struct smtp_client *c)
{
	struct smtp_client_txn *t = c->txn;
	struct smtp_result r;

	if (is_odd(c))
		return;
	t->ends--;
	if (t->has_failed) {
		end_failed(c);
		return;
	}
	if (c->config->is_lmtp) {
		smtp_client_result(c, &r);
		r.dsn_taken = r.error == ERR_OK && smtp_caps_has(&c->caps, SMTP_CAP_DSN);
		tell(c, next_taken(t), &r);
	} else if (!t->is_void) {
		tell_taken_reply(c);
	}
	if (t->ends > 0)
		return;
	c->is_dirty = false;
	(void)finish(c);
}
