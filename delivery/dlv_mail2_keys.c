/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mail2_priv.h"

#include <string.h>

static void
ask_host(struct dlv_mail2 *m, struct slice user, uint64_t known)
{
	if (dlv_cmtp_ask(m->cmtp, user, m->p.domain, known) == ERR_OK)
		return;
	dlv_mail2_without_key(m, m->at++, "the address is none of CMTP");
	dlv_mail2_keys_next(m);
}

static void
on_user_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	struct cmtp_pin p;

	(void)in;
	if (dlv_mail2_pin_take(m, e, type, msg) == ERR_OK)
		ask_host(m, m->p.users[m->at], dlv_mail2_pin_known(m, &p) ? p.newest.serial : 0);
}

static void
put_off_rcpt(struct dlv_mail2 *m)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_RCPT, "4.3.0",
	    "the key of the recipient is not to be had from %.150s now", m->host);
	dlv_mail2_tell(m, m->at, DLV_MAIL2_TOLD, &r);
}

/* The chain broke, or the host has no key where one was. */
static void
hold_rcpt(struct dlv_mail2 *m, enum dlv_mail2_fate fate, const char *why)
{
	struct smtp_result r;

	smtp_result_own(&r, SMTP_STAGE_RCPT, "4.7.5",
	    "the key of the recipient does not go on from the one that was known (%.80s)", why);
	dlv_mail2_tell(m, m->at, fate, &r);
}

static struct dlv_known_whose
whose(const struct dlv_mail2 *m)
{
	return (struct dlv_known_whose){ .user = m->p.users[m->at], .domain = m->p.domain,
		.server_sign = m->server_sign };
}

static bool
take_known(struct dlv_mail2 *m)
{
	const struct dlv_known_whose w = whose(m);
	const struct dlv_known_now now = dlv_mail2_now(m);
	const struct dlv_known_key *k = dlv_known_find(m->p.known, &w, &now);
	struct dlv_mail2_rcpt *r = &m->rcpts[m->at];

	if (k == NULL)
		return false;
	memcpy(r->seal, k->seal, sizeof(r->seal));
	r->generation = k->generation;
	seal_entry_carry(r->wrapped, &k->seed, m->content_key);
	r->has_key = true;
	m->keys++;
	return true;
}

/* The key is good, and was found so just now. */
static bool
take_key(struct dlv_mail2 *m, const struct cmtp_key *k)
{
	const struct dlv_known_whose w = whose(m);
	const struct dlv_known_now now = dlv_mail2_now(m);

	return dlv_known_put(m->p.known, &w, k, &now) == ERR_OK && take_known(m);
}

static void
take_user_keys(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	struct cmtp_pin fresh;
	enum err e = dlv_mail2_pin_judge(m, q, r->records, m->server_sign, &fresh, &verdict);

	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !m->asked_all) {
		m->asked_all = true;
		ask_host(m, m->p.users[m->at], 0);
		return;
	}
	if (e != ERR_OK)
		hold_rcpt(m, DLV_MAIL2_TOLD, "it does not verify");
	else if (cmtp_pin_is_break(verdict))
		hold_rcpt(m, DLV_MAIL2_BROKEN, cmtp_chain_name(verdict));
	else if (!cmtp_pin_is_good(verdict))
		dlv_mail2_without_key(m, m->at, "the recipient's key has ended");
	else if (!take_key(m, &fresh.newest))
		dlv_mail2_without_key(m, m->at, "nothing can be sealed to the recipient's key");
	m->at++;
	dlv_mail2_keys_next(m);
}

void
dlv_mail2_keys_take(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	if (cmtp2_keys_verify(r, q, m->server_sign) != ERR_OK) {
		if (dlv_mail2_was_stale(m))
			return;
		dlv_mail2_hold(m, "4.7.5", "its reply about a key does not verify");
		return;
	}
	m->is_again = false;
	if (r->status == CMTP2_FOUND) {
		take_user_keys(m, q, r);
		return;
	}
	if (r->status == CMTP2_LATER)
		put_off_rcpt(m);
	else if (dlv_mail2_pin_is_in_force(m))
		hold_rcpt(m, DLV_MAIL2_BROKEN, "there is none any more");
	else
		dlv_mail2_without_key(m, m->at, "the recipient has no key");
	m->at++;
	dlv_mail2_keys_next(m);
}

/* Nobody needs to be asked for the key of m->at. */
static bool
needs_nobody(struct dlv_mail2 *m)
{
	return m->rcpts[m->at].is_told || (!m->is_anew && take_known(m));
}

void
dlv_mail2_keys_anew(struct dlv_mail2 *m)
{
	m->is_anew = true;
	m->keys = 0;
	for (m->at = 0; m->at < m->p.count; m->at++) {
		const struct dlv_known_whose w = whose(m);

		if (!m->rcpts[m->at].has_key)
			continue;
		m->rcpts[m->at].has_key = false;
		dlv_known_drop(m->p.known, &w);
	}
	m->at = 0;
	dlv_mail2_keys_next(m);
}

void
dlv_mail2_keys_next(struct dlv_mail2 *m)
{
	m->asked_all = false;
	while (m->at < m->p.count && needs_nobody(m))
		m->at++;
	if (m->at < m->p.count)
		dlv_mail2_pin_ask(m, m->p.users[m->at], on_user_pin);
	else if (m->keys > 0)
		dlv_mail2_object_begin(m);
	else
		dlv_mail2_finish(m);
}
