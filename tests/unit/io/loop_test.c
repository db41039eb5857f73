/* SPDX-License-Identifier: ISC */
#include "lib/io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"

struct trace {
	struct loop	*loop;
	char		 text[64];
	size_t		 n;
	int		 stop_after;
};

struct step {
	struct trace	*trace;
	char		 name;
	struct timer	 timer;
	struct loop_idle idle;
	int		 again;
};

static void
note(struct step *s)
{
	struct trace *t = s->trace;

	assert_true(t->n + 1 < sizeof(t->text));
	t->text[t->n++] = s->name;
	if (t->stop_after != 0 && (int)t->n >= t->stop_after)
		loop_stop(t->loop);
}

static void
on_timer(void *arg)
{
	note(arg);
}

static void
on_idle(void *arg)
{
	struct step *s = arg;

	note(s);
	if (s->again-- > 0)
		loop_defer(s->trace->loop, &s->idle);
}

static void
step_init(struct step *s, struct trace *t, char name)
{
	memset(s, 0, sizeof(*s));
	s->trace = t;
	s->name = name;
	timer_init(&s->timer, t->loop, on_timer, s);
	loop_idle_init(&s->idle, on_idle, s);
}

static void
timers_fire_in_order(void **state)
{
	struct trace t = { .loop = loop_new(), .stop_after = 3 };
	struct step a, b, c, d;
	uint64_t now = loop_now(t.loop);

	(void)state;
	step_init(&a, &t, 'a');
	step_init(&b, &t, 'b');
	step_init(&c, &t, 'c');
	step_init(&d, &t, 'd');
	timer_set(&a.timer, now + 30);
	timer_set(&b.timer, now + 10);
	timer_set(&c.timer, now + 20);
	timer_set(&d.timer, now + 5);
	timer_stop(&d.timer);
	timer_stop(&d.timer);
	assert_false(timer_is_set(&d.timer));
	assert_true(timer_is_set(&a.timer));
	loop_run(t.loop);
	assert_string_equal(t.text, "bca");
	assert_true(loop_now(t.loop) >= now + 30);
	loop_free(&t.loop);
	assert_null(t.loop);
}

static void
timer_moves(void **state)
{
	struct trace t = { .loop = loop_new() };
	struct step a, b;
	uint64_t now = loop_now(t.loop);

	(void)state;
	step_init(&a, &t, 'a');
	step_init(&b, &t, 'b');
	timer_set(&a.timer, now + 1000);
	timer_set(&b.timer, now + 2000);
	timer_set(&a.timer, now + 3000);
	loop_advance(t.loop, 999);
	assert_int_equal(t.n, 0);
	loop_advance(t.loop, 1001);
	assert_string_equal(t.text, "b");
	loop_advance(t.loop, 1000);
	assert_string_equal(t.text, "ba");
	loop_free(&t.loop);
}

/* A timer that was armed far ahead rings at once when time jumps. */
static void
advance_rearms(void **state)
{
	struct trace t = { .loop = loop_new(), .stop_after = 2 };
	struct step a, b;

	(void)state;
	step_init(&a, &t, 'a');
	step_init(&b, &t, 'b');
	timer_set(&a.timer, loop_now(t.loop) + 1);
	timer_set(&b.timer, loop_now(t.loop) + 3600000);
	t.stop_after = 1;
	loop_run(t.loop);
	loop_advance(t.loop, 3599990);
	t.stop_after = 2;
	loop_run(t.loop);
	assert_string_equal(t.text, "ab");
	loop_free(&t.loop);
}

static void
set_again(void *arg)
{
	struct step *s = arg;

	note(s);
	timer_set(&s->timer, 0);
}

static void
timer_that_sets_itself_does_not_starve(void **state)
{
	struct trace t = { .loop = loop_new() };
	struct step a;

	(void)state;
	step_init(&a, &t, 'a');
	timer_init(&a.timer, t.loop, set_again, &a);
	timer_set(&a.timer, 0);
	loop_advance(t.loop, 1);
	assert_int_equal(t.n, 1);
	timer_stop(&a.timer);
	loop_free(&t.loop);
}

static void
deferred_work(void **state)
{
	struct trace t = { .loop = loop_new(), .stop_after = 5 };
	struct step a, b, c;

	(void)state;
	step_init(&a, &t, 'a');
	step_init(&b, &t, 'b');
	step_init(&c, &t, 'c');
	a.again = 3;
	loop_defer(t.loop, &a.idle);
	loop_defer(t.loop, &b.idle);
	loop_defer(t.loop, &b.idle);
	loop_defer(t.loop, &c.idle);
	loop_idle_cancel(&c.idle);
	loop_run(t.loop);		/* would sleep forever if a waited */
	assert_string_equal(t.text, "abaaa");
	loop_free(&t.loop);
}

struct chain {
	struct step		 first, second;
	struct step		 outside;
	struct loop_wake	*wake;
};

static void
on_outside(void *arg)
{
	note(arg);
}

static void
on_first(void *arg)
{
	struct chain *c = arg;

	note(&c->first);
	loop_wake_send(c->wake);
	loop_defer(c->first.trace->loop, &c->first.idle);
	loop_defer(c->first.trace->loop, &c->second.idle);
	if (c->first.again-- == 0)
		loop_idle_cancel(&c->first.idle);
}

/* What deferred work defers needs no other turn, itself does. */
static void
deferred_chain(void **state)
{
	struct trace t = { .loop = loop_new(), .stop_after = 6 };
	struct chain c;

	(void)state;
	step_init(&c.first, &t, 'a');
	step_init(&c.second, &t, 'b');
	step_init(&c.outside, &t, 'w');
	c.first.again = 1;
	c.wake = loop_wake_new(t.loop, on_outside, &c.outside);
	loop_idle_init(&c.first.idle, on_first, &c);
	loop_defer(t.loop, &c.first.idle);
	loop_run(t.loop);
	assert_string_equal(t.text, "abwabw");
	loop_wake_free(&c.wake);
	loop_free(&t.loop);
}

struct ends {
	struct loop		*loop;
	struct loop_poll	*poll;
	int			 fds[2];
	int			 events;
	int			 calls;
};

static void
on_ready(void *arg, int events)
{
	struct ends *e = arg;

	e->events |= events;
	e->calls++;
	if ((events & LOOP_READ) != 0)
		loop_poll_set(e->poll, 0);
	loop_stop(e->loop);
}

static void
polls(void **state)
{
	struct ends e = { .loop = loop_new() };

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, e.fds), 0);
	e.poll = loop_poll_new(e.loop, e.fds[0], on_ready, &e);
	loop_poll_set(e.poll, LOOP_WRITE);
	loop_run(e.loop);
	assert_int_equal(e.events, LOOP_WRITE);
	e.events = 0;
	loop_poll_set(e.poll, LOOP_READ);
	assert_int_equal(write(e.fds[1], "x", 1), 1);
	loop_run(e.loop);
	assert_int_equal(e.events, LOOP_READ);
	/* Paused, then freed and closed at once; the number is used again. */
	loop_poll_free(&e.poll);
	assert_null(e.poll);
	close(e.fds[0]);
	close(e.fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, e.fds), 0);
	e.poll = loop_poll_new(e.loop, e.fds[0], on_ready, &e);
	loop_poll_set(e.poll, LOOP_READ);
	close(e.fds[1]);
	e.events = 0;
	loop_run(e.loop);
	assert_true((e.events & LOOP_READ) != 0);
	loop_poll_free(&e.poll);
	close(e.fds[0]);
	loop_free(&e.loop);
}

struct work {
	struct loop	*loop;
	struct loop_wake *wake;
	atomic_int	 worked;
	int		 done;
	int		 woken;
};

static void
work(void *arg)
{
	struct work *w = arg;

	atomic_fetch_add(&w->worked, 1);
	loop_wake_send(w->wake);
}

static void
work_done(void *arg)
{
	struct work *w = arg;

	w->done++;
	if (w->done == 8 && w->woken > 0)
		loop_stop(w->loop);
}

static void
woken(void *arg)
{
	struct work *w = arg;

	w->woken++;
	if (w->done == 8)
		loop_stop(w->loop);
}

static void
threads(void **state)
{
	struct work w = { .loop = loop_new() };
	int i;

	(void)state;
	loop_start_threads(w.loop, 3);
	w.wake = loop_wake_new(w.loop, woken, &w);
	for (i = 0; i < 8; i++)
		assert_int_equal(loop_work(w.loop, work, work_done, &w), ERR_OK);
	loop_run(w.loop);
	assert_int_equal(atomic_load(&w.worked), 8);
	assert_int_equal(w.done, 8);
	assert_in_range(w.woken, 1, 8);
	loop_wake_free(&w.wake);
	loop_free(&w.loop);
}

static void
clock_agrees(void **state)
{
	struct loop *l = loop_new();
	int64_t skew = (int64_t)(clock_mono_ms() - loop_now(l));

	(void)state;
	assert_in_range(skew + 5, 0, 50);
	loop_free(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(timer_moves),
		cmocka_unit_test(advance_rearms),
		cmocka_unit_test(timer_that_sets_itself_does_not_starve),
		cmocka_unit_test(deferred_work),
		cmocka_unit_test(deferred_chain),
		cmocka_unit_test(polls),
		cmocka_unit_test(threads),
		cmocka_unit_test(clock_agrees),
	};

	return cmocka_run_group_tests_name("io/loop", tests, NULL, NULL);
}
