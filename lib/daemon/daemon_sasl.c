/* SPDX-License-Identifier: ISC */
#include "lib/daemon/daemon_sasl.h"

#include <string.h>

#include "lib/conf/conf_sections.h"
#include "lib/io/tls_binding.h"

_Static_assert(SCRAM_BINDING_MAX >= TLS_BINDING_MAX, "a binding fits");

bool
daemon_sasl_binding(const struct conn *c, struct slice name, struct scram_binding *out)
{
	enum tls_binding_type type;
	struct tls_binding b;

	if (!tls_binding_find(name, &type) || conn_tls_binding(c, type, &b) != ERR_OK)
		return false;
	out->n = b.n;
	memcpy(out->bytes, b.bytes, b.n);
	return true;
}

bool
daemon_sasl_takes_cleartext(struct daemon_app *app, const struct conn_addr *peer, int fd)
{
	const struct godwit_options *o = daemon_options(app, "godwit", NULL);

	if (o == NULL || o->auth_cleartext == CONF_AUTH_CLEARTEXT_NO)
		return false;
	return o->auth_cleartext == CONF_AUTH_CLEARTEXT_YES || conn_addr_is_here(peer, fd);
}
