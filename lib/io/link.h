/* SPDX-License-Identifier: ISC */
/*
 * A connection as a program sees it that does one thing at a time: it waits
 * inside for what is wanted, in the loop.  Input stays here, and where it is,
 * until link_fill: no more is read in between.  Silence of LINK_WAIT_MS ends it.
 */
#ifndef LINK_H
#define LINK_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"

#define LINK_WAIT_MS	300000

#define LINK_ADDRS_MAX	20	/* of a host; further ones are not tried */

struct link;
/*
 * The host's addresses, asked of the system, in their order.  ERR_NOTFOUND: it
 * has none; ERR_GONE: none answers; why is a static text then.
 */
enum err	 link_dial(struct loop *, const char *host, const char *port, uint64_t wait_ms,
		    int *fd, const char **why) MUST_USE;
/* Takes fd, a connected stream socket. */
struct link *link_new(struct loop *, int take_fd);
void		 link_free(struct link **);
/* ERR_CRYPTO: link_reason says why. */
enum err	 link_tls(struct link *, struct tls_client_ctx *,
		    const struct tls_demand *) MUST_USE;
/* Of the certificate, after link_tls; NULL: it is closed, or there is no TLS. */
const struct tls_peer *link_peer(const struct link *);

/* What is here now. */
struct slice	 link_input(const struct link *);
void		 link_used(struct link *, size_t);
/* Waits for more of it.  ERR_GONE. */
enum err	 link_fill(struct link *) MUST_USE;
/* Waits while too much is on its way.  ERR_GONE. */
enum err	 link_write(struct link *, struct slice) MUST_USE;

/* Why it ended, or why TLS did not come about. */
const char	*link_reason(const struct link *);

#endif
