/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_search.h"

#include <string.h>

#include "lib/base/must.h"

/* ---- a _cmtp record, when the zone is signed */

static void
on_txt(void *arg, const struct dns_answer *a)
{
	struct dlv_search *s = arg;
	bool is_named = false, is_ours = false;

	for (size_t i = 0; a->status == DNS_OK && a->is_secure && i < a->count; i++) {
		enum err e = cmtp_pin_fits_txt(buf_slice(&s->records), a->records[i].data);

		is_named |= e != ERR_NOTFOUND;
		is_ours |= e == ERR_OK;
	}
	if (a->status == DNS_SERVFAIL)
		dlv_search_finish(s, ERR_AGAIN, "its _cmtp record cannot be asked for", SLICE_NONE);
	else if (is_named && !is_ours)
		dlv_search_finish(s, ERR_CORRUPT, "its _cmtp record names another key", SLICE_NONE);
	else
		dlv_search_keep(s);
}

static void
ask_txt(struct dlv_search *s)
{
	struct buf name;
	enum err e;

	buf_init(&name, CONF_HOP_NAME_MAX + 8);
	buf_put_str(&name, "_cmtp.");
	buf_put_slice(&name, dlv_search_domain(s));
	e = dns_ask(s->lookup->env->dns, buf_slice(&name), DNS_TXT, dlv_search_now_ms(s) + DLV_LOOKUP_MS,
	    on_txt, s, &s->ticket);
	buf_fini(&name);
	if (e == ERR_SYNTAX)	/* with its label the name is too long to be one */
		dlv_search_keep(s);
	else if (e != ERR_OK)
		dlv_search_finish(s, ERR_AGAIN, "its _cmtp record cannot be asked for", SLICE_NONE);
}

/* ---- records */

/* By the newest of the records themselves. */
static enum err
verify_reply(const struct cmtp2_keys_request *q, const struct cmtp2_keys_reply *r)
{
	struct slice rest = r->records;
	struct cmtp_key k;

	if (r->count == 0)
		return ERR_NOTFOUND;
	while (rest.n > 0)
		if (cmtp_key_read(&k, &rest) != ERR_OK)
			return ERR_CORRUPT;
	return cmtp2_keys_verify(r, q, k.sign);
}

static enum err
judge(struct dlv_search *s, struct slice records, enum cmtp_chain *verdict)
{
	const struct cmtp_pin_asked a = { .domain = dlv_search_domain(s),
		.now_s = loop_real_ms(s->lookup->env->loop) / 1000 };
	struct cmtp_pin known, fresh;
	bool has = s->pin.n > 0 && cmtp_pin_get(&known, buf_slice(&s->pin)) == ERR_OK;
	enum err e = cmtp_pin_take(&fresh, has ? &known : NULL, &a, records, verdict);

	if (e != ERR_OK)
		return e;
	buf_reset(&s->fresh);
	cmtp_pin_put(&s->fresh, &fresh);
	buf_reset(&s->records);
	buf_put_slice(&s->records, records);
	return ERR_OK;
}

static void
ask_all(struct dlv_search *s)
{
	s->asked_all = true;
	if (dlv_cmtp_ask(s->cmtp, SLICE_NONE, dlv_search_domain(s), 0) != ERR_OK)
		dlv_search_finish(s, ERR_NOTFOUND, "it is no domain of CMTP", SLICE_NONE);
}

static void
on_keys(void *arg, const struct cmtp2_keys_request *q, const struct cmtp2_keys_reply *r)
{
	struct dlv_search *s = arg;
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	enum err e = ERR_NOTFOUND;

	if (s->kind == DLV_SEARCH_PASS) {
		dlv_search_pass_take(s, q, r);
		return;
	}
	if (r->status == CMTP2_FOUND && (e = verify_reply(q, r)) == ERR_OK)
		e = judge(s, r->records, &verdict);
	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !s->asked_all) {
		ask_all(s);
		return;
	}
	if (r->status == CMTP2_LATER)
		dlv_search_finish(s, ERR_AGAIN, "its host has no answer now", SLICE_NONE);
	else if (e == ERR_NOTFOUND)
		dlv_search_finish(s, e, "its host has no key for it", SLICE_NONE);
	else if (e != ERR_OK)
		dlv_search_finish(s, ERR_CORRUPT, "its host's answer does not verify", SLICE_NONE);
	else if (!cmtp_pin_is_good(verdict))
		dlv_search_keep(s);
	else
		ask_txt(s);
}

/* ---- hosts */

static void
on_ready(void *arg)
{
	struct dlv_search *s = arg;
	struct cmtp_pin known;
	uint64_t serial = 0;

	if (s->kind == DLV_SEARCH_PASS) {
		dlv_search_pass_ask(s);
		return;
	}
	if (s->pin.n > 0 && cmtp_pin_get(&known, buf_slice(&s->pin)) == ERR_OK)
		serial = known.newest.serial;
	if (dlv_cmtp_ask(s->cmtp, SLICE_NONE, dlv_search_domain(s), serial) != ERR_OK)
		dlv_search_finish(s, ERR_NOTFOUND, "it is no domain of CMTP", SLICE_NONE);
}

static void
on_failed(void *arg, const char *why)
{
	struct dlv_search *s = arg;

	dlv_cmtp_free(&s->cmtp);
	dlv_search_next_host(s, why);
}

static const struct dlv_cmtp_owner owner = { .ready = on_ready, .keys = on_keys,
	.failed = on_failed };

static void
on_up(void *arg)
{
	struct dlv_search *s = arg;
	struct dlv_link *link = s->link_up;

	s->link_up = NULL;
	if (s->kind == DLV_SEARCH_PASS1 && dlv_cmtp1_is_offered(link)) {
		s->link_up = link;
		dlv_search_pass1_up(s);
	} else if (s->kind != DLV_SEARCH_PASS1 && dlv_cmtp_is_offered(link)) {
		s->cmtp = dlv_cmtp_new(s->lookup->env->loop, link, &owner, s);
	} else {
		dlv_pool_give_back(s->lookup->env->pool, link);
		dlv_search_next_host(s, "");
	}
}

/* The link is nobody's to drop now. */
static void
on_down(void *arg, enum dlv_down how, const struct smtp_result *why)
{
	struct dlv_search *s = arg;

	(void)how;
	s->link_up = NULL;
	dlv_cmtp1_free(&s->cmtp1);
	dlv_search_next_host(s, why->text);
}

static const struct dlv_link_user user = { .up = on_up, .down = on_down };

static void
on_room(void *arg)
{
	struct dlv_search *s = arg;
	struct dlv_link_params p = { .route = s->lookup->route, .host = s->host,
		.addrs = s->target.addrs, .tls = s->target.tls };

	if (dlv_pool_has_room(s->lookup->env->pool))
		s->link_up = dlv_pool_open(s->lookup->env->pool, &p, &user, s);
	else
		dlv_pool_wait(s->lookup->env->pool, &s->place);
}

/* Version 2 is spoken inside TLS only. */
static bool
is_usable(const struct dlv_search *s, const struct dlv_target *t)
{
	return s->kind == DLV_SEARCH_PASS1 || t->tls->level != DLV_TLS_NONE;
}

static const char *
nobody_speaks(const struct dlv_search *s)
{
	return s->kind == DLV_SEARCH_PASS1 ? "no host of the domain speaks CMTP 1" :
	    "no host of the domain speaks CMTP 2";
}

static void
on_found(void *arg, enum dlv_find_event event, struct dlv_target *t,
    const struct dlv_verdict *v)
{
	struct dlv_search *s = arg;

	if (event == DLV_FIND_HOST && is_usable(s, t)) {
		(void)slice_to_cstr(slice_str(t->host), s->host, sizeof(s->host));
		dlv_tls_unref(&s->target.tls);
		s->target = *t;
		s->target.tls = dlv_tls_ref(t->tls);
		on_room(s);
	} else if (event != DLV_FIND_END) {
		dlv_search_next_host(s, "");
	} else if (v != NULL && err_class(v->error) == ERR_CLASS_TEMP) {
		dlv_search_finish(s, ERR_AGAIN, v->text, SLICE_NONE);
	} else if (s->reason[0] != '\0') {
		char why[DLV_SEARCH_REASON_MAX + 1];

		memcpy(why, s->reason, sizeof(why));
		dlv_search_finish(s, ERR_AGAIN, why, SLICE_NONE);
	} else {
		dlv_search_finish(s, ERR_NOTFOUND, nobody_speaks(s), SLICE_NONE);
	}
}

void
dlv_search_next_host(struct dlv_search *s, const char *why)
{
	if (why[0] != '\0')
		(void)slice_to_cstr(slice_head(slice_str(why), DLV_SEARCH_REASON_MAX), s->reason,
		    sizeof(s->reason));
	dlv_find_next(s->find);
}

void
dlv_search_hosts(struct dlv_search *s)
{
	const struct dlv_smtp_env *env = s->lookup->env;
	struct dlv_find_params p = { .loop = env->loop, .dns = env->dns, .sts = env->sts,
		.self = env->self, .route = s->lookup->route, .preference = env->preference,
		.seed = dlv_search_now_ms(s), .deadline_ms = dlv_search_now_ms(s) + DLV_LOOKUP_MS };

	if (conf_hop_parse(dlv_search_domain(s), env->port, &p.hop) != ERR_OK || !p.hop.has_mx) {
		dlv_search_finish(s, ERR_NOTFOUND, "it is no domain", SLICE_NONE);
		return;
	}
	s->place.fn = on_room;
	s->place.arg = s;
	s->find = dlv_find_new(&p, on_found, s);
	dlv_search_next_host(s, "");
}
