/* SPDX-License-Identifier: ISC */
/*
 * The way from a next hop to hosts that can be dialled: the domain's MTA-STS
 * policy, MX, addresses and TLSA records are asked for as they are needed, preference by preference, and what
 * is demanded of each host's TLS is decided.  One question at a time is open
 * for its owner: dlv_find_next, then one event.
 *
 * Memory: hosts of dlv_mx.h, addresses of the hosts of one preference, and one
 * target, borrowed by the owner during the event.
 */
#ifndef DLV_FIND_H
#define DLV_FIND_H

#include "delivery/dlv_mx.h"
#include "delivery/dlv_sts.h"
#include "delivery/dlv_tls.h"
#include "delivery/tlsrpt_policy.h"
#include "lib/dns/dns.h"
#include "lib/io/loop.h"

/* One host to try. */
struct dlv_target {
	const char		*host;		/* "" for an address */
	struct dlv_addrs	 addrs;
	struct dlv_tls		*tls;		/* counted */
};

enum dlv_find_event {
	DLV_FIND_HOST,		/* try it */
	DLV_FIND_SKIP,		/* a host that cannot be used: why */
	DLV_FIND_END		/* no more; why, when there never was one */
};
/* Never inside dlv_find_next; target with HOST only, the verdict with the others
 * (its error is OK when there is nothing to add). */
typedef void dlv_find_fn(void *arg, enum dlv_find_event, struct dlv_target *,
    const struct dlv_verdict *);

struct dlv_find_params {
	struct loop		*loop;
	struct dns		*dns;
	struct dlv_sts		*sts;		/* NULL: no policy of the hop is asked for */
	const struct dlv_self	*self;
	struct dlv_route	*route;
	struct conf_hop		 hop;
	enum relay_preference	 preference;
	uint64_t		 seed;
	uint64_t		 deadline_ms;
	bool			 require_tls;
	bool			 tls_optional;
	bool			 is_reported;	/* dlv_find_policy is wanted */
};

struct dlv_find;
/* params is borrowed for the call; the route is counted. */
struct dlv_find	*dlv_find_new(const struct dlv_find_params *, dlv_find_fn *, void *arg);
void		 dlv_find_next(struct dlv_find *);	/* one event follows */
/* Of the host of the last HOST or SKIP; NULL: not wanted, or there is none. */
const struct tlsrpt_policy *dlv_find_policy(const struct dlv_find *);
void		 dlv_find_free(struct dlv_find **);	/* at any time */

#endif
