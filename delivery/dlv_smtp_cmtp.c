/* SPDX-License-Identifier: ISC */
/*
 * CMTP in place of SMTP, domain by domain: version 2, then version 1 where the
 * route allows it; those that are left go by SMTP.
 */
#include "delivery/dlv_smtp_priv.h"

#include <string.h>

#define RCPTS_MAX	CMTP2_DESTINATIONS_MAX
_Static_assert(RCPTS_MAX <= DLV_MAIL1_RCPTS_MAX, "either takes as many");

static struct slice
domain_of(struct slice address)
{
	return slice_from(address, slice_rfind(address, '@') + 1);
}

/* One that is too long is none of CMTP's, and is refused there. */
static struct slice
lower_domain(struct dlv_smtp *s, struct slice domain)
{
	domain = slice_head(domain, sizeof(s->cmtp_domain));
	for (size_t i = 0; i < domain.n; i++)
		s->cmtp_domain[i] = ascii_lower(domain.p[i]);
	return slice_of(s->cmtp_domain, domain.n);
}

/*
 * By version 2 nobody takes mail in the name of a domain that is his own, and a
 * host of the sender's domain would have all of it before it says so.
 */
static bool
is_of_sender(const struct dlv_smtp *s, const struct dlv_rcpt_to *r)
{
	return s->route->cmtp == DLV_CMTP_MAY &&
	    slice_ieq(domain_of(r->address), domain_of(s->mail->sender));
}

/* Each version has one turn with each recipient. */
static bool *
turn_of(struct dlv_rcpt_to *r, unsigned version)
{
	return version == CMTP2_VERSION ? &r->was_cmtp2 : &r->was_cmtp1;
}

/* The recipients of one domain that this version had no turn for. */
static unsigned
gather(struct dlv_smtp *s, unsigned version, struct slice *users, struct slice *domain)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->mail->count && n < RCPTS_MAX; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (r->is_settled || *turn_of(r, version) ||
		    (version == CMTP2_VERSION && is_of_sender(s, r)) ||
		    (n > 0 && !slice_ieq(domain_of(r->address), *domain)))
			continue;
		*turn_of(r, version) = true;
		if (n == 0)
			*domain = lower_domain(s, domain_of(r->address));
		users[n] = slice_head(r->address, slice_rfind(r->address, '@'));
		s->round_idx[n++] = i;
	}
	return n;
}

static void
on_rcpt(void *arg, unsigned i, enum dlv_mail2_fate fate, const struct smtp_result *r)
{
	struct dlv_smtp *s = arg;
	struct dlv_rcpt_to *to = &s->mail->rcpts[s->round_idx[i]];
	struct dlv_outcome *o;

	if (fate == DLV_MAIL2_PLAIN || to->is_settled)
		return;
	s->feedback = dlv_feedback_join(s->feedback,
	    r->code > 0 ? dlv_smtp_feedback_of(r) : RELAY_UNKNOWN);
	if (s->mail2 != NULL)
		o = dlv_outcome_of_result(r, dlv_mail2_host(s->mail2), "cmtp2", s->cmtp_tls);
	else
		o = dlv_outcome_of_result(r, dlv_mail1_host(s->mail1), "cmtp1", s->cmtp_tls);
	o->policy = s->tls->policy;
	o->is_broken = fate == DLV_MAIL2_BROKEN;
	dlv_outcome_unref(&to->outcome);
	to->outcome = o;
	dlv_smtp_settle(s, to);
}

static void
on_taken(void *arg)
{
	struct dlv_smtp *s = arg;

	s->link = NULL;
}

/* Who has no key goes another way: on this connection, or on another. */
static void
on_done(void *arg)
{
	struct dlv_smtp *s = arg;

	dlv_smtp_cmtp_drop(s);
	if (s->left == 0) {
		if (s->link != NULL)
			dlv_smtp_give_back(s);
		dlv_smtp_finish(s);
	} else if (s->link == NULL) {
		s->is_fresh = true;
		dlv_smtp_try_address(s);
	} else if (!dlv_smtp_cmtp_begin(s)) {
		dlv_smtp_round_start(s);
	}
}

static void
on_stale(void *arg)
{
	struct dlv_smtp *s = arg;

	dlv_smtp_cmtp_undo(s);
	s->is_fresh = true;
	dlv_smtp_try_address(s);
}

static const struct dlv_mail2_owner owner = { .rcpt = on_rcpt, .taken = on_taken,
	.stale = on_stale, .done = on_done };

static bool
is_for_cmtp(const struct dlv_smtp *s)
{
	return s->route->cmtp != DLV_CMTP_NO && s->env.lookup != NULL && s->hop == 0 &&
	    s->route->protocol == CONF_ROUTE_SMTP;
}

struct dlv_link *
dlv_smtp_cmtp_take(struct dlv_smtp *s, const struct dlv_addrs *addrs,
    const struct dlv_link_user *user)
{
	if (!is_for_cmtp(s))
		return NULL;
	for (unsigned i = 0; i < s->mail->count; i++) {
		const struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (!r->is_settled && !r->was_cmtp2 && !is_of_sender(s, r))
			return dlv_pool_take_kept(s->env.pool, s->route, addrs, s->tls->key,
			    lower_domain(s, domain_of(r->address)), user, s);
	}
	return NULL;
}

/* RFC 8689: who asks for TLS that is proved does not mean this. */
static bool
may_version_1(const struct dlv_smtp *s)
{
	return s->route->cmtp1 && (s->mail->flags & QUEUE_REQUIRETLS) == 0;
}

static bool
begin_2(struct dlv_smtp *s)
{
	struct slice users[RCPTS_MAX], domain = SLICE_NONE;
	struct dlv_mail2_params p = { .loop = s->env.loop, .pool = s->env.pool,
		.lookup = s->env.lookup, .known = s->env.known, .postage = s->env.postage,
		.press = s->env.press, .room = s->env.room, .link = s->link,
		.must = s->route->cmtp == DLV_CMTP_REQUIRE && !may_version_1(s),
		.sender = s->mail->sender, .users = users, .source = &s->mail->source };

	p.count = gather(s, CMTP2_VERSION, users, &domain);
	p.domain = domain;
	if (p.count == 0)
		return false;
	s->mail2 = dlv_mail2_new(&p, &owner, s);
	return true;
}

static bool
begin_1(struct dlv_smtp *s)
{
	struct slice users[RCPTS_MAX], domain = SLICE_NONE;
	struct dlv_mail1_params p = { .loop = s->env.loop, .pool = s->env.pool,
		.charsets = s->env.charsets, .link = s->link,
		.must = s->route->cmtp == DLV_CMTP_REQUIRE, .hostname = s->env.hostname,
		.msg = s->mail->msg, .sender = s->mail->sender, .users = users,
		.source = &s->mail->source };

	if (!may_version_1(s))
		return false;
	p.count = gather(s, CMTP_VERSION, users, &domain);
	p.domain = domain;
	if (p.count == 0)
		return false;
	s->mail1 = dlv_mail1_new(&p, &owner, s);
	return true;
}

bool
dlv_smtp_cmtp_begin(struct dlv_smtp *s)
{
	if (!is_for_cmtp(s))
		return false;
	s->cmtp_tls = dlv_link_tls(s->link);
	return begin_2(s) || begin_1(s);
}

bool
dlv_smtp_cmtp_is_finishing(const struct dlv_smtp *s)
{
	return (s->mail2 != NULL && dlv_mail2_is_finishing(s->mail2)) ||
	    (s->mail1 != NULL && dlv_mail1_is_finishing(s->mail1));
}

void
dlv_smtp_cmtp_drop(struct dlv_smtp *s)
{
	dlv_mail2_free(&s->mail2);
	dlv_mail1_free(&s->mail1);
}

/* The connection ended while it was still asked for keys elsewhere. */
void
dlv_smtp_cmtp_undo(struct dlv_smtp *s)
{
	if (s->mail2 == NULL && s->mail1 == NULL)
		return;
	dlv_smtp_cmtp_drop(s);
	for (unsigned i = 0; i < s->mail->count; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		r->was_cmtp2 = r->was_cmtp1 = r->is_settled;
	}
}
