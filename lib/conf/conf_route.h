/* SPDX-License-Identifier: ISC */
/*
 * Texts of the options of routes, beside next hops (conf_hop.h): names and
 * digests of certificates, own addresses.  relay uses what they say, and
 * godwit check tells what is wrong with them.  Pure.
 */
#ifndef CONF_ROUTE_H
#define CONF_ROUTE_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/conf/conf_hop.h"

#define CONF_PRINT_BYTES	32u	/* SHA-256 */

/* An own address to connect from. */
struct conf_origin {
	struct conn_addr	addr;		/* port 0 */
	char			helo[CONF_HOP_NAME_MAX + 1];	/* "": the hostname */
};

/* "mx.example.com"; ".example.com" stands for every name below.  ERR_SYNTAX. */
enum err	 conf_route_name(struct slice, char dst[CONF_HOP_NAME_MAX + 2]) MUST_USE;
/* Pairs of hexadecimal digits, with or without colons between them.  ERR_SYNTAX. */
enum err	 conf_route_print(struct slice, unsigned char dst[CONF_PRINT_BYTES]) MUST_USE;
/* "192.0.2.1", "192.0.2.1=mx2.example.net", the address in brackets or not.  ERR_SYNTAX. */
enum err	 conf_route_origin(struct slice, struct conf_origin *) MUST_USE;

#endif
