/* SPDX-License-Identifier: ISC */
/*
 * Accepting on an inherited listening socket, which several processes share.
 * A listener stops while max_conns of its connections live, and for a moment
 * when the process or host is out of descriptors or memory; the kernel's
 * backlog holds the rest.
 */
#ifndef CONN_LISTENER_H
#define CONN_LISTENER_H

#include "lib/io/conn_addr.h"
#include "lib/io/loop.h"

#define CONN_LISTENER_BURST	16	/* accepts in a row: siblings want some */
#define CONN_LISTENER_REST_MS	100	/* after EMFILE and its kind */

struct conn_listener;

/* Take the descriptor: usually conn_new at once.  peer is borrowed. */
typedef void conn_accept_fn(void *arg, struct conn_listener *, int take_fd,
    const struct conn_addr *peer);

/* make: fd stays the caller's; accepting starts */
struct conn_listener *conn_listener_new(struct loop *, int fd, unsigned max_conns,
		    conn_accept_fn *, void *arg);

/* use */
void		 conn_listener_pause(struct conn_listener *);
void		 conn_listener_resume(struct conn_listener *);
void		 conn_listener_set_max(struct conn_listener *, unsigned max_conns);
unsigned	 conn_listener_count(const struct conn_listener *);	/* live connections */
/* For conn.c: a connection of this listener begins, ends. */
void		 conn_listener_join(struct conn_listener *);
void		 conn_listener_leave(struct conn_listener *);

/* free: its connections live on */
void		 conn_listener_free(struct conn_listener **);

#endif
