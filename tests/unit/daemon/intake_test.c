/* SPDX-License-Identifier: ISC */
/*
 * The first recipient, which is asked for together with the message: by real wires
 * in one loop, with a queue that the test plays and that answers when it is told to.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/daemon/intake.h"
#include "lib/sys/fd.h"

#define LIMIT_MS	20000
#define MSG_ID		77u
#define BOB		SLICE_LIT("bob@example.test")

static struct loop	*loop;
static struct timer	 limit;
static struct ipc_peer	*wire;		/* of who brings mail */
static struct ipc_peer	*queue;		/* the other end */
static struct intake_pool pool = { .max_bytes = 1u << 20 };
static struct intake	*intake;

/* What queue saw. */
static struct {
	unsigned	 opens, rcpts, aborts;
	uint64_t	 open, rcpt;	/* the requests to answer */
	uint64_t	 msg;		/* of the last recipient */
} seen;

/* What the ops were told. */
static struct {
	unsigned	 opened, rcpts, refused;
	enum err	 error;
	bool		 asks;		/* for BOB, when it is opened */
} told;

struct loop *
daemon_loop(struct daemon_app *app)
{
	(void)app;
	return loop;
}

struct ipc_peer *
daemon_peer_next(struct daemon_app *app, enum ipc_role role)
{
	(void)app;
	assert_int_equal(role, IPC_QUEUE);
	return wire;
}

/* ---- queue */

static void
on_open(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	(void)p, (void)m;
	seen.opens++;
	seen.open = in->id;
	loop_stop(loop);
}

static void
on_rcpt(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_queue_rcpt *r = m;

	(void)p;
	assert_true(slice_eq(r->rcpt, BOB));
	seen.rcpts++;
	seen.rcpt = in->id;
	seen.msg = r->msg;
	loop_stop(loop);
}

static void
on_abort(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_queue_abort *a = m;

	(void)p, (void)in;
	assert_int_equal(a->msg, MSG_ID);
	seen.aborts++;
	loop_stop(loop);
}

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_queue_open, on_open }, { IPC_MSG_queue_rcpt, on_rcpt },
	{ IPC_MSG_queue_abort, on_abort }, { 0, NULL },
};
static const struct ipc_handler wire_handlers[] = {
	{ IPC_MSG_queue_opened, intake_on_late_open }, { 0, NULL },
};

static void
say_opened(void)
{
	const struct ipc_queue_opened m = { .msg = MSG_ID };

	ipc_reply(queue, seen.open, IPC_MSG_queue_opened, &m);
}

static void
say_rcpt_ok(void)
{
	const struct ipc_queue_rcpt_ok m = { .class = 1 };

	ipc_reply(queue, seen.rcpt, IPC_MSG_queue_rcpt_ok, &m);
}

static void
say_refused(uint64_t request, enum err e)
{
	const struct ipc_queue_refused m = { .error = e };

	ipc_reply(queue, request, IPC_MSG_queue_refused, &m);
}

/* ---- who brings mail */

static void
ask_bob(void)
{
	const struct ipc_queue_rcpt m = { .msg = MSG_ID, .rcpt = BOB };

	assert_int_equal(intake_rcpt(intake, &m), ERR_OK);
}

static void
op_opened(void *arg, uint64_t msg)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	told.opened++;
	if (told.asks)
		ask_bob();
	loop_stop(loop);
}

static void
op_rcpt_ok(void *arg, const struct ipc_queue_rcpt_ok *m)
{
	(void)arg, (void)m;
	told.rcpts++;
	loop_stop(loop);
}

static void
op_nothing(void *arg)
{
	(void)arg;
}

static void
op_refused(void *arg, const struct intake_refusal *r)
{
	(void)arg;
	told.refused++;
	told.error = r->error;
	loop_stop(loop);
}

static const struct intake_ops ops = { .opened = op_opened, .rcpt_ok = op_rcpt_ok,
	.resume = op_nothing, .committed = op_nothing, .refused = op_refused };

/* ---- the world */

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("it does not come");
}

static void
wait_for(const unsigned *count, unsigned n)
{
	timer_set(&limit, loop_now(loop) + LIMIT_MS);
	while (*count < n)
		loop_run(loop);
	timer_stop(&limit);
}

static void
on_wire_gone(struct ipc_peer *p, void *arg)
{
	(void)arg;
	assert_true(intake_lose(intake, p));
	ipc_peer_free(&wire);
	loop_stop(loop);
}

static void
on_queue_gone(struct ipc_peer *p, void *arg)
{
	(void)p, (void)arg;
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(&told, 0, sizeof(told));
	loop = loop_new();
	timer_init(&limit, loop, on_limit, NULL);
	assert_int_equal(fd_pair(fds), ERR_OK);
	wire = ipc_peer_new(loop, fds[0], IPC_QUEUE, 1, wire_handlers, on_wire_gone, NULL);
	queue = ipc_peer_new(loop, fds[1], IPC_CMTPD, 1, queue_handlers, on_queue_gone, NULL);
	intake = intake_new(NULL, &pool, &ops, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	intake_free(&intake);
	ipc_peer_free(&wire);
	ipc_peer_free(&queue);
	loop_free(&loop);
	return 0;
}

/* Both questions are with queue. */
static void
open_with_bob(void)
{
	const struct ipc_queue_open m = { .session = 1 };
	unsigned rcpts = seen.rcpts;

	assert_int_equal(intake_open(intake, &m, BOB), ERR_OK);
	wait_for(&seen.rcpts, rcpts + 1);
	assert_int_equal(seen.msg, 0);
}

/* The next message, whose first recipient nobody told, hears of nothing older. */
static void
next_is_well(void)
{
	const struct ipc_queue_open m = { .session = 1 };
	unsigned opens = seen.opens, opened = told.opened, rcpts = seen.rcpts, oks = told.rcpts,
	    refused = told.refused;

	told.asks = false;
	assert_int_equal(intake_open(intake, &m, SLICE_NONE), ERR_OK);
	wait_for(&seen.opens, opens + 1);
	say_opened();
	wait_for(&told.opened, opened + 1);
	assert_int_equal(seen.rcpts, rcpts);
	ask_bob();
	wait_for(&seen.rcpts, rcpts + 1);
	assert_int_equal(seen.msg, MSG_ID);
	say_rcpt_ok();
	wait_for(&told.rcpts, oks + 1);
	assert_int_equal(told.refused, refused);
}

/* ---- tests */

static void
test_asked_once(void **state)
{
	(void)state;
	told.asks = true;
	open_with_bob();
	assert_int_equal(told.opened, 0);
	say_opened();
	say_rcpt_ok();
	wait_for(&told.rcpts, 1);
	assert_int_equal(told.opened, 1);
	assert_int_equal(seen.rcpts, 1);
	/* The second is a question of its own. */
	ask_bob();
	wait_for(&seen.rcpts, 2);
	assert_int_equal(seen.msg, MSG_ID);
	say_refused(seen.rcpt, ERR_NOTFOUND);
	wait_for(&told.refused, 1);
	next_is_well();
}

static void
test_open_is_refused(void **state)
{
	(void)state;
	told.asks = true;
	open_with_bob();
	say_refused(seen.open, ERR_BUSY);
	say_refused(seen.rcpt, ERR_AGAIN);
	wait_for(&told.refused, 1);
	assert_int_equal(told.error, ERR_BUSY);
	next_is_well();
	assert_int_equal(seen.aborts, 0);
}

static void
test_rcpt_is_refused(void **state)
{
	(void)state;
	told.asks = true;
	open_with_bob();
	say_opened();
	say_refused(seen.rcpt, ERR_NOTFOUND);
	wait_for(&told.refused, 1);
	assert_int_equal(told.error, ERR_NOTFOUND);
	assert_int_equal(told.opened, 1);
	next_is_well();
}

/* Opened, and then given up: the answer that is on its way is nobody's. */
static void
test_given_up(void **state)
{
	(void)state;
	open_with_bob();
	say_opened();
	wait_for(&told.opened, 1);
	intake_abort(intake, MSG_ID);
	wait_for(&seen.aborts, 1);
	say_rcpt_ok();
	next_is_well();
	assert_int_equal(told.rcpts, 1);
}

/* Both answers at once, and the first that is told of is not asked for. */
static void
test_not_asked(void **state)
{
	(void)state;
	open_with_bob();
	say_opened();
	say_rcpt_ok();
	wait_for(&told.opened, 1);
	next_is_well();
	assert_int_equal(told.rcpts, 1);
}

static void
test_lost(void **state)
{
	(void)state;
	told.asks = true;
	open_with_bob();
	ipc_peer_free(&queue);
	wait_for(&told.refused, 1);
	assert_int_equal(told.error, ERR_GONE);
	while (wire != NULL)
		loop_run(loop);
	assert_int_equal(told.refused, 1);
	assert_int_equal(told.rcpts, 0);
}

/* Lost between the two answers: the one that is waited for is told. */
static void
test_lost_between(void **state)
{
	(void)state;
	told.asks = true;
	open_with_bob();
	say_opened();
	wait_for(&told.opened, 1);
	ipc_peer_free(&queue);
	wait_for(&told.refused, 1);
	assert_int_equal(told.error, ERR_GONE);
}

static void
test_freed(void **state)
{
	(void)state;
	open_with_bob();
	intake_free(&intake);
	say_opened();
	say_rcpt_ok();
	wait_for(&seen.aborts, 1);
	assert_int_equal(told.opened + told.rcpts + told.refused, 0);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_asked_once), TEST(test_open_is_refused), TEST(test_rcpt_is_refused),
		TEST(test_given_up), TEST(test_not_asked), TEST(test_lost),
		TEST(test_lost_between), TEST(test_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
