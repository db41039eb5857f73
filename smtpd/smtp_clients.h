/* SPDX-License-Identifier: ISC */
/*
 * How many sessions each client address and each client network has in this
 * process.  Memory grows with the sessions counted, nothing else.
 */
#ifndef SMTP_CLIENTS_H
#define SMTP_CLIENTS_H

#include "lib/base/cc.h"
#include "lib/base/map.h"
#include "lib/io/conn_addr.h"

struct smtp_clients {
	struct map	 by_ip;
	struct map	 by_net;
};

void		 smtp_clients_init(struct smtp_clients *);
void		 smtp_clients_fini(struct smtp_clients *);	/* all must have left */

/* How many are counted now. */
unsigned	 smtp_clients_of_ip(const struct smtp_clients *, const struct conn_addr *);
unsigned	 smtp_clients_of_net(const struct smtp_clients *, const struct conn_addr *);
void		 smtp_clients_enter(struct smtp_clients *, const struct conn_addr *);
void		 smtp_clients_leave(struct smtp_clients *, const struct conn_addr *);

#endif
