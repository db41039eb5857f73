/* SPDX-License-Identifier: ISC */
/*
 * Queries and answers as bytes, over ldns; pure.  Whatever the bytes of an
 * answer are, reading them takes bounded time and memory and ends in one of
 * the results below.  RFC 1035 s4, RFC 6891 (EDNS), RFC 2308 (negative),
 * RFC 6840 s5.7 (AD in a query asks for AD in the answer).
 */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/dns/dns_answer.h"
#include "lib/dns/dns_name.h"

#define DNS_WIRE_QUERY_MAX	512
#define DNS_WIRE_UDP_BYTES	1232	/* said in EDNS: never in fragments */
#define DNS_WIRE_MAX		65535

struct dns_wire_query {
	uint16_t	 id;
	bool		 has_edns;
	enum dns_type	 type;
	struct dns_name	 name;
};

enum dns_wire_result {
	DNS_WIRE_ANSWER,	/* r->answer */
	DNS_WIRE_ALIAS,		/* r->answer->name is to be asked for next */
	DNS_WIRE_TRUNCATED,	/* ask over TCP */
	DNS_WIRE_NO_EDNS,	/* the server does not like EDNS */
	DNS_WIRE_REFUSED,	/* the server will or can not say: r->reason */
	DNS_WIRE_MALFORMED,	/* r->reason */
	DNS_WIRE_STRAY,		/* not an answer to this question */
};

struct dns_wire_reply {
	struct dns_answer *answer;	/* the caller's, or NULL; is_secure is the
					   bare AD bit */
	unsigned	 aliases;	/* followed on the way to the answer's name */
	bool		 has_ttl;	/* may be cached */
	const char	*reason;	/* a literal */
};

enum err	 dns_wire_put_query(struct buf *, const struct dns_wire_query *)
		    MUST_USE;
enum dns_wire_result dns_wire_read(struct slice message,
		    const struct dns_wire_query *, struct dns_wire_reply *);

#endif
