/* SPDX-License-Identifier: ISC */
/*
 * Which hosts to ask for a domain: the one that is named, else those of its MX
 * records, else the domain itself (RFC 5321 s5.1).  gwcmtp_net.why says what
 * failed.
 */
#ifndef GWCMTP_HOSTS_H
#define GWCMTP_HOSTS_H

#include <stdint.h>

#include "cmtpd/gwcmtp_net.h"

struct gwcmtp_host {
	char		 name[256];
	uint16_t	 port;
};

/* "host", "host:port", "[v6]" or "[v6]:port"; the usual port.  ERR_STATE. */
enum err	 gwcmtp_hosts_read(struct gwcmtp_net *, struct gwcmtp_host *, const char *server,
		    uint16_t usual) MUST_USE;
/* GWCMTP_HOSTS_MAX at most, without port.  ERR_STATE, ERR_NOTFOUND, ERR_AGAIN. */
enum err	 gwcmtp_hosts_of(struct gwcmtp_net *, const char *domain, struct gwcmtp_host *hosts,
		    unsigned *count) MUST_USE;

#endif
