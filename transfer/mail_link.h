/* SPDX-License-Identifier: ISC */
/*
 * A connection as a program sees it that does one thing at a time: it waits
 * inside for what is wanted, in the loop.  Input stays here, and where it is,
 * until mail_link_fill: no more is read in between.  Silence of
 * MAIL_LINK_WAIT_MS ends it.
 */
#ifndef MAIL_LINK_H
#define MAIL_LINK_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/loop.h"
#include "lib/io/tls_client.h"

#define MAIL_LINK_WAIT_MS	300000

struct mail_link;
/* Takes fd, a connected stream socket. */
struct mail_link *mail_link_new(struct loop *, int take_fd);
void		 mail_link_free(struct mail_link **);
/* ERR_CRYPTO: mail_link_reason says why. */
enum err	 mail_link_tls(struct mail_link *, struct tls_client_ctx *,
		    const struct tls_demand *) MUST_USE;

/* What is here now. */
struct slice	 mail_link_input(const struct mail_link *);
void		 mail_link_used(struct mail_link *, size_t);
/* Waits for more of it.  ERR_GONE. */
enum err	 mail_link_fill(struct mail_link *) MUST_USE;
/* Waits while too much is on its way.  ERR_GONE. */
enum err	 mail_link_write(struct mail_link *, struct slice) MUST_USE;

/* Why it ended, or why TLS did not come about. */
const char	*mail_link_reason(const struct mail_link *);

#endif
