/* SPDX-License-Identifier: ISC */
/*
 * DATA (RFC 5321 s4.1.1.4) and BDAT (RFC 3030 s2); prototypes in
 * smtp_verbs.h.  Both feed the same message: smtp_text checks line ends,
 * smtp_message makes the header right, put_body hands on to the owner.
 */
#include "smtpd/smtp_verbs.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/ipc/queue_proto.h"

static void
put_body(void *arg, struct slice s)
{
	struct smtp_session *ss = arg;
	enum err e = ss->env->body(ss->arg, s);

	if (e == ERR_AGAIN)
		ss->is_paused = true;
	else if (e != ERR_OK)
		smtp_message_fail(&ss->txn->message,
		    e == ERR_FULL ? REPLY_NO_SPACE : REPLY_NO_QUEUE);
}

static void
put_text(void *arg, struct slice s)
{
	struct smtp_session *ss = arg;

	smtp_message_put(&ss->txn->message, s);
}

/* RFC 3848, RFC 6531 s4.3: rows without and with UTF8, columns by S and A. */
static const char *
protocol_of(const struct smtp_session *s)
{
	static const char *const names[2][2][2] = {
		{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};
	bool is_utf8 = s->txn->flags & QUEUE_SMTPUTF8;

	if (!s->is_esmtp && s->tls_version == NULL)
		return "SMTP";
	return names[is_utf8][s->tls_version != NULL][smtp_session_is_logged_in(s)];
}

static void
begin_text(struct smtp_session *s, bool is_data)
{
	char rcpt[ADDR_TEXT_MAX + 1];
	struct smtp_txn *t = s->txn;
	struct trace trace = {
		.helo = slice_str(s->helo), .client = slice_str(s->client),
		.hostname = slice_str(s->service->hostname), .protocol = protocol_of(s),
		.tls_version = s->tls_version, .tls_cipher = s->tls_cipher,
		.msg = t->msg, .real_s = s->env->real_s(s->arg), .uid = s->uid,
	};
	bool completes = s->service->is_submission || s->service->is_local;

	/* RFC 5321 s7.2: "for" would tell one recipient of the others. */
	if (t->rcpt_count == 1)
		trace.rcpt = addr_text(&t->only_rcpt, rcpt);
	smtp_text_init(&t->text, is_data, s->service->limits->message.text_line_bytes);
	smtp_message_init(&t->message, &s->service->limits->message, completes, put_body, s);
	t->is_begun = true;
	smtp_message_begin(&t->message, &trace);
}

/* What the text as a whole did wrong, if anything. */
static enum smtp_reply_id
check_text(const struct smtp_txn *t)
{
	if (t->is_dead)
		return REPLY_NO_QUEUE;
	if (t->message.failed != REPLY_NONE)
		return t->message.failed;
	/* RFC 5321 s4.5.2 forbids NUL through RFC 5322 s3.5. */
	if (t->text.has_nul)
		return REPLY_NUL;
	return t->text.is_too_long ? REPLY_LONG_TEXT : REPLY_NONE;
}

static struct smtp_step
commit(struct smtp_session *s)
{
	struct smtp_txn *t = s->txn;
	enum smtp_reply_id no;
	struct smtp_commit c;
	enum err e;

	smtp_message_end(&t->message);
	if ((no = check_text(t)) != REPLY_NONE) {
		smtp_reply(s, no);
		return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
	}
	c = (struct smtp_commit){ .msg = t->msg, .bytes = t->message.out_bytes,
	    .flags = t->message.header.is_tls_optional ? QUEUE_TLS_OPTIONAL : 0,
	    .message_id = smtp_header_message_id(&t->message.header) };
	if ((e = s->env->commit(s->arg, &c)) != ERR_OK)
		return smtp_data_refused(s, &(struct smtp_refusal){ .error = e });
	return (struct smtp_step){ SMTP_WAIT_COMMIT, s->state };
}

struct smtp_step
smtp_data_committed(struct smtp_session *s)
{
	smtp_reply_queued(s, s->txn->msg);
	s->message_count++;
	s->junk_count = 0;
	/* It is queue's now: nothing to abort. */
	s->txn->is_dead = true;
	return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
}

struct smtp_step
smtp_data_refused(struct smtp_session *s, const struct smtp_refusal *r)
{
	smtp_reply_refusal(s, r);
	return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
}

static struct smtp_step
refuse_bare(struct smtp_session *s)
{
	smtp_reply(s, REPLY_BARE);
	return smtp_session_close(s, "bare line end");
}

/* ---- DATA ---- */

struct smtp_step
smtp_data(struct smtp_session *s, struct slice args)
{
	(void)args;
	/* RFC 5321 s3.3: no recipient, no 354. */
	if (s->txn->rcpt_count == 0) {
		smtp_reply(s, REPLY_NO_RCPTS);
		return smtp_session_stay(s);
	}
	if (s->txn->is_dead) {
		smtp_reply(s, REPLY_NO_QUEUE);
		return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
	}
	smtp_reply(s, REPLY_DATA_GO);
	begin_text(s, true);
	return (struct smtp_step){ SMTP_TEXT, s->state };
}

struct smtp_step
smtp_data_text(struct smtp_session *s, struct slice *in)
{
	switch (smtp_text_feed(&s->txn->text, in, put_text, s)) {
	case SMTP_TEXT_MORE:
		return (struct smtp_step){ SMTP_TEXT, s->state };
	case SMTP_TEXT_BARE:
		return refuse_bare(s);
	case SMTP_TEXT_END:
		break;
	}
	return commit(s);
}

/* ---- BDAT ---- */

/* chunk-size [ SP "LAST" ] */
static bool
parse_chunk(struct slice args, uint64_t *size, bool *is_last)
{
	struct slice word;

	args = slice_trim(slice_cut(args, ' ', &word));
	*is_last = slice_ieq_str(args, "LAST");
	return (args.n == 0 || *is_last) && word.n <= 20 &&
	    num_parse_u64(word, INT64_MAX, size) == ERR_OK;
}

static enum smtp_reply_id
check_chunk(const struct smtp_session *s, uint64_t size)
{
	const struct smtp_txn *t = s->txn;
	uint64_t max = s->service->limits->message.message_bytes;

	if (t == NULL || t->bdat_failed)
		return REPLY_SEQUENCE;
	if (t->rcpt_count == 0)
		return REPLY_NO_RCPTS;
	if (size > max || t->message.text_bytes > max - size)
		return REPLY_TOO_BIG;
	return REPLY_NONE;
}

/*
 * The chunk follows in any case, so it is read in any case (RFC 3030 s2);
 * only its size must be known, else where commands go on is not.
 */
struct smtp_step
smtp_data_bdat(struct smtp_session *s, struct slice args)
{
	uint64_t size;

	if (!parse_chunk(args, &size, &s->chunk_is_last)) {
		smtp_reply(s, REPLY_BAD_CHUNK);
		return smtp_session_close(s, "bad chunk size");
	}
	s->chunk_left = size;
	s->chunk_failed = check_chunk(s, size);
	if (s->chunk_failed != REPLY_NONE) {
		if (s->txn != NULL && s->txn->rcpt_count > 0)
			s->txn->bdat_failed = true;
		return (struct smtp_step){ SMTP_CHUNK, s->state };
	}
	if (!s->txn->is_begun)
		begin_text(s, false);
	return (struct smtp_step){ SMTP_CHUNK, SMTP_BDAT };
}

static struct smtp_step
end_chunk(struct smtp_session *s)
{
	enum smtp_reply_id no = s->chunk_failed;

	if (no == REPLY_NONE && s->chunk_is_last) {
		if (!smtp_text_finish(&s->txn->text, put_text, s))
			return refuse_bare(s);
		return commit(s);
	}
	if (no == REPLY_NONE && (no = check_text(s->txn)) != REPLY_NONE)
		s->txn->bdat_failed = true;
	smtp_reply(s, no == REPLY_NONE ? REPLY_CHUNK_OK : no);
	/* After LAST the transaction is over, whatever became of it. */
	if (s->chunk_is_last && s->txn != NULL && s->txn->rcpt_count > 0)
		return (struct smtp_step){ SMTP_COMMAND, SMTP_HELO };
	return smtp_session_stay(s);
}

struct smtp_step
smtp_data_chunk(struct smtp_session *s, struct slice *in)
{
	struct slice part = slice_head(*in, s->chunk_left < in->n ? (size_t)s->chunk_left : in->n);

	*in = slice_from(*in, part.n);
	s->chunk_left -= part.n;
	if (s->chunk_failed == REPLY_NONE &&
	    smtp_text_feed(&s->txn->text, &part, put_text, s) == SMTP_TEXT_BARE)
		return refuse_bare(s);
	if (s->chunk_left > 0 || s->is_paused)
		return (struct smtp_step){ SMTP_CHUNK, s->state };
	return end_chunk(s);
}
