/* SPDX-License-Identifier: ISC */
/*
 * What tls_client.c shares with tls_stream.c.
 */
#ifndef TLS_CLIENT_PRIV_H
#define TLS_CLIENT_PRIV_H

#include "lib/io/tls_client.h"
#include "lib/io/tls_priv.h"

struct tls_client_ctx {
	struct tls_base	 base;
	unsigned	 ca_count;
};

#endif
