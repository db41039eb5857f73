/* SPDX-License-Identifier: ISC */
/*
 * What a daemon that ends TLS knows for SASL: the channel binding of a
 * connection, as lib/sasl wants it.
 */
#ifndef DAEMON_SASL_H
#define DAEMON_SASL_H

#include <stdbool.h>

#include "lib/base/slice.h"
#include "lib/io/conn.h"
#include "lib/sasl/scram_server.h"

/* Of the kind that a client names (RFC 5802 s7); false: there is none. */
bool	 daemon_sasl_binding(const struct conn *, struct slice name, struct scram_binding *);

#endif
