/* SPDX-License-Identifier: ISC */
/*
 * How often one client connects, makes a full TLS handshake and tries to log
 * in, in this process.  (Messages and recipients are counted in queue.)  A
 * client in IPv6 is its /64.  When CLIENT_RATES_MAX are busy, further ones
 * are not counted: strangers could make that happen.  Who is in mynetworks is
 * not asked about: that is the caller's.
 */
#ifndef CLIENT_RATES_H
#define CLIENT_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/rate.h"
#include "lib/io/conn_addr.h"

#define CLIENT_RATES_MAX	100000u

enum client_rate { CLIENT_RATE_CONNECT, CLIENT_RATE_TLS, CLIENT_RATE_AUTH, CLIENT_RATES };

struct client_rates {
	struct rate		 limits[CLIENT_RATES];	/* the owner sets them, at any time */
	struct rate_table	 tables[CLIENT_RATES];
};

void	 client_rates_init(struct client_rates *);
void	 client_rates_fini(struct client_rates *);

/* Count one: false when it is one too many. */
bool	 client_rates_take(struct client_rates *, enum client_rate, const struct conn_addr *,
	    uint64_t now_ms);
/* One more would be too many. */
bool	 client_rates_is_spent(const struct client_rates *, enum client_rate,
	    const struct conn_addr *, uint64_t now_ms);
/* As in the configuration, without the section. */
const char *client_rates_name(enum client_rate);
/* That a session came to the limit. */
void	 client_rates_log(const struct client_rates *, enum client_rate, uint64_t session,
	    const char *client);

#endif
