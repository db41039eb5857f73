/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_lookup.h"

#include <stdlib.h>

#include "delivery/dlv_search.h"
#include "lib/base/must.h"

/* ---- requests */

static struct dlv_search *
find(const struct dlv_lookup *l, enum dlv_search_kind kind, struct slice domain,
    struct slice user)
{
	struct map_node *n;

	for (n = map_first(&l->by_domain, hash_slice(domain)); n != NULL; n = map_next(n)) {
		struct dlv_search *s = obj_of(n, struct dlv_search, node);

		if (s->kind == kind && slice_eq(dlv_search_domain(s), domain) &&
		    slice_eq(slice_of(s->user, s->user_n), user))
			return s;
	}
	return NULL;
}

/* The oldest of those that only remember. */
static bool
make_room(struct dlv_lookup *l)
{
	struct list *n, *tmp;

	if (l->by_domain.count < DLV_LOOKUP_DOMAINS_MAX)
		return true;
	LIST_EACH(n, tmp, &l->searches) {
		struct dlv_search *s = obj_of(n, struct dlv_search, link);

		if (s->is_over) {
			dlv_search_drop(s);
			return true;
		}
	}
	return false;
}

static struct dlv_lookup_asker *
add_asker(struct dlv_search *s, const struct dlv_lookup_asker *from)
{
	struct dlv_lookup_asker *a = must_alloc(1, sizeof(*a));

	*a = *from;
	list_push(&s->askers, &a->link);
	s->lookup->asker_count++;
	return a;
}

static struct slice
lower(char dst[CONF_HOP_NAME_MAX + 1], struct slice domain)
{
	domain = slice_head(domain, CONF_HOP_NAME_MAX);
	for (size_t i = 0; i < domain.n; i++)
		dst[i] = ascii_lower(domain.p[i]);
	return slice_of(dst, domain.n);
}

/* What is at work, or is remembered still. */
static struct dlv_search *
find_now(struct dlv_lookup *l, enum dlv_search_kind kind, struct slice domain,
    struct slice user)
{
	struct dlv_search *s = find(l, kind, domain, user);

	if (s != NULL && s->is_over && dlv_search_now_ms(s) >= s->until_ms) {
		dlv_search_drop(s);
		return NULL;
	}
	return s;
}

/* What is asked, and by whom; s: what is at work already, or NULL.  NULL: no room. */
static struct dlv_lookup_asker *
join(struct dlv_lookup *l, struct dlv_search *s, enum dlv_search_kind kind, struct slice domain,
    struct slice user, const struct dlv_lookup_asker *from)
{
	if (l->asker_count >= DLV_LOOKUP_ASKERS_MAX || (s == NULL && !make_room(l)))
		return NULL;
	return add_asker(s != NULL ? s : dlv_search_new(l, kind, domain, user), from);
}

void
dlv_lookup_take(struct dlv_lookup *l, struct ipc_peer *cmtpd, const struct ipc_cmtp_find *m,
    struct ipc_in *in)
{
	const struct dlv_lookup_asker from = { .peer = cmtpd, .id = in->id, .serial = m->serial };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, m->domain);
	struct dlv_search *s = find_now(l, DLV_SEARCH_SERVER, domain, SLICE_NONE);

	if (domain.n == 0)
		dlv_search_reply(cmtpd, in->id, ERR_NOTFOUND, "it is no domain", SLICE_NONE);
	else if (s != NULL && s->is_over)
		dlv_search_reply(cmtpd, in->id, s->error, s->reason, SLICE_NONE);
	else if (join(l, s, DLV_SEARCH_SERVER, domain, SLICE_NONE, &from) == NULL)
		dlv_search_reply(cmtpd, in->id, ERR_BUSY, "too many keys are looked for", SLICE_NONE);
}

void
dlv_lookup_pass(struct dlv_lookup *l, struct ipc_peer *cmtpd, const struct ipc_cmtp_ask *m,
    struct ipc_in *in)
{
	const struct dlv_lookup_asker from = { .peer = cmtpd, .id = in->id, .serial = m->known };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, m->domain);
	struct dlv_search *s = find_now(l, DLV_SEARCH_PASS, domain, m->user);

	if (domain.n == 0)
		dlv_search_pass_refuse(cmtpd, in->id, ERR_NOTFOUND);
	else if (s != NULL && s->is_over && s->error == ERR_OK)
		dlv_search_pass_reply(s, cmtpd, in->id, m->known);
	else if (s != NULL && s->is_over)
		dlv_search_pass_refuse(cmtpd, in->id, s->error);
	else if (join(l, s, DLV_SEARCH_PASS, domain, m->user, &from) == NULL)
		dlv_search_pass_refuse(cmtpd, in->id, ERR_BUSY);
}

void
dlv_lookup_pass1(struct dlv_lookup *l, struct ipc_peer *cmtpd, const struct ipc_cmtp1_ask *m,
    struct ipc_in *in)
{
	const struct dlv_lookup_asker from = { .peer = cmtpd, .id = in->id };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, m->domain);
	struct dlv_search *s = find_now(l, DLV_SEARCH_PASS1, domain, m->user);

	if (s != NULL && s->is_over)
		dlv_search_pass1_reply(s, cmtpd, in->id);
	else if (domain.n == 0 || m->user.n == 0 ||
	    join(l, s, DLV_SEARCH_PASS1, domain, m->user, &from) == NULL)
		dlv_search_pass1_refuse(cmtpd, in->id);
}

bool
dlv_lookup_peek(struct dlv_lookup *l, struct slice name, enum err *e, const char **reason)
{
	char mem[CONF_HOP_NAME_MAX + 1];
	struct dlv_search *s = find_now(l, DLV_SEARCH_SERVER, lower(mem, name), SLICE_NONE);

	if (s == NULL || !s->is_over)
		return false;
	*e = s->error;
	*reason = s->reason;
	return true;
}

struct dlv_lookup_asker *
dlv_lookup_ask(struct dlv_lookup *l, struct slice name, uint64_t serial, dlv_lookup_fn *fn,
    void *arg)
{
	const struct dlv_lookup_asker from = { .fn = fn, .arg = arg, .serial = serial };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, name);
	struct dlv_search *s = find_now(l, DLV_SEARCH_SERVER, domain, SLICE_NONE);

	return s != NULL && s->is_over ? NULL :
	    join(l, s, DLV_SEARCH_SERVER, domain, SLICE_NONE, &from);
}

void
dlv_lookup_cancel(struct dlv_lookup *l, struct dlv_lookup_asker **ap)
{
	struct dlv_lookup_asker *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	list_remove(&a->link);
	l->asker_count--;
	free(a);
}

void
dlv_lookup_left(struct dlv_lookup *l, struct ipc_peer *cmtpd)
{
	struct list *n, *tmp, *k, *ktmp;

	LIST_EACH(n, tmp, &l->searches) {
		struct dlv_search *s = obj_of(n, struct dlv_search, link);

		LIST_EACH(k, ktmp, &s->askers) {
			struct dlv_lookup_asker *a = obj_of(k, struct dlv_lookup_asker, link);

			if (a->peer != cmtpd)
				continue;
			list_remove(k);
			l->asker_count--;
			free(a);
		}
	}
}

/* ---- life */

struct dlv_lookup *
dlv_lookup_new(const struct dlv_smtp_env *env)
{
	struct dlv_lookup *l = must_alloc(1, sizeof(*l));

	l->env = env;
	map_init(&l->by_domain);
	list_init(&l->searches);
	return l;
}

void
dlv_lookup_set_route(struct dlv_lookup *l, struct dlv_route *route)
{
	dlv_route_unref(&l->route);
	l->route = dlv_route_ref(route);
}

unsigned
dlv_lookup_count(const struct dlv_lookup *l)
{
	return l->open_count;
}

void
dlv_lookup_free(struct dlv_lookup **lp)
{
	struct dlv_lookup *l = *lp;
	struct list *n;

	*lp = NULL;
	if (l == NULL)
		return;
	while ((n = list_first(&l->searches)) != NULL)
		dlv_search_drop(obj_of(n, struct dlv_search, link));
	map_fini(&l->by_domain);
	dlv_route_unref(&l->route);
	free(l);
}
