/* SPDX-License-Identifier: ISC */
/*
 * MAIL, with the test in queue's place: what queue is asked, what it gets,
 * and what the client hears.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/ipc/queue_proto.h"

#define MSG_ID	0x1234567
#define BODY	60	/* bytes: a box of 12 */

static struct cmtp_limits limits = { .message_bytes = 100000 };
static struct cmtp_self self;
static struct cmtp_service service = { .limits = &limits, .self = &self, .takes_mail = true,
    .junk_commands = 10, .hostname = "mx.example.test", .domain = "example.test" };

static struct {
	char		 sender[400], rcpt[400];
	uint8_t		 kind;
	unsigned	 opens, rcpts, commits, aborts, bodies;
	enum err	 open_error, rcpt_error, body_error, commit_error;
	struct buf	 body;
} q;

static bool
is_ours(void *arg, struct slice domain)
{
	(void)arg;
	return slice_eq_str(domain, "example.test");
}

static enum err
on_open(void *arg, const struct cmtp_open *o)
{
	(void)arg;
	q.opens++;
	q.kind = o->kind;
	assert_true(slice_to_cstr(o->sender, q.sender, sizeof(q.sender)));
	return q.open_error;
}

static enum err
on_rcpt(void *arg, uint64_t msg, struct slice rcpt)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.rcpts++;
	assert_true(slice_to_cstr(rcpt, q.rcpt, sizeof(q.rcpt)));
	return q.rcpt_error;
}

static enum err
on_body(void *arg, uint64_t msg, struct slice s)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.bodies++;
	if (q.body_error == ERR_OK || q.body_error == ERR_AGAIN)
		buf_put_slice(&q.body, s);
	return q.body_error;
}

static enum err
on_commit(void *arg, uint64_t msg)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.commits++;
	return q.commit_error;
}

static void
on_abort(void *arg, uint64_t msg)
{
	(void)arg;
	assert_int_equal(msg, MSG_ID);
	q.aborts++;
}

static uint64_t
real_s(void *arg)
{
	(void)arg;
	return 1795183331;
}

static const struct cmtp_env env = {
	.is_ours = is_ours, .open = on_open, .rcpt = on_rcpt, .body = on_body,
	.commit = on_commit, .abort = on_abort, .real_s = real_s,
};

static void
begin(struct cmtp_session *s)
{
	buf_fini(&q.body);
	memset(&q, 0, sizeof(q));
	buf_init(&q.body, 1u << 20);
	memset(s, 0, sizeof(*s));
	s->service = &service;
	s->env = &env;
	memcpy(s->client, "[192.0.2.7]", 12);
	memcpy(s->peer, "[192.0.2.7]:4000", 17);
	cmtp_session_start(s);
	buf_reset(&s->out);
}

static void
finish(struct cmtp_session *s)
{
	assert_int_equal(s->out.n, 0);
	cmtp_session_fini(s);
	buf_fini(&q.body);
}

static void
expect_status(struct cmtp_session *s, bool is_failure)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_STATUS, &in), ERR_OK);
	assert_int_equal(r.is_failure, is_failure);
	assert_memory_equal(r.sig.p, is_failure ? self.failure : self.success, CMTP_SIG_BYTES);
	buf_consume(&s->out, CMTP_STATUS_BYTES);
}

struct parts {
	const char	*to_user, *to_domain, *from_user, *from_domain;
	struct slice	 log;
	unsigned	 attachments;
	bool		 is_plaintext;
};

static const struct parts usual = { "alice", "example.test", "bob", "peer.test",
    { "by client\0", 10 }, 2, false };

/* After MAIL and its NUL; attachments of BODY + 1 and BODY + 2 bytes. */
static void
put_mail(struct buf *b, const struct parts *p)
{
	const struct cmtp_mail m = { .is_plaintext = p->is_plaintext,
	    .attachments = p->attachments, .log_bytes = (uint32_t)p->log.n, .body_bytes = BODY };
	const struct slice params[] = { slice_str(p->to_user), slice_str(p->to_domain),
	    slice_str(p->from_user), slice_str(p->from_domain) };

	buf_init(b, 100000);
	assert_int_equal(cmtp_put_mail(b, &m, params, p->log), ERR_OK);
	for (unsigned i = 0; i < BODY; i++)
		buf_put_char(b, 'b');
	for (unsigned k = 1; k <= p->attachments; k++) {
		cmtp_put_length(b, BODY + k);
		for (unsigned i = 0; i < BODY + k; i++)
			buf_put_char(b, (char)('0' + k));
	}
}

/* Queue agrees to everything; returns when nothing more is to be answered. */
static void
answer(struct cmtp_session *s)
{
	if (s->mode == CMTP_WAIT_OPEN)
		cmtp_session_on_opened(s, MSG_ID);
	if (s->mode == CMTP_WAIT_RCPT)
		cmtp_session_on_rcpt_ok(s, NULL);
	if (s->is_paused)
		cmtp_session_resume(s);
	if (s->mode == CMTP_WAIT_COMMIT)
		cmtp_session_on_committed(s);
}

static void
say(struct cmtp_session *s, struct slice in)
{
	while (in.n > 0 && s->mode != CMTP_CLOSED) {
		in = slice_from(in, cmtp_session_feed(s, in));
		answer(s);
	}
	answer(s);
}

static const char trace[] =
    "Received: from [192.0.2.7] ([192.0.2.7])\r\n"
    "\tby mx.example.test with CMTP id 00000000J6HB7\r\n"
    "\tfor <alice@example.test>;\r\n"
    "\tFri, 20 Nov 2026 14:02:11 +0000\r\n"
    "Authentication-Results: mx.example.test; cmtp=none (CMTP 1)\r\n"
    "\r\n";
static const char line[] = "from [192.0.2.7] by mx.example.test with CMTP id 00000000J6HB7; "
    "Fri, 20 Nov 2026 14:02:11 +0000";

/* What queue gets: the trace, then the same command with one more line of log. */
static void
check_stored(const struct parts *p, bool has_line)
{
	struct parts with = *p;
	struct buf log, want;
	struct slice got = buf_slice(&q.body);

	assert_true(slice_starts(got, trace));
	got = slice_from(got, sizeof(trace) - 1);
	buf_init(&log, 100000);
	buf_put_slice(&log, p->log);
	if (has_line)
		buf_put(&log, line, sizeof(line));
	with.log = buf_slice(&log);
	put_mail(&want, &with);
	assert_true(slice_eq(got, slice_from(buf_slice(&want), 5)));
	buf_fini(&want);
	buf_fini(&log);
}

static void
test_taken(void **state)
{
	struct cmtp_session s;
	struct buf b;

	(void)state;
	put_mail(&b, &usual);
	for (size_t step = 1; step < b.n + 20; step += step < 8 ? 1 : 17) {
		begin(&s);
		for (size_t at = 0; at < b.n; at += step)
			say(&s, slice_head(slice_from(buf_slice(&b), at), step));
		assert_string_equal(q.sender, "bob@peer.test");
		assert_string_equal(q.rcpt, "alice@example.test");
		assert_int_equal(q.kind, QUEUE_KIND_CMTP1);
		assert_int_equal(q.opens + q.rcpts + q.commits, 3);
		assert_int_equal(q.aborts, 0);
		check_stored(&usual, true);
		expect_status(&s, false);
		assert_int_equal(s.message_count, 1);
		finish(&s);
	}
	buf_fini(&b);
}

/* The reply waits for queue; what is pipelined waits with the caller. */
static void
test_waits(void **state)
{
	struct cmtp_session s;
	struct buf b;
	size_t used;

	(void)state;
	put_mail(&b, &usual);
	buf_put(&b, "OHAI", 5);
	begin(&s);
	used = cmtp_session_feed(&s, buf_slice(&b));
	assert_int_equal(s.mode, CMTP_WAIT_OPEN);
	assert_int_equal(cmtp_session_feed(&s, slice_from(buf_slice(&b), used)), 0);
	cmtp_session_on_committed(&s);	/* of something else */
	cmtp_session_on_rcpt_ok(&s, NULL);
	cmtp_session_on_opened(&s, MSG_ID);
	assert_int_equal(s.mode, CMTP_WAIT_RCPT);
	assert_int_equal(q.bodies, 0);
	q.body_error = ERR_AGAIN;
	cmtp_session_on_rcpt_ok(&s, NULL);
	assert_false(cmtp_session_can_read(&s));
	assert_int_equal(cmtp_session_feed(&s, slice_from(buf_slice(&b), used)), 0);
	q.body_error = ERR_OK;
	cmtp_session_resume(&s);
	used += cmtp_session_feed(&s, slice_from(buf_slice(&b), used));
	assert_int_equal(used, b.n - 5);
	assert_int_equal(s.mode, CMTP_WAIT_COMMIT);
	assert_int_equal(s.out.n, 0);
	cmtp_session_drain(&s);
	assert_null(s.end);
	cmtp_session_on_committed(&s);
	expect_status(&s, false);
	(void)cmtp_session_feed(&s, SLICE_NONE);
	assert_string_equal(s.end, "drain");
	finish(&s);
	buf_fini(&b);
}

static void
test_addresses(void **state)
{
	static const struct { struct parts p; const char *sender, *rcpt; } cases[] = {
		{ { "alice", "", "bob", "peer.test", { NULL, 0 }, 0, false }, "bob@peer.test", "alice@example.test" },
		{ { "", "", "", "", { NULL, 0 }, 0, false }, "", "postmaster" },
		{ { "", "example.test", "", "peer.test", { NULL, 0 }, 0, false }, "", "postmaster" },
		{ { "", "peer.test", "", "", { NULL, 0 }, 0, false }, "", NULL },
		{ { "a b", "example.test", "", "", { NULL, 0 }, 0, false }, "", NULL },
		{ { "x\r\ny", "example.test", "", "", { NULL, 0 }, 0, false }, "", NULL },
		{ { "alice", "example.test", "bob", "", { NULL, 0 }, 0, false }, NULL, NULL },
		{ { "alice", "example.test", "b@c", "peer.test", { NULL, 0 }, 0, false }, NULL, NULL },
	};
	struct cmtp_session s;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&s);
		put_mail(&b, &cases[i].p);
		buf_put(&b, "OBAI", 5);
		say(&s, buf_slice(&b));
		expect_status(&s, cases[i].rcpt == NULL);
		assert_string_equal(s.end, "quit");
		assert_int_equal(q.commits, cases[i].rcpt != NULL);
		if (cases[i].rcpt != NULL) {
			assert_string_equal(q.sender, cases[i].sender);
			assert_string_equal(q.rcpt, cases[i].rcpt);
		}
		buf_fini(&b);
		finish(&s);
	}
}

/* A log that is full stays as it was. */
static void
test_full_log(void **state)
{
	static char log[CMTP_LOG_MAX];
	struct parts p = usual;
	struct cmtp_session s;
	struct buf b;

	(void)state;
	memset(log, 'l', sizeof(log));
	for (size_t over = 0; over < 2; over++) {
		p.log = slice_of(log, sizeof(log) - sizeof(line) + over);
		log[p.log.n - 1] = '\0';
		put_mail(&b, &p);
		begin(&s);
		say(&s, buf_slice(&b));
		expect_status(&s, false);
		check_stored(&p, over == 0);
		finish(&s);
		buf_fini(&b);
		memset(log, 'l', sizeof(log));
	}
}

/* Refused wherever queue may refuse: read to its end, one FAILURE. */
static void
test_refused(void **state)
{
	const struct cmtp_refusal no = { ERR_NOTFOUND, SLICE_LIT("5.1.1"), SLICE_LIT("nobody") };
	struct cmtp_session s;
	struct slice in;
	struct buf b;

	(void)state;
	put_mail(&b, &usual);
	buf_put(&b, "NOOP", 5);
	for (unsigned at = 0; at < 9; at++) {
		begin(&s);
		service.takes_mail = at != 8;
		q.open_error = at == 0 ? ERR_GONE : ERR_OK;
		q.rcpt_error = at == 1 ? ERR_FULL : ERR_OK;
		q.body_error = at == 2 ? ERR_FULL : ERR_OK;
		q.commit_error = at == 3 ? ERR_IO : ERR_OK;
		in = buf_slice(&b);
		while (in.n > 0) {
			in = slice_from(in, cmtp_session_feed(&s, in));
			if ((at == 4 && s.mode == CMTP_WAIT_OPEN) ||
			    (at == 5 && s.mode == CMTP_WAIT_RCPT) ||
			    (at == 6 && s.mode == CMTP_WAIT_COMMIT))
				cmtp_session_on_refused(&s, &no);
			else if (s.mode == CMTP_WAIT_OPEN)
				cmtp_session_on_opened(&s, MSG_ID);
			else if (at == 7 && s.mode == CMTP_WAIT_RCPT) {
				cmtp_session_lost_queue(&s);
				cmtp_session_on_rcpt_ok(&s, NULL);
			} else if (s.mode == CMTP_WAIT_RCPT)
				cmtp_session_on_rcpt_ok(&s, NULL);
		}
		expect_status(&s, true);
		assert_true(slice_eq(buf_slice(&s.out), SLICE_LIT("1\0")));
		buf_reset(&s.out);
		assert_int_equal(s.message_count, 0);
		assert_int_equal(q.aborts, at != 0 && at != 4 && at != 7 && at != 8);
		assert_int_equal(q.opens, at != 8);
		cmtp_session_on_refused(&s, &no);	/* too late */
		finish(&s);
		service.takes_mail = true;
	}
	buf_fini(&b);
}

/* Ended at any byte, nothing stays open. */
static void
test_cut_off(void **state)
{
	struct cmtp_session s;
	struct buf b;

	(void)state;
	put_mail(&b, &usual);
	for (size_t n = 0; n < b.n; n++) {
		begin(&s);
		say(&s, slice_head(buf_slice(&b), n));
		assert_int_equal(q.commits, 0);
		finish(&s);
		assert_int_equal(q.aborts, q.opens);
	}
	buf_fini(&b);
}

static void
test_lying_lengths(void **state)
{
	struct cmtp_session s;
	struct buf b;

	(void)state;
	put_mail(&b, &usual);
	/* of the first attachment */
	enc_be64(buf_data(&b) + b.n - (BODY + 2) - 8 - (BODY + 1) - 8, limits.message_bytes);
	begin(&s);
	say(&s, buf_slice(&b));
	expect_status(&s, true);
	assert_string_equal(s.fault, "size");
	assert_int_equal(q.aborts, 1);
	finish(&s);
	buf_fini(&b);
}

static void
test_plaintext(void **state)
{
	struct parts p = usual;
	struct cmtp_session s;
	struct buf b;

	(void)state;
	p.is_plaintext = true;
	put_mail(&b, &p);
	begin(&s);
	say(&s, buf_slice(&b));
	expect_status(&s, true);
	assert_string_equal(s.fault, "plaintext");
	assert_int_equal(q.opens, 0);
	finish(&s);
	limits.takes_plaintext = true;
	begin(&s);
	say(&s, buf_slice(&b));
	limits.takes_plaintext = false;
	expect_status(&s, false);
	check_stored(&p, true);
	finish(&s);
	buf_fini(&b);
}

/* A message taken makes up for the junk before it; one refused is junk. */
static void
test_junk(void **state)
{
	const struct cmtp_refusal no = { ERR_NOTFOUND, SLICE_LIT("5.1.1"), SLICE_NONE };
	struct cmtp_session s;
	struct buf b;

	(void)state;
	put_mail(&b, &usual);
	begin(&s);
	for (unsigned i = 0; i < 20; i++) {
		say(&s, SLICE_LIT("NOOP\0"));
		buf_reset(&s.out);
		say(&s, buf_slice(&b));
		expect_status(&s, false);
	}
	for (unsigned i = 0; i < 11; i++) {
		struct slice in = buf_slice(&b);

		assert_null(s.end);
		in = slice_from(in, cmtp_session_feed(&s, in));
		cmtp_session_on_refused(&s, &no);
		(void)cmtp_session_feed(&s, in);
		expect_status(&s, true);
	}
	assert_string_equal(s.end, "too many commands");
	finish(&s);
	buf_fini(&b);
}

static int
setup(void **state)
{
	(void)state;
	self.is_known = true;
	memset(self.success, 3, sizeof(self.success));
	memset(self.failure, 4, sizeof(self.failure));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken), cmocka_unit_test(test_waits),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_full_log),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_lying_lengths), cmocka_unit_test(test_plaintext),
		cmocka_unit_test(test_junk),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
