/* SPDX-License-Identifier: ISC */
/*
 * The way of gwcmtp to a server (gwcmtp_hosts.h), on the native port or
 * SMTP's.  Of a server that greets as SMTP does CMTP is asked for by OHAI.
 * One thing at a time; all waiting is in here.  Nothing that came is verified.
 */
#ifndef GWCMTP_NET_H
#define GWCMTP_NET_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/io/link.h"
#include "lib/io/loop.h"

#define GWCMTP_HOSTS_MAX	10	/* of a domain; further ones are not tried */
#define GWCMTP_GREETING_MAX	4096	/* bytes before OHAI's answer */
#define GWCMTP_DIAL_MS		30000u
#define GWCMTP_DNS_MS		20000u

struct gwcmtp_host;

struct gwcmtp_net {
	struct loop	*loop;
	struct link	*link;		/* NULL: not connected */
	char		 host[256];	/* that it talks to */
	char		 why[256];	/* after an error */
};

void		 gwcmtp_net_init(struct gwcmtp_net *);
void		 gwcmtp_net_fini(struct gwcmtp_net *);
/*
 * server: "host", "host:port", "[address]:port", or NULL for the domain's.
 * ERR_STATE: it, or the domain, is not one; ERR_NOTFOUND: no host; ERR_AGAIN: the
 * DNS; ERR_GONE: none answers; ERR_SYNTAX, ERR_UNSUPPORTED: that is not CMTP 1.
 */
enum err	 gwcmtp_net_open(struct gwcmtp_net *, const char *domain,
		    const char *server) MUST_USE;
enum err	 gwcmtp_net_write(struct gwcmtp_net *, struct slice) MUST_USE;
enum err	 gwcmtp_net_fill(struct gwcmtp_net *) MUST_USE;
/* The next reply; its slices stay until the next call.  ERR_GONE, ERR_SYNTAX. */
enum err	 gwcmtp_net_read(struct gwcmtp_net *, enum cmtp_reply_form,
		    struct cmtp_reply *) MUST_USE;

/* ---- for gwcmtp_net2 */
enum err	 gwcmtp_net_dial(struct gwcmtp_net *, const struct gwcmtp_host *) MUST_USE;
void		 gwcmtp_net_hang_up(struct gwcmtp_net *);
/* OHAI, whose answer must name the version.  ERR_UNSUPPORTED, ... */
enum err	 gwcmtp_net_ohai(struct gwcmtp_net *, struct slice version) MUST_USE;
/* Says why in n->why; returns e. */
enum err	 gwcmtp_net_fail(struct gwcmtp_net *, enum err e, const char *, ...) PRINTF_LIKE(3, 4);

#endif
