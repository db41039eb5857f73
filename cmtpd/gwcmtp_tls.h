/* SPDX-License-Identifier: ISC */
/*
 * Whom gwcmtp talks to inside TLS: a host whose certificate leads to a CA of
 * the system's, or of --ca, and has its name; or one whose key the user has
 * accepted, which is remembered among the other keys as "HOST:PORT@".  The
 * handshake demands nothing: gwcmtp_tls_judge must say EX_OK before anything is
 * said that counts.
 */
#ifndef GWCMTP_TLS_H
#define GWCMTP_TLS_H

#include "cmtpd/gwcmtp_tool.h"
#include "lib/io/tls_client.h"

struct gwcmtp_tls {
	struct tls_client_ctx	*ctx;
	struct slice		 name;		/* borrowed: the host's */
	struct tls_demand	 demand;
};

/* EX_OK, or said why: the file of --ca.  host is borrowed; stays where it is. */
int	 gwcmtp_tls_init(struct gwcmtp *, struct gwcmtp_tls *, const char *host) MUST_USE;
void	 gwcmtp_tls_fini(struct gwcmtp_tls *);
/* Behind the handshake. */
int	 gwcmtp_tls_judge(struct gwcmtp *, const struct gwcmtp_tls *, const struct link *,
	    const char *port) MUST_USE;

#endif
