/* SPDX-License-Identifier: ISC */
/*
 * Which server a question goes to next; pure, the time is handed in.  Servers
 * take turns; one that failed DNS_SERVER_FAILURES times in a row stands back,
 * longer with each failure, and is asked only when the others did not help.
 */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/dns/dns.h"

#define DNS_SERVER_FAILURES	2
#define DNS_SERVER_BACK_MS	2000u	/* doubled each time */
#define DNS_SERVER_BACK_MAX_MS	60000u

struct dns_server {
	struct conn_addr addr;
	unsigned	 failures;	/* since it last answered */
	uint64_t	 back_at_ms;	/* stands back until then */
};

struct dns_servers {
	struct dns_server v[DNS_SERVERS_MAX];
	unsigned	 count;
	unsigned	 turn;
};

void		 dns_server_init(struct dns_servers *, const struct conn_addr *,
		    unsigned count);
bool		 dns_server_same(const struct dns_servers *,
		    const struct conn_addr *, unsigned count);

/* tries: how often the question was sent to each.  -1: all had their attempts. */
int		 dns_server_pick(struct dns_servers *,
		    const uint8_t tries[DNS_SERVERS_MAX], unsigned attempts,
		    uint64_t now_ms);
/* True when that changed what one thinks of the server (for the log). */
bool		 dns_server_answered(struct dns_servers *, unsigned idx);
bool		 dns_server_failed(struct dns_servers *, unsigned idx,
		    uint64_t now_ms);

#endif
