/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_mail2.h"

#include <stdlib.h>
#include <string.h>

#include "cmtpd/cmtp_reply2.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/trace.h"
#include "lib/seal/seal_arrival.h"

#define TAKEN		"2.6.0 Message taken"

/* ---- the end of a transaction */

void
cmtp_mail2_drop(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	if (t == NULL)
		return;
	cmtp_reply2_abort(s);
	s->txn2 = NULL;
	secret_wipe(&t->half, sizeof(t->half));
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

/* ---- one destination after the other */

static enum err
address_of(const struct cmtp_session *s, struct slice user, struct addr *out)
{
	return user.n > 0 ? cmtp_address_join(out, user, s->parser.mail2.domain) :
	    cmtp_address_postmaster(out);
}

/* False: it is no address, and has its status. */
static bool
ask(struct cmtp_session *s, struct slice user)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr rcpt;
	enum err e = address_of(s, user, &rcpt);

	if (e != ERR_OK) {
		cmtp_reply2_log(s, user, SLICE_LIT("5.1.3"), SLICE_LIT("Recipient address rejected"));
		cmtp_reply2_add(s, SLICE_LIT("5.1.3"), SLICE_LIT("Recipient address rejected"));
		return false;
	}
	s->mode = CMTP_WAIT_RCPT;
	e = s->txn2->is_dead ? ERR_GONE : s->env->rcpt(s->arg, s->txn2->msg, addr_text(&rcpt, text));
	if (e != ERR_OK)
		cmtp_reply2_refuse_error(s, e);
	return true;
}

static void
put_body(struct cmtp_session *s, struct slice bytes)
{
	enum err e = s->txn2->is_dead ? ERR_GONE : s->env->body(s->arg, s->txn2->msg, bytes);

	if (e == ERR_AGAIN)
		s->is_paused = true;
	else if (e != ERR_OK)
		cmtp_reply2_refuse_error(s, e);
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

/* Whom ask will ask for first. */
static struct slice
first_address(const struct cmtp_session *s, char text[ADDR_TEXT_MAX + 1])
{
	struct slice rest = s->txn2->users, user;
	struct addr rcpt;

	while (cmtp2_mail_user(&rest, &user))
		if (address_of(s, user, &rcpt) == ERR_OK)
			return addr_text(&rcpt, text);
	return SLICE_NONE;
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
	cmtp_reply2_abort(s);
	s->mode = CMTP_DRAINING;
}

void
cmtp_mail2_rcpt_ok(struct cmtp_session *s, const struct cmtp_rcpt_key *k)
{
	struct cmtp_txn2 *t = s->txn2;

	if (k != NULL) {
		seal_key_id(t->keys[t->key_count].id, k->seal);
		t->keys[t->key_count++].generation = k->generation;
	}
	t->taken++;
	cmtp_reply2_add(s, slice_head(SLICE_LIT(TAKEN), 5), slice_from(SLICE_LIT(TAKEN), 6));
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
		cmtp_reply2_refuse_str(s, "5.1.7", "Bad sender address syntax");
		return false;
	}
	if (!s->env->is_ours(s->arg, m->domain)) {
		cmtp_reply2_refuse_str(s, "5.1.2", "Not a domain of this host");
		return false;
	}
	if (s->env->is_ours(s->arg, m->source_domain)) {
		s->txn2->refused_as = CMTP2_BY_SMTP;
		cmtp_reply2_refuse_str(s, "5.7.1", "That is a domain of this host");
		return false;
	}
	if (!is_in_time(m->time_s, s->env->real_s(s->arg))) {
		cmtp_reply2_refuse_str(s, "4.7.0", "The time of sending is too far from ours");
		return false;
	}
	return true;
}

static bool
is_known(const struct cmtp_session *s)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	const struct cmtp_known_sender *k = &s->known;

	return k->serial != 0 && k->serial == m->serial &&
	    s->env->real_s(s->arg) < k->sender.ends_s &&
	    slice_eq(slice_of(k->domain, k->domain_n), m->source_domain);
}

static void
remember(struct cmtp_session *s, const struct cmtp_sender *sender)
{
	const struct cmtp2_mail *m = &s->parser.mail2;
	uint64_t ends_s = s->env->real_s(s->arg) + CMTP_SENDER_S;
	struct cmtp_known_sender *k = &s->known;

	k->sender = *sender;
	if (ends_s < k->sender.ends_s)
		k->sender.ends_s = ends_s;
	k->serial = m->serial;
	k->domain_n = m->source_domain.n;
	memcpy(k->domain, m->source_domain.p, k->domain_n);
}

static void go_on_with(struct cmtp_session *, const struct cmtp_sender *);

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
	if (is_known(s)) {
		go_on_with(s, &s->known.sender);
		return;
	}
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

static void
go_on_with(struct cmtp_session *s, const struct cmtp_sender *sender)
{
	struct cmtp_txn2 *t = s->txn2;
	char text[ADDR_TEXT_MAX + 1], first[ADDR_TEXT_MAX + 1];
	struct cmtp_open o = { .kind = QUEUE_KIND_CMTP2, .size = s->parser.mail2.object_bytes };
	enum err e;

	memcpy(t->key, sender->sign, sizeof(t->key));
	t->is_priced = is_priced(s, sender);
	if (t->is_priced && t->postage_n == 0) {
		s->mode = CMTP_DRAINING;
		return;
	}
	if (t->sender.local_n > 0)
		o.sender = addr_text(&t->sender, text);
	o.first = first_address(s, first);
	s->mode = CMTP_WAIT_OPEN;
	if ((e = s->env->open(s->arg, &o)) != ERR_OK)
		cmtp_reply2_refuse_error(s, e);
}

void
cmtp_mail2_found(struct cmtp_session *s, enum err e, const struct cmtp_sender *sender)
{
	if (e != ERR_OK) {
		cmtp_reply2_refuse_str(s, "4.7.5", e == ERR_CORRUPT ? "The sending server's keys do not follow" :
		    "No key of the sending server is known");
		return;
	}
	remember(s, sender);
	go_on_with(s, sender);
}

void
cmtp_mail2_opened(struct cmtp_session *s, uint64_t msg)
{
	s->txn2->msg = msg;
	go_on(s);
}

/* It is read to its end like all that is refused. */
static bool
is_for_all(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	struct seal_entry en;

	for (unsigned i = 0; i < t->key_count; i++) {
		if (seal_entry_of(&t->split, t->keys[i].generation, t->keys[i].id, &en) == ERR_OK)
			continue;
		t->refused_as = CMTP2_STALE;
		cmtp_reply2_refuse_str(s, "4.7.5", "A recipient has another key");
		return false;
	}
	return true;
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
		cmtp_reply2_refuse_str(s, "5.6.0", "Not a sealed object");
	else if (t->split.head.plain_bytes > s->service->limits->message_bytes)
		cmtp_reply2_refuse_str(s, "5.3.4", "Message too large");
	return !t->is_refused && is_for_all(s);
}

void
cmtp_mail2_data(struct cmtp_session *s)
{
	struct slice piece = s->parser.piece;

	if (s->mode == CMTP_READING && (s->txn2->is_object || is_good_object(s, piece)))
		put_body(s, piece);
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
	cmtp_reply2_refuse_error(s, e);
	cmtp_reply2_refused(s);
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
		cmtp_reply2_price(s);
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
		cmtp_reply2_price(s);
	} else {
		cmtp_reply2_refuse_error(s, e);
		cmtp_reply2_refused(s);
	}
}

/* ---- whose it is */

static void
check_signature(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	const struct cmtp_sign sign = cmtp2_mail_sign(s->parser.envelope, s->parser.object_hash,
	    t->proof.share);

	/* Of who is refused the key is perhaps not known. */
	if (t->is_refused)
		return;
	t->is_signed = cmtp_sign_verify(t->proof.sig, &sign, t->key) == ERR_OK;
	if (!t->is_signed)
		cmtp_reply2_refuse_str(s, "5.7.7", "Not signed by the sending server");
}

/* The number goes on whatever becomes of it; a MAC that is none ends the pact. */
static void
check_mac(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;
	struct cmtp2_proof made;

	if (s->pact.stands) {
		s->pact.number++;
		cmtp2_pact_prove_mail(&made, &s->pact, t->digest);
		t->is_by_pact = cmtp2_proof_is_mac(&t->proof, &made);
	}
	if (!t->is_by_pact)
		cmtp2_pact_end(&s->pact);
	/* A signature would do; so it is sent again. */
	if (!t->is_refused && (!t->is_by_pact ||
	    memcmp(s->pact.client_sign, t->key, sizeof(t->key)) != 0))
		cmtp_reply2_refuse_str(s, "4.7.7", "Not proven by a pact with the sending server");
}

/* The object is read; nothing of it is kept yet. */
void
cmtp_mail2_end(struct cmtp_session *s)
{
	struct cmtp_txn2 *t = s->txn2;

	t->proof = s->parser.proof;
	cmtp2_mail_digest(t->digest, s->parser.envelope, s->parser.object_hash);
	if (t->proof.kind == CMTP2_MAC)
		check_mac(s);
	else
		check_signature(s);
	if (!t->is_refused && t->taken > 0 && !t->is_object)
		cmtp_reply2_refuse_str(s, "5.6.0", "Not a sealed object");
	if (t->is_refused)
		cmtp_reply2_refused(s);
	else if (t->is_priced && t->postage_n == 0)
		cmtp_reply2_price(s);
	else if (t->taken == 0)
		cmtp_reply2_statuses(s);
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
	cmtp_reply2_statuses(s);
}

void
cmtp_mail2_refused(struct cmtp_session *s, const struct cmtp_refusal *r)
{
	struct slice dsn, text;
	bool is_complete = s->mode == CMTP_WAIT_COMMIT;

	if (s->txn2->is_refused || s->mode == CMTP_WAIT_SIGN)
		return;
	cmtp_reply2_explain(r, &dsn, &text);
	if (s->mode == CMTP_WAIT_RCPT && !s->txn2->is_dead) {
		cmtp_reply2_log(s, s->txn2->user, dsn, text);
		cmtp_reply2_add(s, dsn, text);
		go_on(s);
		return;
	}
	cmtp_reply2_refuse(s, dsn, text);
	if (is_complete)
		cmtp_reply2_refused(s);
}

void
cmtp_mail2_signed(struct cmtp_session *s, enum err e, const unsigned char *sig)
{
	struct cmtp_txn2 *t = s->txn2;
	struct cmtp2_proof proof = { .kind = CMTP2_SIGNED };

	cmtp2_pact_end(&s->pact);
	if (e != ERR_OK) {
		cmtp_reply2_say(s, NULL);
		return;
	}
	memcpy(proof.share, t->half.share, sizeof(proof.share));
	memcpy(proof.sig, sig, sizeof(proof.sig));
	if (cmtp2_proof_has_share(&proof) &&
	    cmtp2_pact_make(&s->pact, &t->half, t->digest, &t->proof, &proof) == ERR_OK)
		memcpy(s->pact.client_sign, t->key, sizeof(s->pact.client_sign));
	cmtp_reply2_say(s, &proof);
}
