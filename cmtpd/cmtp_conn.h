/* SPDX-License-Identifier: ISC */
/*
 * One client: moves bytes between lib/io's connection and the session, asks
 * keyd and queue what the session asks, keeps its deadline.  Lives until the
 * connection is closed and keyd's answer is there.  Who connects before keyd told the
 * server's key is greeted when it has.
 */
#ifndef CMTP_CONN_H
#define CMTP_CONN_H

#include "cmtpd/cmtp_server.h"
#include "lib/io/conn.h"

/* Counted in the server already. */
void	 cmtp_conn_new(struct cmtp_listener *, struct conn_listener *, int take_fd,
	    const struct conn_addr *peer);
void	 cmtp_conn_start_all(struct cmtp_server *);
void	 cmtp_conn_drain_all(struct cmtp_server *);
void	 cmtp_conn_lost_queue(struct cmtp_server *, const struct ipc_peer *);

#endif
