/* SPDX-License-Identifier: ISC */
/*
 * The hosts of a next hop, in the order in which they are tried, and the
 * addresses of each (RFC 5321 s5.1).  Pure: answers of the DNS come in, a
 * seed decides among equals.
 *
 * Memory: at most DLV_MX_MAX hosts; those of worse preference beyond it are
 * left out.
 */
#ifndef DLV_MX_H
#define DLV_MX_H

#include "delivery/delivery_opt.h"
#include "lib/conf/conf_hop.h"
#include "delivery/dlv_self.h"
#include "delivery/dlv_verdict.h"
#include "lib/dns/dns_answer.h"

#define DLV_MX_MAX	50u

struct dlv_mx_host {
	char		 name[CONF_HOP_NAME_MAX + 1];
	uint16_t	 preference;
	uint64_t	 tie;		/* random: order among equals */
};

struct dlv_mx {
	struct dlv_mx_host	*hosts;
	unsigned		 count;
	bool			 is_secure;	/* nobody can have forged the names */
	bool			 was_cut;	/* we are among them: the worse are gone */
};

void		 dlv_mx_init(struct dlv_mx *);
void		 dlv_mx_fini(struct dlv_mx *);

/* A host named in the configuration. */
void		 dlv_mx_set_host(struct dlv_mx *, const char *host);
/*
 * The answer to the MX question of this domain.  Not ERR_OK: nothing to try,
 * and why.  The caller's verdict is not touched otherwise.
 */
enum err	 dlv_mx_read(struct dlv_mx *, struct slice domain, const struct dns_answer *,
		    uint64_t seed, struct dlv_verdict *) MUST_USE;
/* Drop our own name and what is not better than it.  ERR_LIMIT: nothing is left. */
enum err	 dlv_mx_cut_self(struct dlv_mx *, const struct dlv_self *, uint16_t port,
		    struct slice domain, struct dlv_verdict *) MUST_USE;
/* The host i is we: drop it and what is not better; true when one better is left. */
bool		 dlv_mx_cut(struct dlv_mx *, unsigned i);
/* One behind the last host of the same preference as host i. */
unsigned	 dlv_mx_group_end(const struct dlv_mx *, unsigned i);
void		 dlv_mx_loop_verdict(struct dlv_verdict *, struct slice domain);

/* ---- addresses */

#define DLV_ADDRS_MAX	32u	/* of one host */

struct dlv_addrs {
	struct conn_addr	v[DLV_ADDRS_MAX];
	unsigned		count;
	bool			is_secure;	/* all of them, aliases too */
};

/*
 * Both families, with the port, in the order of the preference; "any" takes
 * turns and begins with IPv6 (RFC 8305 s4).  Not ERR_OK: none, and why.
 */
enum err	 dlv_addrs_read(struct dlv_addrs *, const char *host, uint16_t port,
		    const struct dns_answer *a, const struct dns_answer *aaaa,
		    enum relay_preference, uint64_t seed, struct dlv_verdict *) MUST_USE;

#endif
