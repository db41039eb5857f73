/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_mail2.h"

#include <stdlib.h>
#include <string.h>

#include "cmtpd/cmtp_address.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp2_answer.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/trace.h"
#include "lib/seal/seal_split.h"

#define TAKEN		"2.6.0 Message taken"

struct cmtp_txn2 {
	uint64_t		 msg;		/* 0 until queue opened it */
	bool			 is_dead;	/* queue lost or has it */
	bool			 is_refused;	/* whole: refusal is set */
	bool			 is_priced;	/* postage is wanted */
	struct addr		 sender;
	struct slice		 users;		/* that queue was not asked of yet */
	struct slice		 user;		/* that it is asked of */
	unsigned		 asked;
	unsigned		 taken;
	unsigned char		 class[CMTP2_DESTINATIONS_MAX];
	struct buf		 texts;		/* each with its NUL */
	struct buf		 refusal;	/* one status */
	struct seal_split	 split;		/* what the object says of itself */
	bool			 is_object;
	unsigned char		 key[CRY_KEY_BYTES];
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	enum cmtp2_what		 what;		/* the reply that is being signed */
	unsigned char		 postage[CMTP2_POSTAGE_BYTES];
	size_t			 postage_n;
};

/* ---- the end of a transaction */

static void
abort_message(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	s->is_paused = false;
	if (t->msg != 0 && !t->is_dead)
		s->env->abort(s->arg, t->msg);
	t->is_dead = true;
}

void
cmtp_mail2_drop(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	if (t == NULL)
		return;
	abort_message(s);
	s->txn2 = NULL;
	seal_split_fini(&t->split);
	buf_fini(&t->texts);
	buf_fini(&t->refusal);
	free(t);
}

/* A question that is open ends by itself, with ERR_GONE. */
void
cmtp_mail2_lost(struct cmtp_session *s)
{
	if (s->txn2 != NULL)
		s->txn2->is_dead = true;
}

/* ---- refusals */

static void
log_reject(const struct cmtp_session *s, struct slice rcpt, struct slice dsn, struct slice text)
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
static void
refuse(struct cmtp_session *s, struct slice dsn, struct slice text)
{
	struct cmtp_txn2 *t = s->txn2;
	struct buf b;

	log_reject(s, SLICE_NONE, dsn, text);
	abort_message(s);
	buf_init(&b, 2 * CMTP2_TEXT_MAX);
	put_status(&b, dsn, slice_head(text, CMTP2_TEXT_MAX));
	buf_reset(&t->refusal);
	cmtp2_answer_put_status(&t->refusal, (unsigned)(dsn.p[0] - '0'), buf_slice(&b));
	buf_fini(&b);
	t->is_refused = true;
	s->mode = CMTP_DRAINING;
}

static void
refuse_str(struct cmtp_session *s, const char *dsn, const char *text)
{
	refuse(s, slice_str(dsn), slice_str(text));
}

static void
refuse_error(struct cmtp_session *s, enum err e)
{
	refuse_str(s, e == ERR_FULL ? "4.3.1" : "4.3.0", err_text(e));
}

/* queue's words, or what its error says. */
static void
explain(const struct cmtp_refusal *r, struct slice *dsn, struct slice *text)
{
	bool has_dsn = r->dsn.n > 0 && (r->dsn.p[0] == '4' || r->dsn.p[0] == '5');

	*text = r->text.n > 0 ? r->text : slice_str(err_text(r->error));
	*dsn = has_dsn ? r->dsn : slice_str(err_class(r->error) == ERR_CLASS_PERM ? "5.0.0" : "4.3.0");
}

/* ---- one destination after the other */

static void
add_status(struct cmtp_session *s, struct slice dsn, struct slice text)
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

static void	 go_on(struct cmtp_session *);

/* False: it is no address, and has its status. */
static bool
ask(struct cmtp_session *s, struct slice user)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	char text[ADDR_TEXT_MAX + 1];
	struct addr rcpt;
	enum err e;

	e = user.n > 0 ? cmtp_address_join(&rcpt, user, m->domain) : cmtp_address_postmaster(&rcpt);
	if (e != ERR_OK) {
		log_reject(s, user, SLICE_LIT("5.1.3"), SLICE_LIT("Recipient address rejected"));
		add_status(s, SLICE_LIT("5.1.3"), SLICE_LIT("Recipient address rejected"));
		return false;
	}
	s->mode = CMTP_WAIT_RCPT;
	e = s->txn2->is_dead ? ERR_GONE : s->env->rcpt(s->arg, s->txn2->msg, addr_text(&rcpt, text));
	if (e != ERR_OK)
		refuse_error(s, e);
	return true;
}

static void
put_body(struct cmtp_session *s, struct slice bytes)
{
	enum err e = s->txn2->is_dead ? ERR_GONE : s->env->body(s->arg, s->txn2->msg, bytes);

	if (e == ERR_AGAIN)
		s->is_paused = true;
	else if (e != ERR_OK)
		refuse_error(s, e);
}

static void
put_trace(struct cmtp_session *s)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	const struct trace trace = {
		.helo = m->source_domain, .client = slice_str(s->client),
		.hostname = slice_str(s->service->hostname), .protocol = "CMTP",
		.tls_version = s->tls_version, .tls_cipher = s->tls_cipher,
		.msg = s->txn2->msg, .real_s = s->env->real_s(s->arg),
	};
	struct buf front;

	buf_init(&front, 2 * TRACE_MAX);
	trace_put_received(&front, &trace);
	/* RFC 8601 s2.2: nothing is committed that is not signed. */
	buf_printf(&front, "Authentication-Results: %s;\r\n\tcmtp=pass (CMTP 2) header.d=%.*s\r\n\r\n",
	    s->service->hostname, SLICE_FMT(m->source_domain));
	put_body(s, buf_slice(&front));
	buf_fini(&front);
}

/* The next destination, or when there is none the object. */
static void
go_on(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	while (cmtp2_mail_user(&t->users, &t->user))
		if (ask(s, t->user))
			return;
	s->mode = CMTP_READING;
	if (t->taken > 0) {
		put_trace(s);
		return;
	}
	abort_message(s);
	s->mode = CMTP_DRAINING;
}

void
cmtp_mail2_rcpt_ok(struct cmtp_session *s)
{
	s->txn2->taken++;
	add_status(s, slice_head(SLICE_LIT(TAKEN), 5), slice_from(SLICE_LIT(TAKEN), 6));
	go_on(s);
}

/* ---- the envelope */

static bool
is_in_time(uint64_t sent_s, uint64_t now_s)
{
	return sent_s < now_s ? now_s - sent_s <= CMTP2_TIME_PAST_S :
	    sent_s - now_s <= CMTP2_TIME_AHEAD_S;
}

static bool
judge(struct cmtp_session *s)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	struct addr server;

	if (cmtp_address_join(&server, SLICE_LIT("postmaster"), m->source_domain) != ERR_OK ||
	    cmtp_address_sender(&s->txn2->sender, m->source_user, m->source_domain) != ERR_OK) {
		refuse_str(s, "5.1.7", "Bad sender address syntax");
		return false;
	}
	if (!s->env->is_ours(s->arg, m->domain)) {
		refuse_str(s, "5.1.2", "Not a domain of this host");
		return false;
	}
	if (s->env->is_ours(s->arg, m->source_domain)) {
		refuse_str(s, "5.7.1", "That is a domain of this host");
		return false;
	}
	if (!is_in_time(m->time_s, s->env->real_s(s->arg))) {
		refuse_str(s, "4.7.0", "The time of sending is too far from ours");
		return false;
	}
	return true;
}

void
cmtp_mail2_begin(struct cmtp_session *s)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	struct cmtp_txn2 *t = must_alloc(1, sizeof(*t));
	enum err e;

	s->txn2 = t;
	seal_split_init(&t->split);
	buf_init(&t->texts, CMTP2_CONTENT_MAX);
	buf_init(&t->refusal, 1 + CMTP2_TEXT_MAX + 1);
	t->users = m->users;
	t->postage_n = s->parser.postage.n;
	memcpy(t->postage, s->parser.postage.p, t->postage_n);
	if (!judge(s))
		return;
	s->mode = CMTP_WAIT_SENDER;
	if ((e = s->env->find(s->arg, m->source_domain, m->serial)) != ERR_OK)
		cmtp_mail2_found(s, e, NULL);
}

static bool
is_priced(const struct cmtp_session *s, const struct cmtp_sender *sender)
{
	uint64_t now_s = s->env->real_s(s->arg);

	switch (s->service->postage) {
	case CMTP_POSTAGE_OFF:
		return false;
	case CMTP_POSTAGE_UNKNOWN:
		return sender->first_s > now_s || now_s - sender->first_s < CMTP_KNOWN_S;
	case CMTP_POSTAGE_ALWAYS:
		break;
	}
	return true;
}

void
cmtp_mail2_found(struct cmtp_session *s, enum err e, const struct cmtp_sender *sender)
{
	struct cmtp_txn2 *t = s->txn2;
	char text[ADDR_TEXT_MAX + 1];
	struct cmtp_open o = { .kind = QUEUE_KIND_CMTP2, .size = s->parser.mail2.object_bytes };

	if (e != ERR_OK) {
		refuse_str(s, "4.7.5", e == ERR_CORRUPT ? "The sending server's keys do not follow" :
		    "No key of the sending server is known");
		return;
	}
	memcpy(t->key, sender->sign, sizeof(t->key));
	t->is_priced = is_priced(s, sender);
	if (t->is_priced && t->postage_n == 0) {
		s->mode = CMTP_DRAINING;
		return;
	}
	if (t->sender.local_n > 0)
		o.sender = addr_text(&t->sender, text);
	s->mode = CMTP_WAIT_OPEN;
	if ((e = s->env->open(s->arg, &o)) != ERR_OK)
		refuse_error(s, e);
}

void
cmtp_mail2_opened(struct cmtp_session *s, uint64_t msg)
{
	s->txn2->msg = msg;
	go_on(s);
}

/*
 * Nobody here can open it, but its head must be one, fit what the envelope
 * says, and promise no more text than a message may have.
 */
static bool
is_good_object(struct cmtp_session *s, struct slice piece)
{
	struct cmtp_txn2 *t = s->txn2;
	enum err e = seal_split_take(&t->split, &piece);

	if (e == ERR_SHORT)
		return true;
	t->is_object = e == ERR_OK && t->split.head.entry_count > 0 &&
	    seal_head_fits(&t->split.head, s->parser.mail2.object_bytes);
	if (!t->is_object)
		refuse_str(s, "5.6.0", "Not a sealed object");
	else if (t->split.head.plain_bytes > s->service->limits->message_bytes)
		refuse_str(s, "5.3.4", "Message too large");
	return !t->is_refused;
}

void
cmtp_mail2_data(struct cmtp_session *s)
{
	struct slice piece = s->parser.piece;

	if (s->mode == CMTP_READING && (s->txn2->is_object || is_good_object(s, piece)))
		put_body(s, piece);
}

/* ---- the reply */

static void
reply(struct cmtp_session *s, enum cmtp2_what what, const struct buf *content)
{
	struct cmtp_txn2 *t = s->txn2;
	struct cmtp_sign sign;
	enum err e;

	t->what = what;
	buf_init(&s->content, CMTP2_CONTENT_MAX);
	buf_put_slice(&s->content, buf_slice(content));
	sign = cmtp2_answer_sign(t->digest, what, buf_slice(&s->content));
	s->mode = CMTP_WAIT_SIGN;
	if ((e = s->env->sign(s->arg, CMTP2_MAIL_REPLY, &sign)) != ERR_OK)
		cmtp_mail2_signed(s, e, NULL);
}

static void
reply_refused(struct cmtp_session *s)
{
	reply(s, CMTP2_REFUSED, &s->txn2->refusal);
}

static void
reply_price(struct cmtp_session *s)
{
	struct cmtp2_price price = s->service->price;
	struct buf b;

	abort_message(s);
	price.expires_s = s->env->real_s(s->arg) + CMTP2_PRICE_LIFE_S;
	cmtp2_postage_ask(&price, s->txn2->digest, s->service->postage_secret);
	buf_init(&b, CMTP2_PRICE_BYTES);
	cmtp2_postage_put(&b, &price);
	reply(s, CMTP2_POSTAGE, &b);
	buf_fini(&b);
}

static void
reply_statuses(struct cmtp_session *s)
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

void
cmtp_mail2_signed(struct cmtp_session *s, enum err e, const unsigned char *sig)
{
	struct cmtp_txn2 *t = s->txn2;
	bool is_taken = t->what == CMTP2_STATUSES && t->taken > 0;

	s->mode = CMTP_READING;
	if (e == ERR_OK)
		cmtp2_answer_put(&s->out, t->what, buf_slice(&s->content), sig);
	else
		cmtp_session_fail(s);
	buf_fini(&s->content);
	cmtp_mail2_drop(s);
	cmtp_session_count_mail(s, is_taken);
}

/* ---- the end */

static void
commit(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	enum err e;

	s->mode = CMTP_WAIT_COMMIT;
	e = t->is_dead ? ERR_GONE : s->env->commit(s->arg, t->msg);
	if (e == ERR_OK)
		return;
	refuse_error(s, e);
	reply_refused(s);
}

static void
weigh(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	struct cmtp2_price price = s->service->price;
	struct slice solution = slice_of(t->postage, t->postage_n);
	enum err e;

	if (cmtp2_postage_check(&price, solution, t->digest, s->service->postage_secret,
	    s->env->real_s(s->arg)) != ERR_OK) {
		reply_price(s);
		return;
	}
	s->mode = CMTP_WAIT_POSTAGE;
	e = s->env->weigh(s->arg, &price, t->digest, cmtp2_postage_counter(solution));
	if (e != ERR_OK)
		cmtp_mail2_weighed(s, e);
}

void
cmtp_mail2_weighed(struct cmtp_session *s, enum err e)
{
	if (e == ERR_OK) {
		commit(s);
	} else if (e == ERR_NOTFOUND) {
		reply_price(s);
	} else {
		refuse_error(s, e);
		reply_refused(s);
	}
}

/* The object is read; nothing of it is kept yet. */
void
cmtp_mail2_end(struct cmtp_session *s)
{
	const struct cmtp_sign sign = cmtp2_mail_sign(s->parser.envelope, s->parser.object_hash);
	struct cmtp_txn2 *t = s->txn2;

	cmtp_sign_digest(t->digest, &sign);
	if (!t->is_refused &&
	    cmtp_sign_verify((const unsigned char *)s->parser.sig.p, &sign, t->key) != ERR_OK)
		refuse_str(s, "5.7.7", "Not signed by the sending server");
	if (!t->is_refused && t->taken > 0 && !t->is_object)
		refuse_str(s, "5.6.0", "Not a sealed object");
	if (t->is_refused)
		reply_refused(s);
	else if (t->is_priced && t->postage_n == 0)
		reply_price(s);
	else if (t->taken == 0)
		reply_statuses(s);
	else if (t->is_priced)
		weigh(s);
	else
		commit(s);
}

void
cmtp_mail2_committed(struct cmtp_session *s)
{
	s->txn2->is_dead = true;
	s->message_count++;
	reply_statuses(s);
}

void
cmtp_mail2_refused(struct cmtp_session *s, const struct cmtp_refusal *r)
{
	struct slice dsn, text;
	bool is_complete = s->mode == CMTP_WAIT_COMMIT;

	if (s->txn2->is_refused || s->mode == CMTP_WAIT_SIGN)
		return;
	explain(r, &dsn, &text);
	if (s->mode == CMTP_WAIT_RCPT && !s->txn2->is_dead) {
		log_reject(s, s->txn2->user, dsn, text);
		add_status(s, dsn, text);
		go_on(s);
		return;
	}
	refuse(s, dsn, text);
	if (is_complete)
		reply_refused(s);
}
