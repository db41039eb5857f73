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
/* Of a node of imap_server.conns. */
struct imap_session	*imap_conn_session(struct list *node);
/* The session that the store knows by this handle, or NULL. */
struct imap_session	*imap_conn_find(struct imap_server *, uint32_t handle);

#endif
