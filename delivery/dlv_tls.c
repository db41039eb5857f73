/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_tls.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/base/must.h"

#define TLSA_BYTES_MAX	32768u	/* of records of one host, altogether */

bool
dlv_tls_wants_tlsa(const struct dlv_route *r, const struct dlv_tls_facts *f)
{
	bool by_policy = r->tls == CONF_RELAY_TLS_DANE || r->tls == CONF_RELAY_TLS_DANE_ONLY;
	bool by_sender = f->require_tls && r->tls < CONF_RELAY_TLS_VERIFY;

	/* RFC 7672 s2.2.2: nothing is gained behind addresses that may be forged. */
	return (by_policy || by_sender) && !f->tls_optional && f->addr_secure &&
	    f->host[0] != '\0';
}

bool
dlv_tls_heeds_sts(const struct dlv_route *r, bool require_tls, bool tls_optional)
{
	/* RFC 8689 s3; what the operator wrote otherwise is as strict, or is meant so. */
	if ((tls_optional && !require_tls) || r->has_relay)
		return false;
	if (r->tls == CONF_RELAY_TLS_NONE)
		return require_tls;
	return r->tls == CONF_RELAY_TLS_MAY || r->tls == CONF_RELAY_TLS_ENCRYPT ||
	    r->tls == CONF_RELAY_TLS_DANE;
}

/* ---- filling in */

static void *
take(struct dlv_tls *t, size_t count, size_t size)
{
	void *p = arena_alloc(&t->mem, count, size);

	/* All that is put there has limits whose sum is below that of the arena. */
	must(p != NULL);
	return p;
}

/* names must have room for it. */
static void
add_name(struct dlv_tls *t, struct slice *names, const char *name)
{
	if (name[0] != '\0')
		names[t->demand.name_count++] = arena_dup(&t->mem, slice_str(name));
}

/*
 * The names a certificate may be for: those of the route, else the host (it
 * must not have been forged, or the certificate proves nothing) and the domain.
 */
static void
set_names(struct dlv_tls *t, const struct dlv_route *r, const struct dlv_tls_facts *f,
    bool with_host)
{
	struct slice *names = take(t, r->name_count + 4, sizeof(*names));
	char below[CONF_HOP_NAME_MAX + 2];

	t->demand.names = names;
	for (unsigned i = 0; i < r->name_count; i++)
		add_name(t, names, r->names[i]);
	if (r->name_count > 0)
		return;
	if (with_host) {
		add_name(t, names, f->host);
		if (strcmp(f->base, f->host) != 0)
			add_name(t, names, f->base);
	}
	if (f->domain[0] == '\0' || r->tls == CONF_RELAY_TLS_VERIFY)
		return;
	add_name(t, names, f->domain);
	if (r->tls == CONF_RELAY_TLS_SECURE) {
		below[0] = '.';
		if (slice_to_cstr(slice_str(f->domain), below + 1, sizeof(below) - 1))
			add_name(t, names, below);
	}
}

static enum err
set_chain(struct dlv_tls *t, const struct dlv_route *r, const struct dlv_tls_facts *f,
    bool with_host, struct dlv_verdict *v)
{
	t->level = DLV_TLS_CHAIN;
	t->demand.mode = TLS_CHAIN;
	set_names(t, r, f, with_host);
	if (t->demand.name_count > 0)
		return ERR_OK;
	dlv_verdict_set(v, ERR_CRYPTO, RELAY_UNKNOWN, "4.7.5",
	    "There is no name that the certificate could be for: set tls_names");
	return v->error;
}

static void
set_prints(struct dlv_tls *t, const struct dlv_route *r)
{
	uint8_t (*prints)[TLS_FINGERPRINT_BYTES] = take(t, r->print_count, sizeof(*prints));

	memcpy(prints, r->prints, r->print_count * sizeof(*prints));
	t->level = DLV_TLS_PRINT;
	t->demand.mode = TLS_FINGERPRINT;
	t->demand.fingerprints = (const uint8_t (*)[TLS_FINGERPRINT_BYTES])prints;
	t->demand.fingerprint_count = r->print_count;
}

/* Those that are usable; the rest may as well not exist (RFC 7672 s3.1). */
static void
set_tlsa(struct dlv_tls *t, const struct dns_answer *a)
{
	struct tls_tlsa *v = take(t, TLS_TLSA_MAX, sizeof(*v));
	size_t bytes = 0;

	t->demand.tlsa = v;
	for (size_t i = 0; i < a->count && t->demand.tlsa_count < TLS_TLSA_MAX; i++) {
		const struct dns_record *r = &a->records[i];
		struct tls_tlsa one = { r->usage, r->selector, r->matching, r->data };

		/* Whole certificates can be many, and long. */
		if (!tls_tlsa_is_usable(&one) || bytes + r->data.n > TLSA_BYTES_MAX)
			continue;
		bytes += r->data.n;
		one.data = arena_dup(&t->mem, r->data);
		v[t->demand.tlsa_count++] = one;
	}
}

/* ---- DANE */

enum dane { DANE_NONE, DANE_UNUSABLE, DANE_USABLE };

static enum dane
read_dane(struct dlv_tls *t, const struct dlv_tls_facts *f)
{
	if (f->tlsa == NULL || f->tlsa->status != DNS_OK || !f->tlsa->is_secure)
		return DANE_NONE;
	set_tlsa(t, f->tlsa);
	return t->demand.tlsa_count > 0 ? DANE_USABLE : DANE_UNUSABLE;
}

static void
set_dane(struct dlv_tls *t, const struct dlv_route *r, const struct dlv_tls_facts *f)
{
	struct dlv_route no_names = *r;

	/* RFC 7672 s3.2.2: what the operator wrote has no say here. */
	no_names.name_count = 0;
	no_names.tls = CONF_RELAY_TLS_DANE;
	t->level = DLV_TLS_DANE;
	t->demand.mode = TLS_DANE;
	set_names(t, &no_names, f, true);
}

static enum err
no_dane(struct dlv_verdict *v, const struct dlv_tls_facts *f, const char *why)
{
	dlv_verdict_set(v, ERR_CRYPTO, RELAY_REFUSED, "4.7.5", "DANE is required, but %s %s",
	    f->host[0] != '\0' ? f->host : "an address", why);
	return v->error;
}

static enum err
decide_dane(struct dlv_tls *t, const struct dlv_route *r, const struct dlv_tls_facts *f,
    struct dlv_verdict *v)
{
	bool is_only = r->tls == CONF_RELAY_TLS_DANE_ONLY;

	/* RFC 7672 s2.2.1: else an attacker names a host of his own, with records. */
	if (is_only && !f->mx_secure)
		return no_dane(v, f, "is not securely named by the domain");
	switch (read_dane(t, f)) {
	case DANE_USABLE:
		set_dane(t, r, f);
		return ERR_OK;
	case DANE_UNUSABLE:
		/* RFC 7672 s2.2: TLS is mandatory, with anybody. */
		if (is_only)
			return no_dane(v, f, "has no usable TLSA record");
		t->level = DLV_TLS_ENCRYPT;
		return ERR_OK;
	case DANE_NONE:
		if (is_only)
			return no_dane(v, f, "has no secure TLSA record");
		t->level = DLV_TLS_MAY;
		return ERR_OK;
	}
	return ERR_OK;
}

/* ---- MTA-STS */

static bool
is_listed(const struct dlv_tls_facts *f)
{
	return sts_policy_has_host(f->sts, slice_str(f->host));
}

static enum err
not_listed(struct dlv_verdict *v, const struct dlv_tls_facts *f)
{
	dlv_verdict_set(v, ERR_CRYPTO, RELAY_REFUSED, "4.7.5",
	    "%.100s is not in the MTA-STS policy of %.100s", f->host, f->domain);
	return v->error;
}

/* RFC 8461 s4.2: the certificate is for the host, by that name alone. */
static void
set_host_name(struct dlv_tls *t, const struct dlv_tls_facts *f)
{
	struct slice *names = take(t, 1, sizeof(*names));

	t->demand.mode = TLS_CHAIN;
	t->demand.names = names;
	add_name(t, names, f->host);
}

static enum err
set_sts(struct dlv_tls *t, const struct dlv_tls_facts *f, struct dlv_verdict *v)
{
	if (!is_listed(f))
		return not_listed(v, f);
	t->level = DLV_TLS_CHAIN;
	t->policy = "sts";
	set_host_name(t, f);
	return ERR_OK;
}

/*
 * What DANE demands stands (RFC 8461 s2); but records of a host that an
 * attacker may have named prove nothing unless the policy names it too.
 */
static enum err
decide_sts(struct dlv_tls *t, const struct dlv_tls_facts *f, struct dlv_verdict *v)
{
	if (f->sts->mode == STS_NONE)
		return ERR_OK;
	if (f->sts->mode == STS_ENFORCE) {
		if (t->level != DLV_TLS_DANE)
			return set_sts(t, f, v);
		return f->mx_secure || is_listed(f) ? ERR_OK : not_listed(v, f);
	}
	if (t->level == DLV_TLS_DANE)
		return ERR_OK;
	/* RFC 8461 s5: what would have failed is told, and the mail goes on. */
	t->policy = "sts-testing";
	t->is_unlisted = !is_listed(f);
	t->demand.is_advisory = true;
	set_host_name(t, f);
	return ERR_OK;
}

/*
 * RFC 8689 s4.2.1: DANE, or a certificate for a host that is securely named;
 * where it is not, for the domain itself.
 */
static enum err
decide_required(struct dlv_tls *t, const struct dlv_route *r,
    const struct dlv_tls_facts *f, struct dlv_verdict *v)
{
	if (f->mx_secure && read_dane(t, f) == DANE_USABLE) {
		set_dane(t, r, f);
		return ERR_OK;
	}
	t->demand.tlsa = NULL;
	t->demand.tlsa_count = 0;
	/* RFC 8689 s4.2.1: MTA-STS names the host as securely as DNSSEC does. */
	if (f->sts != NULL && f->sts->mode == STS_ENFORCE)
		return set_sts(t, f, v);
	return set_chain(t, r, f, f->mx_secure, v);
}

/* ---- all */

static enum err
decide(struct dlv_tls *t, const struct dlv_route *r, const struct dlv_tls_facts *f,
    struct dlv_verdict *v)
{
	/* RFC 8689 s3: the sender would rather have it arrive. */
	if (f->tls_optional && !f->require_tls) {
		t->level = r->tls == CONF_RELAY_TLS_NONE ? DLV_TLS_NONE : DLV_TLS_MAY;
		return ERR_OK;
	}
	if (f->require_tls && r->tls < CONF_RELAY_TLS_VERIFY && r->tls != CONF_RELAY_TLS_DANE_ONLY)
		return decide_required(t, r, f, v);
	switch (r->tls) {
	case CONF_RELAY_TLS_NONE:
		t->level = DLV_TLS_NONE;
		return ERR_OK;
	case CONF_RELAY_TLS_MAY:
		t->level = DLV_TLS_MAY;
		return ERR_OK;
	case CONF_RELAY_TLS_ENCRYPT:
		t->level = DLV_TLS_ENCRYPT;
		return ERR_OK;
	case CONF_RELAY_TLS_DANE:
	case CONF_RELAY_TLS_DANE_ONLY:
		return decide_dane(t, r, f, v);
	case CONF_RELAY_TLS_VERIFY:
		return set_chain(t, r, f, true, v);
	case CONF_RELAY_TLS_SECURE:
		return set_chain(t, r, f, f->domain[0] == '\0', v);
	case CONF_RELAY_TLS_FINGERPRINT:
		set_prints(t, r);
		return ERR_OK;
	}
	return ERR_OK;
}

/* Two demands with the same key are the same: SipHash under a random key. */
static uint64_t
key_of(const struct dlv_tls *t)
{
	uint64_t key = hash_u64(t->level | (uint64_t)t->demand.mode << 8 |
	    (uint64_t)t->demand.is_advisory << 16);

	key = hash_u64(key ^ hash_slice(t->demand.sni));
	for (size_t i = 0; i < t->demand.name_count; i++)
		key = hash_u64(key ^ hash_slice(t->demand.names[i]));
	for (size_t i = 0; i < t->demand.tlsa_count; i++) {
		const struct tls_tlsa *r = &t->demand.tlsa[i];

		key = hash_u64(key ^ hash_slice(r->data));
		key = hash_u64(key ^ ((uint64_t)r->usage << 16 | (uint64_t)r->selector << 8 |
		    r->matching));
	}
	for (size_t i = 0; i < t->demand.fingerprint_count; i++)
		key = hash_u64(key ^ hash_slice(slice_of(t->demand.fingerprints[i],
		    TLS_FINGERPRINT_BYTES)));
	return key;
}

enum err
dlv_tls_decide(struct dlv_tls **tp, const struct dlv_route *r,
    const struct dlv_tls_facts *f, struct dlv_verdict *v)
{
	struct dlv_tls *t;
	enum err e;

	*tp = NULL;
	/* RFC 7672 s2.1: whoever can make the lookup fail must gain nothing. */
	if (f->tlsa != NULL && f->tlsa->status == DNS_SERVFAIL) {
		dlv_verdict_set(v, ERR_CRYPTO, RELAY_UNKNOWN, "4.7.5",
		    "TLSA lookup of %s failed: %s", f->base,
		    f->tlsa->reason != NULL ? f->tlsa->reason : "no answer");
		return v->error;
	}
	t = must_alloc(1, sizeof(*t));
	t->refs = 1;
	t->policy = "";
	arena_init(&t->mem, DLV_TLS_BYTES_MAX);
	e = decide(t, r, f, v);
	if (e == ERR_OK && f->sts != NULL && f->host[0] != '\0' && !f->require_tls)
		e = decide_sts(t, f, v);
	/* A password is not sent for everybody to read. */
	if (e == ERR_OK && r->login[0] != '\0' && t->level < DLV_TLS_ENCRYPT)
		t->level = DLV_TLS_ENCRYPT;
	if (e != ERR_OK) {
		dlv_tls_unref(&t);
		return e;
	}
	t->demand.sni = arena_dup(&t->mem, slice_str(t->level == DLV_TLS_DANE ?
	    f->base : f->host));
	t->key = key_of(t);
	*tp = t;
	return ERR_OK;
}

struct dlv_tls *
dlv_tls_ref(struct dlv_tls *t)
{
	t->refs++;
	return t;
}

void
dlv_tls_unref(struct dlv_tls **tp)
{
	struct dlv_tls *t = *tp;

	*tp = NULL;
	if (t == NULL || --t->refs > 0)
		return;
	arena_fini(&t->mem);
	free(t);
}

const char *
dlv_tls_text(const struct tls_peer *p)
{
	if (p == NULL)
		return "none";
	switch (p->trust) {
	case TLS_VERIFIED: return "verified";
	case TLS_TRUSTED: return "trusted";
	case TLS_UNTRUSTED: return "untrusted";
	case TLS_ANONYMOUS: return "anonymous";
	}
	return "anonymous";
}
