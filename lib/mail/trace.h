/* SPDX-License-Identifier: ISC */
/*
 * What a host that takes a message writes in front of it: the Received field
 * (RFC 5321 s4.4), one clause a line, each well below 998 octets.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define TRACE_MAX	4096	/* host names, addresses and fixed words */

/* Slices are borrowed. */
struct trace {
	struct slice	 helo;
	struct slice	 client;	/* address literal; empty: a program of uid */
	uint32_t	 uid;
	struct slice	 hostname;
	const char	*protocol;	/* "ESMTPSA" (RFC 3848, RFC 6531 s4.3) */
	const char	*tls_version;	/* NULL: none */
	const char	*tls_cipher;
	uint64_t	 msg;
	struct slice	 rcpt;		/* empty: none or several */
	uint64_t	 real_s;
};

void	 trace_put_received(struct buf *, const struct trace *);

#endif
