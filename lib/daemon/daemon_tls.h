/* SPDX-License-Identifier: ISC */
/*
 * TLS for a daemon whose private key is in keyd: keeps a tls_ctx supplied
 * with certificate and ticket keys (asked for whenever keyd joins, replaced
 * when keyd pushes) and forwards signatures to keyd.
 *
 *	.load:			daemon_tls_init(app, options->max_handshakes);
 *	handlers of IPC_KEYD:	DAEMON_TLS_HANDLERS, { IPC_MSG_..., ... }, { 0 }
 *	on accept:		daemon_tls_start(app, conn, daemon_tls_ask(listen))
 *
 * Call daemon_tls_init in .load: it loads what OpenSSL may want before the
 * system calls are fenced in.  A handshake waits at most DAEMON_TLS_SIGN_MS for keyd.
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include "lib/daemon/daemon.h"
#include "lib/io/conn.h"
#include "lib/io/tls.h"

#define DAEMON_TLS_SIGN_MS	10000

void		 daemon_tls_init(struct daemon_app *, unsigned max_handshakes);
struct tls_ctx	*daemon_tls(struct daemon_app *);	/* NULL before init */
bool		 daemon_tls_is_ready(struct daemon_app *);	/* has a certificate */

void		 daemon_tls_on_cert(struct ipc_peer *, const void *m, struct ipc_in *);
void		 daemon_tls_on_client_ca(struct ipc_peer *, const void *m, struct ipc_in *);
#define DAEMON_TLS_HANDLERS	{ IPC_MSG_tls_cert, daemon_tls_on_cert }, \
				{ IPC_MSG_tls_client_ca, daemon_tls_on_client_ca }
/* What client_certificate of a section listen says. */
struct listen_options;
enum tls_ask	 daemon_tls_ask(const struct listen_options *);
/* TLS on a connection just accepted or told to: as conn_start_tls_asking. */
enum err	 daemon_tls_start(struct daemon_app *, struct conn *, enum tls_ask) MUST_USE;

/* For daemon.c: a keyd was wired. */
void		 daemon_tls_joined(struct daemon_app *, struct ipc_peer *);

#endif
