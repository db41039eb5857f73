/* SPDX-License-Identifier: ISC */
/*
 * Networks and listening addresses as options write them.  Pure: nothing is
 * looked up.  An IPv4 address and its IPv4-mapped IPv6 form are the same.
 */
#ifndef OPT_NET_H
#define OPT_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/conf/opt.h"

struct opt_net {
	unsigned char	 addr[16];	/* IPv4 as ::ffff:a.b.c.d */
	unsigned	 bits;		/* of the 128 */
};

enum opt_net_host { OPT_NET_ANY, OPT_NET_V4, OPT_NET_V6 };
struct opt_net_addr {
	enum opt_net_host	 host;
	unsigned char		 addr[16];	/* V4: the first four */
	uint16_t		 port;
};

/* "10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "[2001:db8::]/32"; host bits 0. */
enum err	 opt_net_parse(struct slice, struct opt_net *) MUST_USE;
/* An address as text, with or without brackets. */
enum err	 opt_net_parse_ip(struct slice, unsigned char addr[16]) MUST_USE;
bool		 opt_net_has(const struct opt_net *, const unsigned char addr[16]);
/* For the rare question; parse once where it is asked often. */
bool		 opt_net_list_has(const struct opt_list *, const unsigned char addr[16]);

/* "*:25", "192.0.2.1:25", "[::1]:25". */
enum err	 opt_net_parse_addr(struct slice, struct opt_net_addr *) MUST_USE;

#endif
