/* SPDX-License-Identifier: ISC */
/*
 * The life of one question on the wire: server after server, UDP and then
 * TCP, without EDNS where it is not understood, along aliases that lead to
 * other names, until there is an answer or nobody is left to ask.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "lib/dns/dns.h"
#include "lib/dns/dns_exchange.h"
#include "lib/dns/dns_server.h"
#include "lib/dns/dns_wire.h"

#define DNS_STRAYS_MAX	16	/* wrong datagrams; then TCP (RFC 5452 s9.3) */

/* What all questions of a resolver share; it outlives them. */
struct dns_query_env {
	struct loop	*loop;
	struct dns_config config;
	struct dns_servers servers;
	struct dns_counts counts;
};

/* Called once, perhaps from inside dns_query_start; the query may be freed there. */
typedef void	 dns_query_fn(void *arg, struct dns_answer *take_answer,
		    bool has_ttl);

struct dns_query {
	struct dns_query_env *env;
	dns_query_fn	*fn;
	void		*arg;
	struct dns_name	 asked;
	struct dns_wire_query wire;	/* its name: where the aliases have led */
	struct dns_exchange exchange;
	struct timer	 timer;		/* of this try */
	uint8_t		 tries[DNS_SERVERS_MAX];
	unsigned	 server;
	unsigned	 strays;
	unsigned	 aliases;
	bool		 is_secure;	/* so far */
	uint32_t	 ttl_s;		/* so far */
	const char	*reason;	/* why the last try failed */
};

void		 dns_query_init(struct dns_query *, struct dns_query_env *,
		    const struct dns_name *, enum dns_type, dns_query_fn *, void *arg);
void		 dns_query_start(struct dns_query *);	/* or from the beginning again */
void		 dns_query_stop(struct dns_query *);	/* fn is not called */

#endif
