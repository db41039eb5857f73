/* SPDX-License-Identifier: ISC */
/*
 * The address of a peer as a plain value.  IPv4 and IPv4-mapped IPv6 are the
 * same thing: ip holds the IPv6 form (::ffff:a.b.c.d) and is_v4 says so, so
 * that it can be a key as it stands.  Not is_inet: a UNIX socket (tests).
 */
#ifndef CONN_ADDR_H
#define CONN_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CONN_ADDR_TEXT_BYTES	64	/* "[ipv6]:port" and a NUL */

struct sockaddr;
struct sockaddr_storage;

struct conn_addr {
	uint8_t		 ip[16];
	uint16_t	 port;
	bool		 is_v4;
	bool		 is_inet;	/* false: not an internet address */
};

void		 conn_addr_from(struct conn_addr *, const struct sockaddr *);
/* "192.0.2.44" or "2001:db8::1", without brackets or zone. */
enum err	 conn_addr_parse(struct conn_addr *, struct slice ip, uint16_t port) MUST_USE;
/* Returns how many bytes of it count; 0 when it is not an internet address. */
unsigned	 conn_addr_sockaddr(const struct conn_addr *, struct sockaddr_storage *);
/* "[192.0.2.44]:50214", "[2001:db8::1]:25", "[local]:0": the log's form. */
void		 conn_addr_str(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *);
/* "192.0.2.44", "2001:db8::1", "local". */
void		 conn_addr_ip_str(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *);
/* Address literal of RFC 5321 s4.1.3: "[192.0.2.44]", "[IPv6:2001:db8::1]". */
void		 conn_addr_literal(char dst[CONN_ADDR_TEXT_BYTES], const struct conn_addr *);
/* Keyed per process; net is the /24 of IPv4 and the /64 of IPv6. */
uint64_t	 conn_addr_hash(const struct conn_addr *);
uint64_t	 conn_addr_net_hash(const struct conn_addr *);
/* Who is counted as one client over time: IPv4 an address, IPv6 its /64. */
uint64_t	 conn_addr_rate_key(const struct conn_addr *);
bool		 conn_addr_same_ip(const struct conn_addr *, const struct conn_addr *);
bool		 conn_addr_same_net(const struct conn_addr *, const struct conn_addr *);
bool		 conn_addr_is_loopback(const struct conn_addr *);
/* The peer of a socket: does it run on the host that the socket is of? */
bool		 conn_addr_is_here(const struct conn_addr *peer, int fd);

#endif
