/* SPDX-License-Identifier: ISC */
/* Sessions for TLS reports (RFC 8460), and the lines of a policy in testing. */
#include "delivery/dlv_smtp_priv.h"

#include "lib/base/log.h"

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

bool
dlv_smtp_report_is_on(const struct dlv_smtp *s)
{
	return s->hop == 0 && dlv_tlsrpt_is_on(s->env.tlsrpt) &&
	    s->route->tls != CONF_RELAY_TLS_NONE;
}

/* A new connection is ready for mail. */
void
dlv_smtp_report_up(struct dlv_smtp *s)
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
void
dlv_smtp_report_down(struct dlv_smtp *s, enum dlv_down how, const struct smtp_result *result)
{
	const char *why;
	enum tls_failure failure = dlv_link_tls_failure(s->link, &why);

	if (how == DLV_DOWN_TLS)
		report(s, failure, why);
	else if (how == DLV_DOWN_BEFORE && result->stage == SMTP_STAGE_STARTTLS)
		report(s, TLS_FAILURE_STARTTLS_NOT_SUPPORTED, "STARTTLS is not offered");
}

void
dlv_smtp_report_skip(struct dlv_smtp *s, const struct dlv_verdict *v)
{
	const struct tlsrpt_policy *p = dlv_find_policy(s->find);

	if (p != NULL && p->failure != TLS_FAILURE_NONE)
		report(s, p->failure, v->text);
}

/* RFC 8461 s5: a policy in testing, and a host that it would have kept us from. */
void
dlv_smtp_report_testing(const struct dlv_smtp *s)
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
