/* SPDX-License-Identifier: ISC */
/*
 * The store as a daemon: handler tables, start, drain, status and tools.
 */
#ifndef STORE_DAEMON_H
#define STORE_DAEMON_H

#include "lib/daemon/daemon.h"
#include "store/store_core.h"

struct store_state {
	struct store		 store;
	struct daemon_app	*app;
	struct timer		 compact_timer;	/* gwstore compact waits */
	uint64_t		 compact_id;	/* its request; 0: none */
	unsigned		 compact_ticks;
};

extern const struct ipc_handler	store_deliver_handlers[];
extern const struct ipc_handler	store_imapd_handlers[];
extern const struct ipc_handler	store_queue_handlers[];
extern const struct ipc_handler	store_keyd_handlers[];

void	 store_daemon_load(struct daemon_app *);
void	 store_daemon_start(struct daemon_app *);
void	 store_daemon_reload(struct daemon_app *);
void	 store_daemon_drain(struct daemon_app *);
void	 store_daemon_status(struct daemon_app *, uint32_t *sessions, struct buf *note);
/* Verbs store.check [bodies], store.stat, store.compact, store.undelete and store.rekey. */
void	 store_daemon_tool(struct daemon_app *, uint64_t id, const struct ipc_ctl_tool *,
	    struct ipc_in *);
void	 store_daemon_joined(struct daemon_app *, struct ipc_peer *);
void	 store_daemon_left(struct daemon_app *, struct ipc_peer *);

#endif
