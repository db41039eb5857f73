/* SPDX-License-Identifier: ISC */
/*
 * What is demanded of one host's TLS, from what the operator, the sender, the
 * domain (by DNSSEC) and the DNS's answers say.  Pure.
 *
 *	RFC 7672	DANE: TLSA records count only behind secure addresses; a
 *			lookup that fails, fails the host
 *	RFC 8461 s5	MTA-STS: the policy names the hosts, whose certificates must
 *			be theirs; DANE goes first where there is any (s2)
 *	RFC 8689 s2, s3	REQUIRETLS: the host must prove who it is;
 *			TLS-Required: No asks for no more than "may"
 *
 * Memory: a struct dlv_tls owns all that it points to, at most
 * DLV_TLS_BYTES_MAX; counted, since connections outlive the delivery.
 */
#ifndef DLV_TLS_H
#define DLV_TLS_H

#include "delivery/dlv_route.h"
#include "delivery/dlv_verdict.h"
#include "delivery/sts_policy.h"
#include "lib/base/arena.h"
#include "lib/dns/dns_answer.h"
#include "lib/io/tls_client.h"

#define DLV_TLS_BYTES_MAX	65536u

enum dlv_tls_level {
	DLV_TLS_NONE,		/* not even when offered */
	DLV_TLS_MAY,		/* when offered; if it fails, in the clear */
	DLV_TLS_ENCRYPT,	/* with anybody */
	DLV_TLS_CHAIN, DLV_TLS_PRINT, DLV_TLS_DANE	/* with whom it is for */
};

struct dlv_tls {
	unsigned		 refs;
	enum dlv_tls_level	 level;
	struct tls_demand	 demand;	/* its slices point into mem */
	uint64_t		 key;		/* equal: what one satisfies satisfies the other */
	bool			 is_unlisted;	/* a policy in testing does not name the host */
	const char		*policy;	/* literal, for the log: "" "sts" "sts-testing" */
	struct arena		 mem;
};

/* The facts of one host. */
struct dlv_tls_facts {
	const char	*host;		/* "" for an address */
	const char	*domain;	/* the next hop whose MX it is; "" when it is none */
	const char	*base;		/* of the TLSA records: host, or where its alias leads */
	bool		 mx_secure;	/* host: nobody can have put it there */
	bool		 addr_secure;
	bool		 require_tls;	/* RFC 8689 s2 */
	bool		 tls_optional;	/* RFC 8689 s3 */
	const struct dns_answer *tlsa;	/* NULL: not asked for */
	const struct sts_policy	*sts;	/* in force; NULL: none, or not heeded */
};

/* Whether an MTA-STS policy of the domain has a say. */
bool		 dlv_tls_heeds_sts(const struct dlv_route *, bool require_tls,
		    bool tls_optional);

/* Whether TLSA records of the host must be asked for before dlv_tls_decide. */
bool		 dlv_tls_wants_tlsa(const struct dlv_route *, const struct dlv_tls_facts *);
/* Not ERR_OK: this host must not be used, and why; no dlv_tls is made then. */
enum err	 dlv_tls_decide(struct dlv_tls **, const struct dlv_route *,
		    const struct dlv_tls_facts *, struct dlv_verdict *) MUST_USE;
struct dlv_tls	*dlv_tls_ref(struct dlv_tls *);
void		 dlv_tls_unref(struct dlv_tls **);

/* For the log: "none", "untrusted", "trusted", "verified". */
const char	*dlv_tls_text(const struct tls_peer *);	/* NULL: no TLS */

#endif
