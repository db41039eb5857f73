/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_rates.h"

static const char *const names[SMTP_RATES] = {
	[SMTP_RATE_CONNECT] = "client_connection_rate_limit",
	[SMTP_RATE_TLS] = "client_new_tls_session_rate_limit",
	[SMTP_RATE_AUTH] = "client_auth_rate_limit",
};

void
smtp_rates_init(struct smtp_rates *r)
{
	for (int i = 0; i < SMTP_RATES; i++)
		rate_init(&r->tables[i], SMTP_RATE_CLIENTS);
}

void
smtp_rates_fini(struct smtp_rates *r)
{
	for (int i = 0; i < SMTP_RATES; i++)
		rate_fini(&r->tables[i]);
}

bool
smtp_rates_take(struct smtp_rates *r, enum smtp_rate what, const struct conn_addr *client,
    uint64_t now_ms)
{
	return rate_take(&r->tables[what], conn_addr_rate_key(client), &r->limits[what],
	    now_ms) != ERR_LIMIT;
}

bool
smtp_rates_is_spent(const struct smtp_rates *r, enum smtp_rate what,
    const struct conn_addr *client, uint64_t now_ms)
{
	return rate_is_spent(&r->tables[what], conn_addr_rate_key(client), &r->limits[what],
	    now_ms);
}

const char *
smtp_rates_name(enum smtp_rate what)
{
	return names[what];
}
