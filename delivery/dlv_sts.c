/* SPDX-License-Identifier: ISC */
/*
 * step() decides what an ask needs next, from the id in the DNS and what its
 * domain's entry has: it is answered, or waits for queue or for a fetch.
 */
#include "delivery/dlv_sts.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/sts_fetch.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"

struct dlv_sts_entry {
	struct dlv_sts		*sts;
	struct map_node		 node;
	struct list		 by_use;
	struct list		 waiters;	/* struct dlv_sts_ask */
	size_t			 bytes;		/* counted */
	bool			 is_loaded;	/* queue has answered */
	uint64_t		 load_call;	/* 0: none under way */
	struct ipc_peer		*load_peer;
	struct sts_fetch	*fetch;
	char			 fetch_id[STS_ID_MAX + 1];
	uint64_t		 failed_ms;	/* loop time of the last failure; 0: none */
	struct sts_policy	*policy;	/* NULL: none known */
	char			 id[STS_ID_MAX + 1];
	uint64_t		 fetched_s;	/* real time */
	char			 domain[];
};

struct dlv_sts {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct ipc_peer		*queue;
	bool			 is_heeded;
	uint16_t		 port;
	dlv_sts_failed_fn	*failed;	/* NULL: nobody wants to know */
	void			*failed_arg;
	struct map		 entries;
	struct list		 by_use;	/* the least used first */
	size_t			 bytes;
};

static void step(struct dlv_sts_ask *);

static uint64_t
now_s(const struct dlv_sts *s)
{
	return loop_real_ms(s->loop) / 1000;
}

/* ---- entries ---- */

static struct dlv_sts_entry *
find(const struct dlv_sts *s, struct slice domain)
{
	for (struct map_node *n = map_first(&s->entries, hash_slice(domain)); n != NULL;
	    n = map_next(n)) {
		struct dlv_sts_entry *e = obj_of(n, struct dlv_sts_entry, node);

		if (slice_eq_str(domain, e->domain))
			return e;
	}
	return NULL;
}

static void
drop(struct dlv_sts_entry *e)
{
	struct dlv_sts *s = e->sts;

	if (e->load_call != 0 && e->load_peer == s->queue)
		ipc_cancel(e->load_peer, e->load_call);
	sts_fetch_cancel(&e->fetch);
	map_remove(&s->entries, &e->node);
	list_remove(&e->by_use);
	s->bytes -= e->bytes;
	sts_policy_unref(&e->policy);
	free(e);
}

static bool
is_at_work(const struct dlv_sts_entry *e)
{
	return e->load_call != 0 || e->fetch != NULL || !list_is_empty(&e->waiters);
}

static void
make_room(struct dlv_sts *s)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->by_use) {
		struct dlv_sts_entry *e = obj_of(n, struct dlv_sts_entry, by_use);

		if (s->entries.count < DLV_STS_DOMAINS_MAX && s->bytes <= DLV_STS_BYTES_MAX)
			return;
		if (!is_at_work(e))
			drop(e);
	}
}

static struct dlv_sts_entry *
get(struct dlv_sts *s, struct slice domain)
{
	struct dlv_sts_entry *e = find(s, domain);

	if (e != NULL) {
		list_remove(&e->by_use);
		list_push(&s->by_use, &e->by_use);
		return e;
	}
	make_room(s);
	e = must_alloc(1, sizeof(*e) + domain.n + 1);
	e->sts = s;
	e->bytes = sizeof(*e) + domain.n + 1;
	memcpy(e->domain, domain.p, domain.n);
	list_init(&e->by_use);
	list_init(&e->waiters);
	map_insert(&s->entries, &e->node, hash_slice(domain));
	list_push(&s->by_use, &e->by_use);
	s->bytes += e->bytes;
	return e;
}

static void
set_policy(struct dlv_sts_entry *e, struct sts_policy *take, const char *id, uint64_t fetched_s)
{
	struct dlv_sts *s = e->sts;
	size_t old = e->policy != NULL ? e->policy->bytes : 0;

	e->bytes += take->bytes - old;
	s->bytes += take->bytes - old;
	sts_policy_unref(&e->policy);
	e->policy = take;
	e->fetched_s = fetched_s;
	(void)slice_to_cstr(slice_str(id), e->id, sizeof(e->id));
}

/* A policy from the future, by a clock that was set back, is as good as new. */
static uint64_t
age_s(const struct dlv_sts_entry *e)
{
	uint64_t now = now_s(e->sts);

	return now > e->fetched_s ? now - e->fetched_s : 0;
}

static bool
is_valid(const struct dlv_sts_entry *e)
{
	uint32_t max;

	if (e->policy == NULL)
		return false;
	max = e->policy->max_age_s;
	return age_s(e) < (max > DLV_STS_AGE_MIN_S ? max : DLV_STS_AGE_MIN_S);
}

/* Each goes its way; those that wait again do so for something else. */
static void
wake(struct dlv_sts_entry *e)
{
	struct list ready;
	struct list *n;

	list_init(&ready);
	while ((n = list_first(&e->waiters)) != NULL) {
		list_remove(n);
		list_push(&ready, n);
	}
	while ((n = list_first(&ready)) != NULL) {
		list_remove(n);
		step(obj_of(n, struct dlv_sts_ask, link));
	}
}

/* ---- queue keeps them ---- */

static void
read_kept(struct dlv_sts_entry *e, const struct ipc_sts_policy *m)
{
	struct sts_policy *p;
	char id[STS_ID_MAX + 1];
	const char *why;

	if (!m->found || e->policy != NULL || !slice_to_cstr(m->id, id, sizeof(id)) ||
	    sts_policy_parse(&p, m->body, &why) != ERR_OK)
		return;
	set_policy(e, p, id, m->fetched_s);
}

static void
on_kept(void *arg, enum err err, uint16_t type, const void *m, struct ipc_in *in)
{
	struct dlv_sts_entry *e = arg;

	(void)in;
	e->load_call = 0;
	if (err == ERR_OK && type == IPC_MSG_sts_policy) {
		e->is_loaded = true;
		read_kept(e, m);
	}
	wake(e);
	make_room(e->sts);
}

static bool
load(struct dlv_sts_entry *e)
{
	struct dlv_sts *s = e->sts;
	struct ipc_sts_get m = { .domain = slice_str(e->domain) };

	if (e->load_call != 0)
		return true;
	e->load_peer = s->queue;
	return s->queue != NULL && ipc_call(s->queue, IPC_MSG_sts_get, &m, NULL, 0,
	    loop_now(s->loop) + DLV_STS_QUEUE_MS, on_kept, e, &e->load_call) == ERR_OK;
}

/* What is lost on the way is fetched again after the next restart. */
static void
keep(const struct dlv_sts_entry *e)
{
	struct ipc_sts_put m = { .domain = slice_str(e->domain), .id = slice_str(e->id),
	    .fetched_s = e->fetched_s, .max_age = e->policy->max_age_s };
	struct buf body;

	if (e->sts->queue == NULL)
		return;
	buf_init(&body, STS_TEXT_MAX);
	sts_policy_put(&body, e->policy);
	m.body = buf_slice(&body);
	(void)!ipc_send(e->sts->queue, IPC_MSG_sts_put, &m, NULL, 0);
	buf_fini(&body);
}

/* ---- fetch ---- */

static void
log_fetch(const struct dlv_sts_entry *e, const struct sts_fetch_result *r)
{
	if (r->e == ERR_OK)
		log_event(LOG_sts, log_str("domain", e->domain), log_str("policy", "fetched"),
		    log_str("mode", sts_mode_name(r->policy->mode)), log_str("id", e->fetch_id));
	else
		log_event(LOG_sts, log_str("domain", e->domain), log_str("policy", "failed"),
		    log_str("id", e->fetch_id), log_str("failure", tls_failure_text(r->failure)),
		    log_str("reason", r->why));
}

static void
on_fetched(void *arg, const struct sts_fetch_result *r)
{
	struct dlv_sts_entry *e = arg;

	e->fetch = NULL;
	log_fetch(e, r);
	if (r->e == ERR_OK) {
		e->failed_ms = 0;
		set_policy(e, sts_policy_ref(r->policy), e->fetch_id, now_s(e->sts));
		keep(e);
	} else {
		e->failed_ms = loop_now(e->sts->loop);
		if (e->sts->failed != NULL)
			e->sts->failed(e->sts->failed_arg, e->domain, r->failure, r->why);
	}
	wake(e);
	make_room(e->sts);
}

static bool
may_fetch(const struct dlv_sts_entry *e)
{
	return e->failed_ms == 0 ||
	    loop_now(e->sts->loop) - e->failed_ms >= DLV_STS_BACKOFF_MS;
}

static void
fetch(struct dlv_sts_entry *e, const char *id)
{
	struct dlv_sts *s = e->sts;
	struct sts_fetch_params p = { .loop = s->loop, .dns = s->dns, .tls = s->tls,
	    .domain = slice_str(e->domain), .port = s->port };

	if (e->fetch != NULL)
		return;
	(void)slice_to_cstr(slice_str(id), e->fetch_id, sizeof(e->fetch_id));
	e->fetch = sts_fetch_new(&p, on_fetched, e);
}

/* ---- asks ---- */

static void
answer(struct dlv_sts_ask *a, const struct dlv_sts_entry *e)
{
	struct sts_policy *p = e != NULL && is_valid(e) ? sts_policy_ref(e->policy) : NULL;

	a->sts = NULL;
	a->fn(a->arg, p);
	sts_policy_unref(&p);
}

/* There is a record, and the policy that it names is not here. */
static bool
wants_fetch(const struct dlv_sts_ask *a, const struct dlv_sts_entry *e)
{
	return a->id[0] != '\0' && (!is_valid(e) || strcmp(a->id, e->id) != 0);
}

/* Without a deadline of their own: the owner's ends the delivery. */
static void
step(struct dlv_sts_ask *a)
{
	struct dlv_sts_entry *e = get(a->sts, slice_str(a->domain));

	if (!e->is_loaded && !a->was_loaded && load(e)) {
		a->was_loaded = true;
		list_push(&e->waiters, &a->link);
		return;
	}
	if (wants_fetch(a, e) && !a->was_fetched && (e->fetch != NULL || may_fetch(e))) {
		a->was_fetched = true;
		list_push(&e->waiters, &a->link);
		fetch(e, a->id);
		return;
	}
	if (a->id[0] != '\0' && is_valid(e) && age_s(e) >= DLV_STS_REFRESH_S && may_fetch(e))
		fetch(e, a->id);
	answer(a, e);
}

static void
on_txt(void *arg, const struct dns_answer *txt)
{
	struct dlv_sts_ask *a = arg;

	if (sts_policy_read_id(a->id, txt) != ERR_OK)
		a->id[0] = '\0';
	step(a);
}

/* The question could not be asked. */
static void
on_turn(void *arg)
{
	struct dlv_sts_ask *a = arg;

	if (a->sts->is_heeded)
		step(a);
	else
		answer(a, NULL);
}

void
dlv_sts_start(struct dlv_sts *s, struct dlv_sts_ask *a, const char *domain,
    uint64_t deadline_ms, dlv_sts_fn *fn, void *arg)
{
	struct buf name;
	enum err e = ERR_STATE;

	must(a->sts == NULL);
	*a = (struct dlv_sts_ask){ .sts = s, .fn = fn, .arg = arg };
	list_init(&a->link);
	loop_idle_init(&a->turn, on_turn, a);
	(void)slice_to_cstr(slice_str(domain), a->domain, sizeof(a->domain));
	buf_init(&name, CONF_HOP_NAME_MAX + 10);
	buf_put_str(&name, "_mta-sts.");
	buf_put_str(&name, a->domain);
	if (s->is_heeded)
		e = dns_ask(s->dns, buf_slice(&name), DNS_TXT, deadline_ms, on_txt, a, &a->ticket);
	buf_fini(&name);
	if (e != ERR_OK)
		loop_defer(s->loop, &a->turn);
}

void
dlv_sts_stop(struct dlv_sts_ask *a)
{
	if (a->sts == NULL)
		return;
	a->sts = NULL;
	dns_cancel(&a->ticket);
	loop_idle_cancel(&a->turn);
	list_remove(&a->link);
}

/* ---- life ---- */

struct dlv_sts *
dlv_sts_new(struct loop *loop, struct dns *dns, struct tls_client_ctx *tls)
{
	struct dlv_sts *s = must_alloc(1, sizeof(*s));

	s->loop = loop;
	s->dns = dns;
	s->tls = tls;
	map_init(&s->entries);
	list_init(&s->by_use);
	return s;
}

void
dlv_sts_free(struct dlv_sts **sp)
{
	struct dlv_sts *s = *sp;
	struct list *n, *tmp;

	*sp = NULL;
	if (s == NULL)
		return;
	LIST_EACH(n, tmp, &s->by_use) {
		struct dlv_sts_entry *e = obj_of(n, struct dlv_sts_entry, by_use);

		must(list_is_empty(&e->waiters));
		drop(e);
	}
	map_fini(&s->entries);
	free(s);
}

void
dlv_sts_set(struct dlv_sts *s, bool is_heeded, uint16_t port)
{
	s->is_heeded = is_heeded;
	s->port = port;
}

void
dlv_sts_set_failed(struct dlv_sts *s, dlv_sts_failed_fn *fn, void *arg)
{
	s->failed = fn;
	s->failed_arg = arg;
}

/* Its pending calls have ended. */
void
dlv_sts_set_queue(struct dlv_sts *s, struct ipc_peer *queue)
{
	s->queue = queue;
}
