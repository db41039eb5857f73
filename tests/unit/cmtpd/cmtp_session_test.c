/* SPDX-License-Identifier: ISC */
/*
 * Sessions as clients see them, with the test in keyd's place.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"

static const struct cmtp_limits limits = { .message_bytes = 1000 };
static struct cmtp_self self;
static struct cmtp_service service = { .limits = &limits, .self = &self, .junk_commands = 10 };
static char asked[CMTP_USER_MAX + 1];
static unsigned asked_count;
static enum err ask_error;

static enum err
user_key(void *arg, struct slice user)
{
	(void)arg;
	asked_count++;
	assert_true(slice_to_cstr(user, asked, sizeof(asked)));
	return ask_error;
}

static const struct cmtp_env env = { .user_key = user_key };

static void
begin(struct cmtp_session *s)
{
	memset(s, 0, sizeof(*s));
	s->service = &service;
	s->env = &env;
	asked_count = 0;
	ask_error = ERR_OK;
	cmtp_session_start(s);
	assert_true(slice_eq(buf_slice(&s->out), slice_of(CMTP_BANNER, sizeof(CMTP_BANNER))));
	buf_reset(&s->out);
}

static void
say(struct cmtp_session *s, struct slice in)
{
	size_t used = cmtp_session_feed(s, in);

	assert_int_equal(used, in.n);
}

static void
expect_words(struct cmtp_session *s, const char *words)
{
	struct slice in = buf_slice(&s->out);
	size_t n = in.n;
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_WORDS, &in), ERR_OK);
	assert_slice(r.words, words);
	buf_consume(&s->out, n - in.n);
}

static void
expect_failure(struct cmtp_session *s)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_STATUS, &in), ERR_OK);
	assert_true(r.is_failure);
	assert_memory_equal(r.sig.p, self.failure, CMTP_SIG_BYTES);
	buf_consume(&s->out, CMTP_STATUS_BYTES);
}

static void
expect_key(struct cmtp_session *s, const unsigned char *key, const unsigned char *sig)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_KEY, &in), ERR_OK);
	assert_memory_equal(r.signed_bytes.p, key, CMTP_KEY_BYTES);
	assert_memory_equal(r.sig.p, sig, CMTP_SIG_BYTES);
	buf_consume(&s->out, CMTP_KEY_REPLY_BYTES);
}

static void
end(struct cmtp_session *s, const char *why)
{
	assert_int_equal(s->out.n, 0);
	if (why == NULL)
		assert_null(s->end);
	else
		assert_string_equal(s->end, why);
	cmtp_session_fini(s);
}

static void
test_words(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin(&s);
	say(&s, SLICE_LIT("OHAI\0NOOP\0\0HELP\0"));
	expect_words(&s, "OHAI 1");
	expect_words(&s, "1");
	expect_words(&s, "OHAI NOOP HELP KEYREQUEST LOGIN MAIL OBAI");
	say(&s, SLICE_LIT("LOGIN\0alice\0OBAI\0"));
	expect_failure(&s);
	assert_int_equal(s.command_count, 5);
	end(&s, "quit");
}

static void
test_keys(void **state)
{
	unsigned char key[CMTP_KEY_BYTES], sig[CMTP_SIG_BYTES];
	const struct slice two = SLICE_LIT("KEYREQUEST\0alice\0example.test\0NOOP\0");
	struct cmtp_session s;
	size_t used;

	(void)state;
	memset(key, 5, sizeof(key));
	memset(sig, 6, sizeof(sig));
	begin(&s);
	say(&s, SLICE_LIT("KEYREQUEST\0\0KEYREQUEST\0\0\0"));
	expect_key(&s, self.key, self.key_sig);
	expect_key(&s, self.key, self.key_sig);
	assert_int_equal(asked_count, 0);
	/* What follows waits for the answer. */
	used = cmtp_session_feed(&s, two);
	assert_int_equal(used, two.n - 5);
	assert_string_equal(asked, "alice@example.test");
	assert_false(cmtp_session_can_read(&s));
	assert_int_equal(s.out.n, 0);
	cmtp_session_on_key(&s, ERR_OK, key, sig);
	say(&s, slice_from(two, used));
	expect_key(&s, key, sig);
	expect_words(&s, "1");
	/* One that was not asked for. */
	cmtp_session_on_key(&s, ERR_OK, key, sig);
	assert_int_equal(s.out.n, 0);
	/* No domain; nobody; keyd away. */
	say(&s, SLICE_LIT("KEYREQUEST\0bob\0\0"));
	assert_string_equal(asked, "bob");
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	ask_error = ERR_GONE;
	say(&s, SLICE_LIT("KEYREQUEST\0bob\0example.test\0NOOP\0"));
	expect_failure(&s);
	expect_words(&s, "1");
	end(&s, NULL);
}

/* 255 bytes of user and of domain. */
static void
test_longest_user(void **state)
{
	char user[CMTP_PARAM_MAX], want[CMTP_USER_MAX + 1];
	struct slice params[2] = { slice_of(user, sizeof(user)), slice_of(user, sizeof(user)) };
	struct cmtp_session s;
	struct buf b;

	(void)state;
	memset(user, 'u', sizeof(user));
	memset(want, 'u', sizeof(want));
	want[CMTP_PARAM_MAX] = '@';
	want[CMTP_USER_MAX] = '\0';
	buf_init(&b, 1000);
	assert_int_equal(cmtp_put_command(&b, CMTP_KEYREQUEST, params, 2), ERR_OK);
	begin(&s);
	say(&s, buf_slice(&b));
	assert_string_equal(asked, want);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	end(&s, NULL);
	buf_fini(&b);
}

static void
put_mail(struct buf *b, uint64_t body)
{
	const struct cmtp_mail m = { .body_bytes = body };
	const struct slice params[] = { SLICE_LIT("alice"), SLICE_LIT("example.test"),
	    SLICE_LIT("bob"), SLICE_LIT("peer.test") };

	buf_init(b, 2000);
	assert_int_equal(cmtp_put_mail(b, &m, params, SLICE_NONE), ERR_OK);
	for (uint64_t i = 0; i < body; i++)
		buf_put_char(b, 'x');
}

static void
test_faults(void **state)
{
	struct cmtp_session s;
	struct buf b;

	(void)state;
	begin(&s);
	(void)cmtp_session_feed(&s, SLICE_LIT("EHLO x\r\n"));
	(void)cmtp_session_feed(&s, SLICE_LIT("0123456789"));
	expect_failure(&s);
	assert_string_equal(s.fault, "unknown_command");
	assert_int_equal(cmtp_session_feed(&s, SLICE_LIT("NOOP\0")), 0);
	end(&s, "fault");
	put_mail(&b, 0);
	enc_be64(buf_data(&b) + 5 + 16, UINT64_MAX);
	begin(&s);
	(void)cmtp_session_feed(&s, buf_slice(&b));
	expect_failure(&s);
	assert_string_equal(s.fault, "size");
	end(&s, "fault");
	buf_fini(&b);
}

static void
test_junk(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin(&s);
	for (unsigned i = 0; i < 10; i++) {
		say(&s, SLICE_LIT("NOOP\0"));
		expect_words(&s, "1");
	}
	say(&s, SLICE_LIT("NOOP\0"));
	expect_failure(&s);
	end(&s, "too many commands");
}

/* Replies that nobody reads stop the reading. */
static void
test_clogged(void **state)
{
	const struct cmtp_service many = { .limits = &limits, .self = &self, .junk_commands = 100000 };
	struct cmtp_session s;
	unsigned n = 0;

	(void)state;
	begin(&s);
	s.service = &many;
	while (cmtp_session_feed(&s, SLICE_LIT("HELP\0")) == 5)
		n++;
	assert_in_range(s.out.n, CMTP_OUT_HIGH, CMTP_OUT_HIGH + 100);
	assert_false(cmtp_session_can_read(&s));
	buf_reset(&s.out);
	assert_true(cmtp_session_can_read(&s));
	assert_true(n > 100);
	end(&s, NULL);
}

static void
test_drain_and_idle(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin(&s);
	cmtp_session_drain(&s);
	end(&s, "drain");
	begin(&s);
	say(&s, SLICE_LIT("KEYREQUEST\0alice\0"));	/* half a command */
	cmtp_session_drain(&s);
	assert_null(s.end);
	say(&s, SLICE_LIT("\0"));
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	(void)cmtp_session_feed(&s, SLICE_NONE);
	expect_failure(&s);
	end(&s, "drain");
	begin(&s);
	cmtp_session_idle(&s);
	end(&s, "timeout");
}

static int
setup(void **state)
{
	(void)state;
	self.is_known = true;
	memset(self.key, 1, sizeof(self.key));
	memset(self.key_sig, 2, sizeof(self.key_sig));
	memset(self.success, 3, sizeof(self.success));
	memset(self.failure, 4, sizeof(self.failure));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_longest_user),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_clogged),
		cmocka_unit_test(test_drain_and_idle),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
