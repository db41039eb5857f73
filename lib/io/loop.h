/* SPDX-License-Identifier: ISC */
/*
 * The event loop of a process: timers, descriptor readiness, wake-ups from
 * threads and a thread pool, over libuv.  One loop per process, owned by
 * lib/daemon; no blocking call inside a callback.  loop_now() is the only
 * clock of program code: monotonic milliseconds, cached per loop turn; test
 * builds can advance it.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/heap.h"
#include "lib/base/list.h"

struct loop;

struct loop	*loop_new(void);
void		 loop_free(struct loop **);
void		 loop_run(struct loop *);	/* until loop_stop */
void		 loop_stop(struct loop *);
uint64_t	 loop_now(const struct loop *);
uint64_t	 loop_real_ms(const struct loop *);	/* wall clock, UTC */
/* Test builds: move time forward and fire what is due. */
void		 loop_advance(struct loop *, uint64_t ms);
/* Start the pool's threads now, before seccomp; count 1 to 16. */
void		 loop_start_threads(struct loop *, unsigned count);
/* For lib/io only: the uv_loop_t. */
void		*loop_uv(struct loop *);
/* For lib/io only: one buffer that every read of this loop shares. */
char		*loop_read_buffer(struct loop *, size_t *bytes);

/* Timers: storage belongs to the caller; a set timer fires once. */
typedef void timer_fn(void *arg);
struct timer {
	struct heap_node	 node;
	struct loop		*loop;
	timer_fn		*fn;
	void			*arg;
};
void		 timer_init(struct timer *, struct loop *, timer_fn *, void *arg);
void		 timer_set(struct timer *, uint64_t at_ms);	/* replaces */
void		 timer_stop(struct timer *);			/* legal when idle */
bool		 timer_is_set(const struct timer *);

/*
 * Work to do once at the end of this loop turn, before it sleeps; deferred
 * again while it runs, at the end of the next turn.
 */
struct loop_idle {
	struct list	 link;
	uint64_t	 turn;		/* the loop's own */
	timer_fn	*fn;
	void		*arg;
};
void		 loop_idle_init(struct loop_idle *, timer_fn *, void *arg);
void		 loop_defer(struct loop *, struct loop_idle *);	/* once, idempotent */
void		 loop_idle_cancel(struct loop_idle *);

/* Descriptor readiness (level-triggered).  The fd stays the caller's. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void poll_fn(void *arg, int events);	/* events < 0: error */
struct loop_poll;
struct loop_poll *loop_poll_new(struct loop *, int fd, poll_fn *, void *arg);
void		 loop_poll_set(struct loop_poll *, int events);	/* 0 pauses */
void		 loop_poll_free(struct loop_poll **);

/* Wake the loop from any thread; wake-ups merge. */
struct loop_wake;
struct loop_wake *loop_wake_new(struct loop *, timer_fn *, void *arg);
void		 loop_wake_send(struct loop_wake *);	/* thread-safe */
void		 loop_wake_free(struct loop_wake **);

/* Run work in the pool, then done in the loop; cannot be cancelled. */
enum err	 loop_work(struct loop *, timer_fn *work, timer_fn *done,
		    void *arg) MUST_USE;

#endif
