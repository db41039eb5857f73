/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: recipients, body, round, address, host,
 * hop.  Each ends by starting one of the steps after it or by waiting, so
 * that at any moment one thing is awaited: find, a place in the pool's line,
 * or the link.
 */
#include "delivery/dlv_smtp.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_mail2.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_wire.h"

#define SCAN_BYTES	(256u << 10)	/* of a header, before the loop runs again */

struct dlv_smtp {
	struct dlv_smtp_env	 env;
	struct dlv_mail		*mail;
	struct dlv_route	*route;
	dlv_smtp_fn		*fn;
	void			*arg;
	uint64_t		 taken_ms;
	uint64_t		 deadline_ms;
	struct timer		 deadline;
	struct loop_idle	 turn;		/* scan, or the end */
	enum relay_feedback	 feedback;
	unsigned		 left;		/* recipients not settled */
	bool			 is_over;

	unsigned		 hop;		/* 0: the site */
	struct dlv_find		*find;
	unsigned		 address_count;	/* tried, of this hop */
	unsigned		 session_count;	/* refused, of this hop */

	char			 host[CONF_HOP_NAME_MAX + 1];
	struct dlv_addrs	 addrs;
	unsigned		 addr;		/* the next to try */
	struct dlv_tls		*tls;
	bool			 in_clear;	/* TLS failed with addrs[addr] */
	bool			 is_fresh;	/* no used connection any more */

	struct dlv_pool_place	 place;
	struct dlv_link		*link;
	uint64_t		 ready_ms;	/* the host was ready for us */
	struct dlv_mail2	*mail2;		/* at work, on the link until it took it */
	const char		*mail2_tls;	/* a literal */
	char			 mail2_domain[CMTP_PARAM_MAX + 1];	/* in lower case */

	struct smtp_client_rcpt	*round;		/* recipients of the transaction */
	unsigned		*round_idx;	/* their places in mail->rcpts */
	bool			 was_stale;	/* the connection was gone already */
	bool			 source_failed;
	uint64_t		 off;		/* of the body */
	char			*piece;

	bool			 is_scanned;
	bool			 head_8bit;
	bool			 is_scanning;
	bool			 scan_bol;
};

static void try_address(struct dlv_smtp *);
static void next_host(struct dlv_smtp *);
static void end_of_hop(struct dlv_smtp *);

/* ---- recipients ---- */

static uint64_t
past(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static struct dlv_delays
delays_of(const struct dlv_smtp *s)
{
	const struct dlv_mail *m = s->mail;
	uint64_t now = loop_now(s->env.loop);
	/* In the clock of arrival, when we were given it. */
	uint64_t taken = loop_real_ms(s->env.loop) - past(now, s->taken_ms);
	bool was_ready = s->ready_ms > 0;

	return (struct dlv_delays){ .before_ms = past(m->active_ms, m->arrival_ms),
	    .queue_ms = past(taken, m->active_ms),
	    .setup_ms = past(was_ready ? s->ready_ms : now, s->taken_ms),
	    .send_ms = was_ready ? past(now, s->ready_ms) : 0 };
}

static void
note(struct dlv_rcpt_to *r, struct dlv_outcome *o)
{
	if (!dlv_outcome_is_weaker(r->outcome, o))
		return;
	dlv_outcome_unref(&r->outcome);
	r->outcome = dlv_outcome_ref(o);
}

static void
log_rcpt(const struct dlv_mail *m, const struct dlv_rcpt_to *r, const struct dlv_delays *d)
{
	const struct dlv_about about = { .session = m->session, .msg = m->msg,
	    .to = r->address, .original = r->original };

	dlv_outcome_log(r->outcome, &about, d, m->retry_ms);
}

static void
settle(struct dlv_smtp *s, struct dlv_rcpt_to *r)
{
	struct dlv_delays d = delays_of(s);

	must(!r->is_settled && r->outcome != NULL);
	r->is_settled = true;
	s->left--;
	log_rcpt(s->mail, r, &d);
}

/* For all that are not settled. */
static void
note_all(struct dlv_smtp *s, struct dlv_outcome *o)
{
	for (unsigned i = 0; i < s->mail->count; i++)
		if (!s->mail->rcpts[i].is_settled)
			note(&s->mail->rcpts[i], o);
	dlv_outcome_unref(&o);
}

static void
note_verdict(struct dlv_smtp *s, const struct dlv_verdict *v)
{
	s->feedback = dlv_feedback_join(s->feedback, v->feedback);
	note_all(s, dlv_outcome_of_verdict(v));
}

static const char *
proto_of(const struct dlv_smtp *s)
{
	if (s->route->protocol == CONF_ROUTE_LMTP)
		return "lmtp";
	return dlv_link_is_esmtp(s->link) ? "esmtp" : "smtp";
}

static struct dlv_outcome *
outcome_of(const struct dlv_smtp *s, const struct smtp_result *r)
{
	bool was_ready = s->ready_ms > 0;
	struct dlv_outcome *o = dlv_outcome_of_result(r, dlv_link_host(s->link),
	    was_ready ? proto_of(s) : "", was_ready ? dlv_link_tls(s->link) : "");

	o->policy = s->tls->policy;
	return o;
}

/* ---- the end ---- */

static void
leave_link(struct dlv_smtp *s)
{
	dlv_mail2_free(&s->mail2);
	if (s->link != NULL)
		dlv_link_drop(&s->link);
	s->is_scanning = false;
}

static void
finish(struct dlv_smtp *s)
{
	static const struct dlv_verdict nothing = { ERR_AGAIN, RELAY_UNKNOWN, "4.4.4",
	    "There is no host to try" };

	leave_link(s);
	dlv_find_free(&s->find);
	dlv_pool_leave(&s->place);
	timer_stop(&s->deadline);
	for (unsigned i = 0; i < s->mail->count; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (!r->is_settled && r->outcome == NULL)
			r->outcome = dlv_outcome_of_verdict(&nothing);
		if (!r->is_settled)
			settle(s, r);
	}
	s->is_over = true;
	loop_defer(s->env.loop, &s->turn);
}

static void
on_deadline(void *arg)
{
	struct dlv_smtp *s = arg;
	struct dlv_verdict v;

	dlv_verdict_set(&v, ERR_TIMEOUT, RELAY_THROTTLED, "4.4.7",
	    "The delivery took longer than it may");
	note_verdict(s, &v);
	finish(s);
}

/* ---- body ---- */

static void
fail_source(struct dlv_smtp *s)
{
	struct dlv_verdict v;

	s->source_failed = true;
	dlv_verdict_set(&v, ERR_IO, RELAY_UNKNOWN, "4.3.0", "The message cannot be read");
	note_verdict(s, &v);
}

static enum err
read_piece(struct dlv_smtp *s, size_t *n)
{
	uint64_t rest = s->mail->source.bytes - s->off;
	enum err e;

	*n = rest < DLV_PIECE_BYTES ? (size_t)rest : DLV_PIECE_BYTES;
	if (s->piece == NULL)
		s->piece = must_alloc(1, DLV_PIECE_BYTES);
	e = dlv_source_read(&s->mail->source, s->off, s->piece, *n);
	s->off += *n;
	return e;
}

static void
on_want_body(void *arg)
{
	struct dlv_smtp *s = arg;
	size_t n;

	if (read_piece(s, &n) != ERR_OK) {
		fail_source(s);
		dlv_link_body_failed(s->link);
		return;
	}
	dlv_link_body(s->link, slice_of(s->piece, n), s->off == s->mail->source.bytes);
}

/* Whether the header, which ends at an empty line, has bytes over 127. */
static void
scan_piece(struct dlv_smtp *s, struct slice piece)
{
	for (size_t i = 0; i < piece.n && !s->is_scanned; i++) {
		unsigned char c = (unsigned char)piece.p[i];

		s->head_8bit |= c >= 0x80;
		s->is_scanned = s->head_8bit || (c == '\n' && s->scan_bol);
		if (c != '\r')
			s->scan_bol = c == '\n';
	}
}

static void start_round(struct dlv_smtp *);
static void end_of_session(struct dlv_smtp *);

static void
scan(struct dlv_smtp *s)
{
	size_t n, done = 0;

	while (done < SCAN_BYTES && !s->is_scanned && s->off < s->mail->source.bytes) {
		if (read_piece(s, &n) != ERR_OK) {
			fail_source(s);
			finish(s);
			return;
		}
		scan_piece(s, slice_of(s->piece, n));
		done += n;
	}
	if (!s->is_scanned && s->off < s->mail->source.bytes) {
		loop_defer(s->env.loop, &s->turn);
		return;
	}
	s->is_scanning = false;
	s->is_scanned = true;
	start_round(s);
}

/* ---- round: one transaction ---- */

static bool
must_scan(const struct dlv_smtp *s)
{
	return !s->is_scanned && (s->mail->flags & QUEUE_SMTPUTF8) != 0 &&
	    !smtp_caps_has(dlv_link_caps(s->link), SMTP_CAP_SMTPUTF8);
}

static unsigned
client_flags(const struct dlv_smtp *s)
{
	unsigned flags = s->mail->flags, out = 0;

	if ((flags & QUEUE_8BITMIME) != 0)
		out |= SMTP_CLIENT_8BIT;
	if ((flags & QUEUE_SMTPUTF8) != 0 && (!s->is_scanned || s->head_8bit))
		out |= SMTP_CLIENT_UTF8_HEADER;
	if ((flags & QUEUE_BINARYMIME) != 0)
		out |= SMTP_CLIENT_BINARY;
	if ((flags & QUEUE_REQUIRETLS) != 0)
		out |= SMTP_CLIENT_REQUIRETLS;
	if ((flags & QUEUE_RET_FULL) != 0)
		out |= SMTP_CLIENT_RET_FULL;
	if ((flags & QUEUE_RET_HDRS) != 0)
		out |= SMTP_CLIENT_RET_HDRS;
	return out;
}

/* Those who did not fit before, or everybody who is left. */
static unsigned
gather(struct dlv_smtp *s)
{
	unsigned n = 0;
	bool only_again = false;

	for (unsigned i = 0; i < s->mail->count; i++)
		only_again |= s->mail->rcpts[i].is_again;
	for (unsigned i = 0; i < s->mail->count; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (r->is_settled || (only_again && !r->is_again))
			continue;
		r->is_again = false;
		s->round[n] = (struct smtp_client_rcpt){ .address = r->address,
		    .orcpt = r->orcpt, .notify = r->notify };
		s->round_idx[n++] = i;
	}
	return n;
}

static void
start_round(struct dlv_smtp *s)
{
	struct smtp_client_message m = { .sender = s->mail->sender, .envid = s->mail->envid,
		.size = s->mail->source.bytes, .rcpts = s->round };
	struct dlv_verdict v;
	enum err e;

	if (must_scan(s)) {
		s->off = 0;
		s->scan_bol = true;
		s->is_scanning = true;
		loop_defer(s->env.loop, &s->turn);
		return;
	}
	s->off = 0;
	s->was_stale = false;
	m.flags = client_flags(s);
	m.rcpt_count = gather(s);
	e = dlv_link_next(s->link, &m);
	if (e == ERR_OK)
		return;
	/* It ended in this very turn; the next address may do. */
	dlv_verdict_set(&v, ERR_GONE, RELAY_THROTTLED, "4.4.2", "The connection to %.150s ended",
	    dlv_link_host(s->link));
	note_verdict(s, &v);
	end_of_session(s);
}

/* What the host, or the end of its connection, says of the site. */
static enum relay_feedback
feedback_of(const struct smtp_result *r)
{
	if (r->error == ERR_OK)
		return RELAY_TAKEN;
	return r->code == 0 || r->code == 421 ? RELAY_THROTTLED : RELAY_REFUSED;
}

/* A connection that waited too long for us, not a host that has something against us. */
static bool
is_stale(const struct dlv_smtp *s, const struct smtp_result *r)
{
	return dlv_link_was_used(s->link) && !s->is_fresh && r->stage <= SMTP_STAGE_MAIL &&
	    (r->code == 0 || r->code == 421) && err_class(r->error) == ERR_CLASS_TEMP;
}

static void
on_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	struct dlv_smtp *s = arg;
	struct dlv_rcpt_to *to = &s->mail->rcpts[s->round_idx[idx]];
	struct dlv_outcome *o;

	if (to->is_settled || s->source_failed)
		return;
	if (r->is_again) {
		to->is_again = true;
		return;
	}
	if (is_stale(s, r)) {
		s->was_stale = true;
		return;
	}
	s->feedback = dlv_feedback_join(s->feedback, feedback_of(r));
	o = outcome_of(s, r);
	/* What we decided by the host's offer; another one may offer more. */
	if (err_class(r->error) == ERR_CLASS_TEMP || (r->error != ERR_OK && r->code == 0)) {
		note(to, o);
		/* It may have been taken: who tries elsewhere makes a second one. */
		if (r->stage == SMTP_STAGE_END && r->code == 0)
			settle(s, to);
	} else {
		dlv_outcome_unref(&to->outcome);
		to->outcome = dlv_outcome_ref(o);
		settle(s, to);
	}
	dlv_outcome_unref(&o);
}

static bool
has_again(const struct dlv_smtp *s)
{
	for (unsigned i = 0; i < s->mail->count; i++)
		if (s->mail->rcpts[i].is_again)
			return true;
	return false;
}

static void
give_back(struct dlv_smtp *s)
{
	struct dlv_link *link = s->link;

	s->link = NULL;
	dlv_pool_give_back(s->env.pool, link);
}

static void
on_done(void *arg)
{
	struct dlv_smtp *s = arg;

	if (s->source_failed) {
		finish(s);
	} else if (s->left == 0) {
		give_back(s);
		finish(s);
	} else if (s->was_stale) {
		/* As if there had been no connection. */
		give_back(s);
		s->is_fresh = true;
		try_address(s);
	} else if (!has_again(s)) {
		end_of_session(s);
	} else if (dlv_link_can_next(s->link)) {
		start_round(s);
	} else {
		/* The host went on with some of them: so may another connection. */
		give_back(s);
		try_address(s);
	}
}

/* ---- address: one connection ---- */

/* The place of the connected address among those of the host. */
static unsigned
place_of(const struct dlv_smtp *s, const struct conn_addr *a)
{
	for (unsigned i = s->addr; i < s->addrs.count; i++)
		if (conn_addr_same_ip(&s->addrs.v[i], a))
			return i;
	return s->addr;
}

/* The host at this place had its say; on to the next address. */
static void
count_session(struct dlv_smtp *s, unsigned at)
{
	s->address_count += at + 1 - s->addr;
	s->addr = at + 1;
	s->in_clear = false;
	s->is_fresh = false;
	s->session_count++;
	if (s->session_count >= s->env.session_limit)
		end_of_hop(s);
	else
		try_address(s);
}

static void
end_of_session(struct dlv_smtp *s)
{
	unsigned at = place_of(s, &s->link->addr);

	give_back(s);
	count_session(s, at);
}

/* ---- reports (RFC 8460) ---- */

static bool
is_reported(const struct dlv_smtp *s)
{
	return s->hop == 0 && dlv_tlsrpt_is_on(s->env.tlsrpt) &&
	    s->route->tls != CONF_RELAY_TLS_NONE;
}

/* A session with the host that is tried, or one that will not be (link NULL). */
static void
report(struct dlv_smtp *s, enum tls_failure failure, const char *why)
{
	const struct tlsrpt_policy *p = s->find != NULL ? dlv_find_policy(s->find) : NULL;
	char from[CONN_ADDR_TEXT_BYTES], to[CONN_ADDR_TEXT_BYTES];
	struct tls_tally_session t = { .failure = failure, .count = 1,
	    .reason = slice_str(why) };

	if (p == NULL)
		return;
	t.type = p->type;
	t.domain = slice_str(p->domain);
	t.text = buf_slice(&p->text);
	if (failure != TLS_FAILURE_NONE)
		t.mx_host = slice_str(s->host);
	if (failure != TLS_FAILURE_NONE && s->link != NULL) {
		conn_addr_ip_str(from, &s->link->local);
		conn_addr_ip_str(to, &s->link->addr);
		t.from_ip = slice_str(from);
		t.to_ip = slice_str(to);
	}
	dlv_tlsrpt_add(s->env.tlsrpt, p->owner, &t);
}

/* A new connection is ready for mail. */
static void
report_up(struct dlv_smtp *s)
{
	const struct tlsrpt_policy *p = dlv_find_policy(s->find);
	const char *why;
	enum tls_failure failure = dlv_link_tls_failure(s->link, &why);

	/* What was told of the handshake before stands for this one. */
	if (dlv_link_was_used(s->link) || s->in_clear || p == NULL)
		return;
	/* Nobody demanded that the certificate be good. */
	if (failure != TLS_FAILURE_STARTTLS_NOT_SUPPORTED && !s->tls->demand.is_advisory)
		failure = TLS_FAILURE_NONE;
	if (p->failure != TLS_FAILURE_NONE) {
		failure = p->failure;
		why = s->tls->is_unlisted ? "the policy does not name the host" :
		    "no TLSA record is usable";
	}
	report(s, failure, failure == TLS_FAILURE_NONE ? "" : why);
}

/* What else may end a connection says nothing of TLS (RFC 8460 s4.3.4). */
static void
report_down(struct dlv_smtp *s, enum dlv_down how, const struct smtp_result *result)
{
	const char *why;
	enum tls_failure failure = dlv_link_tls_failure(s->link, &why);

	if (how == DLV_DOWN_TLS)
		report(s, failure, why);
	else if (how == DLV_DOWN_BEFORE && result->stage == SMTP_STAGE_STARTTLS)
		report(s, TLS_FAILURE_STARTTLS_NOT_SUPPORTED, "STARTTLS is not offered");
}

/* RFC 8461 s5: a policy in testing, and a host that it would have kept us from. */
static void
log_testing(const struct dlv_smtp *s)
{
	const char *why;
	enum tls_failure failure = dlv_link_tls_failure(s->link, &why);

	if (s->tls->is_unlisted) {
		failure = TLS_FAILURE_VALIDATION;
		why = "the policy does not name the host";
	}
	if (failure != TLS_FAILURE_NONE)
		log_event(LOG_sts, log_id("m", s->mail->msg), log_text("domain", s->mail->site),
		    log_str("policy", "testing"), log_str("relay", dlv_link_host(s->link)),
		    log_str("failure", tls_failure_text(failure)), log_str("reason", why));
}

/* ---- CMTP 2 in place of SMTP */

static struct slice
domain_of(const struct dlv_rcpt_to *r)
{
	return slice_from(r->address, slice_rfind(r->address, '@') + 1);
}

/* One that is too long is none of CMTP's, and is refused there. */
static struct slice
lower_domain(struct dlv_smtp *s, struct slice domain)
{
	domain = slice_head(domain, sizeof(s->mail2_domain));
	for (size_t i = 0; i < domain.n; i++)
		s->mail2_domain[i] = ascii_lower(domain.p[i]);
	return slice_of(s->mail2_domain, domain.n);
}

/* The recipients of one domain that CMTP had no turn for. */
static unsigned
gather_mail2(struct dlv_smtp *s, struct slice *users, struct slice *domain)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->mail->count && n < CMTP2_DESTINATIONS_MAX; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (r->is_settled || r->was_cmtp || (n > 0 && !slice_ieq(domain_of(r), *domain)))
			continue;
		r->was_cmtp = true;
		if (n == 0)
			*domain = lower_domain(s, domain_of(r));
		users[n] = slice_head(r->address, slice_rfind(r->address, '@'));
		s->round_idx[n++] = i;
	}
	return n;
}

static void
on_mail2_rcpt(void *arg, unsigned i, enum dlv_mail2_fate fate, const struct smtp_result *r)
{
	struct dlv_smtp *s = arg;
	struct dlv_rcpt_to *to = &s->mail->rcpts[s->round_idx[i]];
	struct dlv_outcome *o;

	if (fate == DLV_MAIL2_PLAIN || to->is_settled)
		return;
	s->feedback = dlv_feedback_join(s->feedback, r->code > 0 ? feedback_of(r) : RELAY_UNKNOWN);
	o = dlv_outcome_of_result(r, dlv_mail2_host(s->mail2), "cmtp2", s->mail2_tls);
	o->policy = s->tls->policy;
	dlv_outcome_unref(&to->outcome);
	to->outcome = o;
	settle(s, to);
}

static void
on_mail2_taken(void *arg)
{
	struct dlv_smtp *s = arg;

	s->link = NULL;
}

static bool begin_mail2(struct dlv_smtp *);

/* Who has no key goes by SMTP: on this connection, or on another. */
static void
on_mail2_done(void *arg)
{
	struct dlv_smtp *s = arg;

	dlv_mail2_free(&s->mail2);
	if (s->left == 0) {
		if (s->link != NULL)
			give_back(s);
		finish(s);
	} else if (s->link == NULL) {
		s->is_fresh = true;
		try_address(s);
	} else if (!begin_mail2(s)) {
		start_round(s);
	}
}

static const struct dlv_mail2_owner mail2_owner = { .rcpt = on_mail2_rcpt,
	.taken = on_mail2_taken, .done = on_mail2_done };

static bool
begin_mail2(struct dlv_smtp *s)
{
	struct slice users[CMTP2_DESTINATIONS_MAX], domain = SLICE_NONE;
	struct dlv_mail2_params p = { .loop = s->env.loop, .pool = s->env.pool,
		.lookup = s->env.lookup, .link = s->link, .must = s->route->cmtp == DLV_CMTP_REQUIRE,
		.sender = s->mail->sender, .users = users, .source = &s->mail->source };

	if (s->route->cmtp == DLV_CMTP_NO || s->env.lookup == NULL || s->hop > 0 ||
	    s->route->protocol != CONF_ROUTE_SMTP)
		return false;
	p.count = gather_mail2(s, users, &domain);
	p.domain = domain;
	if (p.count == 0)
		return false;
	s->mail2_tls = dlv_link_tls(s->link);
	s->mail2 = dlv_mail2_new(&p, &mail2_owner, s);
	return true;
}

/* The connection ended while it was still asked for keys elsewhere. */
static void
undo_mail2(struct dlv_smtp *s)
{
	if (s->mail2 == NULL)
		return;
	dlv_mail2_free(&s->mail2);
	for (unsigned i = 0; i < s->mail->count; i++)
		s->mail->rcpts[i].was_cmtp = s->mail->rcpts[i].is_settled;
}

static void
on_up(void *arg)
{
	struct dlv_smtp *s = arg;

	s->ready_ms = loop_now(s->env.loop);
	if (s->tls->demand.is_advisory)
		log_testing(s);
	if (is_reported(s))
		report_up(s);
	if (!begin_mail2(s))
		start_round(s);
}

/* TLS was only an offer: at once the same address without it. */
static bool
retries_in_clear(struct dlv_smtp *s, const struct smtp_result *why)
{
	if (s->tls->level != DLV_TLS_MAY || s->in_clear ||
	    s->link->addr.port == DLV_SMTPS_PORT)
		return false;
	log_event(LOG_tls_failed, log_id("m", s->mail->msg),
	    log_str("relay", dlv_link_host(s->link)), log_str("reason", why->text));
	s->addr = place_of(s, &s->link->addr);
	s->in_clear = true;
	return true;
}

static enum relay_feedback
feedback_of_down(enum dlv_down how, const struct smtp_result *why)
{
	if (how == DLV_DOWN_DIAL && why->dsn[2] == '3')
		return RELAY_UNKNOWN;	/* own trouble */
	if (how == DLV_DOWN_DIAL || how == DLV_DOWN_TLS || why->code == 0)
		return RELAY_DEAD;
	/* RFC 3463 s3.8: 4.7.8 and the like: we are not known there. */
	return why->stage == SMTP_STAGE_AUTH ? RELAY_DEAD : RELAY_THROTTLED;
}

static void
note_down(struct dlv_smtp *s, enum dlv_down how, const struct smtp_result *why)
{
	struct smtp_result soft = *why;

	/* RFC 5321 s3.1: what a greeting refuses is the session, not the mail. */
	smtp_result_soften(&soft);
	s->feedback = dlv_feedback_join(s->feedback, feedback_of_down(how, &soft));
	note_all(s, outcome_of(s, &soft));
}

/* The link is there until we return, and nobody's to drop. */
static void
on_down(void *arg, enum dlv_down how, const struct smtp_result *why)
{
	struct dlv_smtp *s = arg;
	unsigned at = how == DLV_DOWN_DIAL ? s->addrs.count - 1 :
	    place_of(s, &s->link->addr);
	bool once_more = how == DLV_DOWN_TLS && retries_in_clear(s, why);

	s->is_scanning = false;
	undo_mail2(s);
	if (is_reported(s))
		report_down(s, how, why);
	if (how == DLV_DOWN_AFTER && dlv_link_was_used(s->link) && !s->is_fresh) {
		s->is_fresh = true;
		once_more = true;
	}
	if (!once_more)
		note_down(s, how, why);
	s->link = NULL;
	if (once_more) {
		try_address(s);
	} else if (how != DLV_DOWN_DIAL) {
		count_session(s, at);
	} else {
		/* Nobody was there to refuse. */
		s->address_count += at + 1 - s->addr;
		s->addr = at + 1;
		try_address(s);
	}
}

static const struct dlv_link_user	link_user = {
	.up = on_up, .rcpt = on_rcpt, .done = on_done, .want_body = on_want_body,
	.down = on_down
};

static void
on_room(void *arg)
{
	try_address(arg);
}

static void
open_link(struct dlv_smtp *s)
{
	struct dlv_link_params p = { .route = s->route, .host = s->host, .tls = s->tls,
		.in_clear = s->in_clear };
	unsigned room = s->env.address_limit - s->address_count;
	unsigned n = s->addrs.count - s->addr;

	if (s->in_clear)
		n = 1;
	if (n > room)
		n = room;
	memcpy(p.addrs.v, &s->addrs.v[s->addr], n * sizeof(p.addrs.v[0]));
	p.addrs.count = n;
	/* What is not dialled now will not be. */
	if (!s->in_clear)
		s->addrs.count = s->addr + n;
	s->link = dlv_pool_open(s->env.pool, &p, &link_user, s);
}

static void
try_address(struct dlv_smtp *s)
{
	struct dlv_addrs rest = { .count = 0 };

	if (s->address_count >= s->env.address_limit) {
		end_of_hop(s);
		return;
	}
	if (s->addr >= s->addrs.count) {
		next_host(s);
		return;
	}
	s->ready_ms = 0;
	rest.count = s->addrs.count - s->addr;
	memcpy(rest.v, &s->addrs.v[s->addr], rest.count * sizeof(rest.v[0]));
	if (!s->is_fresh && !s->in_clear)
		s->link = dlv_pool_take(s->env.pool, s->route, &rest, s->tls->key, &link_user, s);
	if (s->link != NULL)
		on_up(s);
	else if (dlv_pool_has_room(s->env.pool))
		open_link(s);
	else
		dlv_pool_wait(s->env.pool, &s->place);
}

/* ---- host ---- */

static void
report_skip(struct dlv_smtp *s, const struct dlv_verdict *v)
{
	const struct tlsrpt_policy *p = dlv_find_policy(s->find);

	if (p != NULL && p->failure != TLS_FAILURE_NONE)
		report(s, p->failure, v->text);
}

static void
on_found(void *arg, enum dlv_find_event event, struct dlv_target *t,
    const struct dlv_verdict *v)
{
	struct dlv_smtp *s = arg;

	if (v != NULL && v->error != ERR_OK)
		note_verdict(s, v);
	if (event == DLV_FIND_SKIP)
		report_skip(s, v);
	switch (event) {
	case DLV_FIND_HOST:
		(void)slice_to_cstr(slice_str(t->host), s->host, sizeof(s->host));
		s->addrs = t->addrs;
		s->addr = 0;
		s->in_clear = s->is_fresh = false;
		dlv_tls_unref(&s->tls);
		s->tls = dlv_tls_ref(t->tls);
		try_address(s);
		break;
	case DLV_FIND_SKIP:
		next_host(s);
		break;
	case DLV_FIND_END:
		end_of_hop(s);
		break;
	}
}

static void
next_host(struct dlv_smtp *s)
{
	dlv_find_next(s->find);
}

/* ---- hop ---- */

static void
start_hop(struct dlv_smtp *s, const struct conf_hop *hop)
{
	struct dlv_find_params p = { .loop = s->env.loop, .dns = s->env.dns,
		.sts = s->hop == 0 ? s->env.sts : NULL,
		.self = s->env.self, .route = s->route, .hop = *hop,
		.preference = s->env.preference, .seed = s->mail->msg ^ loop_now(s->env.loop),
		.deadline_ms = s->deadline_ms,
		.require_tls = (s->mail->flags & QUEUE_REQUIRETLS) != 0,
		.tls_optional = (s->mail->flags & QUEUE_TLS_OPTIONAL) != 0,
		.is_reported = is_reported(s) };

	s->address_count = s->session_count = 0;
	s->find = dlv_find_new(&p, on_found, s);
	next_host(s);
}

/* Refused for good by the DNS: no other host changes that. */
static bool
is_final(const struct dlv_smtp *s)
{
	for (unsigned i = 0; i < s->mail->count; i++) {
		const struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (!r->is_settled && (r->outcome == NULL ||
		    err_class(r->outcome->error) != ERR_CLASS_PERM ||
		    r->outcome->error == ERR_NOTFOUND))
			return false;
	}
	return true;
}

static void
end_of_hop(struct dlv_smtp *s)
{
	leave_link(s);
	dlv_find_free(&s->find);
	if (s->left == 0 || s->hop >= s->route->fallback_count || is_final(s)) {
		finish(s);
		return;
	}
	start_hop(s, &s->route->fallbacks[s->hop++]);
}

/* ---- life ---- */

static void
on_turn(void *arg)
{
	struct dlv_smtp *s = arg;

	if (s->is_over)
		s->fn(s->arg);
	else if (s->is_scanning)
		scan(s);
}

static void
begin(struct dlv_smtp *s)
{
	const char *fault = dlv_route_fault(s->route);
	struct dlv_verdict v;
	struct conf_hop hop;

	if (fault != NULL) {
		dlv_verdict_set(&v, ERR_STATE, RELAY_UNKNOWN, "4.3.5", "route \"%.60s\": %s",
		    s->route->title, fault);
		v.error = ERR_AGAIN;
	} else if (conf_hop_parse(s->mail->site, s->env.port, &hop) != ERR_OK) {
		dlv_verdict_set(&v, ERR_SYNTAX, RELAY_UNKNOWN, "5.1.2",
		    "\"%.*s\" is not a host or domain", SLICE_FMT(slice_head(s->mail->site, 150)));
	} else {
		start_hop(s, &hop);
		return;
	}
	note_verdict(s, &v);
	finish(s);
}

struct dlv_smtp *
dlv_smtp_new(const struct dlv_smtp_env *env, struct dlv_mail *mail,
    struct dlv_route *route, uint64_t deadline_ms, dlv_smtp_fn *fn, void *arg)
{
	struct dlv_smtp *s = must_alloc(1, sizeof(*s));

	s->env = *env;
	s->mail = mail;
	s->route = dlv_route_ref(route);
	s->fn = fn;
	s->arg = arg;
	s->taken_ms = loop_now(env->loop);
	s->left = mail->count;
	s->round = must_alloc(mail->count, sizeof(*s->round));
	s->round_idx = must_alloc(mail->count, sizeof(*s->round_idx));
	s->place = (struct dlv_pool_place){ .fn = on_room, .arg = s };
	list_init(&s->place.link);
	timer_init(&s->deadline, env->loop, on_deadline, s);
	s->deadline_ms = deadline_ms;
	timer_set(&s->deadline, deadline_ms);
	loop_idle_init(&s->turn, on_turn, s);
	begin(s);
	return s;
}

bool
dlv_smtp_is_finishing(const struct dlv_smtp *s)
{
	return (s->link != NULL && dlv_link_is_finishing(s->link)) ||
	    (s->mail2 != NULL && dlv_mail2_is_finishing(s->mail2));
}

enum relay_feedback
dlv_smtp_feedback(const struct dlv_smtp *s)
{
	return (unsigned)s->feedback == 0 ? RELAY_UNKNOWN : s->feedback;
}

void
dlv_smtp_free(struct dlv_smtp **sp)
{
	struct dlv_smtp *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	leave_link(s);
	dlv_find_free(&s->find);
	dlv_pool_leave(&s->place);
	timer_stop(&s->deadline);
	loop_idle_cancel(&s->turn);
	dlv_tls_unref(&s->tls);
	dlv_route_unref(&s->route);
	free(s->round);
	free(s->round_idx);
	free(s->piece);
	free(s);
}

void
dlv_mail_fail(struct dlv_mail *m, const struct dlv_verdict *v, const struct dlv_delays *d)
{
	struct dlv_outcome *o = dlv_outcome_of_verdict(v);

	for (unsigned i = 0; i < m->count; i++) {
		struct dlv_rcpt_to *r = &m->rcpts[i];

		if (r->is_settled)
			continue;
		dlv_outcome_unref(&r->outcome);
		r->outcome = dlv_outcome_ref(o);
		r->is_settled = true;
		log_rcpt(m, r, d);
	}
	dlv_outcome_unref(&o);
}
