/* SPDX-License-Identifier: ISC */
#include "lib/daemon/client_rates.h"

#include "lib/base/log.h"

static const char *const names[CLIENT_RATES] = {
	[CLIENT_RATE_CONNECT] = "client_connection_rate_limit",
	[CLIENT_RATE_TLS] = "client_new_tls_session_rate_limit",
	[CLIENT_RATE_AUTH] = "client_auth_rate_limit",
};

void
client_rates_init(struct client_rates *r)
{
	for (int i = 0; i < CLIENT_RATES; i++)
		rate_init(&r->tables[i], CLIENT_RATES_MAX);
}

void
client_rates_fini(struct client_rates *r)
{
	for (int i = 0; i < CLIENT_RATES; i++)
		rate_fini(&r->tables[i]);
}

bool
client_rates_take(struct client_rates *r, enum client_rate what, const struct conn_addr *client,
    uint64_t now_ms)
{
	return rate_take(&r->tables[what], conn_addr_rate_key(client), &r->limits[what],
	    now_ms) != ERR_LIMIT;
}

bool
client_rates_is_spent(const struct client_rates *r, enum client_rate what,
    const struct conn_addr *client, uint64_t now_ms)
{
	return rate_is_spent(&r->tables[what], conn_addr_rate_key(client), &r->limits[what],
	    now_ms);
}

const char *
client_rates_name(enum client_rate what)
{
	return names[what];
}

void
client_rates_log(const struct client_rates *r, enum client_rate what, uint64_t session,
    const char *client)
{
	log_event(LOG_limit, log_session(session), log_str("client", client),
	    log_str("name", names[what]), log_num("value", r->limits[what].count));
}
