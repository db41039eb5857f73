/* SPDX-License-Identifier: ISC */
/*
 * LOGIN of CMTP 1, and LOGIN2 and its like, with the test in the place of
 * keyd: what it is asked, and what the client hears.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "cmtpd/cmtp_session.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/cmtp/cmtp_reply.h"

static const struct cmtp_limits limits = { .message_bytes = 1000 };
static struct cmtp_self self = { .is_known = true };
static struct cmtp_service service = { .limits = &limits, .self = &self,
    .junk_commands = 30, .hostname = "mx.example.test", .domain = "example.test",
    .gives_xzibits = true };

/* What was asked; the answers are given by the test. */
static struct {
	char		 user[300], domain[300], password[300], state[300];
	enum cmtp_verb	 verb;
	size_t		 fixed_n, bundle_n;
	char		 first;
	unsigned	 count, counted;	/* counted: by keyd, of keys of version 1 */
	enum err	 error;		/* of the question */
} q;

static enum err
on_xzibit(void *arg, struct slice user)
{
	(void)arg;
	q.count++;
	assert_true(slice_to_cstr(user, q.user, sizeof(q.user)));
	return q.error;
}

static enum err
on_enter(void *arg, const struct cmtp_enter *e)
{
	(void)arg;
	q.count++;
	q.verb = e->verb;
	q.fixed_n = e->fixed.n;
	q.bundle_n = e->bundle.n;
	q.first = e->fixed.p[0];
	assert_true(slice_to_cstr(e->user, q.user, sizeof(q.user)));
	assert_true(slice_to_cstr(e->domain, q.domain, sizeof(q.domain)));
	assert_true(slice_to_cstr(e->password, q.password, sizeof(q.password)));
	assert_true(slice_to_cstr(e->state, q.state, sizeof(q.state)));
	return q.error;
}

static enum err
on_keys(void *arg, struct slice user, uint64_t known)
{
	(void)arg, (void)user, (void)known;
	return ERR_OK;
}

static enum err
on_far_keys(void *arg, struct slice user, struct slice domain, uint64_t known)
{
	(void)arg;
	q.count++;
	assert_int_equal(known, 3);
	assert_true(slice_to_cstr(user, q.user, sizeof(q.user)));
	assert_true(slice_to_cstr(domain, q.domain, sizeof(q.domain)));
	return q.error;
}

static enum err
on_user_key(void *arg, struct slice user)
{
	(void)arg;
	q.counted++;
	assert_true(slice_to_cstr(user, q.user, sizeof(q.user)));
	return ERR_OK;
}

static enum err
on_far_key(void *arg, struct slice user, struct slice domain)
{
	(void)arg;
	q.count++;
	assert_true(slice_to_cstr(user, q.user, sizeof(q.user)));
	assert_true(slice_to_cstr(domain, q.domain, sizeof(q.domain)));
	return q.error;
}

static enum err
on_sign(void *arg, enum cmtp2_purpose purpose, const struct cmtp_sign *s)
{
	(void)arg, (void)s;
	assert_int_equal(purpose, CMTP2_KEY_REPLY);
	return ERR_OK;
}

static bool
is_ours(void *arg, struct slice domain)
{
	(void)arg;
	return slice_eq_str(domain, "example.test");
}

static const struct cmtp_env env = { .xzibit = on_xzibit, .enter = on_enter, .keys = on_keys,
	.user_key = on_user_key, .far_key = on_far_key, .far_keys = on_far_keys, .sign = on_sign,
	.is_ours = is_ours };

static void
begin(struct cmtp_session *s)
{
	memset(&q, 0, sizeof(q));
	memset(s, 0, sizeof(*s));
	s->service = &service;
	s->env = &env;
	s->tls_version = "TLSv1.3";
	memcpy(s->client, "[192.0.2.7]", 12);
	memcpy(s->peer, "[192.0.2.7]:4000", 17);
	cmtp_session_start(s);
	buf_reset(&s->out);
}

/* The next reply is the only one. */
static void
expect(struct cmtp_session *s, enum cmtp2_login_status status, const char *content)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp2_login_reply r;

	assert_int_equal(cmtp2_login_read(&r, &in), ERR_OK);
	assert_false(r.is_failure);
	assert_int_equal(in.n, 0);
	assert_int_equal(r.status, status);
	assert_slice(r.content, content);
	buf_reset(&s->out);
	assert_true(cmtp_session_can_read(s));
}

static void
say(struct cmtp_session *s, struct slice name, size_t bytes)
{
	char fixed[300];

	memset(fixed, 'x', sizeof(fixed));
	assert_int_equal(cmtp_session_feed(s, name), name.n);
	assert_int_equal(cmtp_session_feed(s, slice_of(fixed, bytes)), bytes);
}

#define LOGIN2		SLICE_LIT("LOGIN2\0alice\0example.test\0"), 96
#define PROOF2		SLICE_LIT("PROOF2\0"), 64
#define REGISTER2	SLICE_LIT("REGISTER2\0alice\0\0sesame\0"), 32

static void
record(struct cmtp_session *s)
{
	say(s, SLICE_LIT("RECORD2\0"), 192);
	assert_int_equal(cmtp_session_feed(s, SLICE_LIT("\0\4abcd")), 6);
}

static void
test_login(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin(&s);
	say(&s, LOGIN2);
	assert_int_equal(q.verb, CMTP_LOGIN2);
	assert_string_equal(q.user, "alice");
	assert_string_equal(q.domain, "example.test");
	assert_string_equal(q.state, "");
	assert_int_equal(q.fixed_n, 96);
	assert_int_equal(s.out.n, 0);
	assert_false(cmtp_session_can_read(&s));
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("ke2"), SLICE_LIT("sealed"));
	expect(&s, CMTP2_LOGIN_OK, "ke2");
	say(&s, PROOF2);
	assert_int_equal(q.verb, CMTP_PROOF2);
	assert_string_equal(q.state, "sealed");
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("bundle"), SLICE_NONE);
	expect(&s, CMTP2_LOGIN_OK, "bundle");
	/* It is used up. */
	say(&s, PROOF2);
	expect(&s, CMTP2_LOGIN_NO, "");
	assert_int_equal(q.count, 2);
	/* An answer that nobody waits for. */
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("bundle"), SLICE_NONE);
	assert_int_equal(s.out.n, 0);
	cmtp_session_fini(&s);
}

static void
test_register(void **state)
{
	struct cmtp_session s;

	(void)state;
	begin(&s);
	say(&s, REGISTER2);
	assert_int_equal(q.verb, CMTP_REGISTER2);
	assert_string_equal(q.password, "sesame");
	assert_string_equal(q.domain, "");
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("offer"), SLICE_LIT("sealed"));
	expect(&s, CMTP2_LOGIN_OK, "offer");
	assert_int_equal(s.parser.text.cap, 0);		/* the password is wiped */
	record(&s);
	assert_int_equal(q.verb, CMTP_RECORD2);
	assert_string_equal(q.state, "sealed");
	assert_int_equal(q.fixed_n, 192);
	assert_int_equal(q.bundle_n, 4);
	cmtp_session_on_entered(&s, ERR_OK, SLICE_NONE, SLICE_NONE);
	expect(&s, CMTP2_LOGIN_OK, "");
	record(&s);
	expect(&s, CMTP2_LOGIN_NO, "");
	cmtp_session_fini(&s);
}

static void
test_refusals(void **state)
{
	static const struct {
		enum err		 e;
		enum cmtp2_login_status	 status;
	} answers[] = {
		{ ERR_AUTH, CMTP2_LOGIN_NO }, { ERR_DENIED, CMTP2_LOGIN_MAIL },
		{ ERR_LIMIT, CMTP2_LOGIN_LATER }, { ERR_GONE, CMTP2_LOGIN_LATER },
		{ ERR_TIMEOUT, CMTP2_LOGIN_LATER },
	};
	struct cmtp_session s;

	(void)state;
	begin(&s);
	for (unsigned i = 0; i < lengthof(answers); i++) {
		say(&s, LOGIN2);
		cmtp_session_on_entered(&s, answers[i].e, SLICE_NONE, SLICE_NONE);
		expect(&s, answers[i].status, "");
		/* Nothing was begun. */
		say(&s, PROOF2);
		expect(&s, CMTP2_LOGIN_NO, "");
	}
	/* The second of another pair; that is used up too. */
	say(&s, LOGIN2);
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("ke2"), SLICE_LIT("sealed"));
	expect(&s, CMTP2_LOGIN_OK, "ke2");
	record(&s);
	expect(&s, CMTP2_LOGIN_NO, "");
	say(&s, PROOF2);
	expect(&s, CMTP2_LOGIN_NO, "");
	/* Nobody to ask. */
	q.error = ERR_GONE;
	say(&s, REGISTER2);
	expect(&s, CMTP2_LOGIN_LATER, "");
	cmtp_session_fini(&s);
}

static void
expect_failure(struct cmtp_session *s)
{
	assert_int_equal(s->out.n, CMTP_STATUS_BYTES);
	assert_true(slice_starts(buf_slice(&s->out), "FAILURE"));
	buf_reset(&s->out);
}

static void
test_login_of_version_1(void **state)
{
	const unsigned char sig[CMTP_SIG_BYTES] = { 4 };
	const char xzibit[CMTP_XZIBIT_BYTES] = { 7 };
	struct cmtp_session s;

	(void)state;
	begin(&s);
	say(&s, SLICE_LIT("LOGIN\0alice\0"), 0);
	assert_string_equal(q.user, "alice");
	assert_int_equal(s.out.n, 0);
	cmtp_session_on_xzibit(&s, ERR_OK, slice_of(xzibit, sizeof(xzibit)), sig);
	assert_int_equal(s.out.n, CMTP_LOGIN_REPLY_BYTES);
	assert_int_equal(buf_data(&s.out)[0], 7);
	assert_int_equal(buf_data(&s.out)[CMTP_XZIBIT_BYTES], 4);
	buf_reset(&s.out);
	say(&s, SLICE_LIT("LOGIN\0alice\0"), 0);
	cmtp_session_on_xzibit(&s, ERR_LIMIT, SLICE_NONE, NULL);
	expect_failure(&s);
	q.error = ERR_GONE;
	say(&s, SLICE_LIT("LOGIN\0alice\0"), 0);
	expect_failure(&s);
	assert_int_equal(q.count, 3);
	service.gives_xzibits = false;
	say(&s, SLICE_LIT("LOGIN\0alice\0"), 0);
	expect_failure(&s);
	assert_int_equal(q.count, 3);
	cmtp_session_fini(&s);
}

/* The status of a reply about keys that keyd does not have. */
static uint8_t
ask(struct cmtp_session *s, const char *domain, const struct cmtp_keys *far)
{
	const struct cmtp2_keys_request r = { SLICE_LIT("bob"), slice_str(domain),
	    slice_of((const char[CMTP2_NONCE_BYTES]){ 0 }, CMTP2_NONCE_BYTES), 3 };
	const struct cmtp_keys none = { .status = CMTP2_NONE };
	const unsigned char sig[CMTP_SIG_BYTES] = { 0 };
	struct cmtp2_keys_reply reply;
	struct slice in;
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(cmtp2_keys_ask(&b, &r), ERR_OK);
	assert_int_equal(cmtp_session_feed(s, buf_slice(&b)), b.n);
	buf_fini(&b);
	cmtp_session_on_keys(s, ERR_OK, &none);
	if (far != NULL) {
		assert_int_equal(s->mode, CMTP_WAIT_FAR_KEYS);
		cmtp_session_on_keys(s, ERR_OK, far);
	}
	cmtp_session_on_signed(s, ERR_OK, sig);
	in = buf_slice(&s->out);
	assert_int_equal(cmtp2_keys_read(&reply, &in), ERR_OK);
	assert_int_equal(in.n, 0);
	buf_reset(&s->out);
	assert_true(cmtp_session_can_read(s));
	return reply.status;
}

static void
log_in(struct cmtp_session *s)
{
	say(s, LOGIN2);
	cmtp_session_on_entered(s, ERR_OK, SLICE_LIT("ke2"), SLICE_LIT("sealed"));
	expect(s, CMTP2_LOGIN_OK, "ke2");
	say(s, PROOF2);
	cmtp_session_on_entered(s, ERR_OK, SLICE_LIT("bundle"), SLICE_NONE);
	expect(s, CMTP2_LOGIN_OK, "bundle");
	q.count = 0;
}

/* Other domains are asked for who has logged in, and for nobody else. */
static void
test_keys_of_others(void **state)
{
	const struct cmtp_keys not_served = { .status = CMTP2_NOT_SERVED };
	struct cmtp_session s;

	(void)state;
	begin(&s);
	assert_int_equal(ask(&s, "peer.test", NULL), CMTP2_NONE);
	say(&s, LOGIN2);
	cmtp_session_on_entered(&s, ERR_OK, SLICE_LIT("ke2"), SLICE_LIT("sealed"));
	expect(&s, CMTP2_LOGIN_OK, "ke2");
	assert_int_equal(ask(&s, "peer.test", NULL), CMTP2_NONE);
	say(&s, PROOF2);
	cmtp_session_on_entered(&s, ERR_AUTH, SLICE_NONE, SLICE_NONE);
	expect(&s, CMTP2_LOGIN_NO, "");
	assert_int_equal(ask(&s, "peer.test", NULL), CMTP2_NONE);
	log_in(&s);
	assert_int_equal(ask(&s, "peer.test", &not_served), CMTP2_NOT_SERVED);
	assert_string_equal(q.user, "bob");
	assert_string_equal(q.domain, "peer.test");
	assert_int_equal(q.count, 1);
	/* Ours; and nobody to ask. */
	assert_int_equal(ask(&s, "example.test", NULL), CMTP2_NONE);
	assert_int_equal(ask(&s, "", NULL), CMTP2_NONE);
	assert_int_equal(q.count, 1);
	q.error = ERR_GONE;
	assert_int_equal(ask(&s, "peer.test", NULL), CMTP2_LATER);
	cmtp_session_fini(&s);
}

static void
expect_key(struct cmtp_session *s, const unsigned char *key, const unsigned char *sig)
{
	struct slice in = buf_slice(&s->out);
	struct cmtp_reply r;

	assert_int_equal(cmtp_reply_read(&r, CMTP_REPLY_KEY, &in), ERR_OK);
	assert_false(r.is_failure);
	assert_int_equal(in.n, 0);
	assert_memory_equal(r.signed_bytes.p, key, CMTP_KEY_BYTES);
	assert_memory_equal(r.sig.p, sig, CMTP_SIG_BYTES);
	buf_reset(&s->out);
	assert_true(cmtp_session_can_read(s));
}

#define ASK_BOB	SLICE_LIT("KEYREQUEST\0bob\0peer.test\0"), 0

/* To whom nobody is asked for: keyd has no such user. */
static void
test_key_of_others_for_strangers(void **state)
{
	const unsigned char sig[CMTP_SIG_BYTES] = { 4 };
	const char xzibit[CMTP_XZIBIT_BYTES] = { 7 };
	struct cmtp_session s;

	(void)state;
	begin(&s);
	say(&s, ASK_BOB);
	assert_string_equal(q.user, "bob@peer.test");
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	/* LOGIN of version 1 hands out what it has; it proves nothing. */
	say(&s, SLICE_LIT("LOGIN\0alice\0"), 0);
	cmtp_session_on_xzibit(&s, ERR_OK, slice_of(xzibit, sizeof(xzibit)), sig);
	buf_reset(&s.out);
	q.count = 0;
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	assert_int_equal(q.count, 0);
	assert_int_equal(q.counted, 2);
	cmtp_session_fini(&s);
}

static void
test_key_of_others(void **state)
{
	const unsigned char key[CMTP_KEY_BYTES] = { 5 }, sig[CMTP_SIG_BYTES] = { 6 };
	struct cmtp_session s;

	(void)state;
	begin(&s);
	log_in(&s);
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	assert_int_equal(s.mode, CMTP_WAIT_FAR_KEY);
	assert_false(cmtp_session_can_read(&s));
	assert_string_equal(q.user, "bob");
	assert_string_equal(q.domain, "peer.test");
	cmtp_session_on_key(&s, ERR_OK, key, sig);
	expect_key(&s, key, sig);
	/* Relay has none; relay is away. */
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	assert_int_equal(q.count, 2);
	q.error = ERR_GONE;
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	assert_int_equal(q.count, 3);
	q.error = ERR_OK;
	/* Over the limit, or keyd away; a user of ours; and without a domain. */
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_LIMIT, NULL, NULL);
	expect_failure(&s);
	say(&s, ASK_BOB);
	cmtp_session_on_key(&s, ERR_TIMEOUT, NULL, NULL);
	expect_failure(&s);
	say(&s, SLICE_LIT("KEYREQUEST\0bob\0example.test\0"), 0);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	say(&s, SLICE_LIT("KEYREQUEST\0bob\0\0"), 0);
	cmtp_session_on_key(&s, ERR_NOTFOUND, NULL, NULL);
	expect_failure(&s);
	assert_int_equal(q.count, 3);
	assert_int_equal(q.counted, 7);
	cmtp_session_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_login_of_version_1),
		cmocka_unit_test(test_keys_of_others),
		cmocka_unit_test(test_key_of_others_for_strangers),
		cmocka_unit_test(test_key_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
