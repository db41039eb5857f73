/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mail2_priv.h"

#include "lib/base/log.h"
#include "lib/daemon/daemon.h"

static struct slice
dsn_of(struct slice text)
{
	struct slice word;
	unsigned dots = 0;

	(void)slice_cut(text, ' ', &word);
	for (size_t i = 0; i < word.n; i++) {
		dots += word.p[i] == '.';
		if (word.p[i] != '.' && (word.p[i] < '0' || word.p[i] > '9'))
			return SLICE_NONE;
	}
	return dots == 2 && word.n <= SMTP_RESULT_DSN_MAX ? word : SLICE_NONE;
}

static void
take_status(struct dlv_mail2 *m, unsigned i, unsigned class, struct slice text)
{
	char words[CMTP2_TEXT_MAX + 1], code[SMTP_RESULT_DSN_MAX + 1] = "";
	struct slice dsn = dsn_of(text);
	struct smtp_result r;

	/* The code is of the class, or it is none. */
	if (dsn.n > 0 && dsn.p[0] == (char)('0' + class))
		(void)slice_to_cstr(dsn, code, sizeof(code));
	(void)slice_to_cstr(slice_head(text, CMTP2_TEXT_MAX), words, sizeof(words));
	smtp_result_reply(&r, SMTP_STAGE_END, m->host, class * 100 + 50, code, words);
	dlv_mail2_tell(m, i, DLV_MAIL2_TOLD, &r);
}

static void
take_statuses(struct dlv_mail2 *m, const struct cmtp2_answer *a)
{
	struct slice rest = a->content, text;
	unsigned class;
	bool is_one = a->what == CMTP2_REFUSED;

	if (is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
		return;
	for (unsigned i = 0; i < m->p.count; i++) {
		if (!m->rcpts[i].has_key)
			continue;
		if (!is_one && cmtp2_answer_get_status(&rest, &class, &text) != ERR_OK)
			return;
		take_status(m, i, class, text);
	}
}

/* ---- postage */

static void
log_paid(const struct dlv_mail2 *m, const char *result)
{
	log_event(LOG_key, log_str("action", "cmtp-postage"), log_text("key", m->p.domain),
	    log_str("peer", m->host), log_str("result", result));
}

static void
on_paid(void *arg, enum err e, uint64_t counter)
{
	unsigned char postage[CMTP2_POSTAGE_BYTES];
	struct dlv_mail2 *m = arg;

	m->payer = NULL;
	log_paid(m, err_text(e));
	if (e == ERR_TIMEOUT) {
		dlv_mail2_hold(m, "4.7.1", "the postage it asks for could not be made in time");
	} else if (e != ERR_OK) {
		dlv_mail2_hold(m, "4.3.0", "there is no memory for the postage it asks for");
	} else {
		cmtp2_postage_solution(postage, &m->price, counter);
		dlv_mail2_object_repeat(m, postage);
	}
}

static void
pay(struct dlv_mail2 *m, struct slice content)
{
	enum err e = cmtp2_postage_read(&m->price, content);

	if (e == ERR_OK)
		e = dlv_postage_judge(&m->price, loop_real_ms(m->p.loop) / 1000);
	m->is_sent = false;
	if (m->has_paid) {
		dlv_mail2_hold(m, "4.7.1", "it asks for postage once more");
	} else if (e == ERR_LIMIT) {
		dlv_mail2_hold(m, "4.7.1", "it asks for more postage than is paid here");
	} else if (e != ERR_OK) {
		dlv_mail2_hold(m, "4.7.1", "what it asks for as postage cannot be paid");
	} else {
		m->has_paid = true;
		m->payer = dlv_postage_pay(m->p.postage, &m->price, m->digest, on_paid, m);
		if (m->payer == NULL)
			dlv_mail2_hold(m, "4.3.2", "too many others pay postage now");
	}
}

/*
 * It looked at the keys before it took anything: the keys of now are asked for,
 * on this connection, and the mail is sent once more.
 */
static void
take_stale(struct dlv_mail2 *m)
{
	if (m->is_anew) {
		dlv_mail2_hold(m, "4.7.5", "the keys that it gives are not those that it wants");
		return;
	}
	log_event(LOG_key, log_str("action", "cmtp-stale"), log_text("key", m->p.domain),
	    log_str("peer", m->host), log_str("result", err_text(ERR_OK)));
	dlv_mail2_object_anew(m);
	dlv_mail2_keys_anew(m);
}

/* Nobody signs for a domain that is his own: that host takes it by SMTP. */
static void
take_by_smtp(struct dlv_mail2 *m)
{
	log_event(LOG_key, log_str("action", "cmtp-by-smtp"), log_text("key", m->p.domain),
	    log_str("peer", m->host), log_str("result", err_text(ERR_OK)));
	dlv_mail2_without_keys(m, "its host has the sender's domain too");
}

/* A signed answer begins a pact, or ends the one that stood. */
static void
take_pact(struct dlv_mail2 *m, const struct cmtp2_answer *a)
{
	if (a->proof.kind == CMTP2_MAC)
		return;
	cmtp2_pact_end(&m->pact);
	if (m->proof.kind == CMTP2_SIGNED && cmtp2_proof_has_share(&a->proof) &&
	    cmtp2_pact_make(&m->pact, &m->half, m->digest, &m->proof, &a->proof) == ERR_OK)
		memcpy(m->pact.client_sign, m->own.sign, sizeof(m->pact.client_sign));
}

void
dlv_mail2_answer_take(void *arg, const struct cmtp2_answer *a)
{
	struct dlv_mail2 *m = arg;
	const struct cmtp2_asked asked = { m->digest, &m->proof, &m->pact };

	daemon_crash_at("relay.mail2-answered");
	if (cmtp2_answer_verify(a, &asked, m->server_sign) != ERR_OK) {
		dlv_mail2_hold(m, "4.7.5", "its answer to the mail does not verify");
		return;
	}
	take_pact(m, a);
	/* A kept connection that is of no use for new keys is left, as one that ended. */
	if (a->what == CMTP2_STALE) {
		take_stale(m);
		return;
	}
	m->is_again = false;
	if (a->what == CMTP2_POSTAGE) {
		pay(m, a->content);
	} else if (a->what == CMTP2_BY_SMTP) {
		take_by_smtp(m);
	} else {
		take_statuses(m, a);
		dlv_mail2_hold(m, "4.5.0", "its answer to the mail cannot be read");
	}
}
