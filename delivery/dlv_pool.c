/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_pool.h"

#include <stdlib.h>

#include "lib/base/must.h"

#define DRAIN_QUIT_MS	2000u	/* for the answer to QUIT when we stop */

struct dlv_pool {
	struct loop		*loop;
	const char		*hostname;
	struct tls_client_ctx	*tls;
	struct dlv_pool_config	 config;
	struct ipc_peer		*keyd;
	struct list		 all;
	struct list		 idle;		/* the oldest first */
	unsigned		 count;
	unsigned		 idle_count;
	struct list		 line;		/* struct dlv_pool_place */
	struct loop_idle	 turn;
	bool			 is_draining;
	timer_fn		*drained;
	void			*drained_arg;
};

const struct dlv_link_times *
dlv_pool_times(const struct dlv_pool *p)
{
	return &p->config.times;
}

struct tls_client_ctx *
dlv_pool_tls(const struct dlv_pool *p)
{
	return p->tls;
}

enum err
dlv_pool_call_keyd(struct dlv_pool *p, enum ipc_type type, const void *msg,
    struct dlv_keyd_call *call, ipc_reply_fn *fn, void *arg)
{
	*call = (struct dlv_keyd_call){ .keyd = p->keyd };
	return p->keyd == NULL ? ERR_GONE : ipc_call(p->keyd, type, msg, NULL, 0,
	    loop_now(p->loop) + DLV_KEYD_MS, fn, arg, &call->id);
}

void
dlv_pool_cancel_keyd(struct dlv_keyd_call *call)
{
	if (call->id != 0)
		ipc_cancel(call->keyd, call->id);
	call->id = 0;
}

/* ---- room */

static struct dlv_link *
oldest_idle(const struct dlv_pool *p)
{
	struct list *n = list_first(&p->idle);

	return n == NULL ? NULL : obj_of(n, struct dlv_link, idle);
}

void
dlv_pool_wake(struct dlv_pool *p, struct dlv_link *l)
{
	l->is_idle = false;
	list_remove(&l->idle);
	p->idle_count--;
}

bool
dlv_pool_has_room(struct dlv_pool *p)
{
	struct dlv_link *l = oldest_idle(p);

	if (p->count < p->config.session_limit)
		return true;
	if (l == NULL)
		return false;
	dlv_pool_wake(p, l);
	dlv_link_drop(&l);
	/* It goes with the end of this turn. */
	return p->count < p->config.session_limit;
}

static void
on_turn(void *arg)
{
	struct dlv_pool *p = arg;
	struct list *n = list_first(&p->line);

	if (n != NULL && dlv_pool_has_room(p)) {
		struct dlv_pool_place *place = obj_of(n, struct dlv_pool_place, link);

		list_remove(n);
		loop_defer(p->loop, &p->turn);
		place->fn(place->arg);
	} else if (p->count == 0 && p->drained != NULL) {
		timer_fn *fn = p->drained;

		p->drained = NULL;
		fn(p->drained_arg);
	}
}

void
dlv_pool_wait(struct dlv_pool *p, struct dlv_pool_place *place)
{
	list_init(&place->link);
	list_push(&p->line, &place->link);
	loop_defer(p->loop, &p->turn);
}

void
dlv_pool_leave(struct dlv_pool_place *place)
{
	if (place->link.next != NULL)
		list_remove(&place->link);
}

void
dlv_pool_forget(struct dlv_pool *p, struct dlv_link *l)
{
	if (l->is_idle)
		dlv_pool_wake(p, l);
	list_remove(&l->all);
	p->count--;
	loop_defer(p->loop, &p->turn);
}

/* ---- use */

static bool
fits(const struct dlv_link *l, const struct dlv_route *route, const struct dlv_addrs *addrs,
    uint64_t tls_key)
{
	if (l->route != route || l->tls->key != tls_key)
		return false;
	for (unsigned i = 0; i < addrs->count; i++)
		if (l->addr.port == addrs->v[i].port && conn_addr_same_ip(&l->addr, &addrs->v[i]))
			return true;
	return false;
}

/* domain NULL: for SMTP. */
static bool
serves(const struct dlv_link *l, const struct slice *domain)
{
	const struct dlv_link_kept *k = dlv_link_kept(l);

	return domain == NULL ? k == NULL : k != NULL && slice_eq_str(*domain, k->domain);
}

static struct dlv_link *
take(struct dlv_pool *p, const struct dlv_route *route, const struct dlv_addrs *addrs,
    uint64_t tls_key, const struct slice *domain, const struct dlv_link_user *user, void *arg)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &p->idle) {
		struct dlv_link *l = obj_of(n, struct dlv_link, idle);

		if (!serves(l, domain) || !fits(l, route, addrs, tls_key))
			continue;
		dlv_pool_wake(p, l);
		conn_set_deadline(l->conn, 0);
		l->user = user;
		l->user_arg = arg;
		l->was_used = true;
		return l;
	}
	return NULL;
}

struct dlv_link *
dlv_pool_take(struct dlv_pool *p, const struct dlv_route *route,
    const struct dlv_addrs *addrs, uint64_t tls_key, const struct dlv_link_user *user,
    void *arg)
{
	return take(p, route, addrs, tls_key, NULL, user, arg);
}

struct dlv_link *
dlv_pool_take_kept(struct dlv_pool *p, const struct dlv_route *route,
    const struct dlv_addrs *addrs, uint64_t tls_key, struct slice domain,
    const struct dlv_link_user *user, void *arg)
{
	return take(p, route, addrs, tls_key, &domain, user, arg);
}

struct dlv_link *
dlv_pool_open(struct dlv_pool *p, struct dlv_link_params *params,
    const struct dlv_link_user *user, void *arg)
{
	struct dlv_link *l = dlv_link_open(p, p->loop, p->hostname, params, user, arg);

	list_push(&p->all, &l->all);
	p->count++;
	return l;
}

static bool
is_worn(const struct dlv_pool *p, const struct dlv_link *l)
{
	return p->is_draining || p->config.cache_ms == 0 ||
	    l->client.message_count + l->raw_count >= p->config.reuse_count ||
	    loop_now(p->loop) >= l->opened_ms + p->config.reuse_ms;
}

void
dlv_pool_give_back(struct dlv_pool *p, struct dlv_link *l)
{
	/* With others in line it would be in the way. */
	if (!dlv_link_can_next(l) || is_worn(p, l) || !list_is_empty(&p->line)) {
		dlv_link_quit(l);
		return;
	}
	list_push(&p->idle, &l->idle);
	p->idle_count++;
	dlv_link_rest(l, loop_now(p->loop) + p->config.cache_ms);
}

unsigned
dlv_pool_count(const struct dlv_pool *p)
{
	return p->count;
}

unsigned
dlv_pool_idle_count(const struct dlv_pool *p)
{
	return p->idle_count;
}

/* ---- life */

struct dlv_pool *
dlv_pool_new(struct loop *loop, const char *hostname, struct tls_client_ctx *tls,
    const struct dlv_pool_config *config)
{
	struct dlv_pool *p = must_alloc(1, sizeof(*p));

	p->loop = loop;
	p->hostname = hostname;
	p->tls = tls;
	p->config = *config;
	list_init(&p->all);
	list_init(&p->idle);
	list_init(&p->line);
	loop_idle_init(&p->turn, on_turn, p);
	return p;
}

void
dlv_pool_set_config(struct dlv_pool *p, const struct dlv_pool_config *config)
{
	p->config = *config;
}

void
dlv_pool_set_keyd(struct dlv_pool *p, struct ipc_peer *keyd)
{
	p->keyd = keyd;
}

static void
quit_idle(struct dlv_pool *p)
{
	struct dlv_link *l;

	while ((l = oldest_idle(p)) != NULL) {
		dlv_pool_wake(p, l);
		dlv_link_quit(l);
	}
}

void
dlv_pool_drain(struct dlv_pool *p, timer_fn *fn, void *arg)
{
	p->is_draining = true;
	if (p->config.times.phase_ms[SMTP_PHASE_RSET] > DRAIN_QUIT_MS)
		p->config.times.phase_ms[SMTP_PHASE_RSET] = DRAIN_QUIT_MS;
	p->drained = fn;
	p->drained_arg = arg;
	quit_idle(p);
	loop_defer(p->loop, &p->turn);
}

void
dlv_pool_free(struct dlv_pool **pp)
{
	struct dlv_pool *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	must(p->count == 0);
	loop_idle_cancel(&p->turn);
	free(p);
}
