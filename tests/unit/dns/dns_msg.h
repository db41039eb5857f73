/* SPDX-License-Identifier: ISC */
/*
 * Answers of a name server, put together by hand for tests.
 */
#ifndef DNS_MSG_H
#define DNS_MSG_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

enum { MSG_QR = 0x8000, MSG_AA = 0x0400, MSG_TC = 0x0200, MSG_RD = 0x0100,
	MSG_RA = 0x0080, MSG_AD = 0x0020, MSG_OK = MSG_QR | MSG_RD | MSG_RA };
enum { MSG_AN = 6, MSG_NS = 8, MSG_AR = 10 };	/* where the counts stand */

/* The head of an answer to that query: its id and question, no records yet. */
void	 dns_msg_begin(struct buf *, struct slice query, unsigned flags);
/* A record in a section; sections come in order. */
void	 dns_msg_rr(struct buf *, unsigned section, const char *owner,
	    unsigned type, uint32_t ttl, struct slice rdata);
void	 dns_msg_a(struct buf *, const char *owner, uint32_t ttl, unsigned last_byte);
void	 dns_msg_cname(struct buf *, const char *owner, uint32_t ttl,
	    const char *target);
void	 dns_msg_soa(struct buf *, const char *owner, uint32_t ttl, uint32_t minimum);
void	 dns_msg_put_name(struct buf *, const char *name);
void	 dns_msg_put16(struct buf *, unsigned);
void	 dns_msg_put32(struct buf *, uint32_t);
/* How long header and question are; 0 when it is no query. */
size_t	 dns_msg_question_end(struct slice);
/* The name that a query asks for, as text; and its type. */
unsigned dns_msg_asked(struct slice query, char name[256]);

#endif
