/* SPDX-License-Identifier: ISC */
/*
 * What a daemon that ends TLS knows for SASL: the channel binding of a
 * connection, as lib/sasl wants it, and who may do without TLS.
 */
#ifndef DAEMON_SASL_H
#define DAEMON_SASL_H

#include <stdbool.h>

#include "lib/base/slice.h"
#include "lib/daemon/daemon.h"
#include "lib/io/conn.h"
#include "lib/sasl/scram_server.h"

/* Of the kind that a client names (RFC 5802 s7); false: there is none. */
bool	 daemon_sasl_binding(const struct conn *, struct slice name, struct scram_binding *);

/* May this client log in without TLS, on any listener?  (auth_cleartext) */
bool	 daemon_sasl_takes_cleartext(struct daemon_app *, const struct conn_addr *peer, int fd);

#endif
