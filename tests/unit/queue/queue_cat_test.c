/* SPDX-License-Identifier: ISC */
/* Messages that an operator reads: pages, cursors, and how many at a time. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/enc.h"
#include "queue/queue_cat.h"
#include "tests/unit/queue/fake_queue.h"

#define BODY_BYTES	120000u

static struct {
	bool	 done;
	bool	 more;
	uint8_t	 exit;
	size_t	 n;
	char	 text[60001];
	char	 cursor[ENC_ID_BYTES + 1];
} reply;

static char *message;

static void
on_reply(void *arg, uint64_t id, uint8_t exit_code, bool more, struct slice text)
{
	(void)arg;
	assert_int_equal(id, 7);
	assert_true(text.n < sizeof(reply.text));
	reply.done = true;
	reply.more = more;
	reply.exit = exit_code;
	reply.n = text.n;
	if (text.n > 0)
		memcpy(reply.text, text.p, text.n);
	reply.text[text.n] = '\0';
	if (more) {
		reply.n -= ENC_ID_BYTES + 2;
		memcpy(reply.cursor, reply.text + reply.n + 1, ENC_ID_BYTES);
	}
}

static bool
is_answered(struct fake *f)
{
	(void)f;
	return reply.done;
}

static bool
is_quiet(struct fake *f)
{
	return f->q.msgs.count == 0 && f->q.works == 0;
}

static uint8_t
cat(struct fake *f, uint64_t msg, const char *want, const char *cursor)
{
	const struct queue_call call = { .fn = on_reply, .arg = f, .id = 7 };
	char args[100], id[ENC_ID_BYTES + 1];
	int n;

	enc_id_str(id, msg);
	n = snprintf(args, sizeof(args), "%s%c%s%c%s", id, 0, want, 0, cursor);
	reply.done = false;
	queue_cat_page(&f->q, slice_of(args, (size_t)n + (cursor[0] != '\0')), &call);
	assert_true(fake_run_until(f, is_answered));
	return reply.exit;
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));
	size_t i, n;

	fake_start(f, true);
	message = calloc(1, BODY_BYTES + 1);
	n = (size_t)snprintf(message, BODY_BYTES, "Subject: a test\r\n\r\n");
	for (i = n; i < BODY_BYTES; i++)
		message[i] = (i - n) % 64 == 63 ? '\n' : (i - n) % 64 == 62 ? '\r' :
		    (char)('a' + i % 23);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	fake_stop(f);
	free(f);
	free(message);
	return 0;
}

/* All of it in the order of its bytes, then a cursor that is none any more. */
static void
test_pages(void **state)
{
	struct fake *f = *state;
	uint64_t msg = fake_submit(f, "x@far.example", message);
	unsigned pages = 0;
	size_t at = 0;

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(cat(f, msg, "hb", ""), EX_OK);
	for (;; pages++) {
		assert_true(reply.n > 0 && reply.n <= QUEUE_CAT_PIECE);
		assert_memory_equal(reply.text, message + at, reply.n);
		at += reply.n;
		if (!reply.more)
			break;
		assert_int_equal(cat(f, msg, "hb", reply.cursor), EX_OK);
	}
	assert_int_equal(at, strlen(message));
	assert_int_equal(pages, 2);
	assert_int_equal(cat(f, msg, "hb", reply.cursor), EX_TEMPFAIL);
}

/* Header and body meet behind the empty line, whatever is asked for. */
static void
test_parts(void **state)
{
	struct fake *f = *state;
	uint64_t msg = fake_submit(f, "x@far.example", message);

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(cat(f, msg, "h", ""), EX_OK);
	assert_false(reply.more);
	assert_string_equal(reply.text, "Subject: a test\r\n\r\n");
	assert_int_equal(cat(f, msg, "b", ""), EX_OK);
	assert_true(reply.more);
	assert_memory_equal(reply.text, message + 19, reply.n);
	assert_int_equal(cat(f, msg, "e", ""), EX_OK);
	assert_false(reply.more);
	assert_non_null(strstr(reply.text, "recipient: x@far.example\n"));
	assert_int_equal(cat(f, msg, "eh", ""), EX_OK);
	assert_true(reply.more);
	assert_non_null(strstr(reply.text, "sender: alice@example.test\n"));
	assert_int_equal(cat(f, msg, "eh", reply.cursor), EX_OK);
	assert_false(reply.more);
	assert_string_equal(reply.text, "Subject: a test\r\n\r\n");
}

static void
test_limits(void **state)
{
	struct fake *f = *state;
	uint64_t msg = fake_submit(f, "x@far.example", message);
	unsigned i;

	assert_true(fake_run_until(f, is_quiet));
	for (i = 0; i < QUEUE_CATS_MAX; i++) {
		assert_int_equal(cat(f, msg, "b", ""), EX_OK);
		assert_true(reply.more);
	}
	assert_int_equal(cat(f, msg, "b", ""), EX_TEMPFAIL);
	assert_int_equal(cat(f, msg, "b", reply.cursor), EX_OK);
	loop_advance(f->loop, QUEUE_CAT_IDLE_MS + 1);
	fake_run_ms(f, 10);
	assert_int_equal(cat(f, msg, "b", reply.cursor), EX_TEMPFAIL);
	assert_int_equal(cat(f, msg, "b", ""), EX_OK);
	assert_int_equal(cat(f, msg + 1, "b", ""), 1);
	assert_int_equal(cat(f, msg, "", ""), EX_USAGE);
	assert_int_equal(cat(f, msg, "ebx", ""), EX_USAGE);
	assert_int_equal(cat(f, msg, "b", "nonsense"), EX_TEMPFAIL);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_pages),
		T(test_parts),
		T(test_limits),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
