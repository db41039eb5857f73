/* SPDX-License-Identifier: ISC */
/*
 * next() is the walk: policy and MX first, then for each group of equal preference the
 * addresses of all its hosts at once, then for each host the TLSA records.
 * It stops where an answer is awaited, and is entered again with it.
 */
#include "delivery/dlv_find.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

/* A host of the group whose turn it is. */
struct member {
	struct dlv_find		*find;
	struct dns_pair		*pair;
	struct dlv_addrs	 addrs;
	struct dlv_verdict	 verdict;	/* OK: addrs are there */
	char			 base[CONF_HOP_NAME_MAX + 1];	/* end of the alias chain */
	bool			 alias_secure;	/* though not all of the chain is */
};

struct dlv_find {
	struct dlv_find_params	 p;
	dlv_find_fn		*fn;
	void			*arg;
	struct loop_idle	 turn;
	bool			 is_wanted;	/* an event is owed */

	bool			 has_policy;	/* or knows that there is none */
	struct dlv_sts_ask	 ask;
	struct sts_policy	*sts;
	bool			 has_hosts;
	struct dlv_mx		 mx;
	struct dns_ticket	*ticket;	/* MX or TLSA */
	struct member		*members;	/* hosts start to end */
	unsigned		 start, end, at;
	unsigned		 awaited;	/* members without an answer */
	bool			 is_loop;
	bool			 asked_base;	/* TLSA where the alias leads */
	struct dlv_target	 target;
	bool			 has_report;
	struct tlsrpt_policy	 report;
};

static void next(struct dlv_find *);

static const char *
domain_of(const struct dlv_find *f)
{
	return f->p.hop.has_mx ? f->p.hop.host : "";
}

static void
wake(struct dlv_find *f)
{
	loop_defer(f->p.loop, &f->turn);
}

/* The last thing done in a turn: the owner may free us. */
static void
tell(struct dlv_find *f, enum dlv_find_event event, const struct dlv_verdict *v)
{
	f->is_wanted = false;
	f->fn(f->arg, event, event == DLV_FIND_HOST ? &f->target : NULL, v);
}

static void
end(struct dlv_find *f, const struct dlv_verdict *v)
{
	f->has_hosts = true;
	f->mx.count = 0;
	f->start = f->end = f->at = 0;
	tell(f, DLV_FIND_END, v);
}

/* ---- policy */

static void
on_policy(void *arg, const struct sts_policy *p)
{
	struct dlv_find *f = arg;

	f->has_policy = true;
	f->sts = p != NULL ? sts_policy_ref(p) : NULL;
	next(f);
}

static bool
wants_policy(const struct dlv_find *f)
{
	return !f->has_policy && f->p.sts != NULL && f->p.hop.has_mx &&
	    dlv_tls_heeds_sts(f->p.route, f->p.require_tls, f->p.tls_optional);
}

/* ---- hosts */

static void
on_mx(void *arg, const struct dns_answer *a)
{
	struct slice domain;
	struct dlv_find *f = arg;
	struct dlv_verdict v;

	domain = slice_str(f->p.hop.host);
	if (dlv_mx_read(&f->mx, domain, a, f->p.seed, &v) != ERR_OK ||
	    dlv_mx_cut_self(&f->mx, f->p.self, f->p.hop.port, domain, &v) != ERR_OK) {
		end(f, &v);
		return;
	}
	f->has_hosts = true;
	next(f);
}

static void
ask_mx(struct dlv_find *f)
{
	struct dlv_verdict v;
	enum err e = dns_ask(f->p.dns, slice_str(f->p.hop.host), DNS_MX, f->p.deadline_ms,
	    on_mx, f, &f->ticket);

	if (e == ERR_OK)
		return;
	dlv_verdict_set(&v, e, RELAY_UNKNOWN, e == ERR_SYNTAX ? "5.1.2" : "4.4.3",
	    "MX lookup of %s: %s", f->p.hop.host, err_text(e));
	end(f, &v);
}

/* ---- addresses of a group */

static bool
is_ours(const struct dlv_find *f, const struct dlv_addrs *addrs)
{
	for (unsigned i = 0; i < addrs->count; i++)
		if (dlv_self_is_addr(f->p.self, &addrs->v[i]))
			return true;
	return false;
}

/* RFC 5321 s5.1: with one of ours the group goes, and all worse. */
static void
cut_group(struct dlv_find *f)
{
	for (unsigned i = f->start; i < f->end; i++) {
		struct member *m = &f->members[i - f->start];

		if (m->verdict.error != ERR_OK || !is_ours(f, &m->addrs))
			continue;
		f->is_loop = !dlv_mx_cut(&f->mx, i);
		f->at = f->end = f->start;
		return;
	}
}

static void
answered(struct dlv_find *f)
{
	if (--f->awaited > 0)
		return;
	if (f->p.hop.has_mx)
		cut_group(f);
	next(f);
}

static void
on_pair(void *arg, const struct dns_answer *a, const struct dns_answer *aaaa)
{
	struct member *m = arg;
	struct dlv_find *f = m->find;
	const char *host = f->mx.hosts[f->start + (unsigned)(m - f->members)].name;
	const struct dns_answer *end_of = a->is_alias ? a : aaaa;

	m->verdict.error = ERR_OK;
	(void)slice_to_cstr(slice_str(host), m->base, sizeof(m->base));
	if (end_of->is_alias && !slice_to_cstr(end_of->name, m->base, sizeof(m->base)))
		(void)slice_to_cstr(slice_str(host), m->base, sizeof(m->base));
	if (dlv_addrs_read(&m->addrs, host, f->p.hop.port, a, aaaa, f->p.preference,
	    f->p.seed, &m->verdict) == ERR_OK)
		m->verdict.error = ERR_OK;
	answered(f);
}

static void
ask_member(struct dlv_find *f, struct member *m, const char *host)
{
	enum err e = dns_pair_ask(f->p.dns, slice_str(host), f->p.deadline_ms, on_pair, m,
	    &m->pair);

	m->find = f;
	if (e == ERR_OK) {
		f->awaited++;
		return;
	}
	/* RFC 5321 s5.1 wants names there; an address has none. */
	dlv_verdict_set(&m->verdict, e, RELAY_UNKNOWN, e == ERR_SYNTAX ? "5.1.2" : "4.4.3",
	    "Address lookup of %s: %s", host, err_text(e));
}

static void
drop_members(struct dlv_find *f)
{
	for (unsigned i = 0; f->members != NULL && i < f->end - f->start; i++)
		dns_pair_cancel(&f->members[i].pair);
	free(f->members);
	f->members = NULL;
}

/* The hosts from f->at on that are equally good. */
static void
ask_group(struct dlv_find *f)
{
	unsigned count;

	drop_members(f);
	f->start = f->at;
	f->end = dlv_mx_group_end(&f->mx, f->at);
	count = f->end - f->start;
	f->members = must_alloc(count, sizeof(*f->members));
	/* One more, until all are asked. */
	f->awaited = 1;
	for (unsigned i = 0; i < count; i++)
		ask_member(f, &f->members[i], f->mx.hosts[f->start + i].name);
	if (f->awaited == 1)
		wake(f);
	f->awaited--;
}

/* ---- one host */

static struct dlv_tls_facts
facts_of(const struct dlv_find *f, const struct member *m)
{
	return (struct dlv_tls_facts){ .host = f->mx.hosts[f->at].name,
	    .domain = domain_of(f), .base = m->base, .mx_secure = f->mx.is_secure,
	    .addr_secure = m->addrs.is_secure || m->alias_secure, .require_tls = f->p.require_tls,
	    .tls_optional = f->p.tls_optional, .sts = f->sts };
}

static void
decide(struct dlv_find *f, const struct dns_answer *tlsa)
{
	const struct member *m = &f->members[f->at - f->start];
	struct dlv_tls_facts facts = facts_of(f, m);
	struct dlv_verdict v;
	enum err e;

	facts.tlsa = tlsa;
	if (!f->asked_base)
		facts.base = facts.host;
	dlv_tls_unref(&f->target.tls);
	e = dlv_tls_decide(&f->target.tls, f->p.route, &facts, &v);
	f->has_report = f->p.is_reported && f->p.hop.has_mx;
	if (f->has_report)
		tlsrpt_policy_read(&f->report, f->p.route, &facts, f->target.tls);
	f->target.host = facts.host;
	f->target.addrs = m->addrs;
	f->at++;
	if (e != ERR_OK)
		tell(f, DLV_FIND_SKIP, &v);
	else
		tell(f, DLV_FIND_HOST, NULL);
}

static void ask_tlsa(struct dlv_find *, const char *base);

static void
on_tlsa(void *arg, const struct dns_answer *a)
{
	struct dlv_find *f = arg;
	const char *host = f->mx.hosts[f->at].name;

	/* RFC 7672 s2.2.3: where the alias leads first, then at its own name. */
	if (f->asked_base && (a->status == DNS_NODATA || a->status == DNS_NXDOMAIN) &&
	    strcmp(f->members[f->at - f->start].base, host) != 0) {
		f->asked_base = false;
		ask_tlsa(f, host);
		return;
	}
	decide(f, a);
}

static const struct dns_answer failed = { .status = DNS_SERVFAIL,
    .reason = "cannot be asked for" };

static void
ask_tlsa(struct dlv_find *f, const char *base)
{
	struct buf name;
	enum err e;

	/* RFC 7672 s2.2.3: _25._tcp.mx.example */
	buf_init(&name, CONF_HOP_NAME_MAX + 20);
	buf_printf(&name, "_%u._tcp.%s", f->p.hop.port, base);
	e = dns_ask(f->p.dns, buf_slice(&name), DNS_TLSA, f->p.deadline_ms, on_tlsa, f,
	    &f->ticket);
	buf_fini(&name);
	if (e == ERR_SYNTAX)
		decide(f, NULL);	/* too long a name to have records */
	else if (e != ERR_OK)
		decide(f, &failed);
}

static void
on_cname(void *arg, const struct dns_answer *a)
{
	struct dlv_find *f = arg;
	struct member *m = &f->members[f->at - f->start];

	m->alias_secure = a->status == DNS_OK && a->is_secure;
	/* RFC 7672 s2.2.2: then the records are at its own name, and only there. */
	if (m->alias_secure)
		ask_tlsa(f, f->mx.hosts[f->at].name);
	else
		decide(f, a->status == DNS_SERVFAIL ? a : NULL);
}

/*
 * RFC 7672 s2.2.2: of a secure alias with an insecure target the resolver says
 * no more than of an insecure one; the alias itself must be asked for.
 */
static void
ask_cname(struct dlv_find *f)
{
	enum err e = dns_ask(f->p.dns, slice_str(f->mx.hosts[f->at].name), DNS_CNAME,
	    f->p.deadline_ms, on_cname, f, &f->ticket);

	f->asked_base = false;
	if (e != ERR_OK)
		decide(f, &failed);
}

/* Whether records would count, were it not for the end of the alias chain. */
static bool
may_be_secure_alias(const struct dlv_find *f, const struct member *m)
{
	struct dlv_tls_facts facts = facts_of(f, m);

	if (facts.addr_secure || strcmp(m->base, facts.host) == 0)
		return false;
	facts.addr_secure = true;
	return dlv_tls_wants_tlsa(f->p.route, &facts);
}

static void
try_host(struct dlv_find *f)
{
	const struct member *m = &f->members[f->at - f->start];
	struct dlv_tls_facts facts = facts_of(f, m);

	if (m->verdict.error != ERR_OK) {
		f->has_report = false;
		f->at++;
		tell(f, DLV_FIND_SKIP, &m->verdict);
		return;
	}
	f->asked_base = true;
	if (dlv_tls_wants_tlsa(f->p.route, &facts))
		ask_tlsa(f, m->base);
	else if (may_be_secure_alias(f, m))
		ask_cname(f);
	else
		decide(f, NULL);
}

/* ---- an address instead of a name */

static void
try_address(struct dlv_find *f)
{
	struct dlv_tls_facts facts = { .host = "", .domain = "", .base = "",
	    .mx_secure = true, .addr_secure = true, .require_tls = f->p.require_tls,
	    .tls_optional = f->p.tls_optional };
	struct dlv_verdict v;

	f->has_hosts = true;
	f->target = (struct dlv_target){ .host = "", .addrs = { .v = { f->p.hop.addr },
	    .count = 1, .is_secure = true } };
	if (dlv_tls_decide(&f->target.tls, f->p.route, &facts, &v) != ERR_OK)
		tell(f, DLV_FIND_SKIP, &v);
	else
		tell(f, DLV_FIND_HOST, NULL);
}

/* ---- all */

static void
next(struct dlv_find *f)
{
	struct dlv_verdict v = { .error = ERR_OK };

	if (wants_policy(f)) {
		dlv_sts_start(f->p.sts, &f->ask, f->p.hop.host, f->p.deadline_ms, on_policy, f);
		return;
	}
	if (!f->has_hosts) {
		if (f->p.hop.is_address) {
			try_address(f);
			return;
		}
		if (f->p.hop.has_mx) {
			ask_mx(f);
			return;
		}
		dlv_mx_set_host(&f->mx, f->p.hop.host);
		f->has_hosts = true;
	}
	if (f->is_loop)
		dlv_mx_loop_verdict(&v, slice_str(f->p.hop.host));
	if (f->at >= f->mx.count)
		end(f, &v);
	else if (f->at >= f->end)
		ask_group(f);
	else
		try_host(f);
}

static void
on_turn(void *arg)
{
	struct dlv_find *f = arg;

	/* Not while an answer is awaited: that goes on by itself. */
	if (f->is_wanted && f->ticket == NULL && f->awaited == 0 && f->ask.sts == NULL)
		next(f);
}

struct dlv_find *
dlv_find_new(const struct dlv_find_params *p, dlv_find_fn *fn, void *arg)
{
	struct dlv_find *f = must_alloc(1, sizeof(*f));

	f->p = *p;
	f->p.route = dlv_route_ref(p->route);
	f->fn = fn;
	f->arg = arg;
	dlv_mx_init(&f->mx);
	tlsrpt_policy_init(&f->report);
	loop_idle_init(&f->turn, on_turn, f);
	return f;
}

void
dlv_find_next(struct dlv_find *f)
{
	must(!f->is_wanted);
	f->is_wanted = true;
	wake(f);
}

const struct tlsrpt_policy *
dlv_find_policy(const struct dlv_find *f)
{
	return f->has_report ? &f->report : NULL;
}

void
dlv_find_free(struct dlv_find **fp)
{
	struct dlv_find *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	dlv_sts_stop(&f->ask);
	sts_policy_unref(&f->sts);
	dns_cancel(&f->ticket);
	drop_members(f);
	loop_idle_cancel(&f->turn);
	dlv_tls_unref(&f->target.tls);
	tlsrpt_policy_fini(&f->report);
	dlv_mx_fini(&f->mx);
	dlv_route_unref(&f->p.route);
	free(f);
}
