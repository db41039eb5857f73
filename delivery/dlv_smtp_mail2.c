/* SPDX-License-Identifier: ISC */
/* CMTP 2 in place of SMTP, domain by domain, before those that are left go by SMTP. */
#include "delivery/dlv_smtp_priv.h"

#include <string.h>

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

static bool
is_for_cmtp(const struct dlv_smtp *s)
{
	return s->route->cmtp != DLV_CMTP_NO && s->env.lookup != NULL && s->hop == 0 &&
	    s->route->protocol == CONF_ROUTE_SMTP;
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
	s->feedback = dlv_feedback_join(s->feedback,
	    r->code > 0 ? dlv_smtp_feedback_of(r) : RELAY_UNKNOWN);
	o = dlv_outcome_of_result(r, dlv_mail2_host(s->mail2), "cmtp2", s->mail2_tls);
	o->policy = s->tls->policy;
	dlv_outcome_unref(&to->outcome);
	to->outcome = o;
	dlv_smtp_settle(s, to);
}

static void
on_mail2_taken(void *arg)
{
	struct dlv_smtp *s = arg;

	s->link = NULL;
}

/* Who has no key goes by SMTP: on this connection, or on another. */
static void
on_mail2_done(void *arg)
{
	struct dlv_smtp *s = arg;

	dlv_mail2_free(&s->mail2);
	if (s->left == 0) {
		if (s->link != NULL)
			dlv_smtp_give_back(s);
		dlv_smtp_finish(s);
	} else if (s->link == NULL) {
		s->is_fresh = true;
		dlv_smtp_try_address(s);
	} else if (!dlv_smtp_mail2_begin(s)) {
		dlv_smtp_round_start(s);
	}
}

static void
on_mail2_stale(void *arg)
{
	struct dlv_smtp *s = arg;

	dlv_smtp_mail2_undo(s);
	s->is_fresh = true;
	dlv_smtp_try_address(s);
}

static const struct dlv_mail2_owner mail2_owner = { .rcpt = on_mail2_rcpt,
	.taken = on_mail2_taken, .stale = on_mail2_stale, .done = on_mail2_done };

struct dlv_link *
dlv_smtp_mail2_take(struct dlv_smtp *s, const struct dlv_addrs *addrs,
    const struct dlv_link_user *user)
{
	if (!is_for_cmtp(s))
		return NULL;
	for (unsigned i = 0; i < s->mail->count; i++) {
		const struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (!r->is_settled && !r->was_cmtp)
			return dlv_pool_take_kept(s->env.pool, s->route, addrs, s->tls->key,
			    lower_domain(s, domain_of(r)), user, s);
	}
	return NULL;
}

bool
dlv_smtp_mail2_begin(struct dlv_smtp *s)
{
	struct slice users[CMTP2_DESTINATIONS_MAX], domain = SLICE_NONE;
	struct dlv_mail2_params p = { .loop = s->env.loop, .pool = s->env.pool,
		.lookup = s->env.lookup, .postage = s->env.postage, .press = s->env.press,
		.link = s->link, .must = s->route->cmtp == DLV_CMTP_REQUIRE,
		.sender = s->mail->sender, .users = users, .source = &s->mail->source };

	if (!is_for_cmtp(s))
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
void
dlv_smtp_mail2_undo(struct dlv_smtp *s)
{
	if (s->mail2 == NULL)
		return;
	dlv_mail2_free(&s->mail2);
	for (unsigned i = 0; i < s->mail->count; i++)
		s->mail->rcpts[i].was_cmtp = s->mail->rcpts[i].is_settled;
}
