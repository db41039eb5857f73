/* SPDX-License-Identifier: ISC */
/*
 * The MTA-STS policies that this process knows, and how it comes by them
 * (RFC 8461 s3, s5.1):
 *
 *	1 each delivery asks for the TXT record (the DNS caches it)
 *	2 the first to a domain asks queue, which keeps policies over restarts
 *	3 without a policy of the record's id, it is fetched; all wait for it
 *
 * What is cached and not expired holds also when the record is gone or the
 * fetch fails (s3.3, s5.1); a failed fetch is not tried again for
 * DLV_STS_BACKOFF_MS.  A policy that is older than DLV_STS_REFRESH_S is fetched
 * again beside a delivery, which does not wait (s10.2).
 *
 * Memory: DLV_STS_DOMAINS_MAX domains, DLV_STS_BYTES_MAX; those that were not
 * used for longest go first.
 */
#ifndef DLV_STS_H
#define DLV_STS_H

#include "lib/conf/conf_hop.h"
#include "delivery/sts_policy.h"
#include "lib/base/list.h"
#include "lib/dns/dns.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"
#include "lib/ipc/ipc_peer.h"

#define DLV_STS_DOMAINS_MAX	4096u
#define DLV_STS_BYTES_MAX	(4u << 20)
#define DLV_STS_BACKOFF_MS	300000u		/* RFC 8461 s3.3: five minutes */
#define DLV_STS_REFRESH_S	86400u		/* RFC 8461 s10.2: a day */
#define DLV_STS_AGE_MIN_S	300u		/* less than that is this much */
#define DLV_STS_QUEUE_MS	5000u		/* for queue to answer */

struct dlv_sts;
struct dlv_sts_entry;

/* The policy in force, NULL: none. Borrowed for the call. */
typedef void	 dlv_sts_fn(void *arg, const struct sts_policy *);

/* A policy that could not be had, for reports. */
typedef void	 dlv_sts_failed_fn(void *arg, const char *domain, enum tls_failure,
    const char *why);

/* The caller's storage; must stay where it is until fn is called. */
struct dlv_sts_ask {
	struct dlv_sts		*sts;		/* NULL: nothing is asked */
	struct list		 link;		/* of an entry's waiters */
	struct dns_ticket	*ticket;
	struct loop_idle	 turn;
	dlv_sts_fn		*fn;
	void			*arg;
	char			 domain[CONF_HOP_NAME_MAX + 1];
	char			 id[STS_ID_MAX + 1];	/* "": no record */
	bool			 was_loaded;	/* queue was asked for it */
	bool			 was_fetched;
};

/* make: loop, dns and tls are borrowed for its life */
struct dlv_sts	*dlv_sts_new(struct loop *, struct dns *, struct tls_client_ctx *);
void		 dlv_sts_free(struct dlv_sts **);	/* no ask is open */
void		 dlv_sts_set(struct dlv_sts *, bool is_heeded, uint16_t port);
void		 dlv_sts_set_failed(struct dlv_sts *, dlv_sts_failed_fn *, void *arg);
void		 dlv_sts_set_queue(struct dlv_sts *, struct ipc_peer *);	/* NULL: gone */

/* use: fn is called once, never inside; zeroed storage at first */
void		 dlv_sts_start(struct dlv_sts *, struct dlv_sts_ask *, const char *domain,
		    uint64_t deadline_ms, dlv_sts_fn *, void *arg);
void		 dlv_sts_stop(struct dlv_sts_ask *);	/* legal when nothing is asked */

#endif
