/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_search.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_pin.h"
#include "lib/base/err_passes.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

uint64_t
dlv_search_now_ms(const struct dlv_search *s)
{
	return loop_now(s->lookup->env->loop);
}

struct slice
dlv_search_domain(const struct dlv_search *s)
{
	return slice_of(s->domain, s->domain_n);
}

/* ---- the answer */

/* Nothing is under way any more. */
static void
settle_down(struct dlv_search *s)
{
	dlv_pool_cancel_keyd(&s->call);
	loop_idle_cancel(&s->turn);
	dlv_cmtp_free(&s->cmtp);
	dlv_cmtp1_free(&s->cmtp1);
	dlv_link_drop(&s->link_up);
	dlv_find_free(&s->find);
	dlv_pool_leave(&s->place);
	dlv_lookup_cancel(s->lookup, &s->server);
	dns_cancel(&s->ticket);
	dlv_tls_unref(&s->target.tls);
	timer_stop(&s->deadline);
}

void
dlv_search_drop(struct dlv_search *s)
{
	struct list *n;

	if (!s->is_over) {
		settle_down(s);
		s->lookup->open_count--;
	}
	while ((n = list_first(&s->askers)) != NULL) {
		list_remove(n);
		s->lookup->asker_count--;
		free(obj_of(n, struct dlv_lookup_asker, link));
	}
	map_remove(&s->lookup->by_domain, &s->node);
	list_remove(&s->link);
	buf_fini(&s->pin);
	buf_fini(&s->records);
	buf_fini(&s->fresh);
	free(s);
}

void
dlv_search_reply(struct ipc_peer *p, uint64_t id, enum err e, const char *reason, struct slice pin)
{
	const struct ipc_cmtp_found m = { .error = e, .pin = pin, .reason = slice_str(reason) };

	ipc_reply(p, id, IPC_MSG_cmtp_found, &m);
}

static void
tell(const struct dlv_search *s, const struct dlv_lookup_asker *a, const char *reason,
    struct slice pin)
{
	if (a->peer == NULL)
		a->fn(a->arg, s->error, reason, pin);
	else if (s->kind == DLV_SEARCH_SERVER)
		dlv_search_reply(a->peer, a->id, s->error, reason, pin);
	else if (s->kind == DLV_SEARCH_PASS1)
		dlv_search_pass1_reply(s, a->peer, a->id);
	else if (s->error == ERR_OK)
		dlv_search_pass_reply(s, a->peer, a->id, a->serial);
	else
		dlv_search_pass_refuse(a->peer, a->id, s->error);
}

static const char *
action_of(enum dlv_search_kind kind)
{
	if (kind == DLV_SEARCH_SERVER)
		return "cmtp-find";
	return kind == DLV_SEARCH_PASS ? "cmtp-ask" : "cmtp1-ask";
}

void
dlv_search_finish(struct dlv_search *s, enum err e, const char *reason, struct slice pin)
{
	struct list *n;

	settle_down(s);
	s->is_over = true;
	s->lookup->open_count--;
	s->error = e;
	(void)slice_to_cstr(slice_head(slice_str(reason), DLV_SEARCH_REASON_MAX), s->reason,
	    sizeof(s->reason));
	log_event(LOG_key, log_str("action", action_of(s->kind)),
	    log_text("key", dlv_search_domain(s)), log_str("peer", s->host),
	    log_str("result", e == ERR_OK ? err_text(e) : reason));
	while ((n = list_first(&s->askers)) != NULL) {
		struct dlv_lookup_asker *a = obj_of(n, struct dlv_lookup_asker, link);

		list_remove(n);
		s->lookup->asker_count--;
		tell(s, a, reason, pin);
		free(a);
	}
	if (e == ERR_OK && s->kind == DLV_SEARCH_SERVER)
		dlv_search_drop(s);
	else	/* a break (ERR_CORRUPT) stays until somebody does something about it */
		s->until_ms = dlv_search_now_ms(s) + (err_passes(e) ?
		    DLV_LOOKUP_SOON_MS : DLV_LOOKUP_AGAIN_MS);
}

static void
on_deadline(void *arg)
{
	dlv_search_finish(arg, ERR_TIMEOUT, "no host of the domain answered in time", SLICE_NONE);
}

/* ---- keyd keeps pins */

static void
on_kept(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct dlv_search *s = arg;
	struct cmtp_pin p;

	(void)in;
	s->call.id = 0;
	if (e == ERR_OK && type != IPC_MSG_pin_kept)
		e = type == IPC_MSG_key_fail ? ((const struct ipc_key_fail *)m)->error : ERR_VIOLATION;
	if (e != ERR_OK)
		dlv_search_finish(s, ERR_AGAIN, "its key cannot be kept now", SLICE_NONE);
	else if (cmtp_pin_get(&p, buf_slice(&s->fresh)) == ERR_OK && !p.is_broken &&
	    (p.newest.kind == CMTP_KEY_END ||
	    p.newest.expires_s <= loop_real_ms(s->lookup->env->loop) / 1000))
		dlv_search_finish(s, ERR_NOTFOUND, "its key has ended", SLICE_NONE);
	else if (cmtp_pin_get(&p, buf_slice(&s->fresh)) != ERR_OK || p.is_broken)
		dlv_search_finish(s, ERR_CORRUPT, "its keys do not go on from those that were known",
		    SLICE_NONE);
	else
		dlv_search_finish(s, ERR_OK, "", buf_slice(&s->fresh));
}

void
dlv_search_keep(struct dlv_search *s)
{
	struct dlv_pin pin = { .domain = dlv_search_domain(s), .before = buf_slice(&s->pin),
		.bytes = buf_slice(&s->fresh) };
	struct cmtp_pin p;

	if (cmtp_pin_get(&p, pin.bytes) == ERR_OK)
		pin.keep_until_s = p.newest.expires_s;
	if (dlv_pin_put(s->lookup->env->pool, &pin, &s->call, on_kept, s) != ERR_OK)
		dlv_search_finish(s, ERR_AGAIN, "its key cannot be kept now", SLICE_NONE);
}

/* ---- what is known */

static bool
satisfies(const struct dlv_search *s, const struct cmtp_pin *p)
{
	uint64_t now_s = loop_real_ms(s->lookup->env->loop) / 1000, serial = 0;

	for (const struct list *n = s->askers.next; n != &s->askers; n = n->next) {
		const struct dlv_lookup_asker *a = obj_of(n, struct dlv_lookup_asker, link);

		serial = a->serial > serial ? a->serial : serial;
	}
	return !p->is_broken && p->newest.kind == CMTP_KEY_LIVE &&
	    p->newest.expires_s > now_s && p->newest.serial >= serial;
}

static void
on_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_search *s = arg;
	const struct ipc_pin *m = msg;
	struct cmtp_pin p;

	(void)in;
	s->call.id = 0;
	if (e != ERR_OK || type != IPC_MSG_pin) {
		dlv_search_finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
		return;
	}
	if (m->found)
		buf_put_slice(&s->pin, m->pin);
	if (m->found && cmtp_pin_get(&p, m->pin) == ERR_OK && satisfies(s, &p))
		dlv_search_finish(s, ERR_OK, "", buf_slice(&s->pin));
	else
		dlv_search_hosts(s);
}

static void
start(void *arg)
{
	struct dlv_search *s = arg;

	timer_set(&s->deadline, dlv_search_now_ms(s) + DLV_LOOKUP_MS);
	if (s->kind == DLV_SEARCH_PASS)
		dlv_search_pass(s);
	else if (s->kind == DLV_SEARCH_PASS1)
		dlv_search_hosts(s);
	else if (dlv_pin_get(s->lookup->env->pool, dlv_search_domain(s), SLICE_NONE, &s->call,
	    on_pin, s) != ERR_OK)
		dlv_search_finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
}

struct dlv_search *
dlv_search_new(struct dlv_lookup *l, enum dlv_search_kind kind, struct slice domain,
    struct slice user)
{
	struct dlv_search *s = must_alloc(1, sizeof(*s));

	s->lookup = l;
	s->kind = kind;
	list_init(&s->askers);
	list_init(&s->place.link);
	timer_init(&s->deadline, l->env->loop, on_deadline, s);
	loop_idle_init(&s->turn, start, s);
	buf_init(&s->pin, CMTP_PIN_BYTES_MAX);
	buf_init(&s->fresh, CMTP_PIN_BYTES_MAX);
	buf_init(&s->records, CMTP2_KEYS_CONTENT_MAX);
	memcpy(s->domain, domain.p, domain.n);
	s->domain_n = domain.n;
	if (user.n > 0) {
		memcpy(s->user, user.p, user.n);
		s->user_n = user.n;
	}
	map_insert(&l->by_domain, &s->node, hash_slice(dlv_search_domain(s)));
	list_push(&l->searches, &s->link);
	l->open_count++;
	loop_defer(l->env->loop, &s->turn);
	return s;
}
