/* SPDX-License-Identifier: ISC */
/*
 * What all sessions of one cmtpd process share: options, listeners, the
 * clients that are connected, and what keyd told of the server's own key.
 * It is the daemon_state of cmtpd.
 */
#ifndef CMTP_SERVER_H
#define CMTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/list.h"
#include "lib/daemon/client_rates.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/intake_spool.h"
#include "lib/io/conn.h"
#include "lib/io/conn_clients.h"

struct cmtp_server {
	struct daemon_app	*app;
	struct loop		*loop;
	struct cmtp_limits	 limits;
	struct cmtp_self	 self;
	struct cmtp_service	 service;
	struct conn_clients	 clients;
	struct client_rates	 rates;
	struct intake_pool	 pool;
	struct list		 listeners;
	struct list		 sessions;	/* struct cmtp_conn */
	uint32_t		 session_count;
	uint32_t		 session_serial;
	uint32_t		 session_limit;
	uint32_t		 ip_limit;
	uint32_t		 net_limit;
	uint64_t		 idle_ms;
	unsigned char		 postage_secret[CRY_KEY_BYTES];
	bool			 is_draining;
};

struct cmtp_listener {
	struct list		 link;
	struct cmtp_server	*server;
	struct conn_listener	*listener;
	bool			 is_tls;	/* from the first byte */
	char			 title[256];
};

/* The hooks of struct daemon. */
void	 cmtp_server_load(struct daemon_app *);
void	 cmtp_server_start(struct daemon_app *);
void	 cmtp_server_reload(struct daemon_app *);
void	 cmtp_server_drain(struct daemon_app *);
void	 cmtp_server_status(struct daemon_app *, uint32_t *sessions, struct buf *note);
void	 cmtp_server_keyd_joined(struct daemon_app *, struct ipc_peer *);
/* Handler: smtpd's client changed to CMTP. */
void	 cmtp_server_on_hand(struct ipc_peer *, const void *, struct ipc_in *);
void	 cmtp_server_lost_queue(struct daemon_app *, struct ipc_peer *);

/* A session ended; drained when it was the last. */
void	 cmtp_server_left(struct cmtp_server *);

#endif
