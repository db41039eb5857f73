/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_reply2.h"

#include "cmtpd/cmtp_mail2.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

void
cmtp_reply2_abort(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	s->is_paused = false;
	if (t->msg != 0 && !t->is_dead)
		s->env->abort(s->arg, t->msg);
	t->is_dead = true;
}

void
cmtp_reply2_log(const struct cmtp_session *s, struct slice rcpt, struct slice dsn, struct slice text)
{
	char from[ADDR_TEXT_MAX + 1];
	struct slice sender = SLICE_NONE;

	if (s->txn2->sender.local_n > 0)
		sender = addr_text(&s->txn2->sender, from);
	log_event(LOG_reject, log_session(s->id), log_str("client", s->peer),
	    log_str("verb", "MAIL2"), log_addr("from", sender), log_addr("to", rcpt),
	    log_text("dsn", dsn), log_text("reason", text));
}

static void
put_status(struct buf *b, struct slice dsn, struct slice text)
{
	buf_put_slice(b, dsn);
	buf_put_char(b, ' ');
	buf_put_slice(b, slice_head(text, slice_find(text, '\0')));
}

/* The whole request; what is still to come of it is read and dropped. */
void
cmtp_reply2_refuse(struct cmtp_session *s, struct slice dsn, struct slice text)
{
	struct cmtp_txn2 *t = s->txn2;
	struct buf b;

	cmtp_reply2_log(s, SLICE_NONE, dsn, text);
	cmtp_reply2_abort(s);
	buf_init(&b, 2 * CMTP2_TEXT_MAX);
	put_status(&b, dsn, slice_head(text, CMTP2_TEXT_MAX));
	buf_reset(&t->refusal);
	cmtp2_answer_put_status(&t->refusal, (unsigned)(dsn.p[0] - '0'), buf_slice(&b));
	buf_fini(&b);
	t->is_refused = true;
	s->mode = CMTP_DRAINING;
}

void
cmtp_reply2_refuse_str(struct cmtp_session *s, const char *dsn, const char *text)
{
	cmtp_reply2_refuse(s, slice_str(dsn), slice_str(text));
}

void
cmtp_reply2_refuse_error(struct cmtp_session *s, enum err e)
{
	cmtp_reply2_refuse_str(s, e == ERR_FULL ? "4.3.1" : "4.3.0", err_text(e));
}

/* queue's words, or what its error says. */
void
cmtp_reply2_explain(const struct cmtp_refusal *r, struct slice *dsn, struct slice *text)
{
	bool has_dsn = r->dsn.n > 0 && (r->dsn.p[0] == '4' || r->dsn.p[0] == '5');

	*text = r->text.n > 0 ? r->text : slice_str(err_text(r->error));
	*dsn = has_dsn ? r->dsn : slice_str(err_class(r->error) == ERR_CLASS_PERM ? "5.0.0" : "4.3.0");
}

void
cmtp_reply2_add(struct cmtp_session *s, struct slice dsn, struct slice text)
{
	struct cmtp_txn2 *t = s->txn2;
	struct buf b;

	must(t->asked < CMTP2_DESTINATIONS_MAX);
	t->class[t->asked++] = (unsigned char)(dsn.p[0] - '0');
	buf_init(&b, 2 * CMTP2_TEXT_MAX);
	put_status(&b, dsn, slice_head(text, CMTP2_TEXT_MAX));
	buf_put_slice(&t->texts, slice_head(buf_slice(&b), CMTP2_TEXT_MAX));
	buf_put_char(&t->texts, '\0');
	buf_fini(&b);
}

void
cmtp_reply2_say(struct cmtp_session *s, const struct cmtp2_proof *proof)
{
	struct cmtp_txn2 *t = s->txn2;
	bool is_taken = t->what == CMTP2_STATUSES && t->taken > 0;

	s->mode = CMTP_READING;
	if (proof != NULL)
		cmtp2_answer_put(&s->out, t->what, buf_slice(&s->content), proof);
	else
		cmtp_session_fail(s);
	buf_fini(&s->content);
	cmtp_mail2_drop(s);
	cmtp_session_count_mail(s, is_taken);
}

/* Who has signed and offers a share gets one. */
static void
sign(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	const struct cmtp2_asked asked = { t->digest, &t->proof, NULL };
	struct cmtp_sign sign;
	enum err e;

	if (t->is_signed && cmtp2_proof_has_share(&t->proof))
		cmtp2_half_make(&t->half);
	sign = cmtp2_answer_sign(&asked, t->what, buf_slice(&s->content), t->half.share);
	s->mode = CMTP_WAIT_SIGN;
	if ((e = s->env->sign(s->arg, CMTP2_MAIL_REPLY, &sign)) != ERR_OK)
		cmtp_mail2_signed(s, e, NULL);
}

static void
reply(struct cmtp_session *s, enum cmtp2_what what, const struct buf *content)
{
	struct cmtp_txn2 *t = s->txn2;
	struct cmtp2_proof mac;

	t->what = what;
	buf_init(&s->content, CMTP2_CONTENT_MAX);
	buf_put_slice(&s->content, buf_slice(content));
	if (t->is_by_pact) {
		cmtp2_pact_prove_answer(&mac, &s->pact, t->digest, (unsigned char)what,
		    buf_slice(&s->content));
		cmtp_reply2_say(s, &mac);
	} else {
		sign(s);
	}
}

void
cmtp_reply2_refused(struct cmtp_session *s)
{
	const struct cmtp_txn2 *t = s->txn2;

	reply(s, t->refused_as != 0 ? t->refused_as : CMTP2_REFUSED, &t->refusal);
}

void
cmtp_reply2_price(struct cmtp_session *s)
{
	struct cmtp2_price price = s->service->price;
	struct buf b;

	cmtp_reply2_abort(s);
	price.expires_s = s->env->real_s(s->arg) + CMTP2_PRICE_LIFE_S;
	cmtp2_postage_ask(&price, s->txn2->digest, s->service->postage_secret);
	buf_init(&b, CMTP2_PRICE_BYTES);
	cmtp2_postage_put(&b, &price);
	reply(s, CMTP2_POSTAGE, &b);
	buf_fini(&b);
}

void
cmtp_reply2_statuses(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	struct slice texts = buf_slice(&t->texts), text;
	struct buf b;

	buf_init(&b, CMTP2_CONTENT_MAX);
	for (unsigned i = 0; i < t->asked; i++) {
		texts = slice_cut(texts, '\0', &text);
		cmtp2_answer_put_status(&b, t->class[i], text);
	}
	reply(s, CMTP2_STATUSES, &b);
	buf_fini(&b);
}
