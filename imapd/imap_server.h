/* SPDX-License-Identifier: ISC */
/*
 * What the process keeps: options, listeners, all connections, how many each
 * user has, and which connection a store handle belongs to.
 */
#ifndef IMAP_SERVER_H
#define IMAP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_session.h"
#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/daemon/daemon.h"
#include "lib/io/conn.h"

enum imap_listener_tls { IMAP_TLS_NO, IMAP_TLS_MAY, IMAP_TLS_IMPLICIT };

struct imap_server;
struct imap_listener {
	struct list		 link;
	struct imap_server	*server;
	struct conn_listener	*listener;
	enum imap_listener_tls	 tls;
	enum tls_ask		 asks;		/* for a certificate */
	char			 title[256];
};

struct imap_server {
	struct daemon_app	*app;
	struct loop		*loop;
	struct imap_shared	 shared;
	struct zip_shared	*zip;
	struct list		 listeners;
	struct imap_listener	 operators;	/* of sessions through the control socket */
	struct list		 conns;		/* struct imap_conn */
	struct map		 by_handle;	/* struct imap_conn */
	uint32_t		 conn_count;
	uint32_t		 conn_limit;
	uint64_t		 serial;
	struct list		 windows;	/* struct imap_window, one of each store */
	struct list		 pulses;	/* imap_pulse.h, the same */
	struct timer		 retry;		/* sessions that the store does not know yet */
	bool			 is_draining;
};

/* The hooks of struct daemon. */
void	 imap_server_open(struct daemon_app *);
void	 imap_server_load(struct daemon_app *);
void	 imap_server_start(struct daemon_app *);
void	 imap_server_reload(struct daemon_app *);
void	 imap_server_drain(struct daemon_app *);
void	 imap_server_status(struct daemon_app *, uint32_t *sessions, struct buf *note);
void	 imap_server_store_joined(struct daemon_app *, struct ipc_peer *);
void	 imap_server_store_left(struct daemon_app *, struct ipc_peer *);
void	 imap_server_on_window(struct ipc_peer *, const void *, struct ipc_in *);
void	 imap_server_on_pulse(struct ipc_peer *, const void *, struct ipc_in *);
void	 imap_server_on_notify(struct ipc_peer *, const void *, struct ipc_in *);
void	 imap_server_on_entries(struct ipc_peer *, const void *, struct ipc_in *);
void	 imap_server_on_late_login(struct ipc_peer *, const void *, struct ipc_in *);
void	 imap_server_on_late_session(struct ipc_peer *, const void *, struct ipc_in *);

void	 imap_server_tool(struct daemon_app *, uint64_t id, const struct ipc_ctl_tool *,
	    struct ipc_in *);

/* A connection ended; drained when it was the last. */
void	 imap_server_left(struct imap_server *);

#endif
