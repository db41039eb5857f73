/* SPDX-License-Identifier: ISC */
/*
 * Sums of TLS sessions for the domains that want a report (RFC 8460): the
 * first session of a domain asks for its TXT record; what is counted goes to
 * queue DLV_TLSRPT_FLUSH_MS later, and again when queue did not say that it
 * has it.  A domain without a record costs one question to the DNS, whose
 * cache answers the next.  Also posts finished reports for queue.
 *
 * Memory: DLV_TLSRPT_DOMAINS_MAX domains and DLV_TLSRPT_BYTES_MAX of sums,
 * above them nothing is counted; DLV_TLSRPT_POSTS_MAX posts at a time.
 */
#ifndef DLV_TLSRPT_H
#define DLV_TLSRPT_H

#include "delivery/tlsrpt_policy.h"
#include "lib/dns/dns.h"
#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"

#define DLV_TLSRPT_FLUSH_MS	10000u
#define DLV_TLSRPT_RETRY_MS	60000u
#define DLV_TLSRPT_TXT_MS	30000u	/* for the DNS */
#define DLV_TLSRPT_QUEUE_MS	30000u	/* for queue to have it on disk */
#define DLV_TLSRPT_DOMAINS_MAX	1000u
#define DLV_TLSRPT_BYTES_MAX	(4u << 20)
#define DLV_TLSRPT_POSTS_MAX	16u

struct dlv_tlsrpt;

/* make: all is borrowed for its life */
struct dlv_tlsrpt *dlv_tlsrpt_new(struct loop *, struct dns *, struct tls_client_ctx *);
void		 dlv_tlsrpt_free(struct dlv_tlsrpt **);
void		 dlv_tlsrpt_set(struct dlv_tlsrpt *, bool is_on);
void		 dlv_tlsrpt_set_queue(struct dlv_tlsrpt *, struct ipc_peer *);	/* NULL: gone */

/* use */
bool		 dlv_tlsrpt_is_on(const struct dlv_tlsrpt *);
/* A session to a host of the domain; count is 1. */
void		 dlv_tlsrpt_add(struct dlv_tlsrpt *, const char *domain,
		    const struct tls_tally_session *);
unsigned	 dlv_tlsrpt_count(const struct dlv_tlsrpt *);	/* domains with sums */
void		 dlv_tlsrpt_on_post(struct dlv_tlsrpt *, struct ipc_peer *queue,
		    const struct ipc_tlsrpt_post *, struct ipc_in *);
void		 dlv_tlsrpt_left(struct dlv_tlsrpt *, struct ipc_peer *queue);	/* it went */

/* the end: what is there goes to queue now, as far as its record is known */
void		 dlv_tlsrpt_flush(struct dlv_tlsrpt *);

#endif
