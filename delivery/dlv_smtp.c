/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: address, host, hop.  Each ends by starting
 * one of the steps after it or by waiting.
 */
#include "delivery/dlv_smtp_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/must.h"

static void next_host(struct dlv_smtp *);
static void end_of_hop(struct dlv_smtp *);

/* ---- the end ---- */

static void
leave_link(struct dlv_smtp *s)
{
	dlv_smtp_cmtp_drop(s);
	if (s->link != NULL)
		dlv_link_drop(&s->link);
	s->is_scanning = false;
}

void
dlv_smtp_finish(struct dlv_smtp *s)
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
			dlv_smtp_settle(s, r);
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
	dlv_smtp_note_verdict(s, &v);
	dlv_smtp_finish(s);
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
		dlv_smtp_try_address(s);
}

void
dlv_smtp_end_of_session(struct dlv_smtp *s)
{
	unsigned at = place_of(s, &s->link->addr);

	dlv_smtp_give_back(s);
	count_session(s, at);
}

void
dlv_smtp_give_back(struct dlv_smtp *s)
{
	struct dlv_link *link = s->link;

	s->link = NULL;
	dlv_pool_give_back(s->env.pool, link);
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
	dlv_smtp_note_all(s, dlv_smtp_outcome(s, &soft));
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
	dlv_smtp_cmtp_undo(s);
	if (dlv_smtp_report_is_on(s))
		dlv_smtp_report_down(s, how, why);
	if (how == DLV_DOWN_AFTER && dlv_link_was_used(s->link) && !s->is_fresh) {
		s->is_fresh = true;
		once_more = true;
	}
	if (!once_more)
		note_down(s, how, why);
	s->link = NULL;
	if (once_more) {
		dlv_smtp_try_address(s);
	} else if (how != DLV_DOWN_DIAL) {
		count_session(s, at);
	} else {
		/* Nobody was there to refuse. */
		s->address_count += at + 1 - s->addr;
		s->addr = at + 1;
		dlv_smtp_try_address(s);
	}
}

static void
on_up(void *arg)
{
	struct dlv_smtp *s = arg;

	s->ready_ms = loop_now(s->env.loop);
	if (s->tls->demand.is_advisory)
		dlv_smtp_report_testing(s);
	if (dlv_smtp_report_is_on(s))
		dlv_smtp_report_up(s);
	if (!dlv_smtp_cmtp_begin(s))
		dlv_smtp_round_start(s);
}

static const struct dlv_link_user	link_user = {
	.up = on_up, .rcpt = dlv_smtp_round_on_rcpt, .done = dlv_smtp_round_on_done,
	.want_body = dlv_smtp_round_on_want_body, .down = on_down
};

static void
on_room(void *arg)
{
	dlv_smtp_try_address(arg);
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

void
dlv_smtp_try_address(struct dlv_smtp *s)
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
	if (!s->is_fresh && !s->in_clear) {
		s->link = dlv_smtp_cmtp_take(s, &rest, &link_user);
		if (s->link == NULL)
			s->link = dlv_pool_take(s->env.pool, s->route, &rest, s->tls->key, &link_user, s);
	}
	if (s->link != NULL)
		on_up(s);
	else if (dlv_pool_has_room(s->env.pool))
		open_link(s);
	else
		dlv_pool_wait(s->env.pool, &s->place);
}

/* ---- host ---- */

static void
on_found(void *arg, enum dlv_find_event event, struct dlv_target *t,
    const struct dlv_verdict *v)
{
	struct dlv_smtp *s = arg;

	if (v != NULL && v->error != ERR_OK)
		dlv_smtp_note_verdict(s, v);
	if (event == DLV_FIND_SKIP)
		dlv_smtp_report_skip(s, v);
	switch (event) {
	case DLV_FIND_HOST:
		(void)slice_to_cstr(slice_str(t->host), s->host, sizeof(s->host));
		s->addrs = t->addrs;
		s->addr = 0;
		s->in_clear = s->is_fresh = false;
		dlv_tls_unref(&s->tls);
		s->tls = dlv_tls_ref(t->tls);
		dlv_smtp_try_address(s);
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
		.is_reported = dlv_smtp_report_is_on(s) };

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
		dlv_smtp_finish(s);
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
		dlv_smtp_round_scan(s);
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
	dlv_smtp_note_verdict(s, &v);
	dlv_smtp_finish(s);
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
	    dlv_smtp_cmtp_is_finishing(s);
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
