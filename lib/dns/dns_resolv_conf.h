/* SPDX-License-Identifier: ISC */
/*
 * The text of /etc/resolv.conf (resolv.conf(5)): the nameserver lines and the
 * timeout and attempts of an options line; all else is passed over.  Pure:
 * the caller reads the file, before it is confined.
 */
#ifndef DNS_RESOLV_CONF_H
#define DNS_RESOLV_CONF_H

#include "lib/base/slice.h"
#include "lib/dns/dns.h"

#define DNS_RESOLV_CONF_BYTES_MAX	65536	/* of the file; what follows is unread */

/*
 * Replaces servers (port 53; 127.0.0.1 when the text names none), and
 * timeout_ms and attempts where an option names them.  Lines that are not
 * understood, servers over DNS_SERVERS_MAX and link-local scopes are left out.
 */
void		 dns_resolv_conf_parse(struct slice text, struct dns_config *);

#endif
