/* SPDX-License-Identifier: ISC */
/*
 * What the DNS said to one question: a plain value that nobody changes once
 * it is made, shared by the cache and all who asked, counted.  Names are in
 * lower case without the last dot; a byte that no host name has is written
 * \DDD (RFC 1035 s5.1), and dns_ask refuses such a name, so it is harmless.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/io/conn_addr.h"

#define DNS_RECORDS_MAX	1000	/* in one message; more is a failure */

enum dns_type {			/* the numbers of the wire */
	DNS_A		= 1,
	DNS_CNAME	= 5,	/* of this name itself: nothing is followed */
	DNS_MX		= 15,
	DNS_TXT		= 16,
	DNS_AAAA	= 28,
	DNS_TLSA	= 52,
};

enum dns_status {
	DNS_OK,			/* count > 0 */
	DNS_NODATA,		/* the name exists, or may; no such records */
	DNS_NXDOMAIN,		/* neither the name nor anything below it */
	DNS_SERVFAIL,		/* nobody could say: bogus, silent, broken, too late */
};

struct dns_record {
	struct conn_addr addr;		/* A, AAAA; port 0 */
	uint16_t	 preference;	/* MX */
	uint8_t		 usage, selector, matching;	/* TLSA (RFC 6698 s2.1) */
	struct slice	 data;		/* MX: exchange, empty for the root (null MX,
					   RFC 7505); CNAME: target; TXT: its strings
					   joined; TLSA: association data */
};

struct dns_answer {
	enum dns_status	 status;
	bool		 is_secure;	/* validated, all of an alias chain too, by a
					   trusted resolver; also a proof of absence */
	bool		 is_alias;	/* name is not the one asked for */
	struct slice	 name;		/* the end of the alias chain */
	uint32_t	 ttl_s;		/* as it came; least of all records used */
	const char	*reason;	/* of a SERVFAIL, for the log; a literal */
	size_t		 count;
	const struct dns_record *records;	/* MX by rising preference */
};

const char	*dns_status_name(enum dns_status);	/* "NXDOMAIN" */

/* Keep it beyond the callback. */
struct dns_answer *dns_answer_ref(const struct dns_answer *);
void		 dns_answer_unref(struct dns_answer **);

#endif
