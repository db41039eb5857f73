/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: the end, a recipient's key, the server's,
 * what comes, the beginning.
 */
#include "delivery/dlv_mail1_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"

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
	dlv_pool_cancel_keyd(&m->call);
	if (m->link != NULL)
		dlv_link_leave(&m->link);
	m->is_sending = false;
	m->state = DLV_MAIL1_QUIET;
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

/* ---- what goes */

static void
await(struct dlv_mail1 *m, enum dlv_mail1_state state, uint64_t ms)
{
	m->state = state;
	dlv_link_set_deadline(m->link, loop_now(m->p.loop) + ms);
}

static void
ask(struct dlv_mail1 *m, struct slice user, struct slice domain, enum dlv_mail1_state state)
{
	const struct slice params[] = { user, domain };
	struct buf b;
	enum err e;

	buf_init(&b, 2 * CMTP_PARAM_MAX + 32);
	e = cmtp_put_command(&b, CMTP_KEYREQUEST, params, 2);
	if (e == ERR_OK) {
		await(m, state, DLV_CMTP_STEP_MS);
		dlv_link_write(m->link, buf_slice(&b));
	} else {
		dlv_mail1_without_key(m, m->at++, "the address is none of CMTP");
		dlv_mail1_next(m);
	}
	buf_fini(&b);
}

/* ---- a recipient's key, and the answer to his message */

static void
on_user_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail1 *m = arg;

	(void)in;
	if (dlv_mail1_pin_take(m, e, type, msg) == ERR_OK)
		ask(m, m->p.users[m->at], m->p.domain, DLV_MAIL1_KEY);
	else
		dlv_mail1_hold(m, "4.3.0", "the keys cannot be had now");
}

void
dlv_mail1_next(struct dlv_mail1 *m)
{
	if (m->at == m->p.count)
		dlv_mail1_finish(m);
	else if (!dlv_mail1_pin_ask(m, m->p.users[m->at], on_user_pin))
		dlv_mail1_hold(m, "4.3.0", "the keys cannot be had now");
}

static void
take_key(struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	const unsigned char *key = (const unsigned char *)r->signed_bytes.p;

	if (r->is_failure && dlv_mail1_pin_is_in_force(m)) {
		hold_rcpt(m, DLV_MAIL2_BROKEN, "4.7.5", "the recipient had a key, and there is none any more");
	} else if (r->is_failure) {
		dlv_mail1_without_key(m, m->at, "the recipient has no key");
	} else if (cry_ed_box_public(m->owner_box, key) != ERR_OK) {
		dlv_mail1_without_key(m, m->at, "nothing can be sealed to the recipient's key");
	} else if (dlv_mail1_pin_judge(m, m->p.users[m->at], key)) {
		dlv_mail1_box_begin(m);
		return;
	} else {
		hold_rcpt(m, DLV_MAIL2_BROKEN, "4.7.5", "the recipient's key is another than the one that was known");
	}
	m->at++;
	dlv_mail1_next(m);
}

void
dlv_mail1_sent(struct dlv_mail1 *m)
{
	await(m, DLV_MAIL1_STATUS, DLV_CMTP_ANSWER_MS);
}

/* FAILURE does not say why; and who replays one must not have the mail sent openly. */
static void
take_status(struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	struct smtp_result result;

	if (r->is_failure) {
		hold_rcpt(m, DLV_MAIL2_TOLD, "4.5.0", "it answered FAILURE to the message");
	} else {
		smtp_result_reply(&result, SMTP_STAGE_END, m->host, 250, "2.0.0", "SUCCESS");
		tell(m, m->at, DLV_MAIL2_TOLD, &result);
	}
	m->at++;
	dlv_mail1_next(m);
}

/* ---- the server's key */

static void
take_server(struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	const unsigned char *key = (const unsigned char *)r->signed_bytes.p;

	if (r->is_failure) {
		dlv_mail1_hold(m, "4.7.5", "it does not tell its key");
	} else if (!dlv_mail1_pin_judge(m, SLICE_NONE, key)) {
		hold_as(m, DLV_MAIL2_BROKEN, "4.7.5",
		    "its key is another than the one that was known");
	} else {
		memcpy(m->server, key, sizeof(m->server));
		dlv_mail1_next(m);
	}
}

/* Its own key it signs by this key. */
static bool
is_signed(const struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	const unsigned char *key = m->server;

	if (m->state == DLV_MAIL1_SERVER && r->is_failure)
		return true;	/* by whom is not known */
	if (m->state == DLV_MAIL1_SERVER)
		key = (const unsigned char *)r->signed_bytes.p;
	return cry_ed_verify((const unsigned char *)r->sig.p, r->signed_bytes, key) == ERR_OK;
}

/* ---- what comes */

static void
take_ohai(struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	if (!slice_starts(r->words, "OHAI ") ||
	    !cmtp_reply_has_version(slice_from(r->words, 5), SLICE_LIT("1")))
		dlv_mail1_hold(m, "4.4.2", "it does not speak version 1");
	else
		ask(m, SLICE_NONE, SLICE_NONE, DLV_MAIL1_SERVER);
}

static void
take_reply(struct dlv_mail1 *m, const struct cmtp_reply *r)
{
	enum dlv_mail1_state state = m->state;
	bool is_good = state == DLV_MAIL1_OHAI || is_signed(m, r);

	m->state = DLV_MAIL1_QUIET;
	dlv_link_set_deadline(m->link, 0);
	if (!is_good)
		dlv_mail1_hold(m, "4.7.5", "its reply does not verify");
	else if (state == DLV_MAIL1_OHAI)
		take_ohai(m, r);
	else if (state == DLV_MAIL1_SERVER)
		take_server(m, r);
	else if (state == DLV_MAIL1_KEY)
		take_key(m, r);
	else
		take_status(m, r);
}

static enum cmtp_reply_form
form_of(enum dlv_mail1_state state)
{
	if (state == DLV_MAIL1_OHAI)
		return CMTP_REPLY_WORDS;
	return state == DLV_MAIL1_STATUS ? CMTP_REPLY_STATUS : CMTP_REPLY_KEY;
}

static void
on_data(void *arg, struct slice bytes)
{
	struct dlv_mail1 *m = arg;
	struct cmtp_reply r;
	struct slice rest;
	enum err e;

	if (m->is_over)
		return;
	if (m->state == DLV_MAIL1_QUIET || m->in.n + bytes.n > DLV_MAIL1_IN_MAX) {
		dlv_mail1_hold(m, "4.4.2", "it speaks unasked");
		return;
	}
	buf_put_slice(&m->in, bytes);
	rest = buf_slice(&m->in);
	e = cmtp_reply_read(&r, form_of(m->state), &rest);
	if (e == ERR_SHORT)
		return;
	if (e != ERR_OK || rest.n > 0)
		dlv_mail1_hold(m, "4.4.2", "its reply cannot be read");
	else
		take_reply(m, &r);
	/* The next reply comes by another call. */
	buf_reset(&m->in);
}

static void
on_drained(void *arg)
{
	struct dlv_mail1 *m = arg;

	if (m->is_sending)
		loop_defer(m->p.loop, &m->turn);
}

static void
on_end(void *arg, const char *why)
{
	struct dlv_mail1 *m = arg;

	m->link = NULL;
	if (!m->is_over)
		dlv_mail1_hold(m, "4.4.2", why);
}

static const struct dlv_link_raw raw = { .data = on_data, .drained = on_drained,
	.end = on_end };

/* ---- the beginning */

static void
take_over(struct dlv_mail1 *m)
{
	m->owner->taken(m->arg);
	m->link = m->p.link;
	m->p.link = NULL;
	dlv_link_take_over(m->link, &raw, m);
	await(m, DLV_MAIL1_OHAI, DLV_CMTP_STEP_MS);
	dlv_link_write(m->link, slice_of("OHAI", 5));
}

static bool
is_offered(const struct dlv_link *l)
{
	return smtp_caps_has(dlv_link_caps(l), SMTP_CAP_CMTP1) && dlv_link_can_next(l);
}

/* keyd is nobody's to take away from outside: mail does not wait for it. */
static void
on_server_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail1 *m = arg;

	(void)in;
	e = dlv_mail1_pin_take(m, e, type, msg);
	if (e != ERR_OK && m->p.must)
		dlv_mail1_hold(m, "4.3.0", "the keys cannot be had now");
	else if (e != ERR_OK)
		without_keys(m, "");
	else if (is_offered(m->p.link))
		take_over(m);
	else if (dlv_mail1_pin_is_in_force(m))
		dlv_mail1_hold(m, "4.7.5", "the domain was reached by it before and cannot be now");
	else
		without_keys(m, "its host does not speak it");
}

static void
begin(struct dlv_mail1 *m)
{
	const char *tls = dlv_link_tls(m->p.link);

	if (!m->p.must && tls != NULL && strcmp(tls, "verified") == 0)
		without_keys(m, "");
	else if (!dlv_mail1_pin_ask(m, SLICE_NONE, on_server_pin))
		on_server_pin(m, ERR_GONE, 0, NULL, NULL);
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
	buf_init(&m->in, DLV_MAIL1_IN_MAX);
	buf_init(&m->pin_bytes, DLV_MAIL1_PIN_BYTES);
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
	return m->state == DLV_MAIL1_STATUS;
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
	buf_fini(&m->in);
	buf_fini(&m->pin_bytes);
	free(m->told);
	free(m->users);
	free(m);
}
