/* SPDX-License-Identifier: ISC */
/*
 * Fetching the policy of a domain: one GET of
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 s3.3), whose server
 * proves by a chain that it is mta-sts.DOMAIN; redirects are not followed.
 *
 * fn is the last call, comes once and never inside sts_fetch_new; the fetch is
 * gone then.  It takes a minute at most (RFC 8461 s3.3; https_call.h).
 */
#ifndef STS_FETCH_H
#define STS_FETCH_H

#include "delivery/sts_policy.h"
#include "lib/dns/dns.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"


struct sts_fetch_result {
	enum err		 e;
	struct sts_policy	*policy;	/* OK: borrowed, count it */
	enum tls_failure	 failure;	/* else: STS_FETCH, STS_INVALID, STS_WEBPKI */
	const char		*why;		/* borrowed, for the log */
};
typedef void sts_fetch_fn(void *arg, const struct sts_fetch_result *);

/* Borrowed for the call, what it points to for the fetch's life. */
struct sts_fetch_params {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct slice		 domain;	/* A-labels */
	uint16_t		 port;
};

struct sts_fetch;
struct sts_fetch *sts_fetch_new(const struct sts_fetch_params *, sts_fetch_fn *, void *arg);
void		 sts_fetch_cancel(struct sts_fetch **);	/* fn does not come */

#endif
