/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_server.h"

#include <string.h>

#include "lib/base/must.h"

void
dns_server_init(struct dns_servers *s, const struct conn_addr *addrs,
    unsigned count)
{
	must(count <= DNS_SERVERS_MAX);
	*s = (struct dns_servers){ .count = count };
	for (unsigned i = 0; i < count; i++)
		s->v[i].addr = addrs[i];
}

bool
dns_server_same(const struct dns_servers *s, const struct conn_addr *addrs,
    unsigned count)
{
	if (s->count != count)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!conn_addr_same_ip(&s->v[i].addr, &addrs[i]) ||
		    s->v[i].addr.port != addrs[i].port)
			return false;
	return true;
}

/* Fewer tries first, then who does not stand back. */
static bool
is_better(const struct dns_servers *s, const uint8_t *tries, unsigned a,
    unsigned b, uint64_t now_ms)
{
	if (tries[a] != tries[b])
		return tries[a] < tries[b];
	return s->v[a].back_at_ms <= now_ms && s->v[b].back_at_ms > now_ms;
}

int
dns_server_pick(struct dns_servers *s, const uint8_t tries[DNS_SERVERS_MAX],
    unsigned attempts, uint64_t now_ms)
{
	int best = -1;

	for (unsigned i = 0; i < s->count; i++) {
		unsigned idx = (s->turn + i) % s->count;

		if (tries[idx] < attempts && (best < 0 ||
		    is_better(s, tries, idx, (unsigned)best, now_ms)))
			best = (int)idx;
	}
	if (best >= 0)
		s->turn = ((unsigned)best + 1) % s->count;
	return best;
}

bool
dns_server_answered(struct dns_servers *s, unsigned idx)
{
	bool was_back = s->v[idx].failures >= DNS_SERVER_FAILURES;

	s->v[idx].failures = 0;
	s->v[idx].back_at_ms = 0;
	return was_back;
}

bool
dns_server_failed(struct dns_servers *s, unsigned idx, uint64_t now_ms)
{
	struct dns_server *v = &s->v[idx];
	uint64_t back_ms = DNS_SERVER_BACK_MS;

	if (v->back_at_ms > now_ms)
		return false;	/* of queries that were under way already */
	if (++v->failures < DNS_SERVER_FAILURES)
		return false;
	for (unsigned i = DNS_SERVER_FAILURES; i < v->failures &&
	    back_ms < DNS_SERVER_BACK_MAX_MS; i++)
		back_ms *= 2;
	if (back_ms > DNS_SERVER_BACK_MAX_MS)
		back_ms = DNS_SERVER_BACK_MAX_MS;
	v->back_at_ms = now_ms + back_ms;
	return v->failures == DNS_SERVER_FAILURES;
}
