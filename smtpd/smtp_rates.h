/* SPDX-License-Identifier: ISC */
/*
 * How often one client connects, makes a full TLS handshake and tries to log
 * in, in this process.  (Messages and recipients are counted in queue.)  A
 * client in IPv6 is its /64.  When SMTP_RATE_CLIENTS are busy, further ones
 * are not counted: strangers could make that happen.
 */
#ifndef SMTP_RATES_H
#define SMTP_RATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/rate.h"
#include "lib/io/conn_addr.h"

#define SMTP_RATE_CLIENTS	100000u

enum smtp_rate { SMTP_RATE_CONNECT, SMTP_RATE_TLS, SMTP_RATE_AUTH, SMTP_RATES };

struct smtp_rates {
	struct rate		 limits[SMTP_RATES];
	struct rate_table	 tables[SMTP_RATES];
};

void	 smtp_rates_init(struct smtp_rates *);
void	 smtp_rates_fini(struct smtp_rates *);

/* Count one: false when it is one too many. */
bool	 smtp_rates_take(struct smtp_rates *, enum smtp_rate, const struct conn_addr *,
	    uint64_t now_ms);
/* One more would be too many. */
bool	 smtp_rates_is_spent(const struct smtp_rates *, enum smtp_rate,
	    const struct conn_addr *, uint64_t now_ms);
/* As in the configuration, without smtpd. */
const char *smtp_rates_name(enum smtp_rate);

#endif
