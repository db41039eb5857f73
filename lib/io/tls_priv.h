/* SPDX-License-Identifier: ISC */
/*
 * What tls.c (the server's identity) shares with tls_stream.c (one
 * connection).  The context is counted: one for its owner, one for each
 * stream.
 */
#ifndef TLS_PRIV_H
#define TLS_PRIV_H

#include "lib/io/openssl.h"
#include "lib/io/tls.h"
#include "lib/io/tls_provider.h"

struct tls_ctx {
	struct loop		*loop;
	struct tls_signer	*signer;
	SSL_CTX			*ssl;		/* NULL: no certificate yet */
	BIO_METHOD		*bio;
	unsigned		 refs;
	unsigned		 handshakes;
	unsigned		 max_handshakes;
	bool			 use_threads;
	unsigned		 ticket_key_count;
	unsigned char		 ticket_keys[2][TLS_TICKET_KEYS_BYTES];
};

void		 tls_ctx_unref(struct tls_ctx *);

#endif
