/* SPDX-License-Identifier: ISC */
/*
 * Between one connection (lib/io/conn.h) and its session: moves bytes, asks
 * keyd and the store, keeps the deadline.  It frees itself when the
 * connection has closed.
 */
#ifndef IMAP_CONN_H
#define IMAP_CONN_H

#include "imapd/imap_server.h"

void			 imap_conn_new(struct imap_listener *, struct conn_listener *,
			    int take_fd, const struct conn_addr *);
/*
 * A session of the operator's tools, on their end of a socket pair (taken):
 * no TLS is needed, and IMAP_CMD_OPERATOR commands are known.
 */
void			 imap_conn_new_operator(struct imap_server *, int take_fd);
/* Of a node of imap_server.conns. */
struct imap_session	*imap_conn_session(struct list *node);
/* The session that the store knows by this handle, or NULL. */
struct imap_session	*imap_conn_find(struct imap_server *, uint32_t handle);

#endif
