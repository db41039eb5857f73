/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_mail.h"

#include <stdlib.h>

#include "cmtpd/cmtp_address.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/trace.h"

#define NAME_BYTES	5	/* "MAIL" and its NUL: not kept */
#define LINE_MAX	1000	/* what this server adds to a log */
#define HEAD_MAX	(TRACE_MAX + CMTP_HEAD_BYTES + CMTP_TEXT_MAX + LINE_MAX)

struct cmtp_txn {
	uint64_t	 msg;		/* 0 until queue opened it */
	bool		 is_dead;	/* queue lost or has it */
	bool		 is_body;	/* the first part has begun */
	struct addr	 rcpt;
	struct addr	 sender;
};

void
cmtp_mail_drop(struct cmtp_session *s)
{
	struct cmtp_txn *t = s->txn;

	if (t == NULL)
		return;
	s->txn = NULL;
	s->is_paused = false;
	if (t->msg != 0 && !t->is_dead)
		s->env->abort(s->arg, t->msg);
	free(t);
}

/* A question that is open ends by itself, with ERR_GONE. */
void
cmtp_mail_lost(struct cmtp_session *s)
{
	if (s->txn != NULL)
		s->txn->is_dead = true;
}

static void
log_reject(const struct cmtp_session *s, struct slice dsn, struct slice text)
{
	char from[ADDR_TEXT_MAX + 1], to[ADDR_TEXT_MAX + 1];
	const struct cmtp_txn *t = s->txn;
	struct slice sender = SLICE_NONE, rcpt = SLICE_NONE;

	if (t->sender.local_n > 0)
		sender = addr_text(&t->sender, from);
	if (t->rcpt.local_n > 0)
		rcpt = addr_text(&t->rcpt, to);
	log_event(LOG_reject, log_session(s->id), log_str("client", s->peer),
	    log_str("verb", "MAIL"), log_addr("from", sender), log_addr("to", rcpt),
	    log_text("dsn", dsn), log_text("reason", text));
}

/* What is still to come of it is read and dropped. */
static void
refuse(struct cmtp_session *s, const char *dsn, const char *text)
{
	log_reject(s, slice_str(dsn), slice_str(text));
	cmtp_mail_drop(s);
	s->mode = CMTP_DRAINING;
}

static void
refuse_error(struct cmtp_session *s, enum err e)
{
	refuse(s, e == ERR_FULL ? "4.3.1" : "4.3.0", err_text(e));
}

void
cmtp_mail_refused(struct cmtp_session *s, const struct cmtp_refusal *r)
{
	bool is_complete = s->mode == CMTP_WAIT_COMMIT;

	if (s->txn == NULL)
		return;
	log_reject(s, r->dsn, r->text.n > 0 ? r->text : slice_str(err_text(r->error)));
	cmtp_mail_drop(s);
	s->mode = CMTP_DRAINING;
	if (is_complete)
		cmtp_session_answer_mail(s, false);
}

/* ---- the envelope */

/* The postmaster of this host for mail to the server itself. */
static enum err
read_rcpt(struct cmtp_session *s, struct addr *out)
{
	struct slice user = s->parser.param[CMTP_TO_USER];
	struct slice domain = s->parser.param[CMTP_TO_DOMAIN];

	if (user.n > 0)
		return cmtp_address_join(out, user,
		    domain.n > 0 ? domain : slice_str(s->service->domain));
	if (domain.n > 0 && !s->env->is_ours(s->arg, domain))
		return ERR_NOTFOUND;
	return cmtp_address_postmaster(out);
}

void
cmtp_mail_begin(struct cmtp_session *s)
{
	const struct cmtp_mail *m = &s->parser.mail;
	char text[ADDR_TEXT_MAX + 1];
	struct cmtp_open o = { .kind = QUEUE_KIND_CMTP1, .size = m->log_bytes + m->body_bytes };
	enum err e;

	s->txn = must_alloc(1, sizeof(*s->txn));
	if (cmtp_address_sender(&s->txn->sender, s->parser.param[CMTP_FROM_USER],
	    s->parser.param[CMTP_FROM_DOMAIN]) != ERR_OK) {
		refuse(s, "5.1.7", "Bad sender address syntax");
		return;
	}
	if ((e = read_rcpt(s, &s->txn->rcpt)) != ERR_OK) {
		refuse(s, e == ERR_NOTFOUND ? "5.1.2" : "5.1.3", "Recipient address rejected");
		return;
	}
	if (!s->service->takes_mail) {
		refuse(s, "5.3.2", "Mail of version 1 is not taken here");
		return;
	}
	if (s->txn->sender.local_n > 0)
		o.sender = addr_text(&s->txn->sender, text);
	s->mode = CMTP_WAIT_OPEN;
	if ((e = s->env->open(s->arg, &o)) != ERR_OK)
		refuse_error(s, e);
}

void
cmtp_mail_opened(struct cmtp_session *s, uint64_t msg)
{
	char text[ADDR_TEXT_MAX + 1];
	enum err e;

	s->txn->msg = msg;
	s->mode = CMTP_WAIT_RCPT;
	if ((e = s->env->rcpt(s->arg, msg, addr_text(&s->txn->rcpt, text))) != ERR_OK)
		refuse_error(s, e);
}

/* ---- the message */

static void
put_body(struct cmtp_session *s, struct slice bytes)
{
	enum err e;

	if (s->txn == NULL || bytes.n == 0)
		return;
	e = s->txn->is_dead ? ERR_GONE : s->env->body(s->arg, s->txn->msg, bytes);
	if (e == ERR_AGAIN)
		s->is_paused = true;
	else if (e != ERR_OK)
		refuse_error(s, e);
}

static void
put_trace(struct cmtp_session *s, struct buf *out, uint64_t now_s)
{
	char rcpt[ADDR_TEXT_MAX + 1];
	const struct trace trace = {
		.helo = slice_str(s->client), .client = slice_str(s->client),
		.hostname = slice_str(s->service->hostname), .protocol = "CMTP",
		.tls_version = s->tls_version, .tls_cipher = s->tls_cipher,
		.msg = s->txn->msg, .rcpt = addr_text(&s->txn->rcpt, rcpt), .real_s = now_s,
	};

	trace_put_received(out, &trace);
	/* RFC 8601 s2.2: nobody has proved anything. */
	buf_printf(out, "Authentication-Results: %s; cmtp=none (CMTP 1)\r\n\r\n",
	    s->service->hostname);
}

/* The log with the line of this server, where there is room for it. */
static void
put_log(struct cmtp_session *s, struct buf *out, uint64_t now_s)
{
	char id[ENC_ID_BYTES + 1];
	struct buf line;

	enc_id_str(id, s->txn->msg);
	buf_init(&line, LINE_MAX);
	buf_printf(&line, "from %s by %s with CMTP id %s; ", s->client, s->service->hostname, id);
	clock_put_rfc5322(&line, now_s);
	buf_put_char(&line, '\0');
	buf_put_slice(out, s->parser.log);
	if (buf_err(&line) == ERR_OK && out->n + line.n <= CMTP_LOG_MAX)
		buf_put_slice(out, buf_slice(&line));
	buf_fini(&line);
}

static void
put_head(struct cmtp_session *s, struct buf *out, uint64_t now_s)
{
	struct cmtp_mail m = s->parser.mail;
	struct buf log, mail;
	enum err e;

	buf_init(&log, CMTP_LOG_MAX + LINE_MAX);
	put_log(s, &log, now_s);
	m.log_bytes = (uint32_t)log.n;
	buf_init(&mail, HEAD_MAX);
	e = cmtp_put_mail(&mail, &m, s->parser.param, buf_slice(&log));
	must(e == ERR_OK);	/* they were read by the same rules */
	buf_put_slice(out, slice_from(buf_slice(&mail), NAME_BYTES));
	buf_fini(&mail);
	buf_fini(&log);
}

void
cmtp_mail_rcpt_ok(struct cmtp_session *s)
{
	uint64_t now_s = s->env->real_s(s->arg);
	struct buf front;

	s->mode = CMTP_READING;
	buf_init(&front, HEAD_MAX);
	put_trace(s, &front, now_s);
	put_head(s, &front, now_s);
	put_body(s, buf_slice(&front));
	buf_fini(&front);
}

/* The length of an attachment is in front of it, the body's is in the head. */
void
cmtp_mail_part(struct cmtp_session *s)
{
	struct buf length;

	if (s->txn == NULL)
		return;
	if (s->txn->is_body) {
		buf_init(&length, 8);
		cmtp_put_length(&length, s->parser.part_bytes);
		put_body(s, buf_slice(&length));
		buf_fini(&length);
		return;
	}
	s->txn->is_body = true;
}

void
cmtp_mail_data(struct cmtp_session *s)
{
	put_body(s, s->parser.piece);
}

void
cmtp_mail_end(struct cmtp_session *s)
{
	enum err e;

	if (s->txn != NULL) {
		s->mode = CMTP_WAIT_COMMIT;
		e = s->txn->is_dead ? ERR_GONE : s->env->commit(s->arg, s->txn->msg);
		if (e == ERR_OK)
			return;
		refuse_error(s, e);
	}
	cmtp_session_answer_mail(s, false);
}

void
cmtp_mail_committed(struct cmtp_session *s)
{
	s->txn->is_dead = true;
	cmtp_mail_drop(s);
	s->message_count++;
	cmtp_session_answer_mail(s, true);
}
