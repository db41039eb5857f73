/* SPDX-License-Identifier: ISC */
/*
 * Asynchronous stub resolver: recursive servers are asked over UDP, and TCP
 * where an answer is too long (RFC 7766); answers are cached, also negative
 * ones (RFC 2308) and, for a second, failures (RFC 9520).  Equal questions
 * under way are one.  Each query has a random id, a random port and a socket
 * of its own (RFC 5452 s9).
 *
 * fn is called exactly once, never from inside a dns_ function, unless the
 * ticket was cancelled.  The ticket pointer is the caller's: set by dns_ask,
 * NULL again when fn is called or the resolver is freed, and must stay where
 * it is until then.  The answer is borrowed for the call: dns_answer_ref.
 * Deadlines are of loop_now(); a question outlives none of its askers.
 */
#ifndef DNS_H
#define DNS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/dns/dns_answer.h"
#include "lib/io/conn_addr.h"
#include "lib/io/loop.h"

#define DNS_SERVERS_MAX		8
#define DNS_SOCKETS_MAX		200	/* questions on the wire; others wait */
#define DNS_TICKETS_MAX		8192	/* over it dns_ask says ERR_BUSY */
#define DNS_CACHE_BYTES_MAX	(16u << 20)
#define DNS_ALIASES_MAX		16	/* CNAMEs that lead to an answer */
#define DNS_FAILURE_MS		1000	/* how long a failure is kept */

struct dns_config {
	struct conn_addr servers[DNS_SERVERS_MAX];
	unsigned	 server_count;	/* 0: each question fails */
	bool		 is_trusted;	/* the AD bit means something */
	uint32_t	 timeout_ms;	/* of one try */
	uint32_t	 attempts;	/* tries of each server */
	uint32_t	 cache_limit;	/* answers kept; 0: none */
	uint64_t	 cache_min_ms;
	uint64_t	 cache_max_ms;
	uint64_t	 cache_negative_ms;
};

struct dns;
struct dns_ticket;
struct dns_pair;

/* make: the configuration is copied */
struct dns	*dns_new(struct loop *, const struct dns_config *);
/* Other servers or trust: the cache is emptied, what is under way starts again. */
void		 dns_set_config(struct dns *, const struct dns_config *);
void		 dns_free(struct dns **);	/* no fn is called; not from inside one */

/*
 * The name as A-labels, with or without the last dot, of letters, digits, "-"
 * and "_".  ERR_SYNTAX: it is not one, too long, or an address; ERR_BUSY.
 */
typedef void	 dns_fn(void *arg, const struct dns_answer *);
enum err	 dns_ask(struct dns *, struct slice name, enum dns_type,
		    uint64_t deadline_ms, dns_fn *, void *arg,
		    struct dns_ticket **) MUST_USE;
void		 dns_cancel(struct dns_ticket **);	/* NULL inside is legal */

/* A and AAAA of a host together, when both have come. */
typedef void	 dns_pair_fn(void *arg, const struct dns_answer *a,
		    const struct dns_answer *aaaa);
enum err	 dns_pair_ask(struct dns *, struct slice host, uint64_t deadline_ms,
		    dns_pair_fn *, void *arg, struct dns_pair **) MUST_USE;
void		 dns_pair_cancel(struct dns_pair **);	/* also after dns_free */

/* What became of the questions so far. */
struct dns_counts {
	uint64_t	 asked;		/* dns_ask */
	uint64_t	 from_cache;
	uint64_t	 merged;	/* joined one under way */
	uint64_t	 sent;		/* queries, over UDP and TCP */
	uint64_t	 over_tcp;
};
struct dns_counts dns_counts(const struct dns *);

#endif
