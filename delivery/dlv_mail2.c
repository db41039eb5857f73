/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: the end, a domain that is not reached by
 * CMTP 2, own key, the server's key.
 */
#include "delivery/dlv_mail2_priv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

/* ---- the end */

void
dlv_mail2_tell(struct dlv_mail2 *m, unsigned i, enum dlv_mail2_fate fate,
    const struct smtp_result *r)
{
	if (m->rcpts[i].is_told)
		return;
	m->rcpts[i].is_told = true;
	m->owner->rcpt(m->arg, i, fate, r);
}

static void
tell_all(struct dlv_mail2 *m, enum dlv_mail2_fate fate,
    const struct smtp_result *r)
{
	for (unsigned i = 0; i < m->p.count; i++)
		dlv_mail2_tell(m, i, fate, r);
}

static void
stop(struct dlv_mail2 *m)
{
	dlv_pool_cancel_keyd(&m->call);
	dlv_lookup_cancel(m->p.lookup, &m->asker);
	dlv_cmtp_free(&m->cmtp);
	dlv_postage_cancel(&m->payer);
	dlv_mail2_object_leave(m);
	secret_wipe(m->content_key, sizeof(m->content_key));
	secret_wipe(&m->half, sizeof(m->half));
	cmtp2_pact_end(&m->pact);
	m->is_sealing = false;
}

bool
dlv_mail2_was_stale(struct dlv_mail2 *m)
{
	if (!m->is_again)
		return false;
	m->owner->stale(m->arg);
	return true;
}

void
dlv_mail2_finish(struct dlv_mail2 *m)
{
	if (m->is_known)
		dlv_cmtp_keep(&m->cmtp, m->p.domain, m->server_sign, &m->pact);
	stop(m);
	m->is_over = true;
	loop_defer(m->p.loop, &m->turn);
}

/* All that were not told of: deferred. */
static void
hold_as(struct dlv_mail2 *m, enum dlv_mail2_fate fate, const char *dsn, const char *why)
{
	struct smtp_result r;

	for (unsigned i = 0; i < m->p.count; i++)
		m->is_known &= m->rcpts[i].is_told;
	smtp_result_own(&r, SMTP_STAGE_MAIL, dsn, "CMTP with %.150s: %.80s",
	    m->host[0] != '\0' ? m->host : "the domain", why);
	tell_all(m, fate, &r);
	dlv_mail2_finish(m);
}

void
dlv_mail2_hold(struct dlv_mail2 *m, const char *dsn, const char *why)
{
	hold_as(m, DLV_MAIL2_TOLD, dsn, why);
}

void
dlv_mail2_hold_broken(struct dlv_mail2 *m, const char *why)
{
	hold_as(m, DLV_MAIL2_BROKEN, "4.7.5", why);
}

void
dlv_mail2_without_key(struct dlv_mail2 *m, unsigned i, const char *why)
{
	struct smtp_result r;

	if (!m->p.must) {
		dlv_mail2_tell(m, i, DLV_MAIL2_PLAIN, NULL);
		return;
	}
	smtp_result_own(&r, SMTP_STAGE_RCPT, "5.7.4",
	    "mail to this domain goes by CMTP 2 only, and %.150s", why);
	dlv_mail2_tell(m, i, DLV_MAIL2_TOLD, &r);
}

void
dlv_mail2_without_keys(struct dlv_mail2 *m, const char *why)
{
	for (unsigned i = 0; i < m->p.count; i++)
		dlv_mail2_without_key(m, i, why);
	dlv_mail2_finish(m);
}

/* ---- keyd */

void
dlv_mail2_call_keyd(struct dlv_mail2 *m, enum ipc_type type, const void *msg, ipc_reply_fn *fn)
{
	if (dlv_pool_call_keyd(m->p.pool, type, msg, &m->call, fn, m) != ERR_OK)
		dlv_mail2_hold(m, "4.3.0", "the keys cannot be had now");
}

/* ---- not by CMTP 2: but was it before? */

/* keyd is nobody's to take away from outside: mail does not wait for it. */
static void
on_pin_before(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;

	(void)in;
	m->call.id = 0;
	buf_reset(&m->pin);
	if (e == ERR_OK && type == IPC_MSG_pin)
		buf_put_slice(&m->pin, ((const struct ipc_pin *)msg)->pin);
	else if (m->p.must) {
		dlv_mail2_hold(m, "4.3.0", "the keys cannot be had now");
		return;
	}
	if (dlv_mail2_pin_is_in_force(m))
		dlv_mail2_hold(m, "4.7.5", "the domain was reached by CMTP 2 before and cannot be now");
	else
		dlv_mail2_without_keys(m, "its host does not speak it");
}

static void
leave(struct dlv_mail2 *m)
{
	enum err e = dlv_pin_get(m->p.pool, m->p.domain, SLICE_NONE, &m->call, on_pin_before, m);

	if (e != ERR_OK)
		on_pin_before(m, e, 0, NULL, NULL);
}

/* ---- own key: the serial that the mail names */

struct dlv_known_now
dlv_mail2_now(const struct dlv_mail2 *m)
{
	return (struct dlv_known_now){ .ms = loop_now(m->p.loop),
		.real_s = loop_real_ms(m->p.loop) / 1000 };
}

struct slice
dlv_mail2_own_domain(const struct dlv_mail2 *m)
{
	return slice_from(m->p.sender, slice_rfind(m->p.sender, '@') + 1);
}

static void
on_own(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_mail2 *m = arg;
	const struct ipc_cmtp2_keys_reply *r = msg;
	const struct dlv_known_now now = dlv_mail2_now(m);
	struct cmtp_key k = { .serial = 0 };
	struct slice rest;

	(void)in;
	m->call.id = 0;
	if (e != ERR_OK || type != IPC_MSG_cmtp2_keys_reply) {
		dlv_mail2_hold(m, "4.3.0", "the keys cannot be had now");
		return;
	}
	for (rest = r->records; rest.n > 0 && cmtp_key_read(&k, &rest) == ERR_OK;) {
		m->own.serial = k.serial;
		memcpy(m->own.sign, k.sign, sizeof(m->own.sign));
	}
	if (r->status != CMTP2_FOUND || m->own.serial == 0) {
		dlv_mail2_without_keys(m, "the sender's domain is none of this host");
		return;
	}
	dlv_known_put_own(m->p.known, dlv_mail2_own_domain(m), &m->own, &now);
	dlv_mail2_keys_next(m);
}

static void
ask_own(struct dlv_mail2 *m)
{
	char name[CMTP_PARAM_MAX + 2] = "@";
	struct slice domain = dlv_mail2_own_domain(m);
	const struct dlv_known_now now = dlv_mail2_now(m);
	const struct dlv_known_own *own;
	const struct ipc_cmtp2_keys q = { .user = slice_of(name, domain.n + 1),
		.known = UINT64_MAX };

	if (domain.n > CMTP_PARAM_MAX) {
		dlv_mail2_without_keys(m, "the sender's address is none of CMTP");
		return;
	}
	if ((own = dlv_known_own(m->p.known, domain, &now)) != NULL) {
		m->own = *own;
		dlv_mail2_keys_next(m);
		return;
	}
	if (domain.n > 0)
		memcpy(name + 1, domain.p, domain.n);
	dlv_mail2_call_keyd(m, IPC_MSG_cmtp2_keys, &q, on_own);
}

/* ---- the server's key */

static void
on_server_keys(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	struct cmtp_pin fresh;
	enum err e = r->status == CMTP2_FOUND ?
	    dlv_mail2_pin_judge(m, q, r->records, NULL, &fresh, &verdict) : ERR_NOTFOUND;

	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !m->asked_all) {
		m->asked_all = true;
		if (dlv_cmtp_ask(m->cmtp, SLICE_NONE, m->p.domain, 0) == ERR_OK)
			return;
		e = ERR_SYNTAX;
	}
	if (e == ERR_OK && cmtp_pin_is_break(verdict)) {
		dlv_mail2_hold_broken(m, "its key does not go on from the one that was known");
		return;
	}
	if (e != ERR_OK || !cmtp_pin_is_good(verdict) ||
	    cmtp2_keys_verify(r, q, fresh.newest.sign) != ERR_OK) {
		dlv_mail2_hold(m, "4.7.5", "its key does not go on from the one that was known");
		return;
	}
	memcpy(m->server_sign, fresh.newest.sign, sizeof(m->server_sign));
	m->is_known = true;
	ask_own(m);
}

static void
on_keys(void *arg, const struct cmtp2_keys_request *q, const struct cmtp2_keys_reply *r)
{
	struct dlv_mail2 *m = arg;

	if (q->user.n == 0)
		on_server_keys(m, q, r);
	else
		dlv_mail2_keys_take(m, q, r);
}

static void
on_ready(void *arg)
{
	struct dlv_mail2 *m = arg;
	struct cmtp_pin p;

	if (dlv_cmtp_ask(m->cmtp, SLICE_NONE, m->p.domain,
	    dlv_mail2_pin_known(m, &p) ? p.newest.serial : 0) != ERR_OK)
		dlv_mail2_without_keys(m, "the domain is none of CMTP");
}

static void
on_failed(void *arg, const char *why)
{
	if (!dlv_mail2_was_stale(arg))
		dlv_mail2_hold(arg, "4.4.2", why);
}

static const struct dlv_cmtp_owner cmtp_owner = { .ready = on_ready, .keys = on_keys,
	.answer = dlv_mail2_answer_take, .drained = dlv_mail2_object_on_drained,
	.failed = on_failed };

static void
take_link(struct dlv_mail2 *m)
{
	m->owner->taken(m->arg);
	m->cmtp = dlv_cmtp_new(m->p.loop, m->p.link, &cmtp_owner, m);
	m->p.link = NULL;
}

static void
found(struct dlv_mail2 *m, enum err e, const char *reason)
{
	if (e == ERR_CORRUPT)
		dlv_mail2_hold_broken(m, reason);
	else
		leave(m);
}

static void
on_found(void *arg, enum err e, const char *reason, struct slice pin)
{
	struct dlv_mail2 *m = arg;

	m->asker = NULL;
	if (e != ERR_OK) {
		found(m, e, reason);
		return;
	}
	buf_reset(&m->pin);
	buf_put_slice(&m->pin, pin);
	take_link(m);
}

static void
begin(struct dlv_mail2 *m)
{
	const struct dlv_link_kept *kept = dlv_link_kept(m->p.link);
	const char *reason;
	enum err e;

	if (kept != NULL) {
		memcpy(m->server_sign, kept->sign, sizeof(m->server_sign));
		m->pact = kept->pact;
		m->is_known = m->is_again = true;
		take_link(m);
		ask_own(m);
		return;
	}
	if (!dlv_cmtp_is_offered(m->p.link)) {
		leave(m);
		return;
	}
	if (dlv_lookup_peek(m->p.lookup, m->p.domain, &e, &reason)) {
		found(m, e, reason);
		return;
	}
	m->asker = dlv_lookup_ask(m->p.lookup, m->p.domain, 0, on_found, m);
	if (m->asker == NULL)
		dlv_mail2_hold(m, "4.3.2", "too many keys are looked for");
}

/* ---- life */

static void
on_turn(void *arg)
{
	struct dlv_mail2 *m = arg;

	if (m->is_over)
		m->owner->done(m->arg);
	else if (m->is_sealing)
		dlv_mail2_object_go_on(m);
	else
		begin(m);
}

struct dlv_mail2 *
dlv_mail2_new(const struct dlv_mail2_params *p, const struct dlv_mail2_owner *owner, void *arg)
{
	struct dlv_mail2 *m = must_alloc(1, sizeof(*m));

	must(p->count > 0 && p->count <= CMTP2_DESTINATIONS_MAX);
	m->p = *p;
	m->users = must_alloc(p->count, sizeof(*m->users));
	memcpy(m->users, p->users, p->count * sizeof(*m->users));
	m->p.users = m->users;
	m->owner = owner;
	m->arg = arg;
	m->rcpts = must_alloc(p->count, sizeof(*m->rcpts));
	(void)slice_to_cstr(slice_str(dlv_link_host(p->link)), m->host, sizeof(m->host));
	seal_make_key(m->content_key);
	buf_init(&m->pin, CMTP_PIN_BYTES_MAX);
	buf_init(&m->envelope, CMTP2_ENVELOPE_MAX);
	buf_init(&m->entries, CMTP2_DESTINATIONS_MAX * DLV_MAIL2_ENTRY_BYTES);
	buf_init(&m->held, 2 * DLV_MAIL2_HELD_MAX);
	buf_init(&m->out, 4 * (SEAL_FRAME_BYTES + SEAL_ENTRIES_BYTES_MAX));
	loop_idle_init(&m->turn, on_turn, m);
	loop_defer(p->loop, &m->turn);
	return m;
}

const char *
dlv_mail2_host(const struct dlv_mail2 *m)
{
	return m->host;
}

bool
dlv_mail2_is_finishing(const struct dlv_mail2 *m)
{
	return m->is_sent && !m->is_over;
}

void
dlv_mail2_free(struct dlv_mail2 **mp)
{
	struct dlv_mail2 *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	stop(m);
	loop_idle_cancel(&m->turn);
	seal_writer_free(&m->writer);
	cry_hasher_free(&m->hasher);
	buf_fini(&m->pin);
	buf_fini(&m->envelope);
	buf_fini(&m->out);
	buf_fini(&m->entries);
	buf_fini(&m->held);
	free(m->piece);
	free(m->rcpts);
	free(m->users);
	free(m);
}
