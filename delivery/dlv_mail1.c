/* SPDX-License-Identifier: ISC */
/* The steps stand from the bottom up: the end, a recipient, the server, the beginning. */
#include "delivery/dlv_mail1_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

/* ---- the end */

static void
tell(struct dlv_mail1 *m, unsigned i, enum dlv_mail2_fate fate, const struct smtp_result *r)
{
	if (m->told[i])
		return;
	m->told[i] = true;
	m->owner->rcpt(m->arg, i, fate, r);
}

static void
stop(struct dlv_mail1 *m)
{
	dlv_cmtp1_free(&m->cmtp);
	m->is_sending = false;
}

void
dlv_mail1_finish(struct dlv_mail1 *m)
{
	stop(m);
	m->is_over = true;
	loop_defer(m->p.loop, &m->turn);
}

static void
hold_as(struct dlv_mail1 *m, enum dlv_mail2_fate fate, const char *dsn, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_MAIL, dsn, "CMTP 1 with %.150s: %.80s", m->host, why);
	for (unsigned i = 0; i < m->p.count; i++)
		tell(m, i, fate, &r);
	dlv_mail1_finish(m);
}

void
dlv_mail1_hold(struct dlv_mail1 *m, const char *dsn, const char *why)
{
	hold_as(m, DLV_MAIL2_TOLD, dsn, why);
}

static void
hold_rcpt(struct dlv_mail1 *m, enum dlv_mail2_fate fate, const char *dsn, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_RCPT, dsn, "CMTP 1 with %.150s: %.80s", m->host, why);
	tell(m, m->at, fate, &r);
}

void
dlv_mail1_without_key(struct dlv_mail1 *m, unsigned i, const char *why)
{
	struct smtp_result r;

	if (!m->p.must) {
		tell(m, i, DLV_MAIL2_PLAIN, NULL);
		return;
	}
	smtp_result_own(&r, SMTP_STAGE_RCPT, "5.7.4",
	    "mail to this domain goes by CMTP only, and %.150s", why);
	tell(m, i, DLV_MAIL2_TOLD, &r);
}

static void
without_keys(struct dlv_mail1 *m, const char *why)
{
	for (unsigned i = 0; i < m->p.count; i++)
		dlv_mail1_without_key(m, i, why);
	dlv_mail1_finish(m);
}

/* ---- a recipient's key, and the answer to his message */

void
dlv_mail1_next(struct dlv_mail1 *m)
{
	enum err e = ERR_SYNTAX;

	while (m->at < m->p.count && e == ERR_SYNTAX) {
		e = dlv_cmtp1_ask(m->cmtp, m->p.users[m->at]);
		if (e == ERR_SYNTAX)
			dlv_mail1_without_key(m, m->at++, "the address is none of CMTP");
	}
	if (e == ERR_SYNTAX)
		dlv_mail1_finish(m);
	else if (e != ERR_OK)
		dlv_mail1_hold(m, "4.3.0", "the keys cannot be had now");
}

static void
on_key(void *arg, const struct dlv_cmtp1_key *k)
{
	struct dlv_mail1 *m = arg;

	switch (k->verdict) {
	case DLV_CMTP1_GOOD:
		memcpy(m->owner_box, k->box, sizeof(m->owner_box));
		dlv_mail1_box_begin(m);
		return;
	case DLV_CMTP1_NONE:
		dlv_mail1_without_key(m, m->at, "the recipient has no key");
		break;
	case DLV_CMTP1_USELESS:
		dlv_mail1_without_key(m, m->at, "nothing can be sealed to the recipient's key");
		break;
	case DLV_CMTP1_GONE:
		hold_rcpt(m, DLV_MAIL2_BROKEN, "4.7.5",
		    "the recipient had a key, and there is none any more");
		break;
	case DLV_CMTP1_OTHER:
		hold_rcpt(m, DLV_MAIL2_BROKEN, "4.7.5",
		    "the recipient's key is another than the one that was known");
		break;
	}
	m->at++;
	dlv_mail1_next(m);
}

/* FAILURE does not say why; and who replays one must not have the mail sent openly. */
static void
on_status(void *arg, bool is_success)
{
	struct dlv_mail1 *m = arg;
	struct smtp_result result;

	if (!is_success) {
		hold_rcpt(m, DLV_MAIL2_TOLD, "4.5.0", "it answered FAILURE to the message");
	} else {
		smtp_result_reply(&result, SMTP_STAGE_END, m->host, 250, "2.0.0", "SUCCESS");
		tell(m, m->at, DLV_MAIL2_TOLD, &result);
	}
	m->at++;
	dlv_mail1_next(m);
}

static void
on_drained(void *arg)
{
	struct dlv_mail1 *m = arg;

	if (m->is_sending)
		loop_defer(m->p.loop, &m->turn);
}

/* ---- the server */

static void
on_ready(void *arg)
{
	dlv_mail1_next(arg);
}

static void
on_failed(void *arg, const struct dlv_cmtp1_failure *f)
{
	hold_as(arg, f->is_broken ? DLV_MAIL2_BROKEN : DLV_MAIL2_TOLD, f->dsn, f->why);
}

/* keyd is nobody's to take away from outside: mail does not wait for it. */
static void
on_known(void *arg, enum err e)
{
	struct dlv_mail1 *m = arg;
	struct dlv_link *link = m->p.link;

	if (e != ERR_OK && m->p.must) {
		dlv_mail1_hold(m, "4.3.0", "the keys cannot be had now");
	} else if (e != ERR_OK) {
		without_keys(m, "");
	} else if (dlv_cmtp1_is_offered(link)) {
		m->owner->taken(m->arg);
		m->p.link = NULL;
		dlv_cmtp1_take(m->cmtp, link);
	} else if (dlv_cmtp1_was_seen(m->cmtp)) {
		dlv_mail1_hold(m, "4.7.5", "the domain was reached by it before and cannot be now");
	} else {
		without_keys(m, "its host does not speak it");
	}
}

static const struct dlv_cmtp1_owner conversation = { .known = on_known, .ready = on_ready,
	.key = on_key, .status = on_status, .drained = on_drained, .failed = on_failed };

/* ---- the beginning */

static void
begin(struct dlv_mail1 *m)
{
	const char *tls = dlv_link_tls(m->p.link);

	if (!m->p.must && tls != NULL && strcmp(tls, "verified") == 0)
		without_keys(m, "");
	else if (dlv_cmtp1_begin(m->cmtp) != ERR_OK)
		on_known(m, ERR_GONE);
}

/* ---- life */

static void
on_turn(void *arg)
{
	struct dlv_mail1 *m = arg;

	if (m->is_over)
		m->owner->done(m->arg);
	else if (m->is_sending)
		dlv_mail1_box_go_on(m);
	else
		begin(m);
}

struct dlv_mail1 *
dlv_mail1_new(const struct dlv_mail1_params *p, const struct dlv_mail2_owner *owner, void *arg)
{
	struct dlv_mail1 *m = must_alloc(1, sizeof(*m));

	must(p->count > 0 && p->count <= DLV_MAIL1_RCPTS_MAX);
	m->p = *p;
	m->users = must_alloc(p->count, sizeof(*m->users));
	memcpy(m->users, p->users, p->count * sizeof(*m->users));
	m->p.users = m->users;
	m->told = must_alloc(p->count, sizeof(*m->told));
	m->owner = owner;
	m->arg = arg;
	(void)slice_to_cstr(slice_str(dlv_link_host(p->link)), m->host, sizeof(m->host));
	m->cmtp = dlv_cmtp1_new(p->loop, p->pool, p->domain, &conversation, m);
	loop_idle_init(&m->turn, on_turn, m);
	loop_defer(p->loop, &m->turn);
	return m;
}

const char *
dlv_mail1_host(const struct dlv_mail1 *m)
{
	return m->host;
}

bool
dlv_mail1_is_finishing(const struct dlv_mail1 *m)
{
	return m->cmtp != NULL && dlv_cmtp1_is_finishing(m->cmtp);
}

void
dlv_mail1_free(struct dlv_mail1 **mp)
{
	struct dlv_mail1 *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	stop(m);
	loop_idle_cancel(&m->turn);
	dlv_mail1_box_free(m);
	free(m->told);
	free(m->users);
	free(m);
}
