/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mx.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/map.h"
#include "lib/base/must.h"

/* The k-th random number of a seed. */
static uint64_t
draw(uint64_t seed, uint64_t k)
{
	unsigned char key[16] = { 0 };

	enc_le64(key, seed);
	return hash_sip(key, &k, sizeof(k));
}

void
dlv_mx_init(struct dlv_mx *mx)
{
	*mx = (struct dlv_mx){ NULL, 0, false, false };
}

void
dlv_mx_fini(struct dlv_mx *mx)
{
	free(mx->hosts);
	dlv_mx_init(mx);
}

/* ---- hosts */

static bool
is_known(const struct dlv_mx *mx, struct slice name)
{
	for (unsigned i = 0; i < mx->count; i++)
		if (slice_ieq_str(name, mx->hosts[i].name))
			return true;
	return false;
}

/* At its place among those that are there. */
static void
insert(struct dlv_mx *mx, const struct dlv_mx_host *h)
{
	unsigned at = mx->count;

	while (at > 0 && (mx->hosts[at - 1].preference > h->preference ||
	    (mx->hosts[at - 1].preference == h->preference &&
	    mx->hosts[at - 1].tie > h->tie)))
		at--;
	memmove(&mx->hosts[at + 1], &mx->hosts[at],
	    (mx->count - at) * sizeof(mx->hosts[0]));
	mx->hosts[at] = *h;
	mx->count++;
}

void
dlv_mx_set_host(struct dlv_mx *mx, const char *host)
{
	struct dlv_mx_host h = { .preference = 0 };

	dlv_mx_fini(mx);
	if (!slice_to_cstr(slice_str(host), h.name, sizeof(h.name)))
		return;
	mx->hosts = must_alloc(1, sizeof(*mx->hosts));
	mx->is_secure = true;
	insert(mx, &h);
}

static void
read_records(struct dlv_mx *mx, const struct dns_answer *a, uint64_t seed)
{
	/* They come sorted, so that the best are read. */
	mx->hosts = must_alloc(DLV_MX_MAX + 1, sizeof(*mx->hosts));
	for (size_t i = 0; i < a->count && mx->count < DLV_MX_MAX; i++) {
		const struct dns_record *r = &a->records[i];
		struct dlv_mx_host h = { .preference = r->preference,
		    .tie = draw(seed, i) };

		if (r->data.n == 0 || is_known(mx, r->data) ||
		    !slice_to_cstr(r->data, h.name, sizeof(h.name)))
			continue;
		insert(mx, &h);
	}
	mx->hosts = must_realloc(mx->hosts, mx->count + 1, sizeof(*mx->hosts));
}

/* RFC 7505 s3: a single record that names the root. */
static bool
is_null_mx(const struct dns_answer *a)
{
	return a->count == 1 && a->records[0].data.n == 0;
}

static enum err
set_implicit(struct dlv_mx *mx, struct slice domain)
{
	char name[CONF_HOP_NAME_MAX + 1];

	if (!slice_to_cstr(domain, name, sizeof(name)))
		return ERR_SYNTAX;
	dlv_mx_set_host(mx, name);
	return ERR_OK;
}

enum err
dlv_mx_read(struct dlv_mx *mx, struct slice domain, const struct dns_answer *a,
    uint64_t seed, struct dlv_verdict *v)
{
	dlv_mx_fini(mx);
	switch (a->status) {
	case DNS_OK:
		if (is_null_mx(a)) {
			/* RFC 7505 s4.1 */
			dlv_verdict_set(v, ERR_DENIED, RELAY_UNKNOWN, "5.1.10",
			    "Domain %.*s does not accept mail (null MX)", SLICE_FMT(domain));
			return v->error;
		}
		read_records(mx, a, seed);
		break;
	case DNS_NODATA:
		/* RFC 5321 s5.1: the domain itself, as if its preference were 0. */
		if (set_implicit(mx, domain) != ERR_OK)
			mx->count = 0;
		break;
	case DNS_NXDOMAIN:
		dlv_verdict_set(v, ERR_NOTFOUND, RELAY_UNKNOWN, "5.1.2",
		    "Domain %.*s not found", SLICE_FMT(domain));
		return v->error;
	case DNS_SERVFAIL:
		dlv_verdict_set(v, ERR_AGAIN, RELAY_UNKNOWN, "4.4.3",
		    "MX lookup of %.*s failed: %s", SLICE_FMT(domain),
		    a->reason != NULL ? a->reason : "no answer");
		return v->error;
	}
	mx->is_secure = a->is_secure;
	if (mx->count > 0)
		return ERR_OK;
	dlv_verdict_set(v, ERR_NOTFOUND, RELAY_UNKNOWN, "5.1.2",
	    "No MX of %.*s has a name that can be looked up", SLICE_FMT(domain));
	return v->error;
}

void
dlv_mx_loop_verdict(struct dlv_verdict *v, struct slice domain)
{
	dlv_verdict_set(v, ERR_LIMIT, RELAY_UNKNOWN, "5.4.6",
	    "Mail for %.*s loops back to myself", SLICE_FMT(domain));
}

bool
dlv_mx_cut(struct dlv_mx *mx, unsigned i)
{
	uint16_t worst = mx->hosts[i].preference;

	while (mx->count > 0 && mx->hosts[mx->count - 1].preference >= worst)
		mx->count--;
	mx->was_cut = true;
	return mx->count > 0;
}

enum err
dlv_mx_cut_self(struct dlv_mx *mx, const struct dlv_self *self, uint16_t port,
    struct slice domain, struct dlv_verdict *v)
{
	for (unsigned i = 0; i < mx->count; i++) {
		if (!dlv_self_is_name(self, slice_str(mx->hosts[i].name), port))
			continue;
		if (!dlv_mx_cut(mx, i)) {
			dlv_mx_loop_verdict(v, domain);
			return v->error;
		}
		break;
	}
	return ERR_OK;
}

unsigned
dlv_mx_group_end(const struct dlv_mx *mx, unsigned i)
{
	unsigned end = i;

	while (end < mx->count && mx->hosts[end].preference == mx->hosts[i].preference)
		end++;
	return end;
}

/* ---- addresses */

/* Nobody can be reached there, whatever the DNS says. */
static bool
is_usable(const struct conn_addr *a)
{
	static const unsigned char zero[16];

	if (a->is_v4)
		return memcmp(a->ip + 12, zero, 4) != 0 && a->ip[12] < 224;
	return memcmp(a->ip, zero, 16) != 0 && a->ip[0] != 0xff;
}

/* Those of one family, from a random one on. */
static void
read_family(struct dlv_addrs *to, const struct dns_answer *a, uint16_t port, uint64_t seed)
{
	size_t start = a->count > 0 ? draw(seed, 0) % a->count : 0;

	for (size_t i = 0; a->status == DNS_OK && i < a->count &&
	    to->count < DLV_ADDRS_MAX; i++) {
		struct conn_addr addr = a->records[(start + i) % a->count].addr;

		addr.port = port;
		if (is_usable(&addr))
			to->v[to->count++] = addr;
	}
}

/* One of each in turn; a family that is at its end leaves its turns. */
static void
merge(struct dlv_addrs *to, const struct dlv_addrs *first, const struct dlv_addrs *second,
    bool in_turn)
{
	unsigned i = 0, k = 0;

	while (to->count < DLV_ADDRS_MAX && (i < first->count || k < second->count)) {
		bool is_first = i < first->count &&
		    (k == second->count || !in_turn || i <= k);

		to->v[to->count++] = is_first ? first->v[i++] : second->v[k++];
	}
}

static enum err
none(const char *host, const struct dns_answer *a, const struct dns_answer *aaaa,
    struct dlv_verdict *v)
{
	const struct dns_answer *failed = a->status == DNS_SERVFAIL ? a :
	    aaaa->status == DNS_SERVFAIL ? aaaa : NULL;

	if (failed != NULL)
		dlv_verdict_set(v, ERR_AGAIN, RELAY_UNKNOWN, "4.4.3",
		    "Address lookup of %s failed: %s", host,
		    failed->reason != NULL ? failed->reason : "no answer");
	else if (a->status == DNS_NXDOMAIN)
		dlv_verdict_set(v, ERR_NOTFOUND, RELAY_UNKNOWN, "5.1.2",
		    "Host %s not found", host);
	else
		dlv_verdict_set(v, ERR_NOTFOUND, RELAY_UNKNOWN, "5.1.2",
		    "Host %s has no address", host);
	return v->error;
}

/* What was found is secure; whether the other family exists matters not. */
static bool
is_secure(const struct dns_answer *a)
{
	return a->status != DNS_OK || a->is_secure;
}

enum err
dlv_addrs_read(struct dlv_addrs *to, const char *host, uint16_t port,
    const struct dns_answer *a, const struct dns_answer *aaaa,
    enum relay_preference preference, uint64_t seed, struct dlv_verdict *v)
{
	struct dlv_addrs v4 = { .count = 0 }, v6 = { .count = 0 };

	read_family(&v4, a, port, seed);
	read_family(&v6, aaaa, port, seed);
	*to = (struct dlv_addrs){ .is_secure = is_secure(a) && is_secure(aaaa) };
	if (preference == RELAY_PREFER_IPV4)
		merge(to, &v4, &v6, false);
	else
		merge(to, &v6, &v4, preference == RELAY_PREFER_ANY);
	return to->count > 0 ? ERR_OK : none(host, a, aaaa, v);
}
