/* SPDX-License-Identifier: ISC */
/*
 * What became of the TLS sessions to one domain on one day, for its report
 * (RFC 8460 s4): for each policy that was applied, how many went well and how
 * many failed, and how.  Relay fills it, queue adds up those of all relay
 * processes, keeps them on disk and writes the report; what goes over the
 * wire and to disk is a row of REC tls_policy (relay.msg).  There is nothing
 * in it of senders, recipients or messages.
 *
 * Pure.  Limits, so that a domain with many hosts or a host with many names
 * cannot fill memory: TLS_TALLY_POLICIES_MAX policies, others are not counted;
 * TLS_TALLY_DETAILS_MAX details or TLS_TALLY_BYTES_MAX, then failures are
 * counted by their type alone, so that the sums stay right.
 */
#ifndef TLS_TALLY_H
#define TLS_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/slice.h"
#include "lib/io/tls_client.h"

#define TLS_TALLY_POLICIES_MAX	16u
#define TLS_TALLY_DETAILS_MAX	100u
#define TLS_TALLY_BYTES_MAX	40960u
#define TLS_TALLY_PUT_MAX	57344u	/* of what tls_tally_put writes */
#define TLS_TALLY_NAME_MAX	255u
#define TLS_TALLY_TEXT_MAX	2048u	/* of a policy; whole lines */
#define TLS_TALLY_REASON_MAX	100u
#define TLS_TALLY_IP_MAX	46u

/* On disk: numbers stay. */
#define TLS_POLICY_MAP(P)				\
	P(NONE, 0, "no-policy-found")			\
	P(STS,  1, "sts")				\
	P(TLSA, 2, "tlsa")

enum tls_policy_type {
#define P(name, num, text)	TLS_POLICY_##name = (num),
	TLS_POLICY_MAP(P)
#undef P
};

struct tls_tally_policy {
	struct list		 link;
	enum tls_policy_type	 type;
	struct slice		 domain;	/* RFC 8460 s1.1: for TLSA the base domain */
	struct slice		 text;		/* lines of the policy, each ended by LF */
	uint64_t		 good, bad;	/* sessions */
	struct list		 details;
	char			 mem[];
};

struct tls_tally_detail {
	struct list		 link;
	enum tls_failure	 failure;
	uint64_t		 count;
	struct slice		 from_ip, to_ip, mx_host, helo, reason;
	char			 mem[];
};

struct tls_tally {
	struct list	 policies;
	unsigned	 policy_count;
	unsigned	 detail_count;
	size_t		 bytes;		/* of texts and rows */
};

/* One session, or count equal ones. Slices are borrowed; what is too long is cut. */
struct tls_tally_session {
	enum tls_policy_type	 type;
	struct slice		 domain, text;
	enum tls_failure	 failure;	/* NONE: it went well */
	struct slice		 from_ip, to_ip, mx_host, helo, reason;
	uint64_t		 count;
};

/* make */
void		 tls_tally_init(struct tls_tally *);
void		 tls_tally_fini(struct tls_tally *);	/* empty afterwards, as by init */

/* use */
/* False: it is not counted, for there are too many policies. */
bool		 tls_tally_add(struct tls_tally *, const struct tls_tally_session *);
/* ERR_VIOLATION: those are no rows; some may have been added. */
enum err	 tls_tally_merge(struct tls_tally *, struct slice rows) MUST_USE;
void		 tls_tally_put(struct buf *, const struct tls_tally *);
bool		 tls_tally_is_empty(const struct tls_tally *);
const char	*tls_tally_policy_name(enum tls_policy_type);

#endif
