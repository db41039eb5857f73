/* SPDX-License-Identifier: ISC */
/*
 * The way to a server of CMTP 2: inside TLS, behind STARTTLS of SMTP on port 25
 * of the domain's MX hosts, or of the host that -s names; or with
 * cmtps://host:port from the first byte.  The certificate is judged before
 * anything is asked (gwcmtp_tls.h).  All say why they fail, and return an exit
 * code.
 */
#ifndef GWCMTP_NET2_H
#define GWCMTP_NET2_H

#include "cmtpd/gwcmtp_tls.h"

/* g->net is connected then; the tls is to be freed in any case. */
int	 gwcmtp_net2_open(struct gwcmtp *, struct gwcmtp_tls *, const char *domain) MUST_USE;

#endif
