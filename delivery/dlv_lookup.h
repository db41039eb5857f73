/* SPDX-License-Identifier: ISC */
/*
 * The server key of another domain, for cmtpd, which has mail signed by it
 * (man/cmtp.7):
 *
 *	1 what is pinned in keyd, when it has the record asked for
 *	2 the domain's hosts, in their order, as TLS is demanded of them: the
 *	  first that speaks CMTP 2 is asked
 *	3 its records must go on from the pin, be those of a signed _cmtp TXT
 *	  record when there is one, and are pinned then
 *
 * One search for a domain at a time; all who ask meanwhile get its answer.
 * What was not found is not looked for again for DLV_LOOKUP_AGAIN_MS, nor what
 * could not be asked for now for DLV_LOOKUP_SOON_MS.
 *
 * And requests for keys that are passed on (cmtp_ask): when the server's key is
 * known, the domain's first host with CMTP 2 is asked; its answer, which that key
 * must have signed, serves all who ask for as long, found or not.
 *
 * The same by version 1 (cmtp1_ask), for the key of a user: the first host that
 * lists CMTP 1, inside TLS or not, with TLS as mail would have it but never again
 * in the clear; its key and the user's must be those that are remembered
 * (dlv_cmtp1.h), and keyd signs what is answered.
 *
 * Memory: DLV_LOOKUP_DOMAINS_MAX searches, DLV_LOOKUP_ASKERS_MAX requests.
 */
#ifndef DLV_LOOKUP_H
#define DLV_LOOKUP_H

#include "delivery/dlv_smtp.h"

#define DLV_LOOKUP_DOMAINS_MAX	1000u
#define DLV_LOOKUP_ASKERS_MAX	4000u
#define DLV_LOOKUP_MS		60000u		/* a search ends */
#define DLV_LOOKUP_AGAIN_MS	300000u
#define DLV_LOOKUP_SOON_MS	10000u

struct dlv_lookup;

/* make: env is borrowed for its life */
struct dlv_lookup *dlv_lookup_new(const struct dlv_smtp_env *);
void		 dlv_lookup_free(struct dlv_lookup **);
/* What serves mail that matches no route; counted. */
void		 dlv_lookup_set_route(struct dlv_lookup *, struct dlv_route *);

/* use */
void		 dlv_lookup_take(struct dlv_lookup *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp_find *, struct ipc_in *);
void		 dlv_lookup_pass(struct dlv_lookup *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp_ask *, struct ipc_in *);
void		 dlv_lookup_pass1(struct dlv_lookup *, struct ipc_peer *cmtpd,
		    const struct ipc_cmtp1_ask *, struct ipc_in *);
void		 dlv_lookup_left(struct dlv_lookup *, struct ipc_peer *cmtpd);
/*
 * The same for relay itself.  peek: what was not found is remembered, and why.
 * ask: NULL when there is no room; else fn once, never inside, unless cancelled.
 * serial: of the record wanted, as in cmtp_find.
 */
struct dlv_lookup_asker;
typedef void dlv_lookup_fn(void *arg, enum err, const char *reason, struct slice pin);
bool		 dlv_lookup_peek(struct dlv_lookup *, struct slice domain, enum err *,
		    const char **reason);
struct dlv_lookup_asker *dlv_lookup_ask(struct dlv_lookup *, struct slice domain,
		    uint64_t serial, dlv_lookup_fn *, void *arg);
void		 dlv_lookup_cancel(struct dlv_lookup *, struct dlv_lookup_asker **);
unsigned	 dlv_lookup_count(const struct dlv_lookup *);	/* searches */

#endif
