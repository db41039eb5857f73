/* SPDX-License-Identifier: ISC */
/*
 * What all sessions of one smtpd process share: listeners, limits, the
 * clients that are connected, memory for message bodies.  It is the
 * daemon_state of smtpd.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/list.h"
#include "lib/daemon/client_rates.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/intake_spool.h"
#include "lib/io/conn.h"
#include "lib/io/conn_clients.h"
#include "smtpd/smtp_session.h"

struct smtp_server {
	struct daemon_app	*app;
	struct loop		*loop;
	struct smtp_limits	 limits;
	struct conn_clients	 clients;
	struct client_rates	 rates;
	struct intake_pool	 pool;
	struct list		 listeners;
	struct list		 sessions;	/* struct smtp_conn */
	uint32_t		 session_count;
	uint32_t		 session_serial;
	uint32_t		 session_limit;
	uint32_t		 ip_limit;
	uint32_t		 net_limit;
	uint64_t		 idle_ms;
	uint64_t		 auth_delay_ms;
	bool			 is_draining;
};

struct smtp_listener {
	struct list		 link;
	struct smtp_server	*server;
	struct conn_listener	*listener;
	struct smtp_service	 service;
	enum tls_ask		 asks;		/* for a certificate */
	char			 title[256];
};

/* The hooks of struct daemon. */
void	 smtp_server_load(struct daemon_app *);
void	 smtp_server_start(struct daemon_app *);
void	 smtp_server_reload(struct daemon_app *);
void	 smtp_server_drain(struct daemon_app *);
void	 smtp_server_status(struct daemon_app *, uint32_t *sessions, struct buf *note);
void	 smtp_server_lost_queue(struct daemon_app *, struct ipc_peer *);

/* Of a local program: how its uid stands in the address. */
uint32_t smtp_server_uid(const struct conn_addr *);

/* A session ended; drained when it was the last. */
void	 smtp_server_left(struct smtp_server *);

/* A login whose connection no longer waits: the token is given back. */
void	 smtp_ask_on_late_login(struct ipc_peer *, const void *, struct ipc_in *);

#endif
