/* SPDX-License-Identifier: ISC */
/*
 * A search stands from the bottom up: answer, pin, DNS, records, host.  At any
 * moment it awaits one thing: keyd, the finder, a place in the pool's line,
 * the link, the conversation or the DNS.
 */
#include "delivery/dlv_lookup.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_cmtp.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/ipc/key_proto.h"

#define REASON_MAX	255u

struct dlv_lookup_asker {
	struct list		 link;
	struct ipc_peer		*peer;		/* NULL: fn */
	dlv_lookup_fn		*fn;
	void			*arg;
	uint64_t		 id;
	uint64_t		 serial;
};

struct search {
	struct list		 link;		/* of the lookup's */
	struct map_node		 node;
	struct dlv_lookup	*lookup;
	struct list		 askers;
	bool			 is_over;	/* an answer to remember */
	enum err		 error;
	char			 reason[REASON_MAX + 1];
	uint64_t		 until_ms;	/* is_over: remembered */
	struct timer		 deadline;
	struct loop_idle	 turn;		/* begins */
	struct ipc_peer		*keyd;
	uint64_t		 call;		/* to keyd; 0: none */
	struct dlv_find		*find;
	struct dlv_target	 target;	/* its tls is counted */
	char			 host[CONF_HOP_NAME_MAX + 1];
	struct dlv_pool_place	 place;
	struct dlv_link		*link_up;
	struct dlv_cmtp		*cmtp;
	bool			 asked_all;	/* from the first record on */
	struct dns_ticket	*ticket;
	struct buf		 pin;		/* before; empty: none */
	struct buf		 records;	/* that came */
	struct buf		 fresh;		/* the pin to be */
	size_t			 domain_n;
	char			 domain[CONF_HOP_NAME_MAX + 1];
};

struct dlv_lookup {
	const struct dlv_smtp_env *env;
	struct dlv_route	*route;
	struct map		 by_domain;
	struct list		 searches;
	unsigned		 asker_count;
	unsigned		 open_count;	/* searches not over */
};

static void next_host(struct search *);

static uint64_t
now_ms(const struct search *s)
{
	return loop_now(s->lookup->env->loop);
}

static struct slice
domain_of(const struct search *s)
{
	return slice_of(s->domain, s->domain_n);
}

/* ---- the answer */

/* Nothing is under way any more. */
static void
settle_down(struct search *s)
{
	if (s->call != 0)
		ipc_cancel(s->keyd, s->call);
	s->call = 0;
	loop_idle_cancel(&s->turn);
	dlv_cmtp_free(&s->cmtp);
	dlv_link_drop(&s->link_up);
	dlv_find_free(&s->find);
	dlv_pool_leave(&s->place);
	dns_cancel(&s->ticket);
	dlv_tls_unref(&s->target.tls);
	timer_stop(&s->deadline);
}

static void
drop(struct search *s)
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

static void
reply(struct ipc_peer *p, uint64_t id, enum err e, const char *reason, struct slice pin)
{
	const struct ipc_cmtp_found m = { .error = e, .pin = pin, .reason = slice_str(reason) };

	ipc_reply(p, id, IPC_MSG_cmtp_found, &m);
}

/* pin is empty unless ERR_OK; what failed is remembered for a while. */
static void
finish(struct search *s, enum err e, const char *reason, struct slice pin)
{
	struct list *n;

	settle_down(s);
	s->is_over = true;
	s->lookup->open_count--;
	s->error = e;
	(void)slice_to_cstr(slice_head(slice_str(reason), REASON_MAX), s->reason,
	    sizeof(s->reason));
	log_event(LOG_key, log_str("action", "cmtp-find"), log_text("key", domain_of(s)),
	    log_str("peer", s->host), log_str("result", e == ERR_OK ? err_text(e) : reason));
	while ((n = list_first(&s->askers)) != NULL) {
		struct dlv_lookup_asker *a = obj_of(n, struct dlv_lookup_asker, link);

		list_remove(n);
		s->lookup->asker_count--;
		if (a->peer != NULL)
			reply(a->peer, a->id, e, reason, pin);
		else
			a->fn(a->arg, e, reason, pin);
		free(a);
	}
	if (e == ERR_OK)
		drop(s);
	else
		s->until_ms = now_ms(s) + DLV_LOOKUP_AGAIN_MS;
}

static void
on_deadline(void *arg)
{
	finish(arg, ERR_TIMEOUT, "no host of the domain answered in time", SLICE_NONE);
}

/* ---- keyd keeps pins */

static enum err
call_keyd(struct search *s, enum ipc_type type, const void *m, ipc_reply_fn *fn)
{
	s->keyd = dlv_pool_keyd(s->lookup->env->pool);
	return s->keyd == NULL ? ERR_GONE : ipc_call(s->keyd, type, m, NULL, 0,
	    now_ms(s) + DLV_LOOKUP_KEYD_MS, fn, s, &s->call);
}

static void
on_kept(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct search *s = arg;
	struct cmtp_pin p;

	(void)in;
	s->call = 0;
	if (e == ERR_OK && type != IPC_MSG_pin_kept)
		e = type == IPC_MSG_key_fail ? ((const struct ipc_key_fail *)m)->error : ERR_VIOLATION;
	if (e != ERR_OK)
		finish(s, ERR_AGAIN, "its key cannot be kept now", SLICE_NONE);
	else if (cmtp_pin_get(&p, buf_slice(&s->fresh)) == ERR_OK && !p.is_broken &&
	    (p.newest.kind == CMTP_KEY_END ||
	    p.newest.expires_s <= loop_real_ms(s->lookup->env->loop) / 1000))
		finish(s, ERR_NOTFOUND, "its key has ended", SLICE_NONE);
	else if (cmtp_pin_get(&p, buf_slice(&s->fresh)) != ERR_OK || p.is_broken)
		finish(s, ERR_CORRUPT, "its keys do not go on from those that were known",
		    SLICE_NONE);
	else
		finish(s, ERR_OK, "", buf_slice(&s->fresh));
}

static void
keep(struct search *s)
{
	unsigned char hash[CMTP_KEY_HASH_BYTES];
	struct ipc_pin_put m = { .domain = domain_of(s), .pin = buf_slice(&s->fresh) };
	struct cmtp_pin p;

	if (cmtp_pin_get(&p, buf_slice(&s->fresh)) == ERR_OK)
		m.keep_until_s = p.newest.expires_s;
	cry_hash(hash, sizeof(hash), buf_slice(&s->pin));
	if (s->pin.n > 0)
		m.before = slice_of(hash, sizeof(hash));
	if (call_keyd(s, IPC_MSG_pin_put, &m, on_kept) != ERR_OK)
		finish(s, ERR_AGAIN, "its key cannot be kept now", SLICE_NONE);
}

/* ---- a _cmtp record, when the zone is signed */

static void
on_txt(void *arg, const struct dns_answer *a)
{
	struct search *s = arg;
	bool is_named = false, is_ours = false;

	for (size_t i = 0; a->status == DNS_OK && a->is_secure && i < a->count; i++) {
		enum err e = cmtp_pin_fits_txt(buf_slice(&s->records), a->records[i].data);

		is_named |= e != ERR_NOTFOUND;
		is_ours |= e == ERR_OK;
	}
	if (a->status == DNS_SERVFAIL)
		finish(s, ERR_AGAIN, "its _cmtp record cannot be asked for", SLICE_NONE);
	else if (is_named && !is_ours)
		finish(s, ERR_CORRUPT, "its _cmtp record names another key", SLICE_NONE);
	else
		keep(s);
}

static void
ask_txt(struct search *s)
{
	struct buf name;
	enum err e;

	buf_init(&name, CONF_HOP_NAME_MAX + 8);
	buf_put_str(&name, "_cmtp.");
	buf_put_slice(&name, domain_of(s));
	e = dns_ask(s->lookup->env->dns, buf_slice(&name), DNS_TXT, now_ms(s) + DLV_LOOKUP_MS,
	    on_txt, s, &s->ticket);
	buf_fini(&name);
	if (e == ERR_SYNTAX)	/* with its label the name is too long to be one */
		keep(s);
	else if (e != ERR_OK)
		finish(s, ERR_AGAIN, "its _cmtp record cannot be asked for", SLICE_NONE);
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
judge(struct search *s, struct slice records, enum cmtp_chain *verdict)
{
	const struct cmtp_pin_asked a = { .domain = domain_of(s),
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
ask_all(struct search *s)
{
	s->asked_all = true;
	if (dlv_cmtp_ask(s->cmtp, SLICE_NONE, domain_of(s), 0) != ERR_OK)
		finish(s, ERR_NOTFOUND, "it is no domain of CMTP", SLICE_NONE);
}

static void
on_keys(void *arg, const struct cmtp2_keys_request *q, const struct cmtp2_keys_reply *r)
{
	struct search *s = arg;
	enum cmtp_chain verdict = CMTP_CHAIN_OTHER;
	enum err e = ERR_NOTFOUND;

	if (r->status == CMTP2_FOUND && (e = verify_reply(q, r)) == ERR_OK)
		e = judge(s, r->records, &verdict);
	if (e == ERR_OK && cmtp_pin_is_break(verdict) && !s->asked_all) {
		ask_all(s);
		return;
	}
	if (r->status == CMTP2_LATER)
		finish(s, ERR_AGAIN, "its host has no answer now", SLICE_NONE);
	else if (e == ERR_NOTFOUND)
		finish(s, e, "its host has no key for it", SLICE_NONE);
	else if (e != ERR_OK)
		finish(s, ERR_CORRUPT, "its host's answer does not verify", SLICE_NONE);
	else if (!cmtp_pin_is_good(verdict))
		keep(s);
	else
		ask_txt(s);
}

/* ---- hosts */

static void
on_ready(void *arg)
{
	struct search *s = arg;
	struct cmtp_pin known;
	uint64_t serial = 0;

	if (s->pin.n > 0 && cmtp_pin_get(&known, buf_slice(&s->pin)) == ERR_OK)
		serial = known.newest.serial;
	if (dlv_cmtp_ask(s->cmtp, SLICE_NONE, domain_of(s), serial) != ERR_OK)
		finish(s, ERR_NOTFOUND, "it is no domain of CMTP", SLICE_NONE);
}

static void
on_failed(void *arg, const char *why)
{
	struct search *s = arg;

	(void)slice_to_cstr(slice_head(slice_str(why), REASON_MAX), s->reason,
	    sizeof(s->reason));
	dlv_cmtp_free(&s->cmtp);
	next_host(s);
}

static const struct dlv_cmtp_owner owner = { .ready = on_ready, .keys = on_keys,
	.failed = on_failed };

static void
on_up(void *arg)
{
	struct search *s = arg;
	struct dlv_link *link = s->link_up;

	s->link_up = NULL;
	if (dlv_cmtp_is_offered(link)) {
		s->cmtp = dlv_cmtp_new(s->lookup->env->loop, link, &owner, s);
		return;
	}
	dlv_pool_give_back(s->lookup->env->pool, link);
	next_host(s);
}

/* The link is nobody's to drop now. */
static void
on_down(void *arg, enum dlv_down how, const struct smtp_result *why)
{
	struct search *s = arg;

	(void)how;
	(void)slice_to_cstr(slice_head(slice_str(why->text), REASON_MAX), s->reason,
	    sizeof(s->reason));
	s->link_up = NULL;
	next_host(s);
}

static const struct dlv_link_user user = { .up = on_up, .down = on_down };

static void
on_room(void *arg)
{
	struct search *s = arg;
	struct dlv_link_params p = { .route = s->lookup->route, .host = s->host,
		.addrs = s->target.addrs, .tls = s->target.tls };

	if (dlv_pool_has_room(s->lookup->env->pool))
		s->link_up = dlv_pool_open(s->lookup->env->pool, &p, &user, s);
	else
		dlv_pool_wait(s->lookup->env->pool, &s->place);
}

/* Without TLS nothing is asked. */
static void
on_found(void *arg, enum dlv_find_event event, struct dlv_target *t,
    const struct dlv_verdict *v)
{
	struct search *s = arg;

	if (event == DLV_FIND_HOST && t->tls->level != DLV_TLS_NONE) {
		(void)slice_to_cstr(slice_str(t->host), s->host, sizeof(s->host));
		dlv_tls_unref(&s->target.tls);
		s->target = *t;
		s->target.tls = dlv_tls_ref(t->tls);
		on_room(s);
	} else if (event != DLV_FIND_END) {
		next_host(s);
	} else if (v != NULL && err_class(v->error) == ERR_CLASS_TEMP) {
		finish(s, ERR_AGAIN, v->text, SLICE_NONE);
	} else if (s->reason[0] != '\0') {
		char why[REASON_MAX + 1];

		memcpy(why, s->reason, sizeof(why));
		finish(s, ERR_AGAIN, why, SLICE_NONE);
	} else {
		finish(s, ERR_NOTFOUND, "no host of the domain speaks CMTP 2", SLICE_NONE);
	}
}

static void
next_host(struct search *s)
{
	dlv_find_next(s->find);
}

static void
start_find(struct search *s)
{
	const struct dlv_smtp_env *env = s->lookup->env;
	struct dlv_find_params p = { .loop = env->loop, .dns = env->dns, .sts = env->sts,
		.self = env->self, .route = s->lookup->route, .preference = env->preference,
		.seed = now_ms(s), .deadline_ms = now_ms(s) + DLV_LOOKUP_MS };

	if (conf_hop_parse(domain_of(s), env->port, &p.hop) != ERR_OK || !p.hop.has_mx) {
		finish(s, ERR_NOTFOUND, "it is no domain", SLICE_NONE);
		return;
	}
	s->find = dlv_find_new(&p, on_found, s);
	next_host(s);
}

/* ---- what is known */

static bool
satisfies(const struct search *s, const struct cmtp_pin *p)
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
	struct search *s = arg;
	const struct ipc_pin *m = msg;
	struct cmtp_pin p;

	(void)in;
	s->call = 0;
	if (e != ERR_OK || type != IPC_MSG_pin) {
		finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
		return;
	}
	if (m->found)
		buf_put_slice(&s->pin, m->pin);
	if (m->found && cmtp_pin_get(&p, m->pin) == ERR_OK && satisfies(s, &p))
		finish(s, ERR_OK, "", buf_slice(&s->pin));
	else
		start_find(s);
}

static void
start(void *arg)
{
	struct search *s = arg;
	const struct ipc_pin_get m = { .domain = domain_of(s) };

	timer_set(&s->deadline, now_ms(s) + DLV_LOOKUP_MS);
	if (call_keyd(s, IPC_MSG_pin_get, &m, on_pin) != ERR_OK)
		finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
}

/* ---- requests */

static struct search *
find(const struct dlv_lookup *l, struct slice domain)
{
	struct map_node *n;

	for (n = map_first(&l->by_domain, hash_slice(domain)); n != NULL; n = map_next(n)) {
		struct search *s = obj_of(n, struct search, node);

		if (slice_eq(domain_of(s), domain))
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
		struct search *s = obj_of(n, struct search, link);

		if (s->is_over) {
			drop(s);
			return true;
		}
	}
	return false;
}

static struct search *
search_new(struct dlv_lookup *l, struct slice domain)
{
	struct search *s = must_alloc(1, sizeof(*s));

	s->lookup = l;
	list_init(&s->askers);
	list_init(&s->place.link);
	s->place.fn = on_room;
	s->place.arg = s;
	timer_init(&s->deadline, l->env->loop, on_deadline, s);
	loop_idle_init(&s->turn, start, s);
	buf_init(&s->pin, CMTP_PIN_BYTES_MAX);
	buf_init(&s->fresh, CMTP_PIN_BYTES_MAX);
	buf_init(&s->records, CMTP2_KEYS_CONTENT_MAX);
	memcpy(s->domain, domain.p, domain.n);
	s->domain_n = domain.n;
	map_insert(&l->by_domain, &s->node, hash_slice(domain_of(s)));
	list_push(&l->searches, &s->link);
	l->open_count++;
	return s;
}

static struct dlv_lookup_asker *
add_asker(struct search *s, const struct dlv_lookup_asker *from)
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
static struct search *
find_now(struct dlv_lookup *l, struct slice domain)
{
	struct search *s = find(l, domain);

	if (s != NULL && s->is_over && now_ms(s) >= s->until_ms) {
		drop(s);
		return NULL;
	}
	return s;
}

/* NULL: no room. */
static struct dlv_lookup_asker *
join(struct dlv_lookup *l, struct search *s, struct slice domain,
    const struct dlv_lookup_asker *from)
{
	bool is_new = s == NULL;
	struct dlv_lookup_asker *a;

	if (l->asker_count >= DLV_LOOKUP_ASKERS_MAX || (is_new && !make_room(l)))
		return NULL;
	if (is_new)
		s = search_new(l, domain);
	a = add_asker(s, from);
	if (is_new)
		loop_defer(l->env->loop, &s->turn);
	return a;
}

void
dlv_lookup_take(struct dlv_lookup *l, struct ipc_peer *cmtpd, const struct ipc_cmtp_find *m,
    struct ipc_in *in)
{
	const struct dlv_lookup_asker from = { .peer = cmtpd, .id = in->id, .serial = m->serial };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, m->domain);
	struct search *s = find_now(l, domain);

	if (domain.n == 0)
		reply(cmtpd, in->id, ERR_NOTFOUND, "it is no domain", SLICE_NONE);
	else if (s != NULL && s->is_over)
		reply(cmtpd, in->id, s->error, s->reason, SLICE_NONE);
	else if (join(l, s, domain, &from) == NULL)
		reply(cmtpd, in->id, ERR_BUSY, "too many keys are looked for", SLICE_NONE);
}

bool
dlv_lookup_peek(struct dlv_lookup *l, struct slice name, enum err *e, const char **reason)
{
	char mem[CONF_HOP_NAME_MAX + 1];
	struct search *s = find_now(l, lower(mem, name));

	if (s == NULL || !s->is_over)
		return false;
	*e = s->error;
	*reason = s->reason;
	return true;
}

struct dlv_lookup_asker *
dlv_lookup_ask(struct dlv_lookup *l, struct slice name, dlv_lookup_fn *fn, void *arg)
{
	const struct dlv_lookup_asker from = { .fn = fn, .arg = arg };
	char mem[CONF_HOP_NAME_MAX + 1];
	struct slice domain = lower(mem, name);
	struct search *s = find_now(l, domain);

	return s != NULL && s->is_over ? NULL : join(l, s, domain, &from);
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
		struct search *s = obj_of(n, struct search, link);

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
		drop(obj_of(n, struct search, link));
	map_fini(&l->by_domain);
	dlv_route_unref(&l->route);
	free(l);
}
