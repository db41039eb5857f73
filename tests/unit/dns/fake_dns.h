/* SPDX-License-Identifier: ISC */
/*
 * A name server on 127.0.0.1, UDP and TCP on one port, in the test's own
 * loop.  What it says is the script's affair; it may also say nothing, or
 * something later, or from elsewhere.
 */
#ifndef FAKE_DNS_H
#define FAKE_DNS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/io/conn_addr.h"
#include "lib/io/loop.h"

struct fake_dns;
typedef void	 fake_dns_fn(struct fake_dns *);

struct fake_dns {
	struct loop	*loop;
	struct conn_addr addr;
	fake_dns_fn	*script;	/* a query has come; NULL: stop the loop */
	void		*arg;
	int		 udp, tcp;	/* tcp: the listening socket */
	int		 conn;		/* the latest TCP connection, or -1 */
	struct loop_poll *udp_poll, *tcp_poll, *conn_poll;
	/* the latest query */
	bool		 is_tcp;
	struct buf	 query;
	struct sockaddr_in from;
	unsigned	 udp_count, tcp_count;
	/* a reply that is sent byte by byte, one each loop turn */
	struct buf	 drip;
	struct loop_idle drip_idle;
	struct buf	 in;
};

void	 fake_dns_init(struct fake_dns *, struct loop *, fake_dns_fn *);
void	 fake_dns_fini(struct fake_dns *);
/* To the latest query, the way it came. */
void	 fake_dns_reply(struct fake_dns *, struct slice);
/* UDP from a socket that is not the server's. */
void	 fake_dns_forge(struct fake_dns *, struct slice);
/* Over TCP: the first bytes at once, then one in each turn. */
void	 fake_dns_drip(struct fake_dns *, struct slice, size_t first);
void	 fake_dns_hang_up(struct fake_dns *);

#endif
