/* SPDX-License-Identifier: ISC */
/*
 * Making answers, for lib/dns only: one block of memory each, changed only
 * before anybody else has it.
 */
#ifndef DNS_ANSWER_PRIV_H
#define DNS_ANSWER_PRIV_H

#include "lib/dns/dns_answer.h"

/*
 * A copy of name and of the records with what their slices point to; one
 * reference, the caller's.
 */
struct dns_answer *dns_answer_new(enum dns_status, struct slice name,
		    const struct dns_record *, size_t count);
/* A SERVFAIL; reason is a literal. */
struct dns_answer *dns_answer_failure(struct slice name, const char *reason);
/* What it occupies. */
size_t		 dns_answer_bytes(const struct dns_answer *);

#endif
