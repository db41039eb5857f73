/* SPDX-License-Identifier: ISC */
/*
 * Bytes to one server and back: a datagram socket connected to it, from a
 * random port (RFC 5452 s9.2), that may bring any number of messages; or a
 * TCP connection that brings one (RFC 7766 s8).  Time limits are the caller's.
 * The storage is the caller's; a callback is the last thing an exchange does,
 * so it may be stopped or started again from there.
 */
#ifndef DNS_EXCHANGE_H
#define DNS_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/conn_addr.h"
#include "lib/io/loop.h"

struct dns_exchange_ops {
	void	(*on_message)(void *arg, struct slice);
	void	(*on_failed)(void *arg, const char *reason);	/* a literal */
};

struct dns_exchange {
	struct loop	*loop;
	const struct dns_exchange_ops *ops;
	void		*arg;
	int		 fd;		/* -1: idle */
	struct loop_poll *poll;
	bool		 is_tcp;
	struct buf	 out;		/* TCP: still to be sent */
	struct buf	 in;		/* TCP: length and message */
};

void		 dns_exchange_init(struct dns_exchange *, struct loop *,
		    const struct dns_exchange_ops *, void *arg);
/* ERR_SYS: no socket to be had here; ERR_GONE: the server cannot be reached. */
enum err	 dns_exchange_start(struct dns_exchange *, const struct conn_addr *,
		    bool is_tcp, struct slice query) MUST_USE;
void		 dns_exchange_stop(struct dns_exchange *);	/* legal when idle */

/* From the kernel's generator. */
uint16_t	 dns_exchange_random(void);

#endif
