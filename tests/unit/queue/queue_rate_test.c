/* SPDX-License-Identifier: ISC */
/* How much an account and a client address may bring, over all smtpds. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "lib/ipc/queue_proto.h"
#include "queue/queue_rate.h"
#include "tests/unit/queue/fake_queue.h"

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, true);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	fake_stop(f);
	free(f);
	return 0;
}

static struct fake_answer
open_as(struct fake *f, unsigned smtpd, uint64_t account, const char *sender)
{
	unsigned char token[TOKEN_BYTES];

	fake_token(f, account, FAKE_INSTANCE + smtpd, token);
	return fake_open(f, smtpd, sender, QUEUE_SUBMISSION, slice_of(token, sizeof(token)));
}

/* One account in two processes and several messages, refused ones counted. */
static void
test_user(void **state)
{
	struct fake *f = *state;
	struct fake_answer a, b, r;

	f->q.limits.user_rcpts = (struct rate){ 3, 3600000 };
	a = open_as(f, 0, FAKE_ALICE, "alice@example.test");
	b = open_as(f, 1, FAKE_ALICE, "alice@example.test");
	assert_int_equal(fake_rcpt(f, 0, a.msg, "x@far.example").type, IPC_MSG_queue_rcpt_ok);
	assert_string_equal(fake_rcpt(f, 1, b.msg, "nobody@example.test").dsn, "5.1.1");
	assert_int_equal(fake_rcpt(f, 1, b.msg, "y@far.example").type, IPC_MSG_queue_rcpt_ok);
	r = fake_rcpt(f, 0, a.msg, "bob@example.test");
	assert_int_equal(r.type, IPC_MSG_queue_refused);
	assert_int_equal(r.refused, ERR_BUSY);
	assert_string_equal(r.dsn, "4.7.1");
	fake_abort(f, 0, a.msg);
	fake_abort(f, 1, b.msg);
	/* An aborted message does not give back; others are not concerned. */
	a = open_as(f, 0, FAKE_ALICE, "alice@example.test");
	assert_string_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").dsn, "4.7.1");
	fake_abort(f, 0, a.msg);
	a = open_as(f, 0, FAKE_BOB, "bob@example.test");
	assert_int_equal(fake_rcpt(f, 0, a.msg, "x@far.example").type, IPC_MSG_queue_rcpt_ok);
	fake_abort(f, 0, a.msg);
}

static void
test_user_again(void **state)
{
	struct fake *f = *state;
	struct fake_answer a;

	f->q.limits.user_rcpts = (struct rate){ 3, 30000 };
	a = open_as(f, 0, FAKE_ALICE, "alice@example.test");
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").type,
		    IPC_MSG_queue_rcpt_ok);
	assert_string_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").dsn, "4.7.1");
	loop_advance(f->loop, 10000);
	assert_int_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").type, IPC_MSG_queue_rcpt_ok);
	assert_string_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").dsn, "4.7.1");
	fake_abort(f, 0, a.msg);
}

static void
test_client(void **state)
{
	struct fake *f = *state;
	struct fake_answer a, b;

	f->q.limits.client_msgs = (struct rate){ 2, 60000 };
	f->q.limits.client_rcpts = (struct rate){ 2, 60000 };
	a = fake_open(f, 0, "x@far.example", 0, SLICE_NONE);
	b = fake_open(f, 1, "x@far.example", 0, SLICE_NONE);
	assert_int_equal(b.type, IPC_MSG_queue_opened);
	assert_int_equal(fake_open(f, 0, "x@far.example", 0, SLICE_NONE).refused, ERR_BUSY);
	assert_string_equal(fake_open(f, 1, "x@far.example", 0, SLICE_NONE).dsn, "4.7.1");
	assert_int_equal(fake_rcpt(f, 0, a.msg, "bob@example.test").type, IPC_MSG_queue_rcpt_ok);
	assert_int_equal(fake_rcpt(f, 1, b.msg, "bob@example.test").type, IPC_MSG_queue_rcpt_ok);
	assert_string_equal(fake_rcpt(f, 1, b.msg, "alice@example.test").dsn, "4.7.1");
	fake_abort(f, 0, a.msg);
	fake_abort(f, 1, b.msg);
	loop_advance(f->loop, 30000);
	a = fake_open(f, 0, "x@far.example", 0, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_opened);
	assert_string_equal(fake_open(f, 0, "x@far.example", 0, SLICE_NONE).dsn, "4.7.1");
	fake_abort(f, 0, a.msg);
}

/* An address is one client, in IPv6 its /64; who is trusted has none. */
static void
test_who(void **state)
{
	struct fake *f = *state;
	struct queue *q = &f->q;

	q->limits.client_msgs = (struct rate){ 1, 60000 };
	assert_null(queue_rate_message(q, SLICE_LIT("192.0.2.1")));
	assert_string_equal(queue_rate_message(q, SLICE_LIT("192.0.2.1")),
	    "client_message_rate_limit");
	assert_null(queue_rate_message(q, SLICE_LIT("192.0.2.2")));
	assert_null(queue_rate_message(q, SLICE_LIT("2001:db8::1")));
	assert_non_null(queue_rate_message(q, SLICE_LIT("2001:db8::ffff:2")));
	assert_null(queue_rate_message(q, SLICE_LIT("2001:db8:0:1::1")));
	for (int i = 0; i < 10; i++)
		assert_null(queue_rate_message(q, SLICE_NONE));
	/* what is no address is still somebody */
	assert_null(queue_rate_message(q, SLICE_LIT("odd")));
	assert_non_null(queue_rate_message(q, SLICE_LIT("odd")));
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_user),
		T(test_user_again),
		T(test_client),
		T(test_who),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
