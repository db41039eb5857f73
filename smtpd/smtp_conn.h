/* SPDX-License-Identifier: ISC */
/*
 * One client: moves bytes between lib/io's connection and the session, asks
 * queue and keyd what the session asks, keeps its timers.  Lives until the
 * connection is closed and every question is answered.
 */
#ifndef SMTP_CONN_H
#define SMTP_CONN_H

#include "lib/io/conn.h"
#include "lib/ipc/ipc_peer.h"
#include "smtpd/smtp_server.h"

/* May relay: in mynetworks, or a program of this host. */
bool	 smtp_conn_is_trusted(const struct smtp_listener *, const struct conn_addr *peer);
/* Counted in the server already. */
void	 smtp_conn_new(struct smtp_listener *, struct conn_listener *, int take_fd,
	    const struct conn_addr *peer);
void	 smtp_conn_drain_all(struct smtp_server *);
/* Transactions at this peer are gone. */
void	 smtp_conn_lost_queue(struct smtp_server *, struct ipc_peer *);

#endif
