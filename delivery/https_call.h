/* SPDX-License-Identifier: ISC */
/*
 * One HTTPS request (RFC 9110, 9112) to a server that proves by a chain that
 * it is the host; redirects are not followed, the connection is not kept.
 *
 * fn is the last call, comes once and never inside https_call_new; the call is
 * gone then.  It takes HTTPS_CALL_MS at most.
 */
#ifndef HTTPS_CALL_H
#define HTTPS_CALL_H

#include "lib/base/slice.h"
#include "lib/dns/dns.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"

#define HTTPS_CALL_MS		60000u
#define HTTPS_CALL_BODY_MAX	65536u	/* of what is sent */

struct https_call_result {
	enum err	 e;
	bool		 is_webpki;	/* there was a certificate, and it did not do */
	struct slice	 body;		/* OK: of the reply to a GET */
	const char	*why;		/* else; borrowed, for the log */
};
typedef void https_call_fn(void *arg, const struct https_call_result *);

/* Loop, dns and tls are borrowed for the call's life, the rest is copied. */
struct https_call_params {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	const char		*host;		/* A-labels */
	uint16_t		 port;
	const char		*path;
	/* GET: a 200 of text/plain is wanted, with so much of it at most. */
	size_t			 reply_max;
	/* POST, when type is not NULL: any 2xx will do. */
	const char		*type;
	struct slice		 body;
};

struct https_call;
struct https_call *https_call_new(const struct https_call_params *, https_call_fn *, void *arg);
void		 https_call_cancel(struct https_call **);	/* fn does not come */

#endif
