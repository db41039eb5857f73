/* SPDX-License-Identifier: ISC */
/*
 * lib/dns/dns.h without a network: answers from a table, in the next turn of
 * the loop.  What is not in the table does not exist.
 */
#ifndef FAKE_DNS_H
#define FAKE_DNS_H

#include "lib/dns/dns.h"

void		 fake_dns_clear(void);
/* Records of one name and type are added one by one. */
void		 fake_dns_mx(const char *name, unsigned preference, const char *host, bool secure);
void		 fake_dns_addr(const char *name, const char *ip, bool secure);
void		 fake_dns_tlsa(const char *name, unsigned usage, struct slice data, bool secure);
void		 fake_dns_txt(const char *name, const char *text);
void		 fake_dns_status(const char *name, enum dns_type, enum dns_status, bool secure);
/* The addresses of name are those of target. */
void		 fake_dns_alias(const char *name, const char *target);
unsigned	 fake_dns_asked(const char *name, enum dns_type);

#endif
