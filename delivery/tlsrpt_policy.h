/* SPDX-License-Identifier: ISC */
/*
 * Which policy a host was used, or refused, under, as a report names it
 * (RFC 8460 s1.1, s4.4): the TLSA records of the host, the MTA-STS policy of
 * the domain, or none.  Pure.  The operator's own demands are nobody's
 * policy.  Memory: at most TLS_TALLY_TEXT_MAX of text.
 */
#ifndef TLSRPT_POLICY_H
#define TLSRPT_POLICY_H

#include "delivery/dlv_tls.h"
#include "lib/report/tls_tally.h"

struct tlsrpt_policy {
	char			 owner[CONF_HOP_NAME_MAX + 1];	/* who gets the report */
	enum tls_policy_type	 type;
	char			 domain[CONF_HOP_NAME_MAX + 1];	/* whose policy it is */
	struct buf		 text;		/* its lines, each with LF */
	/* What fails whatever the session brings; NONE: nothing does. */
	enum tls_failure	 failure;
};

void		 tlsrpt_policy_init(struct tlsrpt_policy *);
void		 tlsrpt_policy_fini(struct tlsrpt_policy *);
/* tls is what dlv_tls_decide made of the facts; NULL: the host is not used. */
void		 tlsrpt_policy_read(struct tlsrpt_policy *, const struct dlv_route *,
		    const struct dlv_tls_facts *, const struct dlv_tls *tls);

#endif
