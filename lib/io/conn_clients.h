/* SPDX-License-Identifier: ISC */
/*
 * How many sessions each client address and each client network has in this
 * process.  Memory grows with the sessions counted, nothing else.
 */
#ifndef CONN_CLIENTS_H
#define CONN_CLIENTS_H

#include "lib/base/cc.h"
#include "lib/base/map.h"
#include "lib/io/conn_addr.h"

struct conn_clients {
	struct map	 by_ip;
	struct map	 by_net;
};

void		 conn_clients_init(struct conn_clients *);
void		 conn_clients_fini(struct conn_clients *);	/* all must have left */

/* How many are counted now. */
unsigned	 conn_clients_of_ip(const struct conn_clients *, const struct conn_addr *);
unsigned	 conn_clients_of_net(const struct conn_clients *, const struct conn_addr *);
void		 conn_clients_enter(struct conn_clients *, const struct conn_addr *);
void		 conn_clients_leave(struct conn_clients *, const struct conn_addr *);

#endif
