/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_smtp_priv.h"

#include "lib/base/log.h"
#include "lib/base/must.h"

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

void
dlv_smtp_note(struct dlv_rcpt_to *r, struct dlv_outcome *o)
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

void
dlv_smtp_settle(struct dlv_smtp *s, struct dlv_rcpt_to *r)
{
	struct dlv_delays d = delays_of(s);

	must(!r->is_settled && r->outcome != NULL);
	r->is_settled = true;
	s->left--;
	log_rcpt(s->mail, r, &d);
}

/* For all that are not settled. */
void
dlv_smtp_note_all(struct dlv_smtp *s, struct dlv_outcome *o)
{
	for (unsigned i = 0; i < s->mail->count; i++)
		if (!s->mail->rcpts[i].is_settled)
			dlv_smtp_note(&s->mail->rcpts[i], o);
	dlv_outcome_unref(&o);
}

void
dlv_smtp_note_verdict(struct dlv_smtp *s, const struct dlv_verdict *v)
{
	s->feedback = dlv_feedback_join(s->feedback, v->feedback);
	dlv_smtp_note_all(s, dlv_outcome_of_verdict(v));
}

static const char *
proto_of(const struct dlv_smtp *s)
{
	if (s->route->protocol == CONF_ROUTE_LMTP)
		return "lmtp";
	return dlv_link_is_esmtp(s->link) ? "esmtp" : "smtp";
}

struct dlv_outcome *
dlv_smtp_outcome(const struct dlv_smtp *s, const struct smtp_result *r)
{
	bool was_ready = s->ready_ms > 0;
	struct dlv_outcome *o = dlv_outcome_of_result(r, dlv_link_host(s->link),
	    was_ready ? proto_of(s) : "", was_ready ? dlv_link_tls(s->link) : "");

	o->policy = s->tls->policy;
	return o;
}

/* What the host, or the end of its connection, says of the site. */
enum relay_feedback
dlv_smtp_feedback_of(const struct smtp_result *r)
{
	if (r->error == ERR_OK)
		return RELAY_TAKEN;
	return r->code == 0 || r->code == 421 ? RELAY_THROTTLED : RELAY_REFUSED;
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
