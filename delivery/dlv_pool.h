/* SPDX-License-Identifier: ISC */
/*
 * The connections of a process: those in use, those that wait idle for the
 * next message, and deliveries that wait until there is room for one more.
 * A connection serves again whoever goes to the same address and port, by the
 * same route, with the same demands on TLS, and in the same protocol.
 *
 * Limits: session_limit connections, idle ones included (the oldest idle one
 * makes room); idle for cache_ms; in use for reuse_ms and reuse_count messages.
 */
#ifndef DLV_POOL_H
#define DLV_POOL_H

#include "delivery/dlv_link.h"

struct dlv_pool_config {
	unsigned		 session_limit;
	uint64_t		 cache_ms;	/* 0: none is kept */
	uint64_t		 reuse_ms;
	uint64_t		 reuse_count;
	struct dlv_link_times	 times;
};

struct dlv_pool;

/* A place in the line of those who wait for room; the storage is the caller's. */
struct dlv_pool_place {
	struct list	 link;
	timer_fn	*fn;		/* there is room now: dlv_pool_open */
	void		*arg;
};

/* make: hostname and ctx are borrowed for its life */
struct dlv_pool	*dlv_pool_new(struct loop *, const char *hostname, struct tls_client_ctx *,
		    const struct dlv_pool_config *);
void		 dlv_pool_free(struct dlv_pool **);	/* links in use are dropped before */
void		 dlv_pool_set_config(struct dlv_pool *, const struct dlv_pool_config *);
/* Where passwords come from; NULL when keyd went. */
void		 dlv_pool_set_keyd(struct dlv_pool *, struct ipc_peer *);

/* use */
/* An idle one to any of these addresses; NULL: none. */
struct dlv_link	*dlv_pool_take(struct dlv_pool *, const struct dlv_route *,
		    const struct dlv_addrs *, uint64_t tls_key,
		    const struct dlv_link_user *, void *arg);
bool		 dlv_pool_has_room(struct dlv_pool *);	/* makes it, when one is idle */
struct dlv_link	*dlv_pool_open(struct dlv_pool *, struct dlv_link_params *,
		    const struct dlv_link_user *, void *arg);
void		 dlv_pool_wait(struct dlv_pool *, struct dlv_pool_place *);
void		 dlv_pool_leave(struct dlv_pool_place *);	/* legal when not in line */
/* One that was left to messages for a domain by another protocol (dlv_link_keep). */
struct dlv_link	*dlv_pool_take_kept(struct dlv_pool *, const struct dlv_route *,
		    const struct dlv_addrs *, uint64_t tls_key, struct slice domain,
		    const struct dlv_link_user *, void *arg);
/* After use, dlv_pool_give_back: kept, or ended in order.  The link is not the
 * caller's any more. */
unsigned	 dlv_pool_count(const struct dlv_pool *);
unsigned	 dlv_pool_idle_count(const struct dlv_pool *);

/* end: QUIT to all that are idle, none is kept from now on; fn once when none is left */
void		 dlv_pool_drain(struct dlv_pool *, timer_fn *, void *arg);

#endif
