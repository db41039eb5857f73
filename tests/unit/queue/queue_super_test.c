/* SPDX-License-Identifier: ISC */
/* What operators do to messages that wait, through the core. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/ipc/queue_proto.h"
#include "lib/conf/conf_sections.h"
#include "queue/queue_census.h"
#include "queue/queue_list.h"
#include "queue/queue_super.h"
#include "tests/unit/queue/fake_relay.h"

#define TEXT	"Subject: a test\r\n\r\nThe body.\r\n"

static struct fake_relays relays;

static struct {
	bool	 done;
	bool	 more;
	uint8_t	 exit;
	char	 text[60001];
} reply;

static void
on_reply(void *arg, uint64_t id, uint8_t exit_code, bool more, struct slice text)
{
	(void)arg;
	assert_int_equal(id, 9);
	reply.done = true;
	reply.more = more;
	reply.exit = exit_code;
	assert_true(slice_to_cstr(text, reply.text, sizeof(reply.text)));
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, true);
	fake_relays_init(&relays, f);
	relays.mode = RELAY_SAYS_TEMP;
	relays.feedback = RELAY_REFUSED;
	fake_relay_join(&relays, 0, 500);
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

static bool
is_quiet(struct fake *f)
{
	struct list *l;

	if (f->q.msgs.count > 0 || f->q.works > 0)
		return false;
	for (l = f->q.table.order.next; l != &f->q.table.order; l = l->next)
		if (obj_of(l, struct queue_item, order)->writes > 0)
			return false;
	return true;
}

static bool
is_empty(struct fake *f)
{
	return f->q.table.count == 0 && f->q.msgs.count == 0;
}

static bool
is_answered(struct fake *f)
{
	(void)f;
	return reply.done;
}

static bool
has_job(struct fake *f)
{
	(void)f;
	return relays.job_count > 0;
}

static const char *
id_of(uint64_t msg)
{
	static char text[ENC_ID_BYTES + 1];

	enc_id_str(text, msg);
	return text;
}

static uint8_t
super(struct fake *f, const char *op, const char *which, const char *cursor)
{
	const struct queue_call call = { .fn = on_reply, .arg = f, .id = 9 };
	char args[200];
	int n = snprintf(args, sizeof(args), "%s%c%s%c%s", op, 0, which, 0, cursor);

	if (cursor[0] == '\0')
		n--;
	memset(&reply, 0, sizeof(reply));
	queue_super_run(&f->q, slice_of(args, (size_t)n + 1), &call);
	assert_true(fake_run_until(f, is_answered));
	return reply.exit;
}

static uint8_t
flush(struct fake *f, const char *how, const char *which)
{
	const struct queue_call call = { .fn = on_reply, .arg = f, .id = 9 };
	char args[200];
	int n = snprintf(args, sizeof(args), "%s%c%s", how, 0, which);

	memset(&reply, 0, sizeof(reply));
	queue_super_flush(&f->q, slice_of(args, (size_t)n + 1), &call);
	return reply.exit;
}

static const char *
list(struct fake *f, const char *form, const char *filter)
{
	char args[200];
	int n = snprintf(args, sizeof(args), "%s%c%s", form, 0, filter);

	memset(&reply, 0, sizeof(reply));
	queue_list_page(&f->q, slice_of(args, (size_t)n + 1), 9, on_reply, f);
	assert_true(fake_run_until(f, is_answered));
	return reply.text;
}

static void
test_hold(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT), other;

	f->mode = FAKE_TEMP;
	other = fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "h", id_of(far), ""), EX_OK);
	assert_string_equal(reply.text, "done 1\n");
	assert_int_equal(super(f, "h", id_of(other), ""), EX_OK);
	assert_int_equal(super(f, "h", id_of(other), ""), EX_OK);
	assert_string_equal(reply.text, "done 0\n");
	fake_run_ms(f, 30);
	assert_true(fake_run_until(f, is_quiet));
	relays.job_count = f->job_count = 0;
	relays.mode = RELAY_SAYS_SENT;
	f->mode = FAKE_OK;
	loop_advance(f->loop, 3600000);
	fake_run_ms(f, 30);
	/* It is on disk: also after kill -9 nothing is tried. */
	fake_restart(f, false);
	fake_relay_join(&relays, 0, 501);
	fake_run_ms(f, 50);
	loop_advance(f->loop, 6ull * 86400000);
	fake_run_ms(f, 50);
	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(relays.job_count + f->job_count, 0);
	assert_int_equal(f->q.table.count, 2);
	assert_non_null(strstr(list(f, "p", ""), "!"));
	assert_non_null(strstr(list(f, "j", ""), "\"queue_name\": \"hold\""));
}

static void
test_release(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "H", id_of(far), ""), EX_OK);
	assert_string_equal(reply.text, "done 0\n");
	assert_int_equal(super(f, "h", "ALL", ""), EX_OK);
	assert_true(fake_run_until(f, is_quiet));
	relays.mode = RELAY_SAYS_SENT;
	assert_int_equal(super(f, "H", "ALL", ""), EX_OK);
	assert_string_equal(reply.text, "done 1\n");
	fake_run_ms(f, 30);
	loop_advance(f->loop, 301000);
	assert_true(fake_run_until(f, is_empty));
}

static void
test_delete(void **state)
{
	struct fake *f = *state;
	uint64_t far;

	assert_int_equal(super(f, "d", "ALL", ""), EX_OK);
	assert_string_equal(reply.text, "done 0\n");
	far = fake_submit(f, "x@far.example", TEXT);
	(void)fake_submit(f, "y@far.example", TEXT);
	f->mode = FAKE_TEMP;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	assert_non_null(strstr(reply.text, "none "));
	assert_int_equal(super(f, "d", "ALL", ""), EX_OK);
	assert_string_equal(reply.text, "done 2\n");
	assert_true(fake_run_until(f, is_empty));
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 0);
	assert_int_equal(f->job_count, 0);	/* nobody is told */
}

/* It is with relay: gone when that is done, and never tried again. */
static void
test_delete_active(void **state)
{
	struct fake *f = *state;
	uint64_t far;

	relays.mode = RELAY_SAYS_NOTHING;
	far = fake_submit(f, "x@far.example", TEXT);
	assert_true(fake_run_until(f, has_job));
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	assert_string_equal(reply.text, "done 0\n");
	fake_relay_answer(&relays, 0, RELAY_SAYS_PERM);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 0);
}

static uint64_t
submit_two(struct fake *f, const char *one, const char *two)
{
	unsigned char token[TOKEN_BYTES];
	struct fake_answer a;
	int fd = fake_memfd(TEXT, true);

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	a = fake_open(f, 0, "alice@example.test", QUEUE_SUBMISSION, slice_of(token, sizeof(token)));
	assert_int_equal(fake_rcpt(f, 0, a.msg, one).error, ERR_OK);
	assert_int_equal(fake_rcpt(f, 0, a.msg, two).error, ERR_OK);
	assert_int_equal(fake_commit(f, 0, a.msg, QUEUE_FORM_MEMFD, strlen(TEXT), fd,
	    SLICE_NONE).error, ERR_OK);
	(void)close(fd);
	return a.msg;
}

/* One recipient is being tried: the other, who waits, is not reached after it. */
static void
test_delete_with_parts(void **state)
{
	struct fake *f = *state;
	uint64_t far = submit_two(f, "x@far.example", "y@bank.example");

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(relays.job_count, 2);
	relays.mode = RELAY_SAYS_NOTHING;
	relays.job_count = 0;
	assert_int_equal(flush(f, "s", "far.example"), EX_OK);
	assert_true(fake_run_until(f, has_job));
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	loop_advance(f->loop, 3600000);
	fake_run_ms(f, 50);
	assert_int_equal(relays.job_count, 1);
	fake_relay_answer(&relays, 0, RELAY_SAYS_TEMP);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 1);
}

static bool was_copied;

static void
on_copied(struct queue_write *w, void *arg)
{
	(void)arg;
	assert_int_equal(w->error, ERR_OK);
	was_copied = true;
	queue_flush_write_free(&w);
}

static bool
is_copied(struct fake *f)
{
	(void)f;
	return was_copied;
}

/* As a crash in a compaction leaves it: the message once more, behind its RESULT. */
static void
test_hold_and_copy(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);
	struct queue_write *w;

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "h", id_of(far), ""), EX_OK);
	was_copied = false;
	w = queue_flush_write_new(QUEUE_WRITE_COPY, far, on_copied, NULL);
	w->from = queue_table_find(&f->q.table, far)->spot;
	queue_flush_add(f->q.flush, w);
	assert_true(fake_run_until(f, is_copied));
	fake_restart(f, false);
	assert_true(queue_table_find(&f->q.table, far)->flags & QUEUE_HELD);
}

/* Answered when it is on the disk: nothing is waited for here. */
static void
test_durable(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "h", id_of(far), ""), EX_OK);
	fake_restart(f, false);
	assert_true(queue_table_find(&f->q.table, far)->flags & QUEUE_HELD);
	assert_int_equal(super(f, "H", id_of(far), ""), EX_OK);
	fake_restart(f, false);
	assert_false(queue_table_find(&f->q.table, far)->flags & QUEUE_HELD);
	assert_int_equal(super(f, "d", id_of(far), ""), EX_OK);
	assert_null(queue_table_find(&f->q.table, far));
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 0);
}

static void
test_many_ids(void **state)
{
	const struct queue_call call = { .fn = on_reply, .arg = *state, .id = 9 };
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);
	struct buf args;
	unsigned i;

	assert_true(fake_run_until(f, is_quiet));
	buf_init(&args, 100000);
	buf_put(&args, "h", 2);
	buf_put(&args, id_of(far), ENC_ID_BYTES + 1);
	for (i = 1; i < QUEUE_SUPER_IDS; i++)
		buf_put(&args, id_of(i), ENC_ID_BYTES + 1);
	memset(&reply, 0, sizeof(reply));
	queue_super_run(&f->q, buf_slice(&args), &call);
	assert_true(fake_run_until(f, is_answered));
	assert_int_equal(reply.exit, EX_OK);
	assert_string_equal(reply.text + (QUEUE_SUPER_IDS - 1) * (ENC_ID_BYTES + 6), "done 1\n");
	/* One too many: nothing is done. */
	buf_put(&args, id_of(i), ENC_ID_BYTES + 1);
	args.mem[args.off] = 'd';
	memset(&reply, 0, sizeof(reply));
	queue_super_run(&f->q, buf_slice(&args), &call);
	assert_true(fake_run_until(f, is_answered));
	assert_int_equal(reply.exit, EX_DATAERR);
	assert_int_equal(f->q.table.count, 1);
	buf_fini(&args);
}

/* Given up now: the sender is told. */
static void
test_expire(void **state)
{
	struct fake *f = *state;

	(void)fake_submit(f, "x@far.example", TEXT);
	f->mode = FAKE_TEMP;
	(void)fake_send(f, "alice@example.test", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	f->mode = FAKE_OK;
	f->job_count = 0;
	assert_int_equal(super(f, "e", "ALL", ""), EX_OK);
	assert_string_equal(reply.text, "done 2\n");
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 2);
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_string_equal(f->jobs[1].rcpt, "alice@example.test");
}

/* The answer is a promise: whatever dies before the notice, it is not tried again. */
static void
test_expire_is_durable(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);

	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(super(f, "h", id_of(far), ""), EX_OK);
	assert_non_null(strstr(list(f, "j", ""), "\"forced_expire\": false, "));
	f->mode = FAKE_HOLD;		/* the notice goes nowhere */
	assert_int_equal(super(f, "e", id_of(far), ""), EX_OK);
	assert_string_equal(reply.text, "done 1\n");
	assert_non_null(strstr(list(f, "j", ""), "\"forced_expire\": true, "));
	fake_restart(f, false);
	assert_true(queue_table_find(&f->q.table, far)->flags & QUEUE_DOOMED);
	relays.job_count = f->job_count = 0;
	relays.mode = RELAY_SAYS_SENT;
	f->mode = FAKE_OK;
	fake_relay_join(&relays, 0, 500);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(relays.job_count, 0);
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
}

/* By the routes as they are now, and at once. */
static void
test_requeue(void **state)
{
	char host[] = "[192.0.2.1]:26";
	const struct route_options o = { .relay = host };
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);

	assert_true(fake_run_until(f, is_quiet));
	assert_string_equal(relays.jobs[0].site, "far.example");
	queue_route_add(&f->q.routes, "new", &o);
	relays.mode = RELAY_SAYS_SENT;
	assert_int_equal(super(f, "r", id_of(far), ""), EX_OK);
	assert_true(fake_run_until(f, is_empty));
	assert_string_equal(relays.jobs[1].site, "[192.0.2.1]:26");
}

static void
set_team(struct fake *f, struct slice targets)
{
	const struct ipc_fact_alias a = { .address = SLICE_LIT("team@example.test"),
	    .targets = targets };

	assert_int_equal(queue_resolve_alias(&f->q.resolver, &a), ERR_OK);
}

static unsigned
jobs_for(const struct fake *f, const char *rcpt)
{
	unsigned i, n = 0;

	for (i = 0; i < f->job_count; i++)
		n += strcmp(f->jobs[i].rcpt, rcpt) == 0 && f->jobs[i].rcpt_count == 1;
	return n;
}

/*
 * The alias is changed while one of its addresses waits: requeued, the message
 * goes where it leads today, to nobody twice, and a restart knows of it.
 */
static void
look_up_again(struct fake *f, bool in_hand)
{
	uint64_t msg;
	unsigned before;

	set_team(f, SLICE_LIT("bob@example.test\0old@far.example\0same@far.example\0"));
	relays.mode = in_hand ? RELAY_SAYS_NOTHING : RELAY_SAYS_TEMP;
	msg = fake_submit(f, "team@example.test", TEXT);
	(void)fake_run_until(f, in_hand ? has_job : is_quiet);
	fake_run_ms(f, 20);
	assert_int_equal(jobs_for(f, "bob@example.test"), 1);
	set_team(f, SLICE_LIT("bob@example.test\0new@far.example\0alice@example.test\0"
	    "same@far.example\0"));
	relays.mode = RELAY_SAYS_TEMP;
	before = relays.job_count;
	assert_int_equal(super(f, "r", id_of(msg), ""), EX_OK);
	if (in_hand)
		fake_relay_answer(&relays, before - 1, RELAY_SAYS_TEMP);
	fake_run_ms(f, 50);
	assert_true(fake_run_until(f, is_quiet));
	/* What was with relay just then is left alone, until the next time. */
	assert_true((strstr(list(f, "p", ""), "old@far.example") != NULL) == in_hand);
	assert_int_equal(super(f, "r", id_of(msg), ""), EX_OK);
	fake_run_ms(f, 50);
	assert_true(fake_run_until(f, is_quiet));
	assert_int_equal(jobs_for(f, "bob@example.test"), 1);
	assert_int_equal(jobs_for(f, "alice@example.test"), 1);
	assert_non_null(strstr(list(f, "p", ""), "new@far.example"));
	assert_non_null(strstr(list(f, "p", ""), "same@far.example"));
	assert_null(strstr(list(f, "p", ""), "old@far.example"));
	fake_restart(f, false);
	assert_true(fake_run_until(f, is_quiet));
	assert_null(strstr(list(f, "p", ""), "old@far.example"));
	assert_non_null(strstr(list(f, "p", ""), "new@far.example"));
	assert_int_equal(f->job_count, 0);
}

static void
test_look_up_again(void **state)
{
	look_up_again(*state, false);
}

static void
test_look_up_in_hand(void **state)
{
	look_up_again(*state, true);
}

/* Who is not there any more stays. */
static void
test_look_up_fails(void **state)
{
	struct fake *f = *state;
	uint64_t msg;

	set_team(f, SLICE_LIT("old@far.example\0"));
	msg = fake_submit(f, "team@example.test", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	set_team(f, SLICE_NONE);
	assert_int_equal(super(f, "r", id_of(msg), ""), EX_OK);
	assert_true(fake_run_until(f, is_quiet));
	assert_non_null(strstr(list(f, "p", ""), "old@far.example"));
}

static void
test_flush(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);

	(void)fake_submit(f, "x@bank.example", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	relays.mode = RELAY_SAYS_SENT;
	assert_int_equal(flush(f, "s", "no.example"), 1);
	assert_int_equal(flush(f, "i", "0000000000000"), 1);
	assert_int_equal(flush(f, "x", ""), EX_USAGE);
	assert_int_equal(flush(f, "s", "BANK.example"), EX_OK);
	fake_run_ms(f, 50);
	assert_int_equal(f->q.table.count, 1);
	assert_non_null(strstr(list(f, "p", "s:far.example"), "x@far.example"));
	assert_string_equal(list(f, "p", "s:bank.example"), "Mail queue is empty\n");
	assert_int_equal(flush(f, "i", id_of(far)), EX_OK);
	assert_true(fake_run_until(f, is_empty));
}

static void
test_list_one(void **state)
{
	struct fake *f = *state;
	uint64_t far = fake_submit(f, "x@far.example", TEXT);
	char filter[40];

	(void)fake_submit(f, "x@bank.example", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	snprintf(filter, sizeof(filter), "i:%s", id_of(far));
	assert_non_null(strstr(list(f, "p", filter), "x@far.example"));
	assert_null(strstr(reply.text, "bank"));
	assert_non_null(strstr(reply.text, "in 1 Request.\n"));
	(void)list(f, "p", "i:nonsense");
	assert_int_equal(reply.exit, EX_USAGE);
	(void)list(f, "p", "s:");
	assert_int_equal(reply.exit, EX_USAGE);
}

#define HEAD	"                                        "
#define TOTAL	"                                   TOTAL"

/* words: parted by NULs, two at the end. */
static const char *
shape(struct fake *f, const char *words)
{
	size_t n = 0;

	while (words[n] != '\0')
		n += strlen(words + n) + 1;
	memset(&reply, 0, sizeof(reply));
	queue_census_run(&f->q, slice_of(words, n), 9, on_reply, f);
	return reply.text;
}

static void
test_shape(void **state)
{
	static const char *const bad[] = { "b1\0", "b31\0", "bx\0", "t0\0", "t100001\0",
	    "n501\0", "x\0", "corrupt\0" };
	struct fake *f = *state;
	size_t i;

	(void)fake_submit(f, "x@far.example", TEXT);
	(void)fake_submit(f, "y@far.example", TEXT);
	(void)fake_submit(f, "x@bank.example", TEXT);
	assert_true(fake_run_until(f, is_quiet));
	memset(&reply, 0, sizeof(reply));
	queue_census_run(&f->q, SLICE_NONE, 9, on_reply, f);
	assert_non_null(strstr(reply.text, "                                   TOTAL       3     3"));
	assert_non_null(strstr(reply.text, "                             far.example       2     2"));
	assert_true(strstr(reply.text, "far.example") < strstr(reply.text, "bank.example"));
	assert_string_equal(shape(f, "b2\0t7\0deferred\0hold\0"), HEAD "       T     7    7+\n"
	    TOTAL "       3     3     0\n"
	    "                             far.example       2     2     0\n"
	    "                            bank.example       1     1     0\n");
	assert_string_equal(shape(f, "b3\0t7\0l\0n1\0"), HEAD "       T     7    14   14+\n"
	    TOTAL "       3     3     0     0\n"
	    "                             far.example       2     2     0     0\n");
	assert_string_equal(shape(f, "b2\0t7\0active\0incoming\0"), HEAD "       T     7    7+\n"
	    TOTAL "       0     0     0\n");
	for (i = 0; i < lengthof(bad); i++) {
		assert_string_equal(shape(f, bad[i]), "bad arguments");
		assert_int_equal(reply.exit, EX_USAGE);
	}
	assert_string_equal(list(f, "s", ""), "deferred 0 example.test\n"
	    "deferred 0 example.test\ndeferred 0 example.test\n");
}

/* More than a page of them, and the cursor of one that is gone meanwhile. */
static void
test_pages(void **state)
{
	static const char *const bad[] = { "x", "0000000000000", "0000000000000 x" };
	struct fake *f = *state;
	struct queue_item *it;
	char cursor[64];
	unsigned i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(super(f, "h", "ALL", bad[i]), EX_DATAERR);
	assert_int_equal(super(f, "x", "ALL", ""), EX_USAGE);
	assert_int_equal(super(f, "d", "nonsense", ""), EX_DATAERR);
	for (i = 0; i < QUEUE_SUPER_PAGE + 10; i++) {
		it = queue_table_add(&f->q.table, 1000 + i);
		it->state = QUEUE_S5_STORED;
		it->flags = QUEUE_ALL_REMOTE | QUEUE_HELD;
	}
	assert_int_equal(super(f, "h", "ALL", ""), EX_OK);
	assert_true(reply.more);
	assert_true(slice_to_cstr(slice_from(slice_str(reply.text), strlen("done 0\n")), cursor,
	    sizeof(cursor)));
	assert_int_equal(super(f, "h", "ALL", cursor), EX_OK);
	assert_false(reply.more);
	assert_string_equal(reply.text, "done 0\n");
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_hold),
		T(test_release),
		T(test_delete),
		T(test_delete_active),
		T(test_delete_with_parts),
		T(test_hold_and_copy),
		T(test_durable),
		T(test_many_ids),
		T(test_expire),
		T(test_expire_is_durable),
		T(test_requeue),
		T(test_look_up_again),
		T(test_look_up_in_hand),
		T(test_look_up_fails),
		T(test_flush),
		T(test_list_one),
		T(test_shape),
		T(test_pages),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
