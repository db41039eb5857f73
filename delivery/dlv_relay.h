/* SPDX-License-Identifier: ISC */
/*
 * Delivery to other hosts: jobs from queue, each one message and up to
 * RELAY_JOB_RCPTS recipients of one site, to transactions with its hosts and
 * back to one answer.  Every job is answered before its deadline, once, and
 * only to the queue that gave it.
 *
 * Limits: job_limit jobs at work, those beyond wait in line (DLV_LINE_MAX,
 * then deferred); connections as dlv_pool.h.
 */
#ifndef DLV_RELAY_H
#define DLV_RELAY_H

#include "delivery/delivery_opt.h"
#include "delivery/dlv_pool.h"
#include "lib/dns/dns.h"
#include "lib/mail/charset.h"

#define DLV_LINE_MAX	4000u

struct dlv_relay;

/* All is borrowed for its life; options until dlv_relay_set_options. */
struct dlv_relay_parts {
	struct loop		*loop;
	struct dns		*dns;
	struct tls_client_ctx	*tls;
	struct charset_set	*charsets;	/* NULL: as charset.h */
	const char		*hostname;
	const struct relay_options *options;
};

struct dlv_relay *dlv_relay_new(const struct dlv_relay_parts *);
void		 dlv_relay_free(struct dlv_relay **);	/* when it is drained */

/* set: new options and, after dlv_relay_begin_routes, all routes again */
void		 dlv_relay_set_options(struct dlv_relay *, const struct relay_options *);
void		 dlv_relay_begin_routes(struct dlv_relay *);
void		 dlv_relay_add_route(struct dlv_relay *, const char *title,
		    const struct route_options *);
/* Once, before the first job; takes it. */
void		 dlv_relay_set_self(struct dlv_relay *, struct dlv_self *);

/* peers: NULL when it went; queue keeps the policies of domains */
void		 dlv_relay_set_queue(struct dlv_relay *, struct ipc_peer *);
void		 dlv_relay_set_keyd(struct dlv_relay *, struct ipc_peer *);
void		 dlv_relay_queue_left(struct dlv_relay *, struct ipc_peer *);

/* use: a relay_job request of this peer */
void		 dlv_relay_take(struct dlv_relay *, struct ipc_peer *queue,
		    const struct ipc_relay_job *, struct ipc_in *);
/* A report to be posted (RFC 8460 s5.4). */
void		 dlv_relay_post(struct dlv_relay *, struct ipc_peer *queue,
		    const struct ipc_tlsrpt_post *, struct ipc_in *);
/* The server key of a domain, and requests for keys of one, for cmtpd (dlv_lookup.h). */
void		 dlv_relay_pass(struct dlv_relay *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp_ask *, struct ipc_in *);
void		 dlv_relay_pass1(struct dlv_relay *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp1_ask *, struct ipc_in *);
void		 dlv_relay_find(struct dlv_relay *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp_find *, struct ipc_in *);
void		 dlv_relay_cmtpd_left(struct dlv_relay *, struct ipc_peer *cmtpd);
unsigned	 dlv_relay_job_count(const struct dlv_relay *);
unsigned	 dlv_relay_session_count(const struct dlv_relay *);
/* Finishes what is at work, answers the rest as deferred, calls fn once. */
void		 dlv_relay_drain(struct dlv_relay *, timer_fn *, void *arg);

#endif
