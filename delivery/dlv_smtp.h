/* SPDX-License-Identifier: ISC */
/*
 * One delivery: a message for recipients of one site, from next hop to next
 * hop, host to host, address to address, until each recipient is taken,
 * refused for good, or out of hosts.
 *
 *	hop	the site, then the fallbacks of its route
 *	host	in the order of dlv_find; mx_session_limit of a hop may refuse
 *	address	of a host, in order; mx_address_limit of a hop are tried
 *	round	a transaction; one more for those that did not fit
 */
#ifndef DLV_SMTP_H
#define DLV_SMTP_H

#include "delivery/dlv_find.h"
#include "delivery/dlv_outcome.h"
#include "delivery/dlv_pool.h"
#include "delivery/dlv_source.h"
#include "delivery/dlv_tlsrpt.h"

struct dlv_smtp;
struct dlv_lookup;
struct dlv_known;
struct dlv_postage;
struct seal_press;
struct dlv_mail2_room;

/* What a delivery takes from its process; borrowed for its life. */
struct dlv_smtp_env {
	struct loop		*loop;
	struct dns		*dns;
	struct dlv_sts		*sts;		/* NULL: not heeded */
	struct dlv_tlsrpt	*tlsrpt;
	struct dlv_pool		*pool;
	struct dlv_lookup	*lookup;	/* NULL: no CMTP */
	struct dlv_known	*known;
	struct dlv_postage	*postage;
	struct seal_press	*press;
	struct dlv_mail2_room	*room;
	struct charset_set	*charsets;
	const char		*hostname;
	const struct dlv_self	*self;
	enum relay_preference	 preference;
	unsigned		 address_limit;
	unsigned		 session_limit;
	uint16_t		 port;
};

struct dlv_rcpt_to {
	uint32_t		 idx;		/* queue's number */
	uint8_t			 notify;
	bool			 is_settled;
	bool			 is_again;	/* did not fit into a transaction */
	bool			 was_cmtp2;	/* CMTP had its turn ... */
	bool			 was_cmtp1;	/* ... and its version 1 */
	struct slice		 address;
	struct slice		 original;	/* as given in RCPT; empty: the same */
	struct slice		 orcpt;
	struct dlv_outcome	*outcome;	/* settled, or the last failure */
};

/* The job, filled in by the owner before dlv_smtp_start. */
struct dlv_mail {
	uint64_t		 msg, session;
	uint64_t		 arrival_ms, active_ms, retry_ms;	/* real time */
	unsigned		 flags;		/* enum queue_flag */
	struct slice		 site, sender, envid;
	struct dlv_source	 source;
	struct dlv_rcpt_to	*rcpts;
	unsigned		 count;
};

/* Every recipient is settled.  Free it here or later. */
typedef void dlv_smtp_fn(void *arg);

/* mail is the owner's, and outlives it; the route is counted; never calls inside */
struct dlv_smtp	*dlv_smtp_new(const struct dlv_smtp_env *, struct dlv_mail *,
		    struct dlv_route *, uint64_t deadline_ms, dlv_smtp_fn *, void *arg);
/* The message's end is on its way: only the answer is missing. */
bool		 dlv_smtp_is_finishing(const struct dlv_smtp *);
void		 dlv_smtp_free(struct dlv_smtp **);	/* drops what is under way */

/* All that are not settled get this; logs each. */
void		 dlv_mail_fail(struct dlv_mail *, const struct dlv_verdict *,
		    const struct dlv_delays *);
enum relay_feedback dlv_smtp_feedback(const struct dlv_smtp *);

#endif
