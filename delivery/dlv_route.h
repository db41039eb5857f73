/* SPDX-License-Identifier: ISC */
/*
 * A route section made ready for use, or what stands for mail that matches
 * none: where else to try, what is spoken, what TLS must show, which own
 * addresses are used.  Counted: a delivery keeps the route it began with,
 * also when a reload replaced it.  Pure.
 *
 * master lets no option pass that cannot be understood (master_routes.h); one
 * that comes all the same makes the route unusable, not the process:
 * dlv_route_fault tells why, and mail is deferred with it.
 */
#ifndef DLV_ROUTE_H
#define DLV_ROUTE_H

#include "delivery/delivery_opt.h"
#include "lib/conf/conf_route.h"
#include "lib/conf/conf_sections.h"

#define DLV_LIST_MAX	20u	/* of the options that are lists */

/* As the option cmtp of a route has them. */
enum dlv_cmtp_policy { DLV_CMTP_NO, DLV_CMTP_MAY, DLV_CMTP_REQUIRE };

struct dlv_route {
	unsigned			 refs;
	char				*title;		/* "" for the default */
	char				*login;		/* "": none */
	bool				 has_relay;	/* a fixed next hop */
	enum conf_route_protocol	 protocol;
	enum conf_relay_tls		 tls;
	enum dlv_cmtp_policy		 cmtp;
	bool				 cmtp1;		/* its version 1 too */
	struct conf_hop			*fallbacks;
	unsigned			 fallback_count;
	char				**names;	/* of certificates; lower case */
	unsigned			 name_count;
	unsigned char			(*prints)[CONF_PRINT_BYTES];
	unsigned			 print_count;
	struct conf_origin		*origins;
	unsigned			 origin_count;
	unsigned			 turn;		/* of the origins */
	char				*fault;		/* NULL: usable */
};

/* make: o NULL is mail that matches no route; nothing of the options is kept */
struct dlv_route *dlv_route_new(const char *title, const struct route_options *o,
		    const struct relay_options *);
struct dlv_route *dlv_route_ref(struct dlv_route *);
void		 dlv_route_unref(struct dlv_route **);

/* use */
const char	*dlv_route_fault(const struct dlv_route *);	/* NULL: none */
/* The next own address of the family, in turn; NULL: the system's choice. */
const struct conf_origin *dlv_route_origin(struct dlv_route *, bool is_v4);

#endif
