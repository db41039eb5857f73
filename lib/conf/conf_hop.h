/* SPDX-License-Identifier: ISC */
/*
 * A next hop as text: the domain of recipients, or what the options relay and
 * fallback name.  Pure.
 *
 *	example.com		the MX hosts of a domain
 *	mx.example:587		the same, on another port
 *	[mx.example]:587	this host, no MX lookup
 *	[192.0.2.1]:25		this address; also 2001:db8::1, IPv6:2001:db8::1
 */
#ifndef CONF_HOP_H
#define CONF_HOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/conn_addr.h"

#define CONF_HOP_NAME_MAX	255

struct conf_hop {
	char		 host[CONF_HOP_NAME_MAX + 1];	/* lower-case A-labels; "" for an address */
	uint16_t	 port;
	bool		 has_mx;			/* ask for its MX */
	bool		 is_address;
	struct conn_addr addr;				/* is_address; with the port */
};

/* default_port where none is written.  ERR_SYNTAX. */
enum err	 conf_hop_parse(struct slice, uint16_t default_port, struct conf_hop *) MUST_USE;
/* "192.0.2.1", "IPv6:2001:db8::1", no brackets.  ERR_SYNTAX. */
enum err	 conf_hop_parse_ip(struct slice, struct conn_addr *) MUST_USE;

#endif
