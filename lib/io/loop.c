/* SPDX-License-Identifier: ISC */
/*
 * All timers stand in one heap behind a single uv_timer, which is armed
 * before the loop sleeps and only when it would ring too late: an idle
 * deadline that moves with every command costs one heap step, no libuv call.
 *
 * Time is libuv's cached clock (CLOCK_MONOTONIC, refreshed when epoll_wait
 * returns) plus what tests added, so it agrees with clock_mono_ms().
 */
#include "lib/io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

#define READ_BUFFER_BYTES	65536
#define NEVER			UINT64_MAX

struct loop {
	uv_loop_t	 uv;
	uv_timer_t	 alarm;
	uv_prepare_t	 before_sleep;
	uv_idle_t	 no_sleep;	/* runs while deferred work is left */
	struct heap	 timers;
	struct list	 deferred;
	uint64_t	 turn;		/* counts run_deferred */
	uint64_t	 armed_ms;	/* when alarm rings, NEVER when stopped */
	uint64_t	 offset_ms;	/* loop_now - uv_now */
	bool		 is_firing;
	char		 read_buffer[READ_BUFFER_BYTES];
};

struct loop_poll {
	uv_poll_t	 uv;
	poll_fn		*fn;
	void		*arg;
	int		 events;
};

struct loop_wake {
	uv_async_t	 uv;
	timer_fn	*fn;
	void		*arg;
};

struct loop_job {
	uv_work_t	 uv;
	timer_fn	*work;
	timer_fn	*done;
	void		*arg;
};

/* uv.data of our own handles points to the object that holds them. */
static void
uv_must(int rc, const char *what)
{
	if (rc != 0)
		log_fatal("%s: %s", what, uv_strerror(rc));
}

static void
fire_due(struct loop *l)
{
	size_t left = l->timers.count;	/* one that sets itself again waits */
	struct heap_node *n;
	struct timer *t;

	if (l->is_firing)
		return;
	l->is_firing = true;
	while (left-- > 0 && (n = heap_first(&l->timers)) != NULL &&
	    n->key <= loop_now(l)) {
		t = obj_of(n, struct timer, node);
		heap_remove(&l->timers, n);
		t->fn(t->arg);
	}
	l->is_firing = false;
}

static void
on_alarm(uv_timer_t *uv)
{
	struct loop *l = uv->data;

	l->armed_ms = NEVER;
	fire_due(l);
}

static void
arm_alarm(struct loop *l)
{
	struct heap_node *n = heap_first(&l->timers);
	uint64_t now = loop_now(l);

	if (n == NULL || n->key >= l->armed_ms)
		return;
	uv_must(uv_timer_start(&l->alarm, on_alarm,
	    n->key > now ? n->key - now : 0, 0), "uv_timer_start");
	l->armed_ms = n->key;
}

static void
on_no_sleep(uv_idle_t *uv)
{
	(void)uv;
}

/*
 * Runs what was deferred, and what that defers in turn: answers leave in the
 * turn that made them.  Work that defers itself again waits until the
 * descriptors had their turn.
 */
static void
run_deferred(struct loop *l)
{
	struct list again, *n;
	struct loop_idle *i;

	l->turn++;
	list_init(&again);
	while ((n = list_first(&l->deferred)) != NULL) {
		i = obj_of(n, struct loop_idle, link);
		list_remove(n);
		if (i->turn == l->turn) {
			list_push(&again, n);
		} else {
			i->turn = l->turn;
			i->fn(i->arg);
		}
	}
	while ((n = list_first(&again)) != NULL) {
		list_remove(n);
		list_push(&l->deferred, n);
	}
}

static void
on_before_sleep(uv_prepare_t *uv)
{
	struct loop *l = uv->data;

	run_deferred(l);
	if (list_is_empty(&l->deferred))
		uv_idle_stop(&l->no_sleep);
	else
		uv_must(uv_idle_start(&l->no_sleep, on_no_sleep),
		    "uv_idle_start");
	arm_alarm(l);
}

struct loop *
loop_new(void)
{
	struct loop *l = must_alloc(1, sizeof(*l));

	uv_must(uv_loop_init(&l->uv), "uv_loop_init");
	heap_init(&l->timers);
	list_init(&l->deferred);
	l->armed_ms = NEVER;
	uv_update_time(&l->uv);
	l->offset_ms = clock_mono_ms() - uv_now(&l->uv);
	uv_must(uv_timer_init(&l->uv, &l->alarm), "uv_timer_init");
	uv_must(uv_idle_init(&l->uv, &l->no_sleep), "uv_idle_init");
	uv_must(uv_prepare_init(&l->uv, &l->before_sleep), "uv_prepare_init");
	l->alarm.data = l->no_sleep.data = l->before_sleep.data = l;
	uv_must(uv_prepare_start(&l->before_sleep, on_before_sleep),
	    "uv_prepare_start");
	return l;
}

static void
must_be_closing(uv_handle_t *h, void *arg)
{
	(void)arg;
	must(uv_is_closing(h));
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	uv_close((uv_handle_t *)&l->alarm, NULL);
	uv_close((uv_handle_t *)&l->no_sleep, NULL);
	uv_close((uv_handle_t *)&l->before_sleep, NULL);
	uv_walk(&l->uv, must_be_closing, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	must(uv_loop_close(&l->uv) == 0);
	heap_fini(&l->timers);
	free(l);
}

void
loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

uint64_t
loop_now(const struct loop *l)
{
	return uv_now(&l->uv) + l->offset_ms;
}

uint64_t
loop_real_ms(const struct loop *l)
{
	(void)l;
	return clock_real_ms();
}

void
loop_advance(struct loop *l, uint64_t ms)
{
#ifdef GODWIT_TEST
	clock_advance((int64_t)ms);
#endif
	l->offset_ms += ms;
	l->armed_ms = NEVER;	/* armed in the old time: arm again */
	fire_due(l);
}

void *
loop_uv(struct loop *l)
{
	return &l->uv;
}

char *
loop_read_buffer(struct loop *l, size_t *bytes)
{
	*bytes = sizeof(l->read_buffer);
	return l->read_buffer;
}

/* ---- timers ---- */

void
timer_init(struct timer *t, struct loop *l, timer_fn *fn, void *arg)
{
	*t = (struct timer){ .loop = l, .fn = fn, .arg = arg };
}

void
timer_set(struct timer *t, uint64_t at_ms)
{
	if (heap_has(&t->node))
		heap_move(&t->loop->timers, &t->node, at_ms);
	else
		heap_insert(&t->loop->timers, &t->node, at_ms);
}

void
timer_stop(struct timer *t)
{
	heap_remove(&t->loop->timers, &t->node);
}

bool
timer_is_set(const struct timer *t)
{
	return heap_has(&t->node);
}

/* ---- deferred work ---- */

void
loop_idle_init(struct loop_idle *i, timer_fn *fn, void *arg)
{
	list_init(&i->link);
	i->turn = 0;
	i->fn = fn;
	i->arg = arg;
}

void
loop_defer(struct loop *l, struct loop_idle *i)
{
	if (list_is_empty(&i->link))
		list_push(&l->deferred, &i->link);
}

void
loop_idle_cancel(struct loop_idle *i)
{
	list_remove(&i->link);
}

/* ---- descriptors ---- */

static void
on_poll(uv_poll_t *uv, int status, int events)
{
	struct loop_poll *p = uv->data;
	int e = 0;

	if (status < 0) {
		p->events = 0;		/* libuv has stopped the handle */
		p->fn(p->arg, -1);
		return;
	}
	if (events & UV_READABLE)
		e |= LOOP_READ;
	if (events & UV_WRITABLE)
		e |= LOOP_WRITE;
	if (e != 0)
		p->fn(p->arg, e);
}

struct loop_poll *
loop_poll_new(struct loop *l, int fd, poll_fn *fn, void *arg)
{
	struct loop_poll *p = must_alloc(1, sizeof(*p));

	p->fn = fn;
	p->arg = arg;
	p->uv.data = p;
	uv_must(uv_poll_init(&l->uv, &p->uv, fd), "uv_poll_init");
	return p;
}

void
loop_poll_set(struct loop_poll *p, int events)
{
	int e = 0;

	if (events == p->events)
		return;
	p->events = events;
	if (events & LOOP_READ)
		e |= UV_READABLE;
	if (events & LOOP_WRITE)
		e |= UV_WRITABLE;
	if (e == 0)
		uv_poll_stop(&p->uv);
	else
		uv_must(uv_poll_start(&p->uv, e, on_poll), "uv_poll_start");
}

static void
on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

/* libuv forgets the fd at once: the caller may close it right after. */
void
loop_poll_free(struct loop_poll **pp)
{
	struct loop_poll *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	uv_close((uv_handle_t *)&p->uv, on_poll_closed);
}

/* ---- threads ---- */

static void
on_wake(uv_async_t *uv)
{
	struct loop_wake *w = uv->data;

	w->fn(w->arg);
}

struct loop_wake *
loop_wake_new(struct loop *l, timer_fn *fn, void *arg)
{
	struct loop_wake *w = must_alloc(1, sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	w->uv.data = w;
	uv_must(uv_async_init(&l->uv, &w->uv, on_wake), "uv_async_init");
	return w;
}

void
loop_wake_send(struct loop_wake *w)
{
	uv_async_send(&w->uv);
}

void
loop_wake_free(struct loop_wake **wp)
{
	struct loop_wake *w = *wp;

	if (w == NULL)
		return;
	*wp = NULL;
	uv_close((uv_handle_t *)&w->uv, on_poll_closed);
}

static void
on_job(uv_work_t *uv)
{
	struct loop_job *j = uv->data;

	j->work(j->arg);
}

static void
on_job_done(uv_work_t *uv, int status)
{
	struct loop_job *j = uv->data;
	timer_fn *done = j->done;
	void *arg = j->arg;

	(void)status;		/* never cancelled */
	free(j);
	done(arg);
}

enum err
loop_work(struct loop *l, timer_fn *work, timer_fn *done, void *arg)
{
	struct loop_job *j = must_alloc(1, sizeof(*j));

	j->work = work;
	j->done = done;
	j->arg = arg;
	j->uv.data = j;
	if (uv_queue_work(&l->uv, &j->uv, on_job, on_job_done) != 0) {
		free(j);
		return ERR_SYS;
	}
	return ERR_OK;
}

static void
no_work(void *arg)
{
	(void)arg;
}

/*
 * The first job makes libuv start the whole pool and wait for it; it reads
 * the size from the environment only.
 */
void
loop_start_threads(struct loop *l, unsigned count)
{
	char size[4] = { '0', '0', '\0' };

	must(count >= 1 && count <= 16);
	size[0] = (char)('0' + count / 10);
	size[1] = (char)('0' + count % 10);
	if (setenv("UV_THREADPOOL_SIZE", size, 1) != 0)
		log_fatal("setenv failed");
	if (loop_work(l, no_work, no_work, NULL) != ERR_OK)
		log_fatal("cannot start threads");
}
