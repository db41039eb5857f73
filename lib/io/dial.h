/* SPDX-License-Identifier: ISC */
/*
 * A TCP connection to the first of a list of addresses that answers, in the
 * caller's order: happy eyeballs, RFC 8305 s5.  The next address is tried
 * DIAL_STAGGER_MS after the one before it, or at once when one has failed;
 * at most DIAL_PARALLEL_MAX are under way.
 *
 * fn is the last call, comes exactly once, from the loop and never from
 * inside dial_new; the struct dial is gone when fn runs.  Nothing blocks.  A
 * failure tells what the last address that failed said.
 */
#ifndef DIAL_H
#define DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/io/conn_addr.h"
#include "lib/io/loop.h"

#define DIAL_STAGGER_MS		250	/* RFC 8305 s5: Connection Attempt Delay */
#define DIAL_PARALLEL_MAX	3
#define DIAL_ADDRS_MAX		100

struct dial_result {
	/*
	 * OK; GONE: refused, unreachable, reset; TIMEOUT: no answer in time;
	 * SYS: no socket could be made or bound to the source address.
	 */
	enum err		 e;
	int			 fd;	/* OK: yours, non-blocking, TCP_NODELAY; else -1 */
	struct conn_addr	 addr;	/* connected to, or that failed last */
	struct conn_addr	 local;	/* our end, when OK */
	const char		*text;	/* static: "Connection refused" */
};
typedef void dial_fn(void *arg, const struct dial_result *);

struct dial_params {
	const struct conn_addr	*addrs;		/* copied */
	size_t			 addr_count;	/* those over DIAL_ADDRS_MAX are not tried */
	/* Own addresses, the port is ignored; NULL: the kernel's choice. Copied. */
	const struct conn_addr	*source_v4;
	const struct conn_addr	*source_v6;
	uint64_t		 attempt_ms;	/* how long one address may take; 0: no limit */
	uint64_t		 deadline_ms;	/* absolute, for all of it; 0: none */
	/* Each address that failed, before fn; for the log.  May be NULL; must not
	   call dial_cancel. */
	dial_fn			*on_failed;
};

struct dial;
/* params is borrowed for the call. No address at all: fails with ERR_NOTFOUND. */
struct dial	*dial_new(struct loop *, const struct dial_params *, dial_fn *fn,
		    void *arg);
/* At any moment before fn: closes all, fn does not come. */
void		 dial_cancel(struct dial **);

#endif
