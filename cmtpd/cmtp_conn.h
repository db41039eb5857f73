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

#define CMTP_TLS_MAX	32	/* as cmtpd.msg */
#define CMTP_CIPHER_MAX	64

/* Who has come: to a listener, or by smtpd with what was read of it. */
struct cmtp_arrival {
	struct conn_addr	 peer;
	int			 fd;		/* taken */
	struct slice		 listener;	/* title */
	bool			 is_tls;	/* a handshake is to begin */
	bool			 is_handed;
	uint64_t		 session;	/* is_handed: its number */
	struct slice		 tls;		/* is_handed: version and cipher; empty: none */
	struct slice		 cipher;
	struct slice		 early;
};

/* In mynetworks: no rate is for it. */
bool	 cmtp_conn_is_trusted(const struct cmtp_server *, const struct conn_addr *);
/* Counted in the server already; the conn_listener may be NULL. */
void	 cmtp_conn_new(struct cmtp_server *, struct conn_listener *,
	    const struct cmtp_arrival *);
void	 cmtp_conn_start_all(struct cmtp_server *);
void	 cmtp_conn_drain_all(struct cmtp_server *);
void	 cmtp_conn_lost_queue(struct cmtp_server *, const struct ipc_peer *);

#endif
